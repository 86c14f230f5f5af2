//! Rows of a file, in a form that threads share: none of the language's values, which belong to one thread.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

/// Rows of a `.csv` or `.json` file.
#[derive(Debug)]
pub(crate) enum Table {
    /// Texts: a header, and the cells of all rows one after the other as places in the text.
    Csv {
        /// Names of the columns.
        columns: Vec<String>,
        /// All cells.
        text: String,
        /// Where each cell ends in `text`.
        ends: Vec<u32>,
    },
    /// Objects.
    Json(Vec<serde_json::Map<String, Value>>),
}

impl Table {
    /// Reads a CSV text with a header.
    pub(crate) fn csv(source: &str) -> Result<Self, csv::Error> {
        let mut reader = csv::Reader::from_reader(source.as_bytes());
        let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        let (mut text, mut ends) = (String::new(), Vec::new());
        for record in reader.records() {
            for cell in &record? {
                text.push_str(cell);
                ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            }
        }
        Ok(Self::Csv { columns, text, ends })
    }

    /// Takes a JSON list of objects; nothing when it is none.
    pub(crate) fn json(value: Value) -> Option<Self> {
        let Value::Array(items) = value else { return None };
        let rows = items.into_iter().map(|item| if let Value::Object(row) = item { Some(row) } else { None });
        rows.collect::<Option<_>>().map(Self::Json)
    }

    /// Without rows.
    pub(crate) const fn empty() -> Self {
        Self::Json(Vec::new())
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Csv { columns, ends, .. } => ends.len() / columns.len().max(1),
            Self::Json(rows) => rows.len(),
        }
    }

    /// A value of a row.
    pub(crate) fn cell(&self, row: usize, column: &str) -> Option<Dynamic> {
        match self {
            Self::Csv { columns, .. } => {
                let at = columns.iter().position(|known| known == column)?;
                Some(self.text_of(row * columns.len() + at)?.to_owned().into())
            }
            Self::Json(rows) => rows.get(row)?.get(column).map(dynamic),
        }
    }

    fn text_of(&self, cell: usize) -> Option<&str> {
        let Self::Csv { text, ends, .. } = self else { return None };
        let start = if cell == 0 { 0 } else { *ends.get(cell - 1)? as usize };
        text.get(start..*ends.get(cell)? as usize)
    }

    /// Names of a row's values.
    pub(crate) fn names(&self, row: usize) -> Vec<String> {
        match self {
            Self::Csv { columns, .. } => columns.clone(),
            Self::Json(rows) => rows.get(row).map_or_else(Vec::new, |row| row.keys().cloned().collect()),
        }
    }

    /// A row as a map.
    pub(crate) fn map(&self, row: usize) -> Option<Map> {
        if row >= self.len() {
            return None;
        }
        let names = self.names(row).into_iter();
        Some(names.filter_map(|name| self.cell(row, &name).map(|value| (name.into(), value))).collect())
    }
}

/// A JSON value as the language's.
pub(crate) fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().unwrap_or(f64::NAN).into(), Into::into),
        Value::String(text) => text.clone().into(),
        Value::Array(items) => Dynamic::from_array(items.iter().map(dynamic).collect::<Array>()),
        Value::Object(map) => {
            Dynamic::from_map(map.iter().map(|(k, v)| (k.as_str().into(), dynamic(v))).collect::<Map>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_found_by_row_and_column() {
        let table = Table::csv("name,age\nann,31\n\"bo, b\",\n").unwrap();
        assert_eq!((table.len(), table.names(0)), (2, vec!["name".to_owned(), "age".to_owned()]));
        let cell = |row, column| table.cell(row, column).map(|value| value.to_string());
        assert_eq!((cell(0, "age").as_deref(), cell(1, "name").as_deref()), (Some("31"), Some("bo, b")));
        assert_eq!((cell(1, "age").as_deref(), cell(2, "name"), cell(0, "x")), (Some(""), None, None));
        assert!(Table::csv("a,b\n1\n").is_err());
        let json = Table::json(serde_json::json!([{ "n": 1 }, { "n": [true] }])).unwrap();
        assert_eq!(json.map(1).unwrap()["n"].to_string(), "[true]");
        assert!(Table::json(serde_json::json!([1])).is_none() && json.map(2).is_none());
    }
}
