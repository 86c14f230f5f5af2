//! The documents of the script API: one table of the written functions, and the registry for the rest.
//!
//! `docs/script-api.md`, `engine doc NAME` and the definition files of language servers all come from here.

mod journeys;
mod written;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::probe::{ParamDef, ParamKind, ProbeInfo};

use crate::verb_options::{Kind, of_verb};
pub(crate) use written::WRITTEN;

/// What journeys are given, whose functions are methods.
const METHODS: [&str; 2] = ["response", "user"];

/// One function as documents show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Module, or nothing for a global function.
    pub module: String,
    /// Name without its module.
    pub name: String,
    /// How it is called.
    pub signature: String,
    /// What it does.
    pub summary: String,
    /// Options: name, what values it takes, default or nothing, one line.
    pub options: Vec<OptionDoc>,
    /// Metrics of a probe: name, unit, one line.
    pub metrics: Vec<(String, String, String)>,
    /// How a probe measures, and what would make its number wrong.
    pub about: String,
    /// A scenario that uses it, where one was written.
    pub example: Option<String>,
}

/// One option of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionDoc {
    /// Name.
    pub name: String,
    /// What values it takes.
    pub kind: String,
    /// Value when it is left out.
    pub default: Option<String>,
    /// One line.
    pub doc: String,
}

/// The reference of the script API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docs {
    /// All functions: the written ones, then one for each probe.
    pub functions: Vec<FunctionDoc>,
}

impl FunctionDoc {
    /// `module::name`, or the name.
    #[must_use]
    pub fn path(&self) -> String {
        match self.module.as_str() {
            "" => self.name.clone(),
            module if METHODS.contains(&module) => format!("{module}.{}", self.name),
            module => format!("{module}::{}", self.name),
        }
    }

    /// This function as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("### `{}`\n\n```rhai\n{}\n```\n\n{}\n", self.path(), self.signature, self.summary);
        if !self.options.is_empty() {
            out += "\n| option | values | default | |\n|---|---|---|---|\n";
            for option in &self.options {
                let default = option.default.as_ref().map_or_else(String::new, |text| format!("`{text}`"));
                let _ =
                    writeln!(out, "| `{}` | {} | {default} | {} |", option.name, cell(&option.kind), cell(&option.doc));
            }
        }
        if !self.metrics.is_empty() {
            out += "\n| metric | unit | |\n|---|---|---|\n";
            for (name, unit, doc) in &self.metrics {
                let _ = writeln!(out, "| `{name}` | {unit} | {} |", cell(doc));
            }
        }
        if !self.about.is_empty() {
            let _ = write!(out, "\n{}\n", self.about);
        }
        if let Some(example) = &self.example {
            let _ = write!(out, "\n```rhai\n{example}\n```\n");
        }
        out
    }
}

