//! Numbers keys in order of first appearance: the hash table of aggregates and joins. NULL is a key like any other.
//!
//! Keys of fixed width are held as words, others as bytes. A single key over a small range of whole numbers is looked
//! up by its value without hashing; the table falls back to hashes when the range grows too wide.

use super::key_direct::{DirectIndex, WholeKeys, whole_or_none, whole_words};
use super::key_words::WordLayout;
use crate::error::{Error, Result};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashTable;
use hyperslab_expr::key_form::{key_form, key_type};

/// What [`KeyTable::find`] gives for a key that the table does not have.
pub const ABSENT: u32 = u32::MAX;

/// Distinct keys and their numbers.
#[derive(Debug)]
pub struct KeyTable {
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Words(WordKeys),
    Bytes(ByteKeys),
}

impl KeyTable {
    /// A table for keys of these types.
    ///
    /// # Errors
    /// If values of one of them cannot be keys.
    pub fn new(types: &[DataType]) -> Result<Self> {
        let types = types.iter().map(key_type).collect::<Result<Vec<_>, _>>()?;
        let keys = match WordLayout::new(types.clone()) {
            Some(layout) => Keys::Words(WordKeys::new(layout)),
            None => Keys::Bytes(ByteKeys::new(types)?),
        };
        Ok(Self { keys })
    }

    /// How many distinct keys there are.
    pub(crate) fn len(&self) -> usize {
        match &self.keys {
            Keys::Words(keys) => keys.len,
            Keys::Bytes(keys) => keys.rows.num_rows(),
        }
    }

    /// The numbers of the keys of all rows, and the rows whose keys were new, ascending: those got the next numbers.
    ///
    /// # Errors
    /// If there are more distinct keys than numbers.
    pub fn number(&mut self, keys: &[ArrayRef], rows: usize) -> Result<(Vec<u32>, Vec<u32>)> {
        let keys = keys.iter().map(key_form).collect::<Result<Vec<_>, _>>()?;
        match &mut self.keys {
            Keys::Words(table) => table.number(&keys, rows),
            Keys::Bytes(table) => table.number(&keys),
        }
    }

    /// The numbers of the keys of all rows, [`ABSENT`] for those that the table does not have.
    ///
    /// # Errors
    /// None for keys of its types.
    pub fn find(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let keys = keys.iter().map(key_form).collect::<Result<Vec<_>, _>>()?;
        match &self.keys {
            Keys::Words(table) => table.find(&keys, rows),
            Keys::Bytes(table) => table.find(&keys),
        }
    }

    /// The bytes it holds.
    pub(crate) fn memory(&self) -> usize {
        match &self.keys {
            Keys::Words(table) => table.words.capacity() * 8 + table.index.memory(),
            Keys::Bytes(table) => table.rows.size() + table.index.memory(),
        }
    }
}

/// Hashes of keys: equal keys have the same, in all batches.
#[derive(Debug)]
pub(crate) struct KeyHasher {
    converter: RowConverter,
}

impl KeyHasher {
    /// A hasher of keys of these types.
    pub(crate) fn new(types: &[DataType]) -> Result<Self> {
        let types = types.iter().map(key_type).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { converter: RowConverter::new(types.into_iter().map(SortField::new).collect())? })
    }

    /// The hashes of the keys of all rows.
    pub(crate) fn hashes(&self, keys: &[ArrayRef]) -> Result<Vec<u64>> {
        let keys = keys.iter().map(key_form).collect::<Result<Vec<_>, _>>()?;
        Ok(self.converter.convert_columns(&keys)?.iter().map(|key| hash_bytes(key.data())).collect())
    }
}

/// Keys as words, and how they are found.
#[derive(Debug)]
struct WordKeys {
    layout: WordLayout,
    /// The distinct keys by number.
    words: Vec<u64>,
    len: usize,
    index: WordIndex,
}

#[derive(Debug)]
enum WordIndex {
    Direct(DirectIndex),
    Hashed(HashIndex),
}

impl WordIndex {
    fn memory(&self) -> usize {
        match self {
            Self::Direct(index) => index.memory(),
            Self::Hashed(index) => index.memory(),
        }
    }
}

impl WordKeys {
    fn new(layout: WordLayout) -> Self {
        let index = match layout.types() {
            [one] if one.is_integer() || one.is_floating() || *one == DataType::Date32 => {
                WordIndex::Direct(DirectIndex::default())
            }
            _ => WordIndex::Hashed(HashIndex::default()),
        };
        Self { layout, words: Vec::new(), len: 0, index }
    }

