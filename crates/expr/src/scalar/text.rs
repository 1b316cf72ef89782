//! Text. Lengths and positions count characters.

use super::signature::{Bound, exactly, takes};
use super::{Call, Fails, Family, Kernel, ScalarFunction, Value};
use crate::cast::can_cast;
use crate::{Error, Result, SqlType};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Datum, StringArray};
use arrow::compute::kernels::comparison;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use std::borrow::Cow;
use std::sync::Arc;

/// A text from a text.
macro_rules! of_text {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(super) const $constant: ScalarFunction =
            entry($names, $usage, $text, |args| exactly(args, &[SqlType::Varchar], SqlType::Varchar), |call| {
                let (texts, f) = (call.text(0), $f);
                call.text_rows(|row| Ok(texts.get(row).map(f)))
            });
    };
}

of_text!(/// `lower(s)`
    LOWER, &["lower", "lcase"], "lower(text)", "Lower case", str::to_lowercase);
of_text!(/// `upper(s)`
    UPPER, &["upper", "ucase"], "upper(text)", "Upper case", str::to_uppercase);
of_text!(/// `reverse(s)`
    REVERSE, &["reverse"], "reverse(text)", "The characters from last to first", |text: &str| text.chars().rev().collect::<String>());

/// `length(s)`
pub(super) const LENGTH: ScalarFunction = entry(
    &["length", "len", "char_length", "character_length"],
    "length(text) or length(list)",
    "How many characters, or items",
    |args| match args {
        [list @ (SqlType::List(_) | SqlType::Array(..))] => exactly(args, std::slice::from_ref(list), SqlType::BigInt),
        _ => exactly(args, &[SqlType::Varchar], SqlType::BigInt),
    },
    |call| {
        if call.types[0] != SqlType::Varchar {
            return super::element::lengths(call);
        }
        let texts = call.text(0);
        let out = call.rows::<Int64Type>(|row| Ok(texts.get(row).map(|text| text.chars().count() as i64)))?;
        Ok(call.wrap(Arc::new(out)))
    },
);

/// `trim(s [, characters])`
pub(super) const TRIM: ScalarFunction = entry(
    &["trim"],
    "trim(text) or trim(text, characters)",
    "Without spaces, or these characters, at both ends",
    bind_trim,
    |call| trim(call, |text, set| text.trim_matches(|c| set.contains(c))),
);

/// `ltrim(s [, characters])`
pub(super) const LTRIM: ScalarFunction = entry(
    &["ltrim"],
    "ltrim(text) or ltrim(text, characters)",
    "Without spaces, or these characters, at the start",
    bind_trim,
    |call| trim(call, |text, set| text.trim_start_matches(|c| set.contains(c))),
);

/// `rtrim(s [, characters])`
pub(super) const RTRIM: ScalarFunction = entry(
    &["rtrim"],
    "rtrim(text) or rtrim(text, characters)",
    "Without spaces, or these characters, at the end",
    bind_trim,
    |call| trim(call, |text, set| text.trim_end_matches(|c| set.contains(c))),
);

fn bind_trim(args: &[SqlType]) -> Bound {
    if (1..=2).contains(&args.len()) {
        exactly(args, &vec![SqlType::Varchar; args.len()], SqlType::Varchar)
    } else {
        Ok(None)
    }
}

