//! Prometheus: remote write (protocol buffers in snappy's block format), or the text that a push gateway takes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine_core::unit::Unit;

use super::points::Point;

/// The name by Prometheus' customs: `engine_`, the words, the unit, `_total` for what only grows.
fn name(point: &Point) -> String {
    let unit = match point.unit {
        Unit::Seconds => "_seconds",
        Unit::Bytes => "_bytes",
        Unit::BytesPerSecond => "_bytes_per_second",
        Unit::PerSecond => "_per_second",
        Unit::FlopsPerSecond => "_flops_per_second",
        Unit::Hertz => "_hertz",
        Unit::Celsius => "_celsius",
        Unit::Watts => "_watts",
        Unit::Ratio => "_ratio",
        Unit::Count | Unit::Derived(_) => "",
    };
    let total = if point.grows { "_total" } else { "" };
    format!("engine_{}{unit}{total}", word(&point.name))
}

/// What Prometheus allows in names.
fn word(text: &str) -> String {
    let word: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_digit()) { format!("_{word}") } else { word }
}

/// The text format; of several points of one series the last, as the format has one value for each.
pub(super) fn text(points: &[Point]) -> String {
    let mut families: BTreeMap<(String, bool), BTreeMap<String, f64>> = BTreeMap::new();
    for point in points {
        let labels: Vec<String> = point
            .labels
            .0
            .iter()
            .map(|(label, value)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{}=\"{value}\"", word(label))
            })
            .collect();
        families.entry((name(point), point.grows)).or_default().insert(labels.join(","), point.value);
    }
    let mut text = String::new();
    for ((name, grows), series) in families {
        let _ = writeln!(text, "# TYPE {name} {}", if grows { "counter" } else { "gauge" });
        for (labels, value) in series {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    }
    text
}

/// A `WriteRequest` of remote write 1.0, compressed in form only: snappy's block of literals.
pub(super) fn remote_write(points: &[Point]) -> Vec<u8> {
    // One series with its samples in order of time, labels in order of name, as receivers demand.
    let mut series: BTreeMap<Vec<(String, String)>, BTreeMap<i64, f64>> = BTreeMap::new();
    for point in points {
        let mut labels: BTreeMap<String, String> =
            point.labels.0.iter().map(|(label, value)| (word(label), value.clone())).collect();
        labels.insert("__name__".to_owned(), name(point));
        series.entry(labels.into_iter().collect()).or_default().insert(point.at, point.value);
    }
    let mut request = Vec::new();
    for (labels, samples) in series {
        let mut one = Vec::new();
        for (label, value) in labels {
            let mut pair = Vec::new();
            field(&mut pair, 1, label.as_bytes());
            field(&mut pair, 2, value.as_bytes());
            field(&mut one, 1, &pair);
        }
        for (at, value) in samples {
            let mut sample = vec![0x09]; // Field 1, eight bytes.
            sample.extend_from_slice(&value.to_le_bytes());
            sample.push(0x10); // Field 2, a number.
            varint(&mut sample, at.cast_unsigned());
            field(&mut one, 2, &sample);
        }
        field(&mut request, 1, &one);
    }
    snappy(&request)
}

/// A field with a length.
fn field(into: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    into.push(number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Snappy's block format: the length, then literals of up to 64 KiB each.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(bytes.len() + bytes.len() / 1000 + 16);
    varint(&mut block, bytes.len() as u64);
    for chunk in bytes.chunks(1 << 16) {
        // Tag 61: a literal whose length less one is in the next two bytes.
        let length = u16::try_from(chunk.len() - 1).unwrap_or(u16::MAX);
        block.push(61 << 2);
        block.extend_from_slice(&length.to_le_bytes());
        block.extend_from_slice(chunk);
    }
    block
}
