//! Drawing: a pure function of what is live and how it is looked at, so that tests can look at the cells.

mod panels;
#[cfg(test)]
mod tests;

use engine_core::run::RunState;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Gauge, Paragraph};

use crate::keys::{Look, Panel};
use crate::live::Live;

/// The smallest terminal that everything fits into.
const LEAST: (u16, u16) = (60, 16);

/// Draws everything.
pub(crate) fn all(frame: &mut Frame<'_>, live: &Live, look: &Look) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("{}\nthe terminal is too small: {} x {} at least", live.title, LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let run = live.progress.is_some();
    let [head, bar, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(u16::from(run)),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    title(frame, head, live);
    progress(frame, bar, live);
    if look.expanded || !run {
        panel(frame, body, live, look, if run { look.panel } else { Panel::Machine });
    } else {
        board(frame, body, live, look);
    }
    keys(frame, foot, look, run);
    if look.help {
        help(frame, area);
    }
}

/// All panels at once: steps on the left, load and machine on the right, remarks below.
fn board(frame: &mut Frame<'_>, area: Rect, live: &Live, look: &Look) {
    let messages = if live.lines.is_empty() { 3 } else { (area.height / 5).clamp(3, 8) };
    let [upper, lower] = Layout::vertical([Constraint::Fill(1), Constraint::Length(messages)]).areas(area);
    let [left, right] = Layout::horizontal([Constraint::Fill(11), Constraint::Fill(9)]).areas(upper);
    let halves = Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]);
    panel(frame, left, live, look, Panel::Steps);
    let [above, below] = halves.areas(right);
    panel(frame, above, live, look, Panel::Load);
    panel(frame, below, live, look, Panel::Machine);
    panel(frame, lower, live, look, Panel::Messages);
}

fn panel(frame: &mut Frame<'_>, area: Rect, live: &Live, look: &Look, which: Panel) {
    let title = match which {
        Panel::Steps => " Steps ",
        Panel::Load => " Load ",
        Panel::Machine => " Machine ",
        Panel::Messages => " Messages ",
    };
    let chosen = look.panel == which;
    let mut block = Block::bordered().border_type(BorderType::Plain).title(title);
    // Chosen by weight as well as by colour, for those who do not see the one.
    block = block.border_style(if chosen { Style::new().fg(Color::Cyan) } else { Style::new().fg(Color::DarkGray) });
    block = block.title_style(if chosen { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() });
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let scroll = if chosen { look.scroll } else { 0 };
    match which {
        Panel::Steps => panels::steps(frame, inner, live, look.frozen, scroll),
        Panel::Load => panels::load(frame, inner, live),
        Panel::Machine => panels::machine(frame, inner, live),
        Panel::Messages => panels::messages(frame, inner, live, scroll),
    }
}

fn title(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let state = match live.ended {
        Some(RunState::Complete) => "complete",
        Some(_) => "ended early",
        None if live.progress.is_some() => "running",
        None => "live",
    };
    let right = format!("{state} · {}", clock(live.at));
    let [left, end] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns(&right))]).areas(area);
    let bold = Style::new().add_modifier(Modifier::BOLD);
    frame.render_widget(Paragraph::new(Span::styled(live.title.as_str(), bold)), left);
    frame.render_widget(Paragraph::new(right), end);
}

fn progress(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let Some(progress) = live.progress else { return };
    let label = format!("{:.0} %, about {} left", progress.share * 100.0, clock(progress.left));
    let gauge = Gauge::default()
        .ratio(progress.share.clamp(0.0, 1.0))
        .label(label)
        .use_unicode(true)
        .gauge_style(Style::new().fg(Color::Cyan).bg(Color::Black));
    frame.render_widget(gauge, area);
}

fn keys(frame: &mut Frame<'_>, area: Rect, look: &Look, run: bool) {
    if look.asking {
        let text = "End the run? What was measured is kept.  q again: end   any other key: go on";
        frame.render_widget(Paragraph::new(text).style(Style::new().add_modifier(Modifier::REVERSED)), area);
        return;
    }
    let mut words = vec!["q quit", "? help"];
    words.push(if look.paused { "p resume (PAUSED)" } else { "p pause" });
    if run {
        words.push(if look.frozen { "f follow (FROZEN)" } else { "f freeze" });
        words.push(if look.expanded { "e shrink" } else { "e expand" });
        words.push("tab next panel");
    }
    let line = Line::from(words.join("  ")).style(Style::new().fg(Color::DarkGray));
    frame.render_widget(Paragraph::new(line), area);
}

const HELP: [&str; 11] = [
    "q         quit; a run is asked for once and ends gracefully",
    "?         this help",
    "p, space  pause the screen; the run goes on",
    "f         freeze the list of steps, or follow the running step",
    "e, enter  give the chosen panel the whole screen, or take it back",
    "tab       next panel (shift-tab: the one before)",
    "up, down  scroll the chosen panel (also k j, page up, page down, g G)",
    "ctrl-c    end the run gracefully; twice: at once",
    "ctrl-z    suspend",
    "",
    "any key closes this",
];

fn help(frame: &mut Frame<'_>, area: Rect) {
    let height = u16::try_from(HELP.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
    let width = HELP.iter().map(|line| columns(line)).max().unwrap_or(0).saturating_add(4).min(area.width);
    let at = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    frame.render_widget(Clear, at);
    let text: Vec<Line<'_>> = HELP.iter().map(|line| Line::from(format!(" {line}"))).collect();
    frame.render_widget(Paragraph::new(text).block(Block::bordered().title(" Keys ")), at);
}

/// `1:02:03` or `2:03`.
pub(crate) fn clock(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of a run in whole seconds")]
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes}:{rest:02}") }
}

fn columns(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}
