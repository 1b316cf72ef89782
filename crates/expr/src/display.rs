//! Expressions as SQL-like text, for EXPLAIN and for the names of result columns.

use crate::{ColumnId, Expr, Scalar, Span, SqlType};
use std::fmt;

/// An expression as text, with the names of its columns; parentheses only where precedence needs them.
pub fn display<'a>(expr: &'a Expr, name: &'a dyn Fn(ColumnId) -> String) -> impl fmt::Display + 'a {
    Shown { expr, name, within: Level::Or }
}

/// How tightly an operator binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Comparison,
    Other,
    Sum,
    Product,
    Power,
    Sign,
    Primary,
}

impl Level {
    fn next(self) -> Self {
        match self {
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Comparison,
            Self::Comparison => Self::Other,
            Self::Other => Self::Sum,
            Self::Sum => Self::Product,
            Self::Product => Self::Power,
            Self::Power => Self::Sign,
            Self::Sign | Self::Primary => Self::Primary,
        }
    }
}

struct Shown<'a> {
    expr: &'a Expr,
    name: &'a dyn Fn(ColumnId) -> String,
    /// What binds more loosely stands in parentheses here.
    within: Level,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if level_of(self.expr) < self.within {
            f.write_str("(")?;
            self.write(f)?;
            return f.write_str(")");
        }
        self.write(f)
    }
}

/// A longer list is shown by its first items.
const MOST_ITEMS: usize = 12;

/// A longer BLOB is shown by its length.
const MOST_BYTES: usize = 64;

impl<'a> Shown<'a> {
    fn part(&self, expr: &'a Expr, within: Level) -> Self {
        Self { expr, name: self.name, within }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expr {
            Expr::Column(id, _) => f.write_str(&(self.name)(*id)),
            Expr::Literal(Scalar::List(items, _)) if items.len() > MOST_ITEMS => {
                write!(f, "[{}, {}, .. {} items]", items[0], items[1], items.len())
            }
            Expr::Literal(Scalar::Blob(bytes)) if bytes.len() > MOST_BYTES => {
                write!(f, "BLOB of {} bytes", bytes.len())
            }
            Expr::Literal(value) => write!(f, "{value}"),
            Expr::Call { function, args, .. } => self.write_call(f, function, args),
            Expr::Cast { arg, to, or_null, .. } => {
                write!(f, "{}CAST({} AS {to})", if *or_null { "TRY_" } else { "" }, self.part(arg, Level::Or))
            }
            Expr::And(terms) => self.write_joined(f, terms, " AND ", Level::And),
            Expr::Or(terms) => self.write_joined(f, terms, " OR ", Level::Or),
            Expr::Case { branches, otherwise, .. } => {
                f.write_str("CASE")?;
                for (when, then) in branches {
                    write!(f, " WHEN {} THEN {}", self.part(when, Level::Or), self.part(then, Level::Or))?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {}", self.part(otherwise, Level::Or))?;
                }
                f.write_str(" END")
            }
            Expr::InList { arg, list, negated } => {
                write!(f, "{}{} (", self.part(arg, Level::Other), if *negated { " NOT IN" } else { " IN" })?;
                self.write_joined(f, list, ", ", Level::Or)?;
                f.write_str(")")
            }
        }
    }

    fn write_call(&self, f: &mut fmt::Formatter<'_>, function: &str, args: &'a [Expr]) -> fmt::Result {
        if let Some(written) = axis_function(self.expr) {
            return self.write_axis_function(f, &written);
        }
        let level = operator_level(function, args.len());
        match (function, args, level) {
            ("is null", [arg], _) => write!(f, "{} IS NULL", self.part(arg, Level::Other)),
            ("is not null", [arg], _) => write!(f, "{} IS NOT NULL", self.part(arg, Level::Other)),
            ("not", [arg], _) => write!(f, "NOT {}", self.part(arg, Level::Not)),
            ("negate" | "-", [arg], _) => write!(f, "-{}", self.part(arg, Level::Primary)),
            ("~", [arg], _) => write!(f, "~{}", self.part(arg, Level::Primary)),
            (_, [left, right], Some(level)) => {
                // Comparisons do not chain; the rest group to the left.
                let left_level = if level == Level::Comparison { level.next() } else { level };
                let function = function.to_uppercase();
                write!(f, "{} {function} {}", self.part(left, left_level), self.part(right, level.next()))
            }
            _ => {
                write!(f, "{function}(")?;
                self.write_joined(f, args, ", ", Level::Or)?;
                f.write_str(")")
            }
        }
    }

    fn write_axis_function(&self, f: &mut fmt::Formatter<'_>, written: &AxisFunction<'a>) -> fmt::Result {
        write!(f, "{}(", written.name)?;
        for (at, arg) in written.args.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, self.part(arg, Level::Or))?;
        }
        f.write_str(")")
    }

    fn write_joined(&self, f: &mut fmt::Formatter<'_>, parts: &'a [Expr], between: &str, within: Level) -> fmt::Result {
        for (at, part) in parts.iter().enumerate() {
            let before = if at == 0 { "" } else { between };
            write!(f, "{before}{}", self.part(part, within))?;
        }
        Ok(())
    }
}

/// A function of an axis as the query has it, which binding makes an ordinary expression over positions.
struct AxisFunction<'a> {
    name: &'static str,
    args: Vec<&'a Expr>,
}