fn trim(call: &Call<'_>, f: for<'a> fn(&'a str, &str) -> &'a str) -> Result<Value> {
    let texts = call.text(0);
    let sets = (call.args.len() > 1).then(|| call.text(1));
    call.text_rows(|row| {
        let set = sets.map_or(Some(" "), |sets| sets.get(row));
        Ok(texts.get(row).zip(set).map(|(text, set)| f(text, set)))
    })
}

/// `substring(s, from [, length])`
pub(super) const SUBSTRING: ScalarFunction = entry(
    &["substring", "substr"],
    "substring(text, from) or substring(text, from, length)",
    "Characters from a position, the first being 1; negative positions count from the end",
    |args| match args.len() {
        2 => exactly(args, &[SqlType::Varchar, SqlType::BigInt], SqlType::Varchar),
        _ => exactly(args, &[SqlType::Varchar, SqlType::BigInt, SqlType::BigInt], SqlType::Varchar),
    },
    |call| {
        let (texts, starts) = (call.text(0), call.reader::<Int64Type>(1));
        let lengths = (call.args.len() > 2).then(|| call.reader::<Int64Type>(2));
        call.text_rows(|row| {
            let length = lengths.map_or(Some(i64::MAX), |lengths| lengths.get(row));
            let (Some(text), Some(start), Some(length)) = (texts.get(row), starts.get(row), length) else {
                return Ok(None);
            };
            Ok(Some(substring(text, start, length)))
        })
    },
);

/// A negative length goes to the left; position 0 is before the first character.
fn substring(text: &str, from: i64, length: i64) -> &str {
    let count = text.chars().count() as i64;
    let start = if from < 0 { count.saturating_add(from) } else { from - 1 };
    let end = start.saturating_add(length);
    between(text, start.min(end), start.max(end))
}

/// The characters from one position to before another, both clamped.
fn between(text: &str, start: i64, end: i64) -> &str {
    let byte = |position: i64| match usize::try_from(position) {
        Ok(position) => text.char_indices().nth(position).map_or(text.len(), |(byte, _)| byte),
        Err(_) if position < 0 => 0,
        Err(_) => text.len(),
    };
    &text[byte(start)..byte(end)]
}

/// `left(s, n)`
pub(super) const LEFT: ScalarFunction = entry(
    &["left"],
    "left(text, count)",
    "The first characters; with a negative count all but the last",
    bind_count,
    |call| {
        with_count(call, |text, count, all| between(text, 0, if count < 0 { all.saturating_add(count) } else { count }))
    },
);

/// `right(s, n)`
pub(super) const RIGHT: ScalarFunction = entry(
    &["right"],
    "right(text, count)",
    "The last characters; with a negative count all but the first",
    bind_count,
    |call| {
        with_count(call, |text, count, all| {
            between(text, if count < 0 { count.saturating_neg() } else { all.saturating_sub(count) }, all)
        })
    },
);

fn bind_count(args: &[SqlType]) -> Bound {
    exactly(args, &[SqlType::Varchar, SqlType::BigInt], SqlType::Varchar)
}

fn with_count(call: &Call<'_>, f: for<'a> fn(&'a str, i64, i64) -> &'a str) -> Result<Value> {
    let (texts, counts) = (call.text(0), call.reader::<Int64Type>(1));
    call.text_rows(|row| {
        Ok(texts.get(row).zip(counts.get(row)).map(|(text, count)| f(text, count, text.chars().count() as i64)))
    })
}

/// `replace(s, from, to)`
pub(super) const REPLACE: ScalarFunction = entry(
    &["replace"],
    "replace(text, from, to)",
    "With every occurrence of one text replaced by another",
    |args| exactly(args, &[const { SqlType::Varchar }; 3], SqlType::Varchar),
    |call| {
        let [texts, from, to] = [0, 1, 2].map(|at| call.text(at));
        call.text_rows(|row| {
            let (Some(text), Some(from), Some(to)) = (texts.get(row), from.get(row), to.get(row)) else {
                return Ok(None);
            };
            Ok(Some(if from.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(text.replace(from, to)) }))
        })
    },
);

/// `concat(a, b, ..)`
pub(super) const CONCAT: ScalarFunction = entry(
    &["concat"],
    "concat(value, ..)",
    "All values as one text; NULLs are left out",
    |args| if args.is_empty() { Ok(None) } else { bind_texts(args) },
    |call| {
        let texts: Vec<_> = (0..call.args.len()).map(|at| call.text(at)).collect();
        call.text_rows(|row| Ok(Some(texts.iter().filter_map(|text| text.get(row)).collect::<String>())))
    },
);

/// `a || b`
pub(super) const JOIN: ScalarFunction = entry(
    &["||"],
    "value || value",
    "Both values as one text",
    |args| if args.len() == 2 { bind_texts(args) } else { Ok(None) },
    |call| {
        let [a, b] = [0, 1].map(|at| call.text(at));
        call.text_rows(|row| Ok(a.get(row).zip(b.get(row)).map(|(a, b)| format!("{a}{b}"))))
    },
);

fn bind_texts(args: &[SqlType]) -> Bound {
    let lists = args.iter().any(|ty| matches!(ty, SqlType::List(_) | SqlType::Array(..)));
    if lists || !args.iter().all(|ty| can_cast(ty, &SqlType::Varchar)) {
        return Ok(None);
    }
    takes(vec![SqlType::Varchar; args.len()], SqlType::Varchar)
}

/// A test of one text against another.
macro_rules! of_two_texts {
    ($(#[$doc:meta])* $constant:ident, $names:expr, $usage:literal, $text:literal, $f:expr) => {
        $(#[$doc])*
        pub(super) const $constant: ScalarFunction =
            entry($names, $usage, $text, |args| exactly(args, &[SqlType::Varchar, SqlType::Varchar], SqlType::Boolean), $f);
    };
}

of_two_texts!(/// `starts_with(s, start)`
    STARTS_WITH, &["starts_with", "prefix", "^@"], "starts_with(text, start)", "Whether it starts so",
    |call| by_arrow(call, comparison::starts_with));
of_two_texts!(/// `ends_with(s, end)`
    ENDS_WITH, &["ends_with", "suffix"], "ends_with(text, end)", "Whether it ends so",
    |call| by_arrow(call, comparison::ends_with));
of_two_texts!(/// `contains(s, part)`
    CONTAINS, &["contains"], "contains(text, part)", "Whether the part occurs in it",
    |call| by_arrow(call, comparison::contains));
of_two_texts!(/// `s LIKE pattern`
    LIKE, &["like", "~~"], "text LIKE pattern", "Whether it fits a pattern: % is any text, _ any character",
    |call| like(call, comparison::like));
of_two_texts!(/// `s ILIKE pattern`
    ILIKE, &["ilike", "~~*"], "text ILIKE pattern", "LIKE in any case",
    |call| like(call, comparison::ilike));

/// `s LIKE pattern ESCAPE c`
pub(super) const LIKE_ESCAPE: ScalarFunction = entry(
    &["like_escape"],
    "like_escape(text, pattern, escape)",
    "LIKE where % and _ after the escape character stand for themselves",
    |args| exactly(args, &[const { SqlType::Varchar }; 3], SqlType::Boolean),
    |call| like(call, comparison::like),
);

/// `s ILIKE pattern ESCAPE c`
pub(super) const ILIKE_ESCAPE: ScalarFunction = entry(
    &["ilike_escape"],
    "ilike_escape(text, pattern, escape)",
    "ILIKE where % and _ after the escape character stand for themselves",
    |args| exactly(args, &[const { SqlType::Varchar }; 3], SqlType::Boolean),
    |call| like(call, comparison::ilike),
);

/// `regexp_matches(s, pattern)`
pub(super) const REGEXP_MATCHES: ScalarFunction = entry(
    &["regexp_matches"],
    "regexp_matches(text, pattern)",
    "Whether a regular expression matches somewhere in it",
    |args| exactly(args, &[SqlType::Varchar, SqlType::Varchar], SqlType::Boolean),
    regexp_matches,
);

const fn entry(
    names: &'static [&'static str],
    usage: &'static str,
    doc: &'static str,
    bind: fn(&[SqlType]) -> Bound,
    kernel: fn(&Call<'_>) -> Result<Value>,
) -> ScalarFunction {
    let (family, fails) = (Family::Text, Fails::Sometimes);
    ScalarFunction { names, family, usage, doc, bind, kernel: Kernel::Eager(kernel), fails }
}

type Predicate = fn(&dyn Datum, &dyn Datum) -> Result<BooleanArray, ArrowError>;

fn by_arrow(call: &Call<'_>, kernel: Predicate) -> Result<Value> {
    Ok(call.wrap(Arc::new(kernel(&call.args[0], &call.args[1])?)))
}

/// Arrow's kernels take a backslash as escape; here there is none unless one is given.
fn like(call: &Call<'_>, kernel: Predicate) -> Result<Value> {
    let patterns = call.text(1);
    let escapes = (call.args.len() > 2).then(|| call.text(2));
    let rewritten = |row: usize| -> Result<Option<String>> {
        let escape = escapes.map_or(Some(""), |escapes| escapes.get(row));
        let (Some(pattern), Some(escape)) = (patterns.get(row), escape) else { return Ok(None) };
        rewrite(pattern, escape).map(Some)
    };
    let constant = call.args[1..].iter().all(Value::is_constant);
    let rows = if constant { 1 } else { call.count() };
    let array: ArrayRef = Arc::new((0..rows).map(rewritten).collect::<Result<StringArray>>()?);
    let patterns = if constant { Value::Constant(array) } else { Value::Array(array) };
    Ok(call.wrap(Arc::new(kernel(&call.args[0], &patterns)?)))
}

fn rewrite(pattern: &str, escape: &str) -> Result<String> {
    let mut chars = escape.chars();
    let (escape, None) = (chars.next(), chars.next()) else {
        return Err(Error::new(format!("the escape '{escape}' is more than one character")));
    };
    let mut out = String::with_capacity(pattern.len());
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        let literal = Some(letter) == escape;
        let letter = if literal {
            letters.next().ok_or_else(|| Error::new(format!("the pattern '{pattern}' ends with its escape")))?
        } else {
            letter
        };
        if literal && matches!(letter, '%' | '_') || letter == '\\' {
            out.push('\\');
        }
        out.push(letter);
    }
    Ok(out)
}

fn regexp_matches(call: &Call<'_>) -> Result<Value> {
    let wrong = |error: ArrowError| Error::new(format!("wrong regular expression: {error}"));
    let texts = call.args[0].array().as_string::<i32>();
    let patterns = call.args[1].array().as_string::<i32>();
    if call.args[1].is_constant() {
        let out = match patterns.is_valid(0) {
            true => comparison::regexp_is_match_scalar(texts, patterns.value(0), None).map_err(wrong)?,
            false => BooleanArray::new_null(texts.len()),
        };
        return Ok(call.wrap(Arc::new(out)));
    }
    let texts = call.args[0].clone().into_array(call.count())?;
    let flags: Option<&StringArray> = None;
    let out = comparison::regexp_is_match(texts.as_string::<i32>(), patterns, flags).map_err(wrong)?;
    Ok(call.wrap(Arc::new(out)))
}
