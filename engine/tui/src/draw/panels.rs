//! The four panels.

use engine_core::unit::Unit;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline, Wrap};

use super::clock;
use crate::live::{Live, Mark, StepLine};
use crate::ring::Ring;

const DIM: Style = Style::new().fg(Color::DarkGray);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);

/// The steps: what ended with its result, what runs, what waits. Follows the running step unless it is frozen.
pub(super) fn steps(frame: &mut Frame<'_>, area: Rect, live: &Live, frozen: bool, scroll: i32) {
    let rows = usize::from(area.height);
    let follow = if frozen { 0 } else { live.current.unwrap_or(0).saturating_sub(rows / 2) };
    let first = shifted(follow, scroll, live.steps.len(), rows);
    let name = usize::from(area.width) * 2 / 5;
    let shown = live.steps.iter().enumerate().skip(first).take(rows);
    let lines: Vec<Line<'_>> = shown.map(|(index, step)| step_line(step, live.current == Some(index), name)).collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn step_line(step: &StepLine, current: bool, width: usize) -> Line<'_> {
    let (mark, style) = match step.mark {
        Mark::Waiting => ("·", DIM),
        Mark::Running => (if current { "▶" } else { "▸" }, Style::new().fg(Color::Cyan)),
        Mark::Good => ("✓", Style::new().fg(Color::Green)),
        Mark::Bad => ("✗", Style::new().fg(Color::Red)),
        Mark::Skipped => ("-", DIM),
    };
    let result = match step.mark {
        Mark::Running => format!("round {} of up to {}", step.rounds, step.most),
        _ => step.result.clone(),
    };
    let name = engine_report::clean::clip(&step.name, width);
    let pad = width.saturating_sub(Span::raw(name.as_str()).width());
    let text = if current { BOLD } else { Style::new() };
    let result_style = if step.mark == Mark::Skipped { DIM } else { text };
    Line::from(vec![
        Span::styled(mark, style),
        Span::raw(" "),
        Span::styled(name, text),
        Span::raw(" ".repeat(pad + 1)),
        Span::styled(result, result_style),
    ])
}

/// The load: rate and errors with their course, percentiles, users, errors by class.
pub(super) fn load(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let load = &live.load;
    if load.rate.is_empty() {
        frame.render_widget(Paragraph::new(Line::styled("no load has run yet", DIM)), area);
        return;
    }
    let phase = if load.phase.is_empty() { String::new() } else { format!(", phase {}", load.phase) };
    let state = if load.under_way.is_some() { "" } else { " (ended)" };
    let percentiles = live.latencies().into_iter().map(|(name, value)| format!("{name} {value}"));
    let percentiles: Vec<String> = percentiles.collect();
    let text = vec![
        Line::styled(format!("{}{phase}{state}", load.name), BOLD),
        Line::from(format!("{} users   {}", load.users, percentiles.join("  "))),
    ];
    let classes: Vec<String> = load.classes.iter().map(|(class, count)| format!("{class} {count}")).collect();
    let wrapped = percentiles.join("  ").len() + 12 > usize::from(area.width);
    let [head, rate, slow, errors, rest] = Layout::vertical([
        Constraint::Length(2 + u16::from(wrapped)),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), head);
    course(frame, rate, "rate", &load.rate, |value| Unit::PerSecond.format(value), None);
    course(frame, slow, "p99", &load.latency[3], |value| Unit::Seconds.format(value), None);
    course(frame, errors, "errors", &load.errors, |value| Unit::PerSecond.format(value), None);
    let text = if classes.is_empty() { Line::styled("no errors", DIM) } else { Line::from(classes.join("  ")) };
    frame.render_widget(Paragraph::new(text), rest);
}

/// The machine: each resource with its course, then what else the monitor knows.
pub(super) fn machine(frame: &mut Frame<'_>, area: Rect, live: &Live) {
    let host = &live.host;
    if host.cpu.is_empty() {
        frame.render_widget(Paragraph::new(Line::styled("the monitor has no sample yet", DIM)), area);
        return;
    }
    let [cpu, memory, disk, network, rest] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
    ])
    .areas(area);
    let share = |value: f64| Unit::Ratio.format(value);
    let bytes = |value: f64| Unit::BytesPerSecond.format(value);
    course(frame, cpu, "cpu", &host.cpu, share, Some(1.0));
    course(frame, memory, "memory", &host.memory, share, Some(1.0));
    course(frame, disk, "disk", &host.disk, bytes, None);
    course(frame, network, "network", &host.network, bytes, None);
    let sample = &host.sample;
    let mut facts = vec![format!(
        "{} of {} in use",
        Unit::Bytes.format(sample.memory_used as f64),
        Unit::Bytes.format(sample.memory_total as f64)
    )];
    let pressure = [("cpu", sample.pressure_cpu), ("io", sample.pressure_io), ("memory", sample.pressure_memory)];
    let waits: Vec<String> =
        pressure.iter().filter_map(|(name, share)| Some(format!("{name} {}", Unit::Ratio.format((*share)?)))).collect();
    if !waits.is_empty() {
        facts.push(format!("waits: {}", waits.join(", ")));
    }
    facts.extend(sample.load.map(|load| format!("load {load:.2}")));
    facts.extend(sample.frequency.map(|clock| Unit::Hertz.format(clock)));
    facts.extend(sample.hottest().map(|celsius| Unit::Celsius.format(celsius)));
    facts.extend(sample.power.map(|watts| Unit::Watts.format(watts)));
    facts.push(format!("engine: {} of a CPU, {}", share(sample.own_cpu), Unit::Bytes.format(sample.own_memory as f64)));
    let mut lines = vec![Line::from(facts.join("   "))];
    for (number, cores) in sample.cores.chunks(8).enumerate() {
        let each: Vec<String> = cores.iter().map(|busy| format!("{:3.0} %", busy * 100.0)).collect();
        lines.push(Line::styled(format!("cpu {:>3}.. {}", number * 8, each.join(" ")), DIM));
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), rest);
}

