//! The line of SQL in which something went wrong, with the place marked by carets.
//!
//! Knows text only: no errors, no SQL.

use hyperslab_expr::Span;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The widest piece of a line that is shown, in columns.
const WIDEST: usize = 100;

/// What is shown of a long line before the place.
const BEFORE: usize = 40;

/// The line that holds the first byte of `at`, and beneath it carets under the place as far as it lies on that line.
/// Lines are numbered if there is more than one; long lines are clipped around the place.
pub(crate) fn underline(sql: &str, at: Span) -> String {
    let (start, end) = within(sql, at);
    let first = sql[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let last = sql[start..].find('\n').map_or(sql.len(), |newline| start + newline);
    let before = printable(&sql[first..start]);
    let marked = printable(&sql[start..end.min(last)]);
    let after = printable(&sql[end.min(last)..last]);

    let gutter = gutter(sql, first);
    let (before, cut_left) = keep_end(&before, BEFORE.max(WIDEST.saturating_sub(marked.width() + after.width())));
    let room = WIDEST.saturating_sub(before.width());
    let rest = format!("{marked}{after}");
    let (line, cut_right) = keep_start(&rest, room);
    let carets = marked.width().clamp(1, line.width().max(1));
    let indent = gutter.width() + usize::from(cut_left) + before.width();
    let mark = |cut: bool| if cut { "…" } else { "" };
    let shown = format!("{gutter}{}{before}{line}{}", mark(cut_left), mark(cut_right));
    format!("{}\n{}{}", shown.trim_end(), " ".repeat(indent), "^".repeat(carets))
}

/// The span as boundaries of characters of `sql`; a place in the blanks at the end moves up to the end of the text.
fn within(sql: &str, at: Span) -> (usize, usize) {
    let text = sql.trim_end().len();
    let boundary = |byte: u32| (0..=(byte as usize).min(text)).rev().find(|b| sql.is_char_boundary(*b)).unwrap_or(0);
    let start = boundary(at.start);
    (start, boundary(at.end).max(start))
}

fn gutter(sql: &str, line_start: usize) -> String {
    if sql.trim_end().contains('\n') {
        format!("{:>3} | ", sql[..line_start].matches('\n').count() + 1)
    } else {
        "  ".to_string()
    }
}

/// Tabs as four blanks, other control characters as one.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => shown.push_str("    "),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

/// The end of `text` that fits `width` columns, and whether something was cut off.
fn keep_end(text: &str, width: usize) -> (&str, bool) {
    let mut columns = 0;
    for (at, c) in text.char_indices().rev() {
        columns += c.width().unwrap_or(0);
        if columns > width {
            return (&text[at + c.len_utf8()..], true);
        }
    }
    (text, false)
}

/// The start of `text` that fits `width` columns, and whether something was cut off.
fn keep_start(text: &str, width: usize) -> (&str, bool) {
    let mut columns = 0;
    for (at, c) in text.char_indices() {
        columns += c.width().unwrap_or(0);
        if columns > width {
            return (&text[..at], true);
        }
    }
    (text, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str, marked: &str) -> String {
        let start = sql.find(marked).expect("the test marks a part of its text") as u32;
        underline(sql, Span { start, end: start + marked.len() as u32 })
    }

    #[test]
    fn one_line_has_no_number() {
        assert_eq!(shown("SELECT lat, tmp", "tmp"), "  SELECT lat, tmp\n              ^^^");
    }

    #[test]
    fn lines_are_numbered() {
        let sql = "SELECT lat\nFROM 'a.nc'\nWHERE tmp > 0\n";
        assert_eq!(shown(sql, "tmp"), "  3 | WHERE tmp > 0\n            ^^^");
    }

    #[test]
    fn a_place_over_several_lines_ends_with_the_first() {
        assert_eq!(shown("SELECT a +\n b", "a +\n b"), "  1 | SELECT a +\n             ^^^");
    }

    #[test]
    fn tabs_and_wide_characters_keep_their_columns() {
        assert_eq!(shown("SELECT\t'é日', x", "x"), "  SELECT    'é日', x\n                   ^");
        assert_eq!(shown("SELECT '日本'", "'日本'"), "  SELECT '日本'\n         ^^^^^^");
    }

    #[test]
    fn the_end_of_the_text_is_a_place() {
        let end = |sql: &str| underline(sql, Span { start: sql.len() as u32, end: sql.len() as u32 });
        assert_eq!(end("SELECT"), "  SELECT\n        ^");
        assert_eq!(end("SELECT\n  \n"), "  SELECT\n        ^");
        assert_eq!(end(""), "\n  ^");
    }

    #[test]
    fn spans_out_of_range_or_within_a_character_are_shown_all_the_same() {
        assert_eq!(underline("é", Span { start: 1, end: 90 }), "  é\n  ^");
        assert_eq!(underline("ab", Span { start: 1, end: 0 }), "  ab\n   ^");
    }

    #[test]
    fn long_lines_are_clipped_around_the_place() {
        let sql = format!("SELECT {}, tmp, {}", "a".repeat(300), "b".repeat(300));
        let text = shown(&sql, "tmp");
        let (line, carets) = text.split_once('\n').expect("two lines");
        assert!(line.width() <= WIDEST + 4 && line.starts_with("  …") && line.ends_with('…'), "{text}");
        let at = carets.len() - 3;
        assert_eq!(line.chars().skip(at).take(3).collect::<String>(), "tmp");
        let long = format!("SELECT {}", "x".repeat(500));
        assert!(shown(&long, &"x".repeat(500)).lines().all(|l| l.width() <= WIDEST + 4));
    }
}
