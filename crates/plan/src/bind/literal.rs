//! Constants as they are written: numbers, text, parameters, intervals.

use super::binder::Binder;
use super::scope::with_names;
use crate::{Error, Result, Span};
use hyperslab_expr::{Scalar, SqlType};
use sqlparser::ast::{Value, ValueWithSpan};

/// A number: an integer of the least of INTEGER, BIGINT and HUGEINT, a DECIMAL if it has a point, a DOUBLE if it has
/// an exponent or more digits than the others.
pub(super) fn number(text: &str, negative: bool) -> Option<Scalar> {
    let text = text.replace('_', "");
    let signed = if negative { format!("-{text}") } else { text.clone() };
    if text.contains(['e', 'E']) {
        return signed.parse().ok().map(Scalar::Double);
    }
    match text.split_once('.') {
        None => integer(&signed),
        Some((whole, fraction)) => decimal(whole, fraction, negative),
    }
    .or_else(|| signed.parse().ok().map(Scalar::Double))
}

fn integer(text: &str) -> Option<Scalar> {
    let value: i128 = text.parse().ok()?;
    if i32::try_from(value).is_ok() {
        return Some(Scalar::Integer(value, SqlType::Integer));
    }
    if i64::try_from(value).is_ok() {
        return Some(Scalar::Integer(value, SqlType::BigInt));
    }
    (value.unsigned_abs() < 10u128.pow(38)).then_some(Scalar::Decimal(value, 38, 0))
}

fn decimal(whole: &str, fraction: &str, negative: bool) -> Option<Scalar> {
    let digits = format!("{whole}{fraction}");
    let value: i128 = digits.parse().ok()?;
    let precision = u8::try_from(digits.len()).ok().filter(|precision| *precision <= 38)?;
    Some(Scalar::Decimal(if negative { -value } else { value }, precision, u8::try_from(fraction.len()).ok()?))
}

impl Binder<'_> {
    /// The value that is written.
    ///
    /// # Errors
    /// A parameter without a value; a notation that we do not have.
    pub(super) fn literal(&self, value: &ValueWithSpan) -> Result<Scalar> {
        let at = self.text.span(value.span);
        match &value.value {
            Value::Number(text, _) => {
                number(text, false).ok_or_else(|| Error::new(format!("{text} is no number")).or_at(Some(at)))
            }
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) | Value::UnicodeStringLiteral(text) => {
                Ok(Scalar::Varchar(text.clone()))
            }
            Value::DollarQuotedString(text) => Ok(Scalar::Varchar(text.value.clone())),
            Value::HexStringLiteral(digits) => self.hexadecimal(digits, at),
            Value::Boolean(value) => Ok(Scalar::Boolean(*value)),
            Value::Null => Ok(Scalar::Null(SqlType::Null)),
            Value::Placeholder(name) => self.parameter(name, at),
            other => Err(Error::new(format!("{other} is a notation that is not supported")).or_at(Some(at))),
        }
    }

    /// `0x1F` is an integer, `x'1F'` bytes; the parser gives both alike.
    fn hexadecimal(&self, digits: &str, at: Span) -> Result<Scalar> {
        let wrong = || Error::new(format!("{digits} are no hexadecimal digits")).or_at(Some(at));
        if self.text.slice(at).starts_with("0x") {
            let value = i128::from_str_radix(&digits.replace('_', ""), 16).map_err(|_| wrong())?;
            return integer(&value.to_string()).ok_or_else(wrong);
        }
        if !digits.is_ascii() || digits.len() % 2 == 1 {
            return Err(wrong());
        }
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
        (0..digits.len()).step_by(2).map(byte).collect::<Result<Vec<u8>>>().map(|bytes| Scalar::Blob(bytes.into()))
    }

    fn parameter(&self, name: &str, at: Span) -> Result<Scalar> {
        let bare = name.trim_start_matches('$');
        let position = match name {
            "?" => self.text.question_mark(at.start),
            _ => bare.parse::<usize>().ok().and_then(|n| n.checked_sub(1)),
        };
        let value = match position {
            Some(position) => self.parameters.positional.get(position),
            None => self.parameters.named.get(bare),
        };
        value.cloned().ok_or_else(|| {
            let what = if name == "?" { format!("? number {}", position.unwrap_or(0) + 1) } else { name.to_string() };
            let names: Vec<String> = self.parameters.named.keys().cloned().collect();
            with_names(Error::new(format!("the parameter {what} has no value")), bare, &names).or_at(Some(at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_type_that_its_digits_ask_for() {
        let ty = |text: &str| number(text, false).expect("a number").sql_type().to_string();
        let cases = [
            ("1", "INTEGER"),
            ("3000000000", "BIGINT"),
            ("30000000000000000000", "HUGEINT"),
            ("35.1", "DECIMAL(3,1)"),
            ("5.", "DECIMAL(1,0)"),
            (".5", "DECIMAL(1,1)"),
            ("0.10", "DECIMAL(3,2)"),
            ("1e3", "DOUBLE"),
            ("1_000", "INTEGER"),
            ("123456789012345678901234567890123456789012", "DOUBLE"),
        ];
        cases.iter().for_each(|(text, expected)| assert_eq!(ty(text), *expected, "{text}"));
        assert_eq!(number("2147483648", true), Some(Scalar::Integer(-2_147_483_648, SqlType::Integer)));
    }
}
