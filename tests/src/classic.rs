//! NetCDF classic files for tests that need more or longer ones than fixtures can be: CDF-1, without attributes or an
//! unlimited dimension, as the "NetCDF Classic Format Specification" lays them out.

/// The values of a variable.
pub enum Values {
    /// As `byte`.
    Bytes(Vec<i8>),
    /// As `double`.
    Doubles(Vec<f64>),
}

/// A variable: its name, its dimensions by position, its values.
pub type Variable<'a> = (&'a str, &'a [usize], Values);

const DIMENSIONS: u32 = 10;
const VARIABLES: u32 = 11;
const ABSENT: [u32; 2] = [0, 0];

/// The bytes of a file with dimensions, given by name and length, and variables over them.
pub fn file(dimensions: &[(&str, usize)], variables: &[Variable<'_>]) -> Vec<u8> {
    // Where values begin is known once the header is written: its length does not depend on it.
    let length = header(dimensions, variables, 0).len();
    let mut bytes = header(dimensions, variables, length);
    variables.iter().for_each(|(.., values)| bytes.extend(values.stored()));
    bytes
}

fn header(dimensions: &[(&str, usize)], variables: &[Variable<'_>], mut begin: usize) -> Vec<u8> {
    let mut header = b"CDF\x01".to_vec();
    numbers(&mut header, &[0, DIMENSIONS, dimensions.len() as u32]);
    for (name, length) in dimensions {
        text(&mut header, name);
        numbers(&mut header, &[*length as u32]);
    }
    numbers(&mut header, &ABSENT);
    numbers(&mut header, &[VARIABLES, variables.len() as u32]);
    for (name, dims, values) in variables {
        text(&mut header, name);
        numbers(&mut header, &[dims.len() as u32]);
        dims.iter().for_each(|dim| numbers(&mut header, &[*dim as u32]));
        numbers(&mut header, &ABSENT);
        let size = values.stored().len();
        numbers(&mut header, &[values.type_number(), size as u32, begin as u32]);
        begin += size;
    }
    header
}

fn numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    numbers.iter().for_each(|number| out.extend(number.to_be_bytes()));
}

fn text(out: &mut Vec<u8>, text: &str) {
    numbers(out, &[text.len() as u32]);
    out.extend(padded(text.as_bytes().to_vec()));
}

/// With zeros up to a multiple of four bytes.
fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

impl Values {
    fn type_number(&self) -> u32 {
        match self {
            Self::Bytes(_) => 1,
            Self::Doubles(_) => 6,
        }
    }

    fn stored(&self) -> Vec<u8> {
        match self {
            Self::Bytes(values) => padded(values.iter().map(|value| value.cast_unsigned()).collect()),
            Self::Doubles(values) => values.iter().flat_map(|value| value.to_be_bytes()).collect(),
        }
    }
}
