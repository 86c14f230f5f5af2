//! Who is told, how, and how often: the settings of `config/notify.toml`. Whoever reads the file gives the values; what
//! they must be beside their types is checked here, by the name of the key.

use std::net::IpAddr;

use engine_core::alert::Rule;
use engine_core::nearest::hint;
use serde::Deserialize;

use crate::secret::Secret;

/// All of it.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// When people are told.
    pub alerts: Alerts,
    /// What waits to be sent.
    pub outbox: Outbox,
    /// By e-mail.
    pub email: Email,
    /// By Slack.
    pub slack: Slack,
    /// By a web hook of another program.
    pub webhook: Webhook,
    /// By a command.
    pub command: Command,
    /// On the desktop of whoever runs the engine.
    pub desktop: Desktop,
}

/// When people are told.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// `all`: after every run; `scheduled`: only after those of a schedule.
    pub runs: String,
    /// An alert is told when so many runs have said it.
    pub fire_after: u32,
    /// It is told to be well again when so many runs have said so.
    pub recover_after: u32,
    /// At most so many messages an hour to one channel; more are gathered into one.
    pub per_hour: u32,
    /// Address of the dashboard, for links.
    pub link: String,
}

impl Default for Alerts {
    fn default() -> Self {
        Self { runs: "all".to_owned(), fire_after: 1, recover_after: 2, per_hour: 20, link: String::new() }
    }
}

/// What waits to be sent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbox {
    /// At most so many messages wait for one channel.
    pub most: usize,
    /// A message is given up after so many days.
    pub give_up_days: u32,
}

impl Default for Outbox {
    fn default() -> Self {
        Self { most: 1000, give_up_days: 7 }
    }
}

/// What a channel is told of; nothing named means everything.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Wanted {
    /// Rules.
    pub rules: Vec<String>,
    /// Scenarios, or names of schedules for runs that did not come.
    pub scenarios: Vec<String>,
    /// Branches.
    pub branches: Vec<String>,
}

/// How a connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// In the clear first, then TLS; without TLS nothing is sent.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// In the clear: only to this machine itself.
    Plain,
}

/// E-mail by SMTP.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Email {
    /// Whether it is used.
    pub enabled: bool,
    /// To whom.
    pub recipients: Vec<String>,
    /// From whom.
    pub sender: String,
    /// The mail server.
    pub host: String,
    /// Its port; 0 for the usual one.
    pub port: u16,
    /// How the connection is kept private.
    pub security: Security,
    /// The user; empty for none.
    pub user: String,
    /// The password: a secret.
    pub password: Secret,
    /// Certificates of authorities to trust as well, in PEM.
    pub ca_file: String,
    /// What it is told of.
    pub only: Wanted,
}

impl Default for Email {
    fn default() -> Self {
        Self {
            enabled: false,
            recipients: Vec::new(),
            sender: String::new(),
            host: String::new(),
            port: 0,
            security: Security::Starttls,
            user: String::new(),
            password: Secret::default(),
            ca_file: String::new(),
            only: Wanted::default(),
        }
    }
}

/// Slack's incoming web hook.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Slack {
    /// Whether it is used.
    pub enabled: bool,
    /// Its address: a secret.
    pub webhook_url: Secret,
    /// What it is told of.
    pub only: Wanted,
}

/// A web hook that takes JSON.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    /// Whether it is used.
    pub enabled: bool,
    /// Its address.
    pub url: Secret,
    /// The key by which what is sent is signed: a secret; empty for no signature.
    pub signing_key: Secret,
    /// What it is told of.
    pub only: Wanted,
}

/// A command that gets the notice as JSON.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Command {
    /// Whether it is used.
    pub enabled: bool,
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// What it is told of.
    pub only: Wanted,
}

/// A notice on the desktop.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Desktop {
    /// Whether it is used.
    pub enabled: bool,
    /// What it is told of.
    pub only: Wanted,
}

/// A value that cannot be, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// As in `email.host`.
    pub key: &'static str,
    /// What is wrong with it.
    pub message: String,
}

impl Settings {
    /// Everything that is wrong, in the order of the file.
    #[must_use]
    pub fn wrong(&self) -> Vec<Wrong> {
        let mut all = Vec::new();
        let mut add = |key, message: &str| all.push(Wrong { key, message: message.to_owned() });
        if !["all", "scheduled"].contains(&self.alerts.runs.as_str()) {
            add("alerts.runs", &format!("must be `all` or `scheduled`, got `{}`", self.alerts.runs));
        }
        for (key, value, most) in [
            ("alerts.fire_after", self.alerts.fire_after, 100),
            ("alerts.recover_after", self.alerts.recover_after, 100),
            ("alerts.per_hour", self.alerts.per_hour, 3600),
            ("outbox.give_up_days", self.outbox.give_up_days, 365),
        ] {
            if !(1..=most).contains(&value) {
                add(key, &format!("must be 1 to {most}, got {value}"));
            }
        }
        if !self.alerts.link.is_empty() && !is_web(&self.alerts.link) {
            add("alerts.link", "must begin with http:// or https://");
        }
        if !(1..=1_000_000).contains(&self.outbox.most) {
            add("outbox.most", &format!("must be 1 to 1000000, got {}", self.outbox.most));
        }
        self.email.wrong(&mut add);
        if self.slack.webhook_url.is_literal() {
            add("slack.webhook_url", "is a secret: write `${env:NAME}`, `${file:/path}` or `${credential:NAME}`");
        } else if self.slack.enabled && self.slack.webhook_url.is_empty() {
            add("slack.webhook_url", "is needed when slack is enabled");
        }
        if self.webhook.signing_key.is_literal() {
            add("webhook.signing_key", "is a secret: write `${env:NAME}`, `${file:/path}` or `${credential:NAME}`");
        }
        if self.webhook.enabled && self.webhook.url.is_empty() {
            add("webhook.url", "is needed when the web hook is enabled");
        }
        if self.command.enabled && self.command.command.first().is_none_or(String::is_empty) {
            add("command.command", "is needed when the command is enabled: a list of program and arguments");
        }
        for (key, wanted) in [
            ("email.only.rules", &self.email.only),
            ("slack.only.rules", &self.slack.only),
            ("webhook.only.rules", &self.webhook.only),
            ("command.only.rules", &self.command.only),
            ("desktop.only.rules", &self.desktop.only),
        ] {
            for rule in wanted.rules.iter().filter(|rule| Rule::named(rule).is_none()) {
                let known = Rule::ALL.map(Rule::name);
                let near = hint(rule, known);
                add(key, &format!("`{rule}` is no rule{near}; there are {}", known.join(", ")));
            }
        }
        all
    }
}