/// A text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The reference for a registry of probes.
#[must_use]
pub fn reference(registry: &[&'static ProbeInfo]) -> Docs {
    let spec = registry
        .first()
        .map_or_else(|| "command([\"true\"])".to_owned(), |probe| format!("{}::{}()", probe.area(), probe.name()));
    let written = WRITTEN.iter().map(|entry| FunctionDoc {
        module: entry.module.to_owned(),
        name: entry.name.to_owned(),
        signature: entry.signature.to_owned(),
        summary: entry.doc.to_owned(),
        options: of_verb(entry.name)
            .unwrap_or_default()
            .iter()
            .map(|option| OptionDoc {
                name: option.name.to_owned(),
                kind: option.kind.describe().to_owned(),
                default: None,
                doc: option.doc.to_owned(),
            })
            .collect(),
        metrics: Vec::new(),
        about: String::new(),
        example: Some(entry.example.replace("#PROBE", &spec)),
    });
    let faults = engine_faults::fault::fault_registry().iter().map(|fault| fault.info);
    let probes = registry.iter().copied().chain(crate::verbs::stressors()).chain(faults).map(|probe| FunctionDoc {
        module: probe.area().to_owned(),
        name: probe.name().to_owned(),
        signature: match probe.params {
            [] => format!("{}::{}()", probe.area(), probe.name()),
            params => {
                let (programs, others): (Vec<&ParamDef>, Vec<&ParamDef>) =
                    params.iter().partition(|param| param.kind == ParamKind::Command);
                let program = if programs.is_empty() { "" } else { "[program, arguments..], " };
                let names: Vec<&str> = others.iter().map(|param| param.name).collect();
                format!("{}::{}({program}#{{ {} }})", probe.area(), probe.name(), names.join(", "))
            }
        },
        summary: probe.summary.to_owned(),
        options: probe
            .params
            .iter()
            .map(|param| OptionDoc {
                name: param.name.to_owned(),
                kind: param.kind.describe(),
                default: param.default.map(str::to_owned),
                doc: param.doc.to_owned(),
            })
            .collect(),
        metrics: probe
            .metrics
            .iter()
            .map(|metric| (metric.id.to_owned(), metric.unit.to_string(), metric.title.to_owned()))
            .collect(),
        about: probe.about.to_owned(),
        example: None,
    });
    Docs { functions: written.chain(probes).collect() }
}

impl Docs {
    /// What `engine doc NAME` shows: a function by `name` or `module::name` (or `module.name`), or all of a module.
    ///
    /// # Errors
    /// The nearest names when there is none.
    pub fn doc(&self, name: &str) -> Result<String, String> {
        let method = name.split_once('.').is_some_and(|(module, _)| METHODS.contains(&module));
        let wanted = if method { name.to_owned() } else { name.replace('.', "::") };
        let found: Vec<&FunctionDoc> =
            self.functions.iter().filter(|f| f.path() == wanted || f.name == wanted || f.module == wanted).collect();
        if found.is_empty() {
            let paths: Vec<String> = self.functions.iter().map(FunctionDoc::path).collect();
            let near = engine_core::nearest::hint(&wanted, paths.iter().map(String::as_str));
            return Err(format!("nothing is documented under `{name}`{near}"));
        }
        Ok(found.iter().map(|function| function.markdown()).collect::<Vec<_>>().join("\n"))
    }

    /// `docs/script-api.md`.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = "# Script API\n\nGenerated from the engine; a test compares it. Options stand before what is run: `verb(name, #{ options }, what)`.\n".to_owned();
        let mut modules: BTreeMap<&str, Vec<&FunctionDoc>> = BTreeMap::new();
        for function in &self.functions {
            modules.entry(&function.module).or_default().push(function);
        }
        for (module, functions) in modules {
            let title = match module {
                "" => "Global functions".to_owned(),
                module if METHODS.contains(&module) => format!("Methods of `{module}`"),
                module => format!("`{module}::`"),
            };
            let _ = writeln!(
                out,
                "
## {title}"
            );
            for function in functions {
                let _ = write!(out, "\n{}", function.markdown());
            }
        }
        out
    }

    /// Definition files for language servers: (file name, text).
    #[must_use]
    pub fn definitions(&self) -> Vec<(String, String)> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        // Definition files have no methods of values.
        for function in self.functions.iter().filter(|f| !METHODS.contains(&f.module.as_str())) {
            let (file, head) = if function.module.is_empty() {
                ("global.d.rhai".to_owned(), "module static;\n".to_owned())
            } else {
                (format!("{}.d.rhai", function.module), format!("module {};\n", function.module))
            };
            let text = files.entry(file).or_insert(head);
            for line in function.summary.lines() {
                let _ = write!(text, "\n/// {line}");
            }
            for option in &function.options {
                let default =
                    option.default.as_ref().map_or_else(String::new, |value| format!(", `{value}` by default"));
                let _ = write!(text, "\n/// - `{}` ({}{default}): {}", option.name, option.kind, option.doc);
            }
            for parameters in parameters(function) {
                let _ = write!(text, "\nfn {}({parameters});", function.name);
            }
            *text += "\n";
        }
        files.into_iter().collect()
    }
}

