//! Classic files written byte by byte.

use super::classic::open_bytes;
use super::{Attribute, Format, Stored, StoredType};
use crate::Result;
use crate::metrics::ReadMetrics;
use hyperslab_grid::Hyperslab;
use std::sync::Arc;

/// A header under construction, in one of the three versions.
struct Writer {
    version: u8,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(version: u8, records: u64) -> Self {
        let mut writer = Self { version, bytes: vec![b'C', b'D', b'F', version] };
        writer.count(records);
        writer
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn count(&mut self, value: u64) {
        if self.version == 5 {
            self.bytes.extend(value.to_be_bytes());
        } else {
            self.u32(value as u32);
        }
    }

    fn list(&mut self, tag: u32, len: u64) {
        self.u32(if len == 0 { 0 } else { tag });
        self.count(len);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn name(&mut self, name: &str) {
        self.count(name.len() as u64);
        self.padded(name.as_bytes());
    }

    fn dim(&mut self, name: &str, len: u64) {
        self.name(name);
        self.count(len);
    }

    fn variable(&mut self, name: &str, dims: &[u64], ty: u32, begin: u64) {
        self.name(name);
        self.count(dims.len() as u64);
        dims.iter().for_each(|dim| self.count(*dim));
        self.list(0x0C, 0);
        self.u32(ty);
        self.count(0);
        if self.version == 1 {
            self.u32(begin as u32);
        } else {
            self.bytes.extend(begin.to_be_bytes());
        }
    }

    /// Pads the header to where cells begin and appends them.
    fn finish(mut self, begin: usize, cells: &[u8]) -> Vec<u8> {
        assert!(self.bytes.len() <= begin, "the header has {} bytes", self.bytes.len());
        self.bytes.resize(begin, 0);
        self.bytes.extend(cells);
        self.bytes
    }
}

const SHORT: u32 = 3;
const INT: u32 = 4;
const BYTE: u32 = 1;
const BEGIN: usize = 512;

fn opened(bytes: Vec<u8>) -> Arc<dyn Format> {
    open_bytes(bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn failure(bytes: Vec<u8>) -> String {
    open_bytes(bytes).err().expect("the file is damaged").to_string()
}

fn read<T: bytemuck::AnyBitPattern>(file: &dyn Format, variable: usize, slab: &Hyperslab) -> Result<Vec<T>> {
    let mut stored = Stored::default();
    let held = file.read(variable, slab, &mut stored, &ReadMetrics::default())?;
    assert_eq!(held, *slab);
    Ok(stored.bytes.as_slice::<T>().to_vec())
}

/// Two record variables, of 3 shorts (padded) and of one int, and a fixed one.
fn interleaved(version: u8, records: u64) -> Vec<u8> {
    let mut header = Writer::new(version, records);
    header.list(0x0A, 2);
    header.dim("time", 0);
    header.dim("x", 3);
    header.list(0x0C, 1);
    header.name("title");
    header.u32(2);
    header.count(5);
    header.padded(b"hello");
    header.list(0x0B, 3);
    header.variable("fixed", &[1], INT, BEGIN as u64);
    header.variable("short", &[0, 1], SHORT, BEGIN as u64 + 12);
    header.variable("int", &[0], INT, BEGIN as u64 + 20);
    let mut cells: Vec<u8> = [7i32, 8, 9].iter().flat_map(|cell| cell.to_be_bytes()).collect();
    for record in 0..3i16 {
        cells.extend((0..3).flat_map(|x| (10 * record + x).to_be_bytes()));
        cells.extend([0xEE; 2]);
        cells.extend((1000 * i32::from(record)).to_be_bytes());
    }
    header.finish(BEGIN, &cells)
}

#[test]
fn records_lie_interleaved() {
    for version in [1, 2, 5] {
        let file = opened(interleaved(version, 3));
        let contents = file.contents();
        assert_eq!(contents.format, format!("netCDF classic (CDF-{version})"));
        assert_eq!(contents.attributes, [("title".to_owned(), Attribute::Text("hello".to_owned()))]);
        assert_eq!((contents.dimensions[0].len, contents.dimensions[0].unlimited), (3, true));
        assert_eq!(contents.variables[1].ty, StoredType::I16);
        let read_all = |variable, shape: &[usize]| read::<i32>(file.as_ref(), variable, &Hyperslab::all(shape));
        assert_eq!(read_all(0, &[3]).expect("fixed"), [7, 8, 9]);
        assert_eq!(read_all(2, &[3]).expect("int"), [0, 1000, 2000]);
        let part = Hyperslab::new(vec![1..3, 1..3]);
        assert_eq!(read::<i16>(file.as_ref(), 1, &part).expect("short"), [11, 12, 21, 22]);
        assert!(read::<i16>(file.as_ref(), 1, &Hyperslab::new(vec![1..4, 1..3])).is_err(), "there are 3 records");
    }
}

#[test]
fn open_ended_records_are_counted_by_the_size_of_the_file() {
    assert_eq!(opened(interleaved(1, u32::MAX.into())).contents().dimensions[0].len, 3);
    assert_eq!(opened(interleaved(5, u64::MAX)).contents().dimensions[0].len, 3);
}

#[test]
fn a_single_record_variable_is_not_padded() {
    let mut header = Writer::new(1, 4);
    header.list(0x0A, 2);
    header.dim("time", 0);
    header.dim("x", 3);
    header.list(0x0C, 0);
    header.list(0x0B, 1);
    header.variable("byte", &[0, 1], BYTE, BEGIN as u64);
    let file = opened(header.finish(BEGIN, &(0..12).collect::<Vec<u8>>()));
    let column = Hyperslab::new(vec![0..4, 2..3]);
    assert_eq!(read::<i8>(file.as_ref(), 0, &column).expect("it is whole"), [2, 5, 8, 11]);
}

#[test]
fn an_empty_unlimited_dimension_has_no_cells_wherever_records_would_begin() {
    for version in [1, 2, 5] {
        // Without records the file ends with what is fixed, or even before the place where records would begin.
        let whole = interleaved(version, 0);
        let file = opened(whole[..BEGIN + 12].to_vec());
        assert_eq!((file.contents().dimensions[0].len, file.contents().dimensions[0].unlimited), (0, true));
        assert_eq!(read::<i32>(file.as_ref(), 0, &Hyperslab::all(&[3])).expect("fixed"), [7, 8, 9]);
        assert_eq!(read::<i16>(file.as_ref(), 1, &Hyperslab::all(&[0, 3])).expect("none"), [0; 0]);
        assert!(read::<i32>(file.as_ref(), 2, &Hyperslab::all(&[1])).is_err(), "there are no records");
    }
}

#[test]
fn every_type_of_cdf5_is_read() {
    let types =
        [(7, StoredType::U8), (8, StoredType::U16), (9, StoredType::U32), (10, StoredType::I64), (11, StoredType::U64)];
    for (number, ty) in types {
        let mut header = Writer::new(5, 0);
        header.list(0x0A, 1);
        header.dim("x", 2);
        header.list(0x0C, 0);
        header.list(0x0B, 1);
        header.variable("v", &[0], number, BEGIN as u64);
        let size = ty.size();
        // The highest value, and 1.
        let cells = [vec![0xFF; size], vec![0; size - 1], vec![1]].concat();
        let file = opened(header.finish(BEGIN, &cells));
        assert_eq!(file.contents().variables[0].ty, ty);
        let mut stored = Stored::default();
        file.read(0, &Hyperslab::all(&[2]), &mut stored, &ReadMetrics::default()).expect("two cells");
        let mut one = vec![0; size];
        one[if cfg!(target_endian = "little") { 0 } else { size - 1 }] = 1;
        assert_eq!(&stored.bytes[..2 * size], [vec![0xFF; size], one].concat(), "{ty:?}");
    }
}

#[test]
fn damage_is_an_error() {
    let whole = interleaved(2, 3);
    for len in 4..whole.len() {
        let message = failure(whole[..len].to_vec());
        assert!(message.contains("beyond the end of the file"), "{len}: {message}");
    }
    assert!(failure(interleaved(2, 4)).contains("beyond the end"), "a record too many");
    let mut wrong_tag = whole.clone();
    wrong_tag[11] = 0x77;
    assert!(failure(wrong_tag).contains("tag 0x77"));
    let mut many_dims = whole.clone();
    many_dims[12..16].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF]);
    failure(many_dims);
    for at in 4..BEGIN {
        // Whatever a byte becomes, no panic.
        for value in [0, 1, 0x7F, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            drop(open_bytes(damaged));
        }
    }
}