impl Email {
    fn wrong(&self, add: &mut dyn FnMut(&'static str, &str)) {
        if self.password.is_literal() {
            add("email.password", "is a secret: write `${env:NAME}`, `${file:/path}` or `${credential:NAME}`");
        }
        for recipient in &self.recipients {
            if let Err(error) = recipient.parse::<lettre::message::Mailbox>() {
                add("email.recipients", &format!("`{recipient}` is no address: {error}"));
            }
        }
        if !self.sender.is_empty()
            && let Err(error) = self.sender.parse::<lettre::message::Mailbox>()
        {
            add("email.sender", &format!("`{}` is no address: {error}", self.sender));
        }
        if !self.enabled {
            return;
        }
        if self.recipients.is_empty() {
            add("email.recipients", "is needed when e-mail is enabled");
        }
        if self.sender.is_empty() {
            add("email.sender", "is needed when e-mail is enabled");
        }
        if self.host.is_empty() {
            add("email.host", "is needed when e-mail is enabled");
        } else if self.security == Security::Plain && !is_loopback(&self.host) {
            add(
                "email.security",
                &format!(
                    "`plain` would send mail and password in the clear to `{}`: take `starttls` or `tls`",
                    self.host
                ),
            );
        }
        if self.user.is_empty() != self.password.is_empty() {
            add("email.user", "and email.password are needed together, or neither");
        }
    }
}

/// Whether a host is this machine itself.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_web(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Settings {
        serde_json::from_str(text).unwrap()
    }

    fn keys(text: &str) -> Vec<&'static str> {
        read(text).wrong().into_iter().map(|wrong| wrong.key).collect()
    }

    #[test]
    fn nothing_is_on_and_nothing_is_wrong_by_default() {
        let settings = Settings::default();
        assert_eq!(settings.wrong(), []);
        assert_eq!(read("{}"), settings);
        assert!(!settings.email.enabled && !settings.slack.enabled && !settings.webhook.enabled);
    }

    #[test]
    fn secrets_are_named_never_written() {
        assert_eq!(keys(r#"{"email": {"password": "hunter2"}}"#), ["email.password"]);
        assert_eq!(keys(r#"{"slack": {"webhook_url": "https://hooks.example/T/B/x"}}"#), ["slack.webhook_url"]);
        assert_eq!(keys(r#"{"slack": {"enabled": true, "webhook_url": "${env:SLACK}"}}"#), [""; 0]);
        assert_eq!(keys(r#"{"webhook": {"signing_key": "k"}}"#), ["webhook.signing_key"]);
        let shown = format!("{:?}", read(r#"{"email": {"password": "hunter2"}}"#));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn mail_in_the_clear_stays_on_this_machine() {
        let mail = |host: &str, security: &str| {
            keys(&format!(
                r#"{{"email": {{"enabled": true, "recipients": ["a@b.example"], "sender": "Engine <e@b.example>",
                    "host": "{host}", "security": "{security}"}}}}"#
            ))
        };
        assert_eq!(mail("mail.example", "starttls"), [""; 0]);
        assert_eq!(mail("mail.example", "plain"), ["email.security"]);
        assert_eq!(mail("127.0.0.1", "plain"), [""; 0]);
        assert_eq!(mail("[::1]", "plain"), [""; 0]);
        assert_eq!(mail("localhost.example", "plain"), ["email.security"]);
    }

    #[test]
    fn what_is_enabled_must_be_whole() {
        assert_eq!(
            keys(r#"{"email": {"enabled": true, "user": "u"}}"#),
            ["email.recipients", "email.sender", "email.host", "email.user"]
        );
        assert_eq!(keys(r#"{"email": {"recipients": ["nobody"]}}"#), ["email.recipients"]);
        assert_eq!(keys(r#"{"command": {"enabled": true}}"#), ["command.command"]);
        assert_eq!(keys(r#"{"alerts": {"runs": "some", "fire_after": 0}}"#), ["alerts.runs", "alerts.fire_after"]);
        let wrong = read(r#"{"slack": {"only": {"rules": ["verdct"]}}}"#).wrong();
        assert!(wrong[0].message.contains("did you mean `verdict`"), "{wrong:?}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        let refused = |text: &str| serde_json::from_str::<Settings>(text).is_err();
        assert!(refused(r#"{"emial": {}}"#));
        assert!(refused(r#"{"alerts": {"fire": 1}}"#));
        assert!(refused(r#"{"email": {"hots": "x"}}"#), "a misspelt key of a channel");
    }
}
