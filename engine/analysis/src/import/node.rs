//! JSON with places: every error says where in the file it is.

use serde_json::Value;

use super::ImportError;

/// A value and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    place: String,
    pub(super) value: Value,
}

/// Reads a whole file.
pub(super) fn parse(text: &str) -> Result<Node, ImportError> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(Node { place: String::new(), value }),
        Err(error) => Err(ImportError::Syntax {
            line: error.line(),
            column: error.column(),
            reason: if error.is_eof() {
                "the file ends too early".to_owned()
            } else {
                format!("it is not JSON: {error}")
            },
        }),
    }
}

impl Node {
    fn child(&self, step: &str, value: &Value) -> Self {
        let dot = if self.place.is_empty() || step.starts_with('[') { "" } else { "." };
        Self { place: format!("{}{dot}{step}", self.place), value: value.clone() }
    }

    pub(super) fn wrong(&self, reason: impl Into<String>) -> ImportError {
        let place = if self.place.is_empty() { "the file".to_owned() } else { self.place.clone() };
        ImportError::Value { place, reason: reason.into() }
    }

    /// A field, if it is there and not null.
    pub(super) fn field(&self, key: &str) -> Option<Self> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.child(key, value))
    }

    pub(super) fn need(&self, key: &str) -> Result<Self, ImportError> {
        self.field(key).ok_or_else(|| self.wrong(format!("`{key}` is missing")))
    }

    pub(super) fn number(&self) -> Result<f64, ImportError> {
        match self.value.as_f64().filter(|value| value.is_finite()) {
            Some(value) => Ok(value),
            None => Err(self.wrong(format!("a number is expected, not {}", kind(&self.value)))),
        }
    }

    pub(super) fn text(&self) -> Result<&str, ImportError> {
        self.value.as_str().ok_or_else(|| self.wrong(format!("a text is expected, not {}", kind(&self.value))))
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, ImportError> {
        let Some(array) = self.value.as_array() else {
            return Err(self.wrong(format!("a list is expected, not {}", kind(&self.value))));
        };
        Ok(array.iter().enumerate().map(|(i, value)| self.child(&format!("[{i}]"), value)).collect())
    }

    pub(super) fn entries(&self) -> Result<Vec<(String, Self)>, ImportError> {
        let Some(map) = self.value.as_object() else {
            return Err(self.wrong(format!("an object is expected, not {}", kind(&self.value))));
        };
        Ok(map.iter().map(|(key, value)| (key.clone(), self.child(key, value))).collect())
    }

    pub(super) fn numbers(&self) -> Result<Vec<f64>, ImportError> {
        self.items()?.iter().map(Self::number).collect()
    }

    /// A value for a label: text as it is, all else as JSON writes it.
    pub(super) fn label(&self) -> String {
        self.value.as_str().map_or_else(|| self.value.to_string(), str::to_owned)
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
