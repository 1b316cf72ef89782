//! Well-known text (WKT) of shapes: OGC Simple Feature Access 06-103r4, section 7.

use crate::{Error, Result};
use hyperslab_grid::geometry::{Geometry, MAX_DEPTH, Position};
use std::fmt::Write as _;

/// The shape that a text says. Heights and measures (`POINT Z (1 2 3)`) are read over.
pub(super) fn parse(text: &str) -> Result<Geometry> {
    let mut parser = Parser { text, at: 0 };
    let shape = parser.geometry(0)?;
    if parser.peek().is_some() { Err(parser.error("nothing more")) } else { Ok(shape) }
}

struct Parser<'a> {
    text: &'a str,
    /// The byte that comes next.
    at: usize,
}

impl<'a> Parser<'a> {
    fn error(&self, wanted: &str) -> Error {
        let place = self.text[..self.at].chars().count() + 1;
        let found: String = self.text[self.at..].chars().take(12).collect();
        let found = if found.is_empty() { "the text ends".to_string() } else { format!("there is \"{found}\"") };
        Error::new(format!("not a shape in WKT: {wanted} was expected at character {place}, but {found}"))
            .with_hint("write POINT (5 52), POLYGON ((0 0, 10 0, 10 5, 0 0)) and the like, longitude first")
    }

    /// What comes next but for spaces.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.takes(wanted) { Ok(()) } else { Err(self.error(&wanted.to_string())) }
    }

    /// The longest stretch of such characters that comes next.
    fn stretch(&mut self, of: fn(char) -> bool) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !of(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn geometry(&mut self, depth: usize) -> Result<Geometry> {
        self.peek();
        let start = self.at;
        let word = self.stretch(|c| c.is_ascii_alphabetic()).to_ascii_uppercase();
        let known = ["POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON"];
        if depth > MAX_DEPTH || !(known.contains(&word.as_str()) || word == "GEOMETRYCOLLECTION") {
            self.at = start;
            return Err(self.error(if depth > MAX_DEPTH { "no deeper shape" } else { "the kind of a shape" }));
        }
        let more = self.ordinates_word()?;
        Ok(match word.as_str() {
            "POINT" => match self.list(|parser| parser.position(more))?.as_slice() {
                [] => Geometry::Point([f64::NAN; 2]),
                [one] => Geometry::Point(*one),
                _ => return Err(self.error("one position")),
            },
            "LINESTRING" => Geometry::Line(self.positions(more)?),
            "POLYGON" => Geometry::Polygon(self.rings(more)?),
            "MULTIPOINT" => Geometry::Points(self.list(|parser| parser.bracketed_position(more))?),
            "MULTILINESTRING" => Geometry::Lines(self.list(|parser| parser.positions(more))?),
            "MULTIPOLYGON" => Geometry::Polygons(self.list(|parser| parser.rings(more))?),
            _ => Geometry::Collection(self.list(|parser| parser.geometry(depth + 1))?),
        })
    }

    /// How many numbers a position has beyond x and y.
    fn ordinates_word(&mut self) -> Result<usize> {
        self.peek();
        let start = self.at;
        match self.stretch(|c| c.is_ascii_alphabetic()).to_ascii_uppercase().as_str() {
            "Z" | "M" => Ok(1),
            "ZM" => Ok(2),
            "" | "EMPTY" => {
                self.at = start;
                Ok(0)
            }
            _ => {
                self.at = start;
                Err(self.error("("))
            }
        }
    }

    /// Parts in brackets with commas between, or none: EMPTY.
    fn list<T>(&mut self, mut part: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.peek();
        let start = self.at;
        if self.stretch(|c| c.is_ascii_alphabetic()).eq_ignore_ascii_case("EMPTY") {
            return Ok(Vec::new());
        }
        self.at = start;
        self.expect('(')?;
        let mut parts = vec![part(self)?];
        while self.takes(',') {
            parts.push(part(self)?);
        }
        self.expect(')')?;
        Ok(parts)
    }

    fn positions(&mut self, more: usize) -> Result<Vec<Position>> {
        self.list(|parser| parser.position(more))
    }

    fn rings(&mut self, more: usize) -> Result<Vec<Vec<Position>>> {
        self.list(|parser| {
            let ring = parser.positions(more)?;
            if ring.first() != ring.last() {
                return Err(parser.error("a ring that ends where it begins"));
            }
            Ok(ring)
        })
    }

    /// The position of a MULTIPOINT stands in brackets of its own, or does not.
    fn bracketed_position(&mut self, more: usize) -> Result<Position> {
        let bracketed = self.takes('(');
        let position = self.position(more)?;
        if bracketed {
            self.expect(')')?;
        }
        Ok(position)
    }

    fn position(&mut self, more: usize) -> Result<Position> {
        let position = [self.number()?, self.number()?];
        (0..more).try_for_each(|_| self.number().map(|_| ()))?;
        Ok(position)
    }

    fn number(&mut self) -> Result<f64> {
        self.peek();
        let start = self.at;
        let digits = self.stretch(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
        digits.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| {
            self.at = start;
            self.error("a number")
        })
    }
}

/// A shape as text.
pub(super) fn write(shape: &Geometry) -> String {
    let mut out = String::new();
    write_shape(shape, &mut out);
    out
}

fn write_shape(shape: &Geometry, out: &mut String) {
    match shape {
        Geometry::Point([x, y]) if x.is_nan() && y.is_nan() => out.push_str("POINT EMPTY"),
        Geometry::Point(position) => {
            out.push_str("POINT ");
            write_list(std::slice::from_ref(position), out, write_position);
        }
        Geometry::Line(line) => {
            out.push_str("LINESTRING ");
            write_positions(line, out);
        }
        Geometry::Polygon(rings) => {
            out.push_str("POLYGON ");
            write_rings(rings, out);
        }
        Geometry::Points(points) => {
            out.push_str("MULTIPOINT ");
            write_positions(points, out);
        }
        Geometry::Lines(lines) => {
            out.push_str("MULTILINESTRING ");
            write_rings(lines, out);
        }
        Geometry::Polygons(polygons) => {
            out.push_str("MULTIPOLYGON ");
            write_list(polygons, out, |rings, out| write_rings(rings, out));
        }
        Geometry::Collection(parts) => {
            out.push_str("GEOMETRYCOLLECTION ");
            write_list(parts, out, write_shape);
        }
    }
}

fn write_list<T>(parts: &[T], out: &mut String, write: impl Fn(&T, &mut String)) {
    if parts.is_empty() {
        out.push_str("EMPTY");
        return;
    }
    for (at, part) in parts.iter().enumerate() {
        out.push_str(if at == 0 { "(" } else { ", " });
        write(part, out);
    }
    out.push(')');
}

fn write_position([x, y]: &Position, out: &mut String) {
    write!(out, "{x} {y}").expect("a text takes all that is written");
}

fn write_positions(positions: &[Position], out: &mut String) {
    write_list(positions, out, write_position);
}

fn write_rings(rings: &[Vec<Position>], out: &mut String) {
    write_list(rings, out, |ring, out| write_positions(ring, out));
}
