//! Characters and strings to text: `char` cells one by one or folded into strings, and strings as they are.

use arrow::array::{ArrayRef, StringArray, StringBuilder};
use std::borrow::Cow;
use std::sync::Arc;

/// Decodes strings of `width` characters each, laid end to end. Trailing NULs and spaces go; what is made of fill
/// characters only is NULL.
pub(crate) fn decode_chars(chars: &[u8], width: usize, fill: Option<u8>) -> ArrayRef {
    let mut out = StringBuilder::with_capacity(chars.len() / width.max(1), chars.len());
    for string in chars.chunks_exact(width.max(1)) {
        if fill.is_some_and(|fill| string.iter().all(|c| *c == fill)) {
            out.append_null();
        } else {
            out.append_value(as_text(trim_end(string)));
        }
    }
    Arc::new(out.finish())
}

/// Decodes strings; those that equal a fill value are NULL.
pub(crate) fn decode_strings<'a>(strings: impl Iterator<Item = Option<&'a str>>, missing: &[String]) -> ArrayRef {
    let kept = |text: Option<&'a str>| text.filter(|text| !missing.iter().any(|m| m == text));
    Arc::new(strings.map(kept).collect::<StringArray>())
}

fn trim_end(string: &[u8]) -> &[u8] {
    let len = string.iter().rposition(|c| !matches!(c, 0 | b' ')).map_or(0, |at| at + 1);
    &string[..len]
}

/// UTF-8, or else Latin-1, in which old files hold their accents.
fn as_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};

    fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
        array.as_string::<i32>().iter().collect()
    }

    #[test]
    fn strings_lose_their_padding_only() {
        let folded = decode_chars(b"ab \0 c  \0\0\0\0", 4, None);
        assert_eq!(texts(&folded), [Some("ab"), Some(" c"), Some("")]);
        assert_eq!(texts(&decode_chars(b"1 4", 1, Some(b' '))), [Some("1"), None, Some("4")]);
        assert_eq!(texts(&decode_chars(b"caf\xe9", 4, None)), [Some("café")]);
        assert_eq!(decode_chars(b"", 0, None).len(), 0);
    }

    #[test]
    fn fill_strings_are_null() {
        let strings = [Some("a"), None, Some("-")];
        assert_eq!(texts(&decode_strings(strings.into_iter(), &["-".to_string()])), [Some("a"), None, None]);
    }
}
