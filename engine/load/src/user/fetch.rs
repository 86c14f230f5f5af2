//! Requests made ready once and sent again and again, with everything that [`User::request`] does for them.

use std::borrow::Cow;

use super::{Prepared, User};
use crate::error::{ErrorClass, Failure};
use crate::http::{Request, Response};

/// An answer, and where it came from in the end.
#[derive(Debug)]
pub struct Fetched {
    /// The answer.
    pub response: Response,
    /// The address after redirects; none where the first one answered.
    pub moved: Option<String>,
}

impl User {
    /// Sends a prepared request with the user's cookies, follows redirects, and waits for the answer. A user without
    /// cookies, which is the usual case, sends the bytes as they were prepared.
    ///
    /// # Errors
    /// As [`User::request`].
    pub fn fetch(&self, prepared: &Prepared) -> Result<Fetched, Failure> {
        let request = prepared.request();
        let plain = self.cell.cookies.borrow().is_empty();
        if !plain {
            return self.follow(request, None);
        }
        let response = self.send(prepared)?;
        let more = (response.is_redirect() && request.redirects > 0) || response.headers.has("set-cookie");
        if more { self.follow(request, Some(response)) } else { Ok(Fetched { response, moved: None }) }
    }

    /// As [`User::fetch`], for a request that is sent once.
    ///
    /// # Errors
    /// As [`User::request`].
    pub fn fetch_once(&self, request: &Request) -> Result<Fetched, Failure> {
        self.follow(request, None)
    }

    fn follow(&self, request: &Request, answer: Option<Response>) -> Result<Fetched, Failure> {
        let mut present = Cow::Borrowed(request);
        let mut answer = answer;
        let mut moved = None;
        loop {
            let from = self.address(&present)?;
            let response = match answer.take() {
                Some(response) => response,
                None => self.send(&self.prepare_with_cookies(&present)?)?,
            };
            self.keep_cookies(&from, &response);
            if !response.is_redirect() || request.redirects == 0 {
                return Ok(Fetched { response, moved });
            }
            let Some(location) = response.headers.get("location") else { return Ok(Fetched { response, moved }) };
            if present.redirects == 0 {
                let detail = format!("more than {} redirects, the last to `{location}`", request.redirects);
                return Err(Failure::new(ErrorClass::Redirect, detail));
            }
            let next = present.redirected(&from, response.status, &location)?;
            moved = Some(next.target.clone());
            present = Cow::Owned(next);
        }
    }
}