/// What was remarked, the newest last.
pub(super) fn messages(frame: &mut Frame<'_>, area: Rect, live: &Live, scroll: i32) {
    let rows = usize::from(area.height);
    let first = shifted(live.lines.len().saturating_sub(rows), scroll, live.lines.len(), rows);
    let lines: Vec<Line<'_>> = live
        .lines
        .iter()
        .skip(first)
        .take(rows)
        .map(|line| {
            let style = if line.bad { Style::new().fg(Color::Red) } else { Style::new() };
            Line::from(vec![Span::styled(format!("{:>6}  ", clock(line.at)), DIM), Span::styled(&line.text, style)])
        })
        .collect();
    let empty = [Line::styled("nothing to remark", DIM)];
    frame.render_widget(Paragraph::new(if lines.is_empty() { empty.to_vec() } else { lines }), area);
}

/// One line: a name, the newest value, and the course of the last values. Without `most` it is as high as the highest.
fn course(frame: &mut Frame<'_>, area: Rect, name: &str, ring: &Ring, word: impl Fn(f64) -> String, most: Option<f64>) {
    const NAME: u16 = 8;
    const VALUE: u16 = 12;
    let [left, middle, right] =
        Layout::horizontal([Constraint::Length(NAME), Constraint::Length(VALUE), Constraint::Fill(1)]).areas(area);
    frame.render_widget(Paragraph::new(Line::styled(name.to_owned(), DIM)), left);
    let newest = ring.last().map_or_else(|| "-".to_owned(), word);
    frame.render_widget(Paragraph::new(Line::styled(format!("{newest:>10}"), BOLD)), middle);
    let top = most.unwrap_or_else(|| ring.max()).max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share in thousandths")]
    let heights: Vec<u64> = ring
        .tail(usize::from(right.width))
        .into_iter()
        .map(|value| (value / top * 1000.0).clamp(0.0, 1000.0) as u64)
        .collect();
    frame.render_widget(Sparkline::default().data(heights).max(1000).style(Style::new().fg(Color::Cyan)), right);
}

/// The first line that is shown: `start` moved by `scroll`, such that the last rows stay in sight.
fn shifted(start: usize, scroll: i32, lines: usize, rows: usize) -> usize {
    let last = lines.saturating_sub(rows);
    let moved = i64::try_from(start).unwrap_or(i64::MAX).saturating_add(i64::from(scroll));
    usize::try_from(moved.max(0)).unwrap_or(0).min(last)
}
