//! The SQL text: where the tokenizer's lines and columns, and its brackets, lie in bytes.

use crate::{Error, Result, Span};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};
use std::collections::BTreeMap;

/// How many tokens may stand between two commas or brackets: each can make the syntax tree one level deeper.
const MAX_RUN: usize = 200_000;

/// SQL text and what is known of the places in it.
#[derive(Debug)]
pub(super) struct Text {
    sql: String,
    lines: Vec<Line>,
    /// For each opening round bracket (its byte) the byte after the closing one.
    closing: BTreeMap<u32, u32>,
    /// Where each `?` stands.
    question_marks: Vec<u32>,
    /// Where each text in quotes stands first: the parser forgets it where the text is a name.
    quoted: BTreeMap<String, Span>,
}

#[derive(Debug)]
struct Line {
    start: usize,
    /// The byte of each character; empty if all are one byte long.
    characters: Vec<u32>,
}

impl Text {
    pub(super) fn new(sql: &str) -> Self {
        let mut start = 0;
        let mut lines = Vec::new();
        for line in sql.split_inclusive('\n') {
            let wide = || line.char_indices().map(|(at, _)| (start + at) as u32).collect();
            lines.push(Line { start, characters: if line.is_ascii() { Vec::new() } else { wide() } });
            start += line.len();
        }
        lines.push(Line { start, characters: Vec::new() });
        Self {
            sql: sql.to_string(),
            lines,
            closing: BTreeMap::new(),
            question_marks: Vec::new(),
            quoted: BTreeMap::new(),
        }
    }

    /// Learns the places of brackets and parameters.
    ///
    /// # Errors
    /// If an expression is so long that its tree would be too deep.
    pub(super) fn note_tokens(&mut self, tokens: &[TokenWithSpan]) -> Result<()> {
        let mut open: Vec<(u32, usize)> = Vec::new();
        let mut run = 0;
        for token in tokens {
            let span = self.span(token.span);
            run += usize::from(!matches!(token.token, Token::Whitespace(_)));
            match &token.token {
                Token::LParen => open.push((span.start, std::mem::take(&mut run))),
                Token::RParen => {
                    if let Some((start, outer)) = open.pop() {
                        self.closing.insert(start, span.end);
                        run += outer;
                    }
                }
                Token::Comma | Token::SemiColon => run = 0,
                Token::SingleQuotedString(text) => {
                    self.quoted.entry(text.clone()).or_insert(span);
                }
                Token::Placeholder(name) if name == "?" => self.question_marks.push(span.start),
                _ => {}
            }
            if run > MAX_RUN {
                let error = Error::new(format!("an expression has more than {MAX_RUN} tokens"));
                return Err(error
                    .or_at(Some(span))
                    .with_hint("a list in IN (..) or a join with VALUES may say the same"));
            }
        }
        Ok(())
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: Span) -> &str {
        self.sql.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// The byte of a line and column that count from 1.
    fn byte(&self, at: Location) -> u32 {
        let (line, column) = (at.line.saturating_sub(1) as usize, at.column.saturating_sub(1) as usize);
        let end = self.sql.len() as u32;
        let Some(line) = self.lines.get(line) else { return end };
        if line.characters.is_empty() {
            return ((line.start + column) as u32).min(end);
        }
        line.characters.get(column).copied().unwrap_or(end)
    }

    pub(super) fn span(&self, span: sqlparser::tokenizer::Span) -> Span {
        if span.start.line == 0 {
            return Span { start: self.sql.len() as u32, end: self.sql.len() as u32 };
        }
        let start = self.byte(span.start);
        Span { start, end: self.byte(span.end).max(start) }
    }

    /// Where a text in quotes stands first.
    pub(super) fn quoted(&self, text: &str) -> Option<Span> {
        self.quoted.get(text).copied()
    }

    /// The word, or else the character, at a line and column.
    pub(super) fn point(&self, line: u64, column: u64) -> Span {
        let start = self.byte(Location { line, column });
        let rest = &self.sql[start as usize..];
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let len = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8) };
        Span { start, end: start + len as u32 }
    }

    /// A name and the brackets that follow it.
    pub(super) fn call(&self, name: Span) -> Span {
        let next = self.closing.range(name.end..).next();
        match next {
            Some((open, end)) if self.sql[name.end as usize..*open as usize].trim().is_empty() => {
                name.to(Span { start: *open, end: *end })
            }
            _ => name,
        }
    }

    /// A text and the word before it, as in `DATE '2001-01-01'`.
    pub(super) fn typed(&self, text: Span) -> Span {
        let before = self.sql[..text.start as usize].trim_end();
        let word = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        Span { start: word.len() as u32, end: text.end }
    }

    /// Which of the `?` stands at a byte.
    pub(super) fn question_mark(&self, start: u32) -> Option<usize> {
        self.question_marks.iter().position(|at| *at == start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_become_bytes() {
        let text = Text::new("SELECT 'é', x\n FROM t");
        let at = |line, column| text.slice(text.point(line, column)).to_string();
        assert_eq!((at(1, 9), at(1, 13), at(2, 2), at(2, 7)), ("é".into(), "x".into(), "FROM".into(), "t".into()));
        assert_eq!(text.point(9, 9), Span { start: 22, end: 22 });
    }
}
