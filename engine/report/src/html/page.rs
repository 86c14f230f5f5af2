//! The frame of a page: head, style, scripts, and the charts that it collects.

use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::chart::Chart;
use super::charts::Detail;
use super::escape::cell;
use super::{Kind, assets, svg, table};

/// A page in the making.
pub(super) struct Page {
    /// Its body so far.
    pub(super) out: String,
    /// The kind of file.
    pub(super) kind: Kind,
    /// How much is shown.
    pub(super) detail: Detail,
    /// Its charts, in order; what the script draws.
    pub(super) charts: Vec<Chart>,
    /// Sections for the list at its top: id and title.
    sections: Vec<(String, String)>,
    /// Rows so far, and rows and charts for which there was no room.
    lines: usize,
    hidden: (usize, usize),
}

impl Page {
    pub(super) fn new(kind: Kind, detail: Detail) -> Self {
        Self { out: String::new(), kind, detail, charts: Vec::new(), sections: Vec::new(), lines: 0, hidden: (0, 0) }
    }

    /// Opens a section with a heading; `note` stands beside it.
    pub(super) fn section(&mut self, id: &str, title: &str, note: &str) {
        let taken = self.sections.iter().filter(|(known, _)| known.starts_with(id)).count();
        let id = if taken == 0 { id.to_owned() } else { format!("{id}-{taken}") };
        put!(self.out, "<section id=\"{id}\" aria-labelledby=\"{id}-title\"><h2 id=\"{id}-title\">{}", cell(title));
        if !note.is_empty() {
            put!(self.out, " <small>{}</small>", cell(note));
        }
        self.out.push_str("</h2>");
        self.sections.push((id, title.to_owned()));
    }

    /// Whether there is room for one more row; counts it either way.
    pub(super) fn row(&mut self) -> bool {
        let room = self.lines < self.detail.lines;
        if room {
            self.lines += 1;
        } else {
            self.hidden.0 += 1;
        }
        room
    }

    pub(super) fn end(&mut self) {
        self.out.push_str("</section>");
    }

    /// A chart with its table folded behind it.
    pub(super) fn chart(&mut self, mut chart: Chart) {
        if chart.is_empty() {
            return;
        }
        if self.charts.len() >= self.detail.figures {
            self.hidden.1 += 1;
            return;
        }
        chart.id = format!("chart-{}", self.charts.len() + 1);
        let tall =
            if chart.lanes.is_empty() { String::new() } else { format!(" data-lanes=\"{}\"", chart.lanes.len()) };
        put!(self.out, "<figure class=\"chart\" id=\"{}\"{tall}><figcaption>{}", chart.id, cell(&chart.title));
        if !chart.y.direction.is_empty() {
            put!(self.out, " <span class=\"dir\">{}</span>", chart.y.direction);
        }
        if !chart.note.is_empty() {
            put!(self.out, "<small>{}</small>", cell(&chart.note));
        }
        self.out.push_str("</figcaption>");
        match self.kind {
            Kind::Full => self.out.push_str("<div class=\"plot\"></div>"),
            Kind::Lite => svg::svg(&mut self.out, &chart),
        }
        self.out.push_str("<details class=\"numbers\"><summary>Table</summary>");
        if self.kind == Kind::Lite {
            table::table(&mut self.out, &chart);
        }
        self.out.push_str("</details></figure>");
        self.charts.push(chart);
    }

    /// The whole file. `document` is offered for saving; `summed` says that lines over time have fewer points than the run.
    pub(super) fn file(self, title: &str, document: Option<&str>, summed: bool) -> String {
        let script = format!("{}\n{}", without_modules(assets::CHART_JS), without_modules(assets::REPORT_JS));
        let policy = match self.kind {
            Kind::Full => {
                let hash = BASE64.encode(&Sha256::digest(script.as_bytes()));
                format!(
                    "default-src 'none'; script-src 'sha256-{hash}' blob:; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
                )
            }
            Kind::Lite => {
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
                    .to_owned()
            }
        };
        let mut file = String::with_capacity(self.out.len() + 700_000);
        put!(
            file,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<link rel=\"icon\" href=\"data:image/svg+xml;base64,{}\">\n<style>{}{}</style>\n</head>\n<body class=\"report\">\n",
            cell(title),
            BASE64.encode(assets::ICON_SVG.as_bytes()),
            assets::BASE_CSS,
            assets::REPORT_CSS
        );
        file.push_str("<nav class=\"contents\" aria-label=\"Sections\">");
        for (id, title) in &self.sections {
            put!(file, "<a href=\"#{id}\">{}</a>", cell(title));
        }
        file.push_str("</nav>\n<main>\n");
        file.push_str(&self.out);
        if summed {
            file.push_str("<p class=\"quiet\">Long lines over time are summed up to fewer points, so that this file stays small. The results file (JSON) has all of them.</p>");
        }
        if self.hidden != (0, 0) {
            let (rows, charts) = self.hidden;
            put!(
                file,
                "<p class=\"quiet\">{rows} rows and {charts} charts had no room in this file. The results file (JSON) has everything.</p>"
            );
        }
        file.push_str("\n</main>\n");
        if self.kind == Kind::Full {
            file.push_str("<noscript><p class=\"quiet\">The charts of this file need JavaScript. `engine report --lite` makes one that does not.</p></noscript>\n");
            let charts = serde_json::to_string(&self.charts).unwrap_or_default();
            put!(
                file,
                "<script type=\"application/json;gzip;base64\" id=\"charts\">{}</script>\n",
                packed(charts.as_bytes())
            );
            if let Some(document) = document {
                put!(
                    file,
                    "<script type=\"application/json;gzip;base64\" id=\"document\">{}</script>\n",
                    packed(document.as_bytes())
                );
            }
            put!(
                file,
                "<script type=\"text/javascript;gzip;base64\" id=\"plotly\" data-licence=\"Plotly.js {}, MIT licence, copyright Plotly, Inc.\">{}</script>\n",
                assets::PLOTLY_VERSION,
                BASE64.encode(assets::PLOTLY_GZ)
            );
            put!(file, "<script type=\"module\">{script}</script>\n");
        }
        file.push_str("</body>\n</html>\n");
        file
    }
}

/// A script without its lines of imports and exports: several become one that way.
fn without_modules(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    for line in script.lines().filter(|line| !line.starts_with("import ")) {
        out.push_str(line.strip_prefix("export ").unwrap_or(line));
        out.push('\n');
    }
    out
}

/// Compressed, and in letters that cannot end a script.
fn packed(bytes: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail; if it did, the script would say that the data are damaged.
    let written = std::io::Write::write_all(&mut encoder, bytes).and_then(|()| encoder.finish());
    BASE64.encode(&written.unwrap_or_default())
}