    fn number(&mut self, keys: &[ArrayRef], rows: usize) -> Result<(Vec<u32>, Vec<u32>)> {
        if let WordIndex::Direct(index) = &mut self.index {
            match WholeKeys::of(&keys[0]).filter(|keys| index.cover(keys.range(), self.len + rows)) {
                Some(keys) => return Ok(self.number_directly(&keys)),
                None => {
                    self.index = WordIndex::Hashed(HashIndex::of_words(&self.words, self.layout.width())?);
                }
            }
        }
        let (words, width) = (self.layout.words(keys, rows)?, self.layout.width());
        let (mut numbers, mut new) = (Vec::with_capacity(rows), Vec::new());
        for (row, key) in words.chunks_exact(width).enumerate() {
            let WordIndex::Hashed(index) = &mut self.index else {
                return Err(Error::internal("keys that are addressed by value were numbered"));
            };
            let number = index.number(hash_words(key), |at| key_at(&self.words, at, width) == key)?;
            if number as usize == self.len {
                self.words.extend_from_slice(key);
                self.len += 1;
                new.push(row as u32);
            }
            numbers.push(number);
        }
        Ok((numbers, new))
    }

    /// Numbers keys that the index covers.
    fn number_directly(&mut self, keys: &WholeKeys) -> (Vec<u32>, Vec<u32>) {
        let WordIndex::Direct(index) = &mut self.index else { return Default::default() };
        let ty = &self.layout.types()[0];
        let (mut numbers, mut new) = (Vec::with_capacity(keys.values.len()), Vec::new());
        for row in 0..keys.values.len() {
            let key = keys.at(row);
            let number = index.number(key, self.len as u32);
            if number as usize == self.len {
                self.words.extend(whole_words(ty, key));
                self.len += 1;
                new.push(row as u32);
            }
            numbers.push(number);
        }
        (numbers, new)
    }

    fn find(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<u32>> {
        let words = self.layout.words(keys, rows)?;
        let width = self.layout.width();
        let each = words.chunks_exact(width);
        Ok(match &self.index {
            WordIndex::Direct(index) => {
                let ty = &self.layout.types()[0];
                let find = |key: &[u64]| whole_or_none(ty, key).map_or(ABSENT, |key| index.find(key));
                each.map(find).collect()
            }
            WordIndex::Hashed(index) => {
                // Keys often come in the order in which they were numbered.
                let mut last = ABSENT;
                let mut find = |key: &[u64]| {
                    let is_key = |at: u32| (at as usize) < self.len && key_at(&self.words, at, width) == key;
                    last = match (is_key(last), is_key(last.wrapping_add(1))) {
                        (true, _) => last,
                        (false, true) => last.wrapping_add(1),
                        (false, false) => index.find(hash_words(key), |at| key_at(&self.words, at, width) == key),
                    };
                    last
                };
                each.map(&mut find).collect()
            }
        })
    }
}

fn key_at(words: &[u64], number: u32, width: usize) -> &[u64] {
    &words[number as usize * width..][..width]
}

/// Keys of any width, in the row format of Arrow.
#[derive(Debug)]
struct ByteKeys {
    converter: RowConverter,
    /// The distinct keys by number.
    rows: Rows,
    index: HashIndex,
}

impl ByteKeys {
    fn new(types: Vec<DataType>) -> Result<Self> {
        let converter = RowConverter::new(types.into_iter().map(SortField::new).collect())?;
        let rows = converter.empty_rows(0, 0);
        Ok(Self { converter, rows, index: HashIndex::default() })
    }

    fn number(&mut self, keys: &[ArrayRef]) -> Result<(Vec<u32>, Vec<u32>)> {
        let given = self.converter.convert_columns(keys)?;
        let (mut numbers, mut new) = (Vec::with_capacity(given.num_rows()), Vec::new());
        for (row, key) in given.iter().enumerate() {
            let number = self.index.number(hash_bytes(key.data()), |at| self.rows.row(at as usize) == key)?;
            if number as usize == self.rows.num_rows() {
                self.rows.push(key);
                new.push(row as u32);
            }
            numbers.push(number);
        }
        Ok((numbers, new))
    }

    fn find(&self, keys: &[ArrayRef]) -> Result<Vec<u32>> {
        let given = self.converter.convert_columns(keys)?;
        let find =
            |key: arrow::row::Row<'_>| self.index.find(hash_bytes(key.data()), |at| self.rows.row(at as usize) == key);
        Ok(given.iter().map(find).collect())
    }
}

/// Numbers of keys by their hash.
#[derive(Debug, Default)]
struct HashIndex {
    table: HashTable<u32>,
    hashes: Vec<u64>,
}

impl HashIndex {
    /// An index of distinct keys, numbered in order.
    fn of_words(words: &[u64], width: usize) -> Result<Self> {
        let mut index = Self::default();
        for key in words.chunks_exact(width) {
            index.number(hash_words(key), |_| false)?;
        }
        Ok(index)
    }

