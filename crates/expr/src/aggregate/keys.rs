//! Values as keys of hash tables: those of fixed width as numbers, others as bytes. Equal values have equal keys: all NaN
//! are one, and so are 0.0 and -0.0.

use super::kept::Encoding;
use super::native::{Native, array, held, values};
use crate::{Result, SqlType};
use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

/// Turns rows into keys and back.
pub(super) trait Keys: Send {
    /// A key.
    type Key: Hash + Eq + Clone + Send;

    /// The key of each row.
    fn encode(&self, args: &[ArrayRef]) -> Result<Vec<Self::Key>>;

    /// The arrays of keys.
    fn decode(&self, keys: &[&Self::Key]) -> Result<Vec<ArrayRef>>;

    /// The bytes that a key holds beside itself.
    fn beside(key: &Self::Key) -> usize;

    /// Whether one of some rows is NaN.
    fn any_nan(args: &[ArrayRef], mask: Option<&super::rows::Mask>) -> bool;
}

/// Keys of one array of values of fixed width, none of which is NULL.
pub(super) struct NativeKeys<N> {
    ty: DataType,
    values: PhantomData<fn(N)>,
}

impl<N> NativeKeys<N> {
    /// Of values of a type that is held as `N`.
    pub(super) fn new(ty: &SqlType) -> Self {
        Self { ty: ty.to_arrow(), values: PhantomData }
    }
}

impl<N: Native> Keys for NativeKeys<N> {
    type Key = N::Key;

    fn encode(&self, args: &[ArrayRef]) -> Result<Vec<N::Key>> {
        Ok(values::<N>(&args[0]).iter().map(|value| value.key()).collect())
    }

    fn decode(&self, keys: &[&N::Key]) -> Result<Vec<ArrayRef>> {
        Ok(vec![array(&self.ty, keys.iter().map(|key| N::of_key(**key)).collect(), None)?])
    }

    fn beside(_: &N::Key) -> usize {
        0
    }

    fn any_nan(args: &[ArrayRef], mask: Option<&super::rows::Mask>) -> bool {
        super::native::any_nan(&values::<N>(&args[0]), mask)
    }
}

/// Keys of any number of arrays of any types, with NULLs.
pub(super) struct RowKeys {
    encoding: Encoding,
    types: Vec<SqlType>,
}

impl RowKeys {
    /// Of rows of these types.
    pub(super) fn new(types: &[SqlType]) -> Result<Self> {
        Ok(Self { encoding: Encoding::new(types)?, types: types.to_vec() })
    }
}

impl Keys for RowKeys {
    type Key = Arc<[u8]>;

    fn encode(&self, args: &[ArrayRef]) -> Result<Vec<Arc<[u8]>>> {
        let args: Result<Vec<_>> = args.iter().zip(&self.types).map(|(array, ty)| normal(array, ty)).collect();
        Ok(self.encoding.encode(&args?)?.into_iter().map(Arc::from).collect())
    }

    fn decode(&self, keys: &[&Arc<[u8]>]) -> Result<Vec<ArrayRef>> {
        self.encoding.decode(&keys.iter().map(|key| key.as_ref()).collect::<Vec<_>>())
    }

    fn beside(key: &Arc<[u8]>) -> usize {
        key.len() + 2 * size_of::<usize>()
    }

    fn any_nan(_: &[ArrayRef], _: Option<&super::rows::Mask>) -> bool {
        false
    }
}

/// The array with one NaN and one zero.
pub(super) fn normal(values: &ArrayRef, ty: &SqlType) -> Result<ArrayRef> {
    let nulls = arrow::array::Array::nulls(values).map(|nulls| nulls.inner().clone());
    match ty {
        SqlType::Float => array(&ty.to_arrow(), one_zero::<f32>(values), nulls),
        SqlType::Double => array(&ty.to_arrow(), one_zero::<f64>(values), nulls),
        _ => Ok(values.clone()),
    }
}

fn one_zero<N: Native>(array: &ArrayRef) -> Vec<N> {
    values::<N>(array).iter().map(|value| N::of_key(value.key())).collect()
}

/// The distinct keys of each group, numbered by first appearance.
pub(super) struct Distincts<K> {
    numbers: HashMap<(u32, K), u32, BuildHasherDefault<Mixer>>,
    entries: Vec<(u32, K)>,
    beside: usize,
}

impl<K> Default for Distincts<K> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), entries: Vec::new(), beside: 0 }
    }
}

impl<K: Hash + Eq + Clone> Distincts<K> {
    /// The number of a key of a group, which is new if it equals the number of entries before.
    pub(super) fn number(&mut self, group: u32, key: K, beside: impl Fn(&K) -> usize) -> Result<usize> {
        if let Some(number) = self.numbers.get(&(group, key.clone())) {
            return Ok(*number as usize);
        }
        let too_many = |_| crate::Error::new("more than 4,294,967,295 distinct values");
        let number = u32::try_from(self.entries.len()).map_err(too_many)?;
        self.beside += beside(&key);
        self.entries.push((group, key.clone()));
        self.numbers.insert((group, key), number);
        Ok(number as usize)
    }

    /// Group and key, by first appearance.
    pub(super) fn entries(&self) -> &[(u32, K)] {
        &self.entries
    }

    /// Forgets the numbers of keys, which are then those of the entries given back.
    pub(super) fn take(&mut self) -> Vec<(u32, K)> {
        std::mem::take(self).entries
    }

    /// The bytes held.
    pub(super) fn memory(&self) -> usize {
        let slots = (self.numbers.capacity() * 8 / 7).next_power_of_two();
        let table = if self.numbers.capacity() == 0 { 0 } else { slots * (size_of::<((u32, K), u32)>() + 1) };
        table + held(&self.entries) + self.beside
    }
}

/// Entries brought into group order: how many each group has, and which entries they are.
pub(super) fn by_group<K>(entries: &[(u32, K)], groups: usize) -> (Vec<usize>, Vec<usize>) {
    let mut sizes = vec![0; groups];
    entries.iter().for_each(|(group, _)| sizes[*group as usize] += 1);
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|entry| entries[*entry].0);
    (sizes, order)
}

/// A hash that is the same in every process.
#[derive(Default)]
pub(super) struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93_u128;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