/// The function of an axis that an expression stands for, if it does. The parts of such an expression have its place in the
/// text, which they would not have if they were written.
fn axis_function(expr: &Expr) -> Option<AxisFunction<'_>> {
    let Expr::Call { function, args, at: at @ Some(_), .. } = expr else { return None };
    match (function.as_str(), &args[..]) {
        (
            "=",
            [position, Expr::Call { function, args, at: own, .. }]
            | [Expr::Call { function, args, at: own, .. }, position],
        ) if function == "nearest_position" && own == at && args.len() > 1 => {
            Some(AxisFunction { name: "nearest", args: vec![position, &args[1]] })
        }
        ("*", [lat, lon]) => match (listed(lat, at)?, listed(lon, at)?) {
            ((SqlType::Double, lat), (SqlType::Double, lon)) => {
                Some(AxisFunction { name: "cell_area", args: vec![lat, lon] })
            }
            _ => None,
        },
        ("list_extract", _) => match listed(expr, at)? {
            (SqlType::Boolean, time) => Some(AxisFunction { name: "is_complete", args: vec![time] }),
            _ => None,
        },
        _ => None,
    }
}

/// The position at which an expression that stands at a place looks something up in a list, and the type of its items.
fn listed<'a>(expr: &'a Expr, place: &Option<Span>) -> Option<(&'a SqlType, &'a Expr)> {
    let Expr::Call { function, args, at, .. } = expr else { return None };
    let [Expr::Literal(Scalar::List(_, ty)), Expr::Call { function: plus, args, at: inner, .. }] = &args[..] else {
        return None;
    };
    (function == "list_extract" && plus == "+" && at == place && inner == place).then(|| (ty, &args[0]))
}

fn level_of(expr: &Expr) -> Level {
    match expr {
        Expr::Or(_) => Level::Or,
        Expr::And(_) => Level::And,
        Expr::InList { .. } => Level::Comparison,
        Expr::Call { .. } if axis_function(expr).is_some() => Level::Primary,
        Expr::Call { function, args, .. } => operator_level(function, args.len()).unwrap_or(Level::Primary),
        // A minus sign must not meet the operator before it.
        Expr::Literal(value) if value.to_string().starts_with('-') => Level::Sign,
        Expr::Column(..) | Expr::Literal(_) | Expr::Cast { .. } | Expr::Case { .. } => Level::Primary,
    }
}

fn operator_level(function: &str, args: usize) -> Option<Level> {
    Some(match (function, args) {
        ("not", 1) => Level::Not,
        ("is null" | "is not null", 1) => Level::Comparison,
        ("negate" | "-" | "~", 1) => Level::Sign,
        ("=" | "<>" | "<" | "<=" | ">" | ">=" | "is distinct from" | "is not distinct from", 2) => Level::Comparison,
        ("like" | "ilike", 2) => Level::Comparison,
        ("||" | "&" | "|" | "<<" | ">>", 2) => Level::Other,
        ("+" | "-", 2) => Level::Sum,
        ("*" | "/" | "//" | "%", 2) => Level::Product,
        ("^", 2) => Level::Power,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str, args: Vec<Expr>) -> Expr {
        Expr::Call { function: function.into(), args, ty: SqlType::Integer, at: None }
    }

    fn column(id: u32) -> Expr {
        Expr::Column(ColumnId(id), SqlType::Integer)
    }

    fn int(value: i128) -> Expr {
        Expr::Literal(Scalar::Integer(value, SqlType::Integer))
    }

    #[test]
    fn parentheses_stand_only_where_needed() {
        let name = |id: ColumnId| ["a", "b", "c"][id.0 as usize].to_string();
        let (a, b, c) = (column(0), column(1), column(2));
        let sum = |x: &Expr, y: &Expr| call("+", vec![x.clone(), y.clone()]);
        let minus = |x: &Expr, y: &Expr| call("-", vec![x.clone(), y.clone()]);
        let less = call("<", vec![a.clone(), b.clone()]);
        let or = Expr::Or(vec![less.clone(), call("is null", vec![c.clone()])]);
        for (expr, text) in [
            (call("*", vec![sum(&a, &b), c.clone()]), "(a + b) * c"),
            (sum(&a, &call("*", vec![b.clone(), c.clone()])), "a + b * c"),
            (minus(&minus(&a, &b), &c), "a - b - c"),
            (minus(&a, &minus(&b, &c)), "a - (b - c)"),
            (minus(&a, &int(-1)), "a - -1"),
            (call("negate", vec![sum(&a, &b)]), "-(a + b)"),
            (Expr::And(vec![or.clone(), less.clone()]), "(a < b OR c IS NULL) AND a < b"),
            (call("not", vec![less.clone()]), "NOT a < b"),
            (call("=", vec![less, call("month", vec![c.clone()])]), "(a < b) = month(c)"),
            (call("is distinct from", vec![a.clone(), int(1)]), "a IS DISTINCT FROM 1"),
            (
                Expr::Cast { arg: Box::new(or), to: SqlType::Varchar, or_null: true, at: None },
                "TRY_CAST(a < b OR c IS NULL AS VARCHAR)",
            ),
            (Expr::InList { arg: Box::new(sum(&a, &b)), list: vec![int(1), c], negated: true }, "a + b NOT IN (1, c)"),
        ] {
            assert_eq!(display(&expr, &name).to_string(), text);
        }
    }
}
