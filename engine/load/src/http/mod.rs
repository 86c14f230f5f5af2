//! HTTP/1.1 from the client's side, without any socket: bytes in, bytes out.
//!
//! [`Request`] describes and [`Request::encode`] writes; [`Receiver`] takes the answer in pieces of any size. The rules are those of
//! RFC 9110 and 9112.

mod body;
mod chunked;
mod cookies;
pub mod form;
mod head;
mod receiver;
mod request;
mod response;
#[cfg(test)]
mod tests;
mod url;

pub(crate) use body::Sink;
pub use cookies::Cookies;
pub use head::{Framing, Head, MAX_HEAD, MAX_HEADERS};
pub use receiver::{HeadMemo, Keep, Progress, Receiver};
pub use request::{Body, Method, Request, TIMEOUT};
pub use response::{Headers, Response, Timings};
pub use url::{Origin, Target, Url, UrlError};
