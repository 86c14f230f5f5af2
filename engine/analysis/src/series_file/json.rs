//! Series in JSON.

use serde::Deserialize;

use super::{Error, Series};

/// The form of collections of change points.
#[derive(Deserialize)]
struct Collection {
    name: Option<String>,
    series: Vec<Dimension>,
}

#[derive(Deserialize)]
struct Dimension {
    label: Option<String>,
    raw: Vec<Option<f64>>,
}

/// An object with nothing but values.
#[derive(Deserialize)]
struct Plain {
    name: Option<String>,
    values: Vec<Option<f64>>,
}

/// Reads an array of numbers, or an object with `series[0].raw`, or one with `values`.
pub(super) fn read(name: &str, text: &str) -> Result<Vec<Series>, Error> {
    match parsed(name, text) {
        Ok(series) => Ok(series),
        // Python writes NaN and Infinity, which JSON does not have.
        Err(error) if text.contains("NaN") || text.contains("Infinity") => {
            parsed(name, &without_words(text)).map_err(|_| error)
        }
        Err(error) => Err(error),
    }
}

fn parsed(name: &str, text: &str) -> Result<Vec<Series>, Error> {
    let fail = |error: serde_json::Error| Error::Json(error.to_string());
    if text.trim_start().starts_with('[') {
        let values: Vec<Option<f64>> = serde_json::from_str(text).map_err(fail)?;
        return Ok(vec![series(name.to_owned(), values)]);
    }
    if let Ok(plain) = serde_json::from_str::<Plain>(text) {
        return Ok(vec![series(plain.name.unwrap_or_else(|| name.to_owned()), plain.values)]);
    }
    let collection: Collection = serde_json::from_str(text).map_err(fail)?;
    let name = collection.name.unwrap_or_else(|| name.to_owned());
    let several = collection.series.len() > 1;
    let named = collection.series.into_iter().enumerate().map(|(number, dimension)| {
        let name = match dimension.label {
            _ if !several => name.clone(),
            Some(label) => format!("{name}.{label}"),
            None => format!("{name}[{number}]"),
        };
        series(name, dimension.raw)
    });
    Ok(named.collect())
}

fn series(name: String, values: Vec<Option<f64>>) -> Series {
    let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
    Series { name, times: None, values, notes: Vec::new() }
}

/// The text with `NaN` and the infinities as `null`, outside strings.
fn without_words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut within) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !within && rest.starts_with(word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let mut taken = c.len_utf8();
        if within && c == '\\' {
            taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
        } else if c == '"' {
            within = !within;
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}
