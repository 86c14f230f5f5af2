//! Secrets: values that a script can pass on and never see. Whatever the engine writes has them blacked out.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use rhai::{Engine, ImmutableString};

/// A secret text. Joining it with other text gives a secret again.
#[derive(Clone)]
pub(crate) struct Secret {
    name: Rc<str>,
    value: Rc<str>,
}

impl Secret {
    pub(crate) fn new(name: &str, value: &str) -> Self {
        Self { name: name.into(), value: value.into() }
    }

    /// The secret itself, for the wire only.
    pub(crate) fn reveal(&self) -> &str {
        &self.value
    }

    fn with(&self, value: String) -> Self {
        Self { name: Rc::clone(&self.name), value: value.into() }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[secret {}]", self.name)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secrets read so far, so that they can be blacked out of messages.
#[derive(Debug, Default)]
pub(crate) struct Vault(RefCell<Vec<Secret>>);

impl Vault {
    pub(crate) fn keep(&self, secret: &Secret) {
        self.0.borrow_mut().push(secret.clone());
    }

    /// The text without any secret in it.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        for secret in self.0.borrow().iter().filter(|secret| !secret.value.is_empty()) {
            if out.contains(&*secret.value) {
                out = out.replace(&*secret.value, &secret.to_string());
            }
        }
        out
    }
}

pub(crate) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Secret>("Secret");
    engine.register_fn("to_string", |s: &mut Secret| s.to_string());
    engine.register_fn("to_debug", |s: &mut Secret| s.to_string());
    engine.register_fn("+", |s: Secret, text: ImmutableString| s.with(format!("{}{text}", s.value)));
    engine.register_fn("+", |text: ImmutableString, s: Secret| s.with(format!("{text}{}", s.value)));
    engine.register_fn("+", |l: Secret, r: Secret| l.with(format!("{}{}", l.value, r.value)));
}
