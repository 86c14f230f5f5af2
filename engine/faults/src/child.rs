//! What the program does as a child of its own: the other side of [`Launcher`](crate::Launcher).

use std::io::{BufRead, Read};

use crate::journal::janitor;
use crate::stress;
use crate::victim::keeper;

/// Why a child could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The role is none of ours.
    #[error("`{0}` is no role of a child")]
    Role(String),
    /// The request did not come, or makes no sense.
    #[error("the request of the parent: {0}")]
    Request(String),
    /// The work itself.
    #[error("{0}")]
    Work(String),
}

/// Reads the request of the role on standard input, and does the role's work until it is done or the parent is gone.
///
/// # Errors
/// On an unknown role, a bad request, and when the work is impossible.
pub fn main(role: &str) -> Result<(), ChildError> {
    match role {
        "janitor" => janitor::main(request()?).map_err(|error| ChildError::Work(error.to_string())),
        "stress" => stress::main(&request()?).map_err(ChildError::Work),
        "keep" => keeper::main(&request()?).map_err(ChildError::Work),
        other => Err(ChildError::Role(other.to_owned())),
    }
}

/// One line of JSON from standard input. What the buffer holds behind it stays there for who reads on.
fn request<T: serde::de::DeserializeOwned>() -> Result<T, ChildError> {
    let mut line = Vec::new();
    let input = std::io::stdin();
    let read = input.lock().by_ref().take(1 << 20).read_until(b'\n', &mut line);
    read.map_err(|error| ChildError::Request(error.to_string()))?;
    serde_json::from_slice(&line).map_err(|error| ChildError::Request(error.to_string()))
}
