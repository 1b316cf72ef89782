//! Cells in columns: widths, alignment, and what is left out where a terminal is too narrow. Knows texts only.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longer texts are cut, where the width is limited.
const WIDEST_TEXT: usize = 60;
/// The narrowest that a column of text is made before columns are left out.
const NARROWEST_TEXT: usize = 12;
const BETWEEN: &str = " │ ";

/// Where a cell stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alignment {
    Left,
    Right,
}

/// How a cell is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    Plain,
    Bold,
    Faint,
}

/// A text and how it is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    weight: Weight,
}

impl Cell {
    /// A value.
    pub(crate) fn plain(text: &str) -> Self {
        Self { text: printable(text), weight: Weight::Plain }
    }

    /// A name of a column.
    pub(crate) fn heading(text: &str) -> Self {
        Self { text: printable(text), weight: Weight::Bold }
    }

    /// What is not so important.
    pub(crate) fn faint(text: &str) -> Self {
        Self { text: printable(text), weight: Weight::Faint }
    }

    /// NULL.
    pub(crate) fn null() -> Self {
        Self::faint("NULL")
    }

    fn draw(&self, width: usize, alignment: Alignment, colour: bool) -> String {
        let text = cut(&self.text, width);
        let blanks = " ".repeat(width.saturating_sub(text.width()));
        let text = match self.weight {
            Weight::Bold if colour && !text.is_empty() => format!("\x1b[1m{text}\x1b[0m"),
            Weight::Faint if colour && !text.is_empty() => format!("\x1b[2m{text}\x1b[0m"),
            Weight::Plain | Weight::Bold | Weight::Faint => text,
        };
        match alignment {
            Alignment::Left => format!("{text}{blanks}"),
            Alignment::Right => format!("{blanks}{text}"),
        }
    }
}

/// A line of a table.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// A cell for each column.
    Row(Vec<Cell>),
    /// A horizontal line.
    Rule,
}

/// A table with its columns made to fit.
pub(crate) struct Layout {
    alignments: Vec<Alignment>,
    lines: Vec<Line>,
    widths: Vec<usize>,
    /// The columns left out, if any.
    omitted: std::ops::Range<usize>,
}

impl Layout {
    /// Lays out lines of one cell a column within `width`, if that is limited.
    pub(crate) fn new(alignments: Vec<Alignment>, lines: Vec<Line>, width: Option<usize>) -> Self {
        let mut widths = vec![1; alignments.len()];
        for line in &lines {
            let Line::Row(cells) = line else { continue };
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.width());
            }
        }
        let mut layout = Self { alignments, lines, widths, omitted: 0..0 };
        if let Some(width) = width {
            layout.narrow_texts(width);
            layout.omit_columns(width);
        }
        layout
    }

    /// How many columns are drawn.
    pub(crate) fn columns_shown(&self) -> usize {
        self.widths.len() - self.omitted.len()
    }

    /// The table as text.
    pub(crate) fn draw(&self, colour: bool) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let drawn = match line {
                Line::Row(cells) => self.draw_row(cells, colour),
                Line::Rule => self.draw_rule(),
            };
            text.push_str(drawn.trim_end());
            text.push('\n');
        }
        text
    }

    fn draw_row(&self, cells: &[Cell], colour: bool) -> String {
        let cell = |at: usize| cells[at].draw(self.widths[at], self.alignments[at], colour);
        self.shown(cell, "…").join(BETWEEN)
    }

    fn draw_rule(&self) -> String {
        self.shown(|at| "─".repeat(self.widths[at]), "─").join("─┼─")
    }

    /// What `part` gives for each column, and `gap` in place of those left out.
    fn shown(&self, part: impl Fn(usize) -> String, gap: &str) -> Vec<String> {
        let mut parts: Vec<String> = (0..self.omitted.start).map(&part).collect();
        if !self.omitted.is_empty() {
            parts.push(gap.to_string());
        }
        parts.extend((self.omitted.end..self.widths.len()).map(part));
        parts
    }

    fn total(&self) -> usize {
        let gap = usize::from(!self.omitted.is_empty());
        let columns = (0..self.widths.len()).filter(|at| !self.omitted.contains(at));
        let widths: usize = columns.map(|at| self.widths[at]).sum();
        widths + gap + (self.columns_shown() + gap).saturating_sub(1) * BETWEEN.width()
    }

    /// Takes room from the widest columns of text until the table fits, as far as texts stay readable.
    fn narrow_texts(&mut self, width: usize) {
        let is_text: Vec<bool> = self.alignments.iter().map(|a| *a == Alignment::Left).collect();
        for (column, text) in self.widths.iter_mut().zip(&is_text) {
            *column = if *text { (*column).min(WIDEST_TEXT) } else { *column };
        }
        let mut excess = self.total().saturating_sub(width);
        while excess > 0 {
            let texts = (0..self.widths.len()).filter(|at| is_text[*at] && self.widths[*at] > NARROWEST_TEXT);
            let Some(widest) = texts.max_by_key(|at| self.widths[*at]) else { return };
            self.widths[widest] -= 1;
            excess -= 1;
        }
    }

    /// Leaves out columns in the middle until the table fits; the first one always stays.
    fn omit_columns(&mut self, width: usize) {
        while self.total() > width && self.columns_shown() > 1 {
            if self.omitted.is_empty() {
                let middle = self.widths.len() / 2;
                self.omitted = middle..middle + 1;
            } else if self.omitted.start > self.widths.len() - self.omitted.end && self.omitted.start > 1
                || self.omitted.end == self.widths.len()
            {
                self.omitted.start -= 1;
            } else {
                self.omitted.end += 1;
            }
        }
    }
}