    fn find(&self, hash: u64, equal: impl Fn(u32) -> bool) -> u32 {
        let found = self.table.find(hash, |at| self.hashes[*at as usize] == hash && equal(*at));
        found.copied().unwrap_or(ABSENT)
    }

    /// The number of a key; the next one if it is new.
    fn number(&mut self, hash: u64, equal: impl Fn(u32) -> bool) -> Result<u32> {
        let found = self.find(hash, equal);
        if found != ABSENT {
            return Ok(found);
        }
        let next = u32::try_from(self.hashes.len()).ok().filter(|next| *next != ABSENT);
        let next =
            next.ok_or_else(|| Error::Expression(hyperslab_expr::Error::new("more than 4 billion distinct keys")))?;
        self.hashes.push(hash);
        self.table.insert_unique(hash, next, |at| self.hashes[*at as usize]);
        Ok(next)
    }

    fn memory(&self) -> usize {
        // An entry of the table is a number and a control byte.
        self.hashes.capacity() * 8 + self.table.capacity() * 8 / 7 * 5
    }
}

/// Mixes one word into a hash: the two halves of a product of 128 bits.
fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (product >> 64) as u64 ^ product as u64
}

fn hash_words(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, word| mix(hash, *word))
}

fn hash_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray};
    use std::sync::Arc;

    fn number(table: &mut KeyTable, keys: ArrayRef) -> (Vec<u32>, Vec<u32>) {
        table.number(std::slice::from_ref(&keys), keys.len()).unwrap()
    }

    #[test]
    fn keys_are_numbered_in_order_of_first_appearance() {
        let mut table = KeyTable::new(&[DataType::Utf8]).unwrap();
        let first: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
        assert_eq!(number(&mut table, first), (vec![0, 1, 2, 0], vec![0, 1, 2]));
        let more: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("c"), None]));
        assert_eq!(table.find(std::slice::from_ref(&more), 3).unwrap(), [2, ABSENT, 1]);
        assert_eq!(number(&mut table, more), (vec![2, 3, 1], vec![1]));
    }

    #[test]
    fn a_table_by_value_turns_into_one_by_hash_when_the_range_grows() {
        let mut table = KeyTable::new(&[DataType::Int64]).unwrap();
        let batches = [vec![Some(5), None, Some(-3)], vec![Some(1000), Some(5)], vec![Some(i64::MAX), Some(-3)]];
        let mut naive: Vec<Option<i64>> = Vec::new();
        for batch in batches {
            let expected: Vec<u32> = batch
                .iter()
                .map(|key| match naive.iter().position(|known| known == key) {
                    Some(at) => at as u32,
                    None => {
                        naive.push(*key);
                        naive.len() as u32 - 1
                    }
                })
                .collect();
            assert_eq!(number(&mut table, Arc::new(Int64Array::from(batch))).0, expected);
        }
        assert!(matches!(&table.keys, Keys::Words(WordKeys { index: WordIndex::Hashed(_), .. })));
        let wanted: ArrayRef = Arc::new(Int64Array::from(vec![Some(1000), Some(7), None, Some(i64::MIN)]));
        assert_eq!(table.find(&[wanted], 4).unwrap(), [3, ABSENT, 1, ABSENT]);
    }

    #[test]
    fn a_range_that_grows_downwards_keeps_its_numbers() {
        let mut table = KeyTable::new(&[DataType::Float64]).unwrap();
        for step in 0..3000i32 {
            let key: ArrayRef = Arc::new(Float64Array::from(vec![f64::from(-step)]));
            assert_eq!(number(&mut table, key).0, [step as u32]);
        }
        let keys: ArrayRef = Arc::new(Float64Array::from(vec![-2999.0, -0.0, 0.5, f64::NAN]));
        assert_eq!(table.find(&[keys], 4).unwrap(), [2999, 0, ABSENT, ABSENT]);
    }

    #[test]
    fn no_key_at_all_is_one_key() {
        let mut table = KeyTable::new(&[]).unwrap();
        assert_eq!(table.find(&[], 2).unwrap(), [ABSENT; 2]);
        assert_eq!(table.number(&[], 2).unwrap(), (vec![0, 0], vec![0]));
        assert_eq!(table.find(&[], 3).unwrap(), [0; 3]);
    }
}