/// The parameter lists of a function, for definition files: one for each number of values it takes.
fn parameters(function: &FunctionDoc) -> Vec<&'static str> {
    match (function.module.as_str(), function.name.as_str()) {
        ("", "suite") => vec!["name: String", "name: String, options: Map"],
        ("", "bench") => vec!["what: ?", "name_or_options: ?, what: ?", "name: String, options: Map, what: ?"],
        ("", "custom") => vec!["name: String, run: Fn", "name: String, options: Map, run: Fn"],
        ("", "command") => vec!["command: Array", "command: Array, options: Map"],
        ("", "measure") => vec!["spec: ?"],
        ("", "timed") => vec!["name: String, run: Fn", "name: String, options: Map, run: Fn"],
        ("", "record") => vec!["name: String, value: ?"],
        ("", "log") => vec!["value: ?"],
        ("", "param") => vec!["name: String", "name: String, value: ?", "name: String, value: ?, options: Map"],
        ("", "setup" | "teardown" | "finish") => vec!["run: Fn"],
        ("", "include") => vec!["name: String", "name: String, options: Map"],
        ("", "data") | ("tool", "read") => vec!["path: String"],
        ("", "env") => vec!["name: String", "name: String, other: ?"],
        ("", "secret") => vec!["name: String"],
        ("", "random") => vec!["", "range: Range"],
        ("", "pick") => vec!["values: Array"],
        ("", "qty") => vec!["text: String", "number: ?, unit: String"],
        ("", "sleep") => vec!["seconds: ?"],
        ("", "parse_json") => vec!["text: String"],
        ("host", "has") => vec!["part: String"],
        ("", "profile" | "uuid" | "now" | "iso_time") | ("host", _) => vec![""],
        ("", "service") => vec!["command: ?", "command: ?, options: Map"],
        ("", "load" | "capacity" | "scale" | "fault") => {
            vec!["options: Map", "name: String, options: Map", "name: String, options: Map, more: Fn"]
        }
        ("", "demo_target") => vec!["", "options: Map"],
        ("", "process") => vec!["program: ?"],
        ("", "group") => vec!["name: String, run: Fn"],
        ("", "ack") => vec!["key: ?"],
        ("", "stop") => vec!["message: String"],
        ("", "sha256" | "base64") => vec!["value: ?"],
        ("", "hmac") => vec!["key: ?, value: ?"],
        ("", "url_encode") => vec!["text: String"],
        ("", "constant" | "poisson" | "exponential") => vec!["value: ?"],
        ("", "ramp" | "uniform" | "lognormal" | "pareto") => vec!["from: ?, to: ?"],
        ("", "normal") => vec!["mean: ?, deviation: ?", "mean: ?, deviation: ?, shortest: ?, longest: ?"],
        ("", "empirical") => vec!["times: Array"],
        ("", "steps") => vec!["rates: Array, each: ?"],
        ("", "sine") => vec!["mean: ?, amplitude: ?, period: ?"],
        ("", "bursts") => vec!["rate: ?, lasts: ?, pause: ?", "rate: ?, lasts: ?, low: ?, pause: ?"],
        ("", "replay") => vec!["times: Array", "rows: ?, column: String"],
        _ if function.signature.contains("([program") => {
            vec!["", "options: Map", "command: Array", "command: Array, options: Map"]
        }
        _ => vec!["", "options: Map"],
    }
}

impl Kind {
    /// What a document calls it.
    const fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Texts => "list of texts",
            Self::Flag => "true or false",
            Self::Time => "time",
            Self::Count => "whole number",
            Self::Rounds => "whole number, or [fewest, most]",
            Self::Warmup => "whole number, or \"detect\"",
            Self::Share => "share",
            Self::Sweep => "map of lists",
            Self::Cases => "list of maps",
            Self::Map => "map",
            Self::List => "list",
            Self::Any => "any value",
        }
    }
}
