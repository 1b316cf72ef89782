//! Attributes as CF uses them: texts, lists of names, and numbers that some writers spell as text.

use crate::formats::{Attribute, StoredType};
use arrow::datatypes::DataType;

/// A number of an attribute, without loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// An integer of any type.
    Integer(i128),
    /// A float of any type.
    Real(f64),
}

impl Number {
    /// The nearest float.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Integer(n) => n as f64,
            Self::Real(x) => x,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        let integer = text.parse().ok().map(Self::Integer);
        integer.or_else(|| text.parse().ok().map(Self::Real))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Real(x) if *x != 0.0 && !(1e-5..1e16).contains(&x.abs()) => write!(f, "{x:e}"),
            Self::Real(x) => write!(f, "{x}"),
        }
    }
}

/// Looking up the attributes of a variable or of a file.
pub(crate) trait Attributes {
    /// The attribute of this name.
    fn find(&self, name: &str) -> Option<&Attribute>;

    /// The attribute of this name if it is one text, trimmed.
    fn text(&self, name: &str) -> Option<&str> {
        match self.find(name)? {
            Attribute::Text(text) => Some(trim(text)),
            Attribute::Texts(texts) => texts.first().map(|text| trim(text)),
            Attribute::Integers(..) | Attribute::Floats(..) => None,
        }
    }

    /// The names that a list attribute such as `coordinates` holds; the labels of `label: name` lists left out.
    fn names(&self, name: &str) -> Vec<&str> {
        let texts: Vec<&str> = match self.find(name) {
            Some(Attribute::Text(text)) => vec![text],
            Some(Attribute::Texts(texts)) => texts.iter().map(String::as_str).collect(),
            Some(Attribute::Integers(..) | Attribute::Floats(..)) | None => Vec::new(),
        };
        let words = texts.into_iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || c == ',' || c == '\0'));
        words.filter(|word| !word.is_empty()).map(|word| word.trim_end_matches(':')).collect()
    }

    /// The first number of the attribute.
    fn number(&self, name: &str) -> Option<Number> {
        self.find(name).and_then(|attribute| numbers(attribute).first().copied())
    }
}

impl Attributes for [(String, Attribute)] {
    fn find(&self, name: &str) -> Option<&Attribute> {
        self.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\0')
}

/// The numbers that an attribute holds; text that is no number is left out.
pub(crate) fn numbers(attribute: &Attribute) -> Vec<Number> {
    match attribute {
        Attribute::Text(text) => text.split([',', ' ']).filter_map(Number::parse).collect(),
        Attribute::Texts(texts) => texts.iter().filter_map(|text| Number::parse(text)).collect(),
        Attribute::Integers(_, values) => values.iter().map(|n| Number::Integer(*n)).collect(),
        Attribute::Floats(_, values) => values.iter().map(|x| Number::Real(*x)).collect(),
    }
}

/// The stored type of a number attribute.
pub(crate) fn number_type(attribute: &Attribute) -> Option<&StoredType> {
    match attribute {
        Attribute::Integers(ty, _) | Attribute::Floats(ty, _) => Some(ty),
        Attribute::Text(_) | Attribute::Texts(_) => None,
    }
}

/// An attribute as people read it; several values are separated by `, `.
pub(crate) fn in_words(attribute: &Attribute) -> String {
    let real = |ty: &StoredType, x: f64| match ty {
        StoredType::F32 | StoredType::F16 => (x as f32).to_string(),
        _ => x.to_string(),
    };
    match attribute {
        Attribute::Text(text) => text.trim_end_matches('\0').to_string(),
        Attribute::Texts(texts) => texts.join(", "),
        Attribute::Integers(_, values) => values.iter().map(i128::to_string).collect::<Vec<_>>().join(", "),
        Attribute::Floats(ty, values) => values.iter().map(|x| real(ty, *x)).collect::<Vec<_>>().join(", "),
    }
}

/// The name of a stored type in netCDF's words.
pub(crate) fn type_name(ty: &StoredType) -> &str {
    match ty {
        StoredType::I8 => "byte",
        StoredType::U8 => "ubyte",
        StoredType::I16 => "short",
        StoredType::U16 => "ushort",
        StoredType::I32 => "int",
        StoredType::U32 => "uint",
        StoredType::I64 => "int64",
        StoredType::U64 => "uint64",
        StoredType::F16 => "half",
        StoredType::F32 => "float",
        StoredType::F64 => "double",
        StoredType::Char => "char",
        StoredType::Text => "string",
        StoredType::Values(DataType::Boolean) => "bool",
        StoredType::Values(DataType::List(_)) => "vlen",
        StoredType::Values(DataType::FixedSizeList(..)) => "array",
        StoredType::Values(_) => "opaque",
        StoredType::Unsupported(words) => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_spelt_as_text() {
        assert_eq!(numbers(&Attribute::Text("-9999".into())), [Number::Integer(-9999)]);
        assert_eq!(numbers(&Attribute::Text("1e20\0".into())), [Number::Real(1e20)]);
        assert_eq!(numbers(&Attribute::Text("none".into())), []);
        assert_eq!(numbers(&Attribute::Text("0, 254".into())), [Number::Integer(0), Number::Integer(254)]);
    }

    #[test]
    fn lists_of_names_leave_out_their_labels() {
        let list = [("grid_mapping".to_string(), Attribute::Text("crs: x y\n lat".into()))];
        assert_eq!(list.names("grid_mapping"), ["crs", "x", "y", "lat"]);
        assert_eq!(list.names("coordinates"), Vec::<&str>::new());
    }

    #[test]
    fn floats_are_shown_in_their_own_precision() {
        assert_eq!(in_words(&Attribute::Floats(StoredType::F32, vec![f64::from(0.1f32)])), "0.1");
        assert_eq!(in_words(&Attribute::Integers(StoredType::I8, vec![0, 1])), "0, 1");
    }
}
