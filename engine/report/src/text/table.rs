//! Aligned tables that fit the width: the first column gives way, then columns that may be left out go. A name that the
//! first column has no room for has a line of its own: its middle is often what tells it from the others.

use super::style::{Paint, Style};
use crate::clean::{fit, width};

/// Least columns that the first column keeps before others are left out.
const LEAST_FIRST: usize = 24;
/// Space between columns.
const GAP: usize = 2;

/// One cell: a clean text and its colour.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) paint: Paint,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), paint: Paint::Plain }
    }

    pub(super) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), paint }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// One line of a table.
#[derive(Debug)]
enum Row {
    /// One cell a column.
    Cells(Vec<Cell>),
    /// Text across all columns, wrapped beneath its indent.
    Across { indent: usize, cell: Cell },
}

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    title: String,
    left: bool,
    optional: bool,
}

impl Column {
    /// Text, aligned to the left.
    pub(super) fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), left: true, optional: false }
    }

    /// Numbers, aligned to the right.
    pub(super) fn number(title: impl Into<String>) -> Self {
        Self { title: title.into(), left: false, optional: false }
    }

    /// The column may be left out where there is no room.
    pub(super) fn optional(self) -> Self {
        Self { optional: true, ..self }
    }
}

/// A table whose first column holds names.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row::Cells(cells));
    }

    pub(super) fn across(&mut self, indent: usize, text: impl Into<String>, paint: Paint) {
        self.rows.push(Row::Across { indent, cell: Cell::painted(text, paint) });
    }

    /// The columns that the table needs without giving way anywhere.
    pub(super) fn natural_width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |index: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| match row {
                Row::Cells(cells) => cells.get(index).map(|cell| width(&cell.text)),
                Row::Across { .. } => None,
            });
            cells.max().unwrap_or(0).max(width(&column.title))
        };
        self.columns.iter().enumerate().map(|(index, column)| widest(index, column)).collect()
    }

    /// Draws the table, each line indented by `indent`.
    pub(super) fn draw(&self, out: &mut String, indent: usize, style: Style) {
        let room = style.width().saturating_sub(indent);
        let (shown, widths) = self.layout(room);
        let line = |cells: &[Cell]| {
            let mut text = String::new();
            for (place, &index) in shown.iter().enumerate() {
                let wide = widths[place];
                let empty = Cell::default();
                let cell = cells.get(index).unwrap_or(&empty);
                let content = fit(&cell.text, wide);
                let pad = wide.saturating_sub(width(&content));
                let gap = if place == 0 { indent } else { GAP };
                let (before, after) = if self.columns[index].left { (gap, pad) } else { (gap + pad, 0) };
                text.push_str(&" ".repeat(before));
                text.push_str(&style.paint(cell.paint, &content));
                text.push_str(&" ".repeat(after));
            }
            format!("{}\n", text.trim_end())
        };
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            let titles: Vec<Cell> =
                self.columns.iter().map(|column| Cell::painted(&column.title, Paint::Dim)).collect();
            out.push_str(&line(&titles));
        }
        for row in &self.rows {
            match row {
                Row::Cells(cells) => match cells.split_first() {
                    Some((name, rest)) if (widths[0] + 1..=room).contains(&width(&name.text)) => {
                        put!(out, "{:indent$}{}\n", "", style.paint(name.paint, &name.text));
                        let rest = std::iter::once(Cell::default()).chain(rest.iter().cloned());
                        out.push_str(&line(&rest.collect::<Vec<_>>()));
                    }
                    _ => out.push_str(&line(cells)),
                },
                Row::Across { indent: further, cell } => {
                    let column = indent + further;
                    for text in super::wrap::wrap(&cell.text, style.width().saturating_sub(column)) {
                        out.push_str(&" ".repeat(column));
                        out.push_str(&style.paint(cell.paint, &text));
                        out.push('\n');
                    }
                }
            }
        }
    }

    /// Which columns are shown, and how wide each is.
    fn layout(&self, room: usize) -> (Vec<usize>, Vec<usize>) {
        let natural = self.widths();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        loop {
            let rest: usize = shown.iter().skip(1).map(|&index| natural[index] + GAP).sum();
            let first = natural.first().copied().unwrap_or(0);
            let least = first.min(LEAST_FIRST);
            let dropped = shown.iter().rposition(|&index| self.columns[index].optional);
            match (rest + least > room, dropped) {
                (true, Some(place)) => {
                    shown.remove(place);
                }
                (false, _) => {
                    let mut widths: Vec<usize> = shown.iter().map(|&index| natural[index]).collect();
                    if let Some(width) = widths.first_mut() {
                        *width = first.min(room - rest);
                    }
                    return (shown, widths);
                }
                (true, None) => {
                    // Nothing more may go: all columns but the first share what is left.
                    let share = (room - least.min(room)) / shown.len().saturating_sub(1).max(1);
                    let share = share.saturating_sub(GAP).max(3);
                    let widths = shown
                        .iter()
                        .enumerate()
                        .map(|(place, &index)| if place == 0 { least } else { natural[index].min(share) });
                    let widths = widths.collect();
                    return (shown, widths);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: usize, name: &str) -> String {
        let mut table =
            Table::new(vec![Column::text("name"), Column::number("median"), Column::number("min .. max").optional()]);
        table.row(vec![name.into(), "12.30 ms".into(), "1 .. 2".into()]);
        table.row(vec!["b".into(), "9 ms".into(), "1 .. 222222222222222222222222".into()]);
        let mut out = String::new();
        table.draw(&mut out, 2, Style::new(columns, false, true));
        out
    }

    #[test]
    fn the_first_column_gives_way_and_then_an_optional_one_goes() {
        assert_eq!(
            drawn(80, "a"),
            "  name    median                     min .. max\n  a     12.30 ms                         1 .. 2\n  \
             b         9 ms  1 .. 222222222222222222222222\n"
        );
        let alone = drawn(80, &"n".repeat(50));
        assert!(alone.contains(&format!("\n  {}\n{}", "n".repeat(50), " ".repeat(20))), "{alone}");
        assert!(alone.lines().all(|line| width(line) <= 80) && !alone.contains('…'), "{alone}");
        let long = drawn(80, &"n".repeat(500));
        assert!(long.lines().all(|line| width(line) <= 80), "{long}");
        assert!(long.contains('…') && long.contains("min .. max"));
    }
}
