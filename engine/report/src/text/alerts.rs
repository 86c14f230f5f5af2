//! Alerts for the terminal.

use engine_core::alert::{Alert, AlertState};
use jiff::tz::TimeZone;

use super::style::{Paint, Style};
use super::table::{Cell, Column, Table};
use super::wrap::hanging;
use crate::clean::{clip, line};
use crate::moment;

/// A list of alerts, one a line, with what each says.
#[must_use]
pub fn alerts(alerts: &[Alert], zone: &TimeZone, style: Style) -> String {
    if alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut table = Table::new(vec![
        Column::text("about"),
        Column::text("alert"),
        Column::text("state"),
        Column::text("rule"),
        Column::text("since"),
        Column::number("runs").optional(),
        Column::text("scenario").optional(),
        Column::text("branch").optional(),
    ]);
    for alert in alerts {
        table.row(vec![
            Cell::new(clip(&alert.subject, 80)),
            Cell::new(clip(&alert.id, 10)),
            Cell::painted(state(alert, zone), paint(alert.state)),
            Cell::new(alert.rule.name()),
            Cell::new(moment::short(alert.raised, zone)),
            Cell::new(alert.times.to_string()),
            Cell::painted(clip(&alert.suite, 16), Paint::Dim),
            Cell::painted(
                alert.branch.as_deref().map_or_else(|| "-".to_owned(), |branch| clip(branch, 16)),
                Paint::Dim,
            ),
        ]);
        table.across(2, clip(&alert.summary, 300), Paint::Dim);
    }
    let mut out = String::new();
    table.draw(&mut out, 0, style);
    style.finish(out)
}

/// One alert with its life.
#[must_use]
pub fn alert(alert: &Alert, zone: &TimeZone, style: Style) -> String {
    let mut out = String::new();
    put!(out, "{} {}\n", style.paint(Paint::Bold, &clip(&alert.id, 10)), line(&clip(&alert.subject, 80)));
    let place = format!(
        "{} in `{}` on {} and machine {}, by the rule {}, {} runs",
        state(alert, zone),
        alert.suite,
        alert.branch.as_deref().unwrap_or("no branch"),
        alert.machine,
        alert.rule.name(),
        alert.times
    );
    let verdict = alert.verdict.as_ref().map(|id| format!("`engine explain {id}` says what it rests on"));
    let label = alert.label.map(|label| format!("labelled {}", label.name()));
    for text in [Some(place), Some(alert.summary.clone()), verdict, label].into_iter().flatten() {
        for text in hanging(2, "", 0, &line(&text), style.width()) {
            put!(out, "{text}\n");
        }
    }
    for step in &alert.steps {
        let who = if step.who.is_empty() { "engine" } else { &step.who };
        let run = step.run.as_ref().map_or_else(String::new, |run| format!(" (run {})", run.short()));
        let why = if step.why.is_empty() { String::new() } else { format!(": {}", step.why) };
        let text = format!("{} {} by {who}{run}{why}", moment::short(step.at, zone), step.state);
        for text in hanging(2, "- ", 2, &line(&text), style.width()) {
            put!(out, "{}\n", style.paint(Paint::Dim, &text));
        }
    }
    style.finish(out)
}

fn state(alert: &Alert, zone: &TimeZone) -> String {
    match (alert.state, alert.until) {
        (AlertState::Silenced, Some(until)) => format!("silenced until {}", moment::short(until, zone)),
        (state, _) => state.name().to_owned(),
    }
}

const fn paint(state: AlertState) -> Paint {
    match state {
        AlertState::Firing => Paint::Bad,
        AlertState::Pending => Paint::Doubt,
        AlertState::Acknowledged | AlertState::Silenced => Paint::Plain,
        AlertState::Resolved => Paint::Good,
    }
}
