//! Slack's incoming web hook: blocks of mrkdwn. What comes from scenarios is escaped, so that no name can mention a
//! channel, link to a page or break a block.

use engine_core::notice::{Message, Notice};
use serde_json::{Value, json};

use super::{Channel, SendError, http};
use crate::secret::Secrets;
use crate::settings::{Slack, Wanted};
use crate::write;

/// Slack takes 50 blocks, 3000 characters a section and 150 a header.
const MOST_ITEMS: usize = 12;
const SECTION: usize = 2900;
const HEADER: usize = 148;

/// Slack.
#[derive(Debug)]
pub(super) struct Hook(pub(super) Slack);

impl Channel for Hook {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn only(&self) -> &Wanted {
        &self.0.only
    }

    fn send(&self, message: &Message, secrets: &dyn Secrets) -> Result<(), SendError> {
        let url = self.0.webhook_url.reveal(secrets)?;
        // Slack drops nothing twice by itself; the key is there for what stands between.
        http::post(&url, &[("idempotency-key", message.key.clone())], blocks(&message.notice).to_string())
    }
}

/// A notice as Slack's blocks, with a text for where blocks are not shown.
#[must_use]
pub fn blocks(notice: &Notice) -> Value {
    let subject = write::subject(notice);
    let mut all = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": clip(&subject, HEADER), "emoji": false },
    })];
    let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": clip(&text, SECTION), "verbatim": true } });
    let remarks: Vec<String> = write::remarks(notice).iter().map(|line| escape(line)).collect();
    if !remarks.is_empty() {
        all.push(section(remarks.join("\n")));
    }
    for item in notice.items.iter().take(MOST_ITEMS) {
        let mut lines = vec![format!("*{}*", escape(&write::head(item)))];
        lines.extend(write::lines(item).iter().map(|(name, text)| format!("_{name}_: {}", escape(text))));
        lines.extend(write::look(item).iter().map(|command| format!("`{}`", escape(command).replace('`', "'"))));
        all.push(section(lines.join("\n")));
    }
    if notice.items.len() > MOST_ITEMS {
        let more = notice.items.len() - MOST_ITEMS;
        all.push(section(format!("and {more} more: `engine alerts list`")));
    }
    if let Some(link) = &notice.link {
        all.push(section(format!("<{}|Open it in the dashboard>", escape(link).replace(['|', '>'], ""))));
    }
    json!({ "text": escape(&subject), "blocks": all })
}

/// What Slack asks to be written as entities.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// At most so many characters, and no entity cut in two.
fn clip(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most - 1).collect();
    if let Some(at) = short.rfind('&')
        && !short[at..].contains(';')
    {
        short.truncate(at);
    }
    short + "…"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::sample;

    #[test]
    fn nothing_in_a_name_reaches_slack_as_a_command() {
        let mut notice = sample();
        notice.items[0].subject = "<!channel> <https://evil|x> & `rm`".to_owned();
        let text = blocks(&notice).to_string();
        assert!(!text.contains("<!channel>") && !text.contains("<https://evil"), "{text}");
        assert!(text.contains("&lt;!channel&gt;"));
    }

    #[test]
    fn blocks_stay_within_what_slack_takes() {
        let mut notice = sample();
        notice.title = "&".repeat(4000);
        notice.items[0].what = "<".repeat(9000);
        notice.items = vec![notice.items[0].clone(); 200];
        let found = blocks(&notice);
        let list = found["blocks"].as_array().unwrap();
        assert!(list.len() <= 50);
        for block in list {
            let text = block["text"]["text"].as_str().unwrap();
            assert!(text.chars().count() <= if block["type"] == "header" { 150 } else { 3000 });
        }
        assert!(found.to_string().contains("and 188 more"));
    }
}