/// Control characters, which could move the cursor of a terminal, become visible.
fn printable(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' => '↵',
        '\t' => ' ',
        c if c.is_control() => '�',
        c => c,
    };
    text.chars().map(visible).collect()
}

/// The text, or as much of it as fits and `…`.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let needed = c.width().unwrap_or(0);
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, Alignment)], width: Option<usize>) -> Layout {
        let cells = columns.iter().map(|(text, _)| Cell::plain(text)).collect();
        Layout::new(
            columns.iter().map(|(_, alignment)| *alignment).collect(),
            vec![Line::Row(cells), Line::Rule],
            width,
        )
    }

    #[test]
    fn long_texts_are_cut_first() {
        let long = "x".repeat(100);
        let layout = table(&[(&long, Alignment::Left), ("1234567890", Alignment::Right)], Some(40));
        assert_eq!(layout.draw(false).lines().next(), Some(format!("{}… │ 1234567890", "x".repeat(26)).as_str()));
        let whole = table(&[(&long, Alignment::Left)], None);
        assert!(whole.draw(false).starts_with(&long));
    }

    #[test]
    fn then_columns_in_the_middle_are_left_out() {
        let columns: Vec<_> = ["11111111", "22222222", "33333333", "44444444", "55555555", "66666666"]
            .map(|text| (text, Alignment::Right))
            .to_vec();
        let layout = table(&columns, Some(50));
        assert_eq!(layout.columns_shown(), 4);
        let wanted = "11111111 │ 22222222 │ … │ 55555555 │ 66666666\n─────────┼──────────┼───┼──────────┼─────────\n";
        assert_eq!(layout.draw(false), wanted);
        let narrow = table(&columns, Some(5));
        assert!(narrow.columns_shown() == 1 && narrow.draw(false).starts_with("11111111"));
    }

    #[test]
    fn any_table_fits_if_it_can() {
        for n in 1..12 {
            for width in 10..80 {
                let layout = table(&vec![("12345", Alignment::Right); n], Some(width));
                assert!(layout.draw(false).lines().all(|line| line.width() <= width), "{n} columns in {width}");
            }
        }
    }

    #[test]
    fn wide_and_dangerous_characters_keep_their_place() {
        let layout = table(&[("日本\x1b[2J", Alignment::Left), ("a\nb", Alignment::Left)], None);
        assert_eq!(layout.draw(false).lines().next(), Some("日本�[2J │ a↵b"));
        assert_eq!(cut("日本語", 4), "日…");
    }
}
