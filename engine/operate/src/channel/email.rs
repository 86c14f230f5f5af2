//! E-mail by SMTP, with `lettre` over rustls. STARTTLS and TLS are required, not tried: without them nothing is sent.

use std::time::Duration;

use engine_core::notice::Message as Waiting;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use super::{Channel, SendError};
use crate::secret::{Revealed, Secrets};
use crate::settings::{Email, Security, Wanted, is_loopback};
use crate::write;

/// No answer of a mail server takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Mail to the recipients of the settings.
#[derive(Debug)]
pub(super) struct Mail(Email);

impl Mail {
    pub(super) const fn new(settings: Email) -> Self {
        Self(settings)
    }

    fn tls(&self) -> Result<Tls, SendError> {
        let wrong = |error: &dyn std::fmt::Display| SendError(format!("TLS: {error}"));
        if self.0.security == Security::Plain {
            // The settings are checked when they are read; this is the last gate before the wire.
            return if is_loopback(&self.0.host) {
                Ok(Tls::None)
            } else {
                Err(SendError(format!("mail to `{}` is not sent in the clear", self.0.host)))
            };
        }
        let mut parameters = TlsParameters::builder(self.0.host.trim_matches(['[', ']']).to_owned());
        if !self.0.ca_file.is_empty() {
            let pem = std::fs::read(&self.0.ca_file)
                .map_err(|error| SendError(format!("email.ca_file `{}`: {error}", self.0.ca_file)))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&error))?;
            parameters = parameters.add_root_certificate(certificate);
        }
        let parameters = parameters.build_rustls().map_err(|error| wrong(&error))?;
        Ok(match self.0.security {
            Security::Tls => Tls::Wrapper(parameters),
            Security::Starttls | Security::Plain => Tls::Required(parameters),
        })
    }

    fn letter(&self, message: &Waiting) -> Result<Message, SendError> {
        let wrong = |error: &dyn std::fmt::Display| SendError(format!("the mail cannot be written: {error}"));
        let address = |text: &str| text.parse::<Mailbox>().map_err(|error| SendError(format!("`{text}`: {error}")));
        let mut letter = Message::builder().from(address(&self.0.sender)?).date_now();
        for recipient in &self.0.recipients {
            letter = letter.to(address(recipient)?);
        }
        // A mail program shows one thread for a scenario, and a filter can know us by our own header.
        let id = format!("<{}@engine.invalid>", message.key);
        letter
            .subject(write::subject(&message.notice))
            .message_id(Some(id))
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("X-Engine-Key"), message.key.clone()))
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(write::text(&message.notice))
            .map_err(|error| wrong(&error))
    }
}

impl Channel for Mail {
    fn name(&self) -> &'static str {
        "email"
    }

    fn only(&self) -> &Wanted {
        &self.0.only
    }

    fn send(&self, message: &Waiting, secrets: &dyn Secrets) -> Result<(), SendError> {
        let letter = self.letter(message)?;
        let port = match (self.0.port, self.0.security) {
            (0, Security::Starttls) => 587,
            (0, Security::Tls) => 465,
            (0, Security::Plain) => 25,
            (port, _) => port,
        };
        let mut server = SmtpTransport::builder_dangerous(self.0.host.trim_matches(['[', ']']))
            .port(port)
            .tls(self.tls()?)
            .timeout(Some(PATIENCE));
        let mut password: Option<Revealed> = None;
        if !self.0.user.is_empty() {
            let found = self.0.password.reveal(secrets)?;
            server = server.credentials(Credentials::new(self.0.user.clone(), found.expose().to_owned()));
            password = Some(found);
        }
        server.build().send(&letter).map(|_| ()).map_err(|error| {
            let mut text = format!("{}:{port}: {error}", self.0.host);
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                let more = inner.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = inner.source();
            }
            SendError(password.map_or_else(|| text.clone(), |password| password.scrub(&text)))
        })
    }
}
