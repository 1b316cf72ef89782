//! Memory for what is as large as a file says: labels, which a dataset holds, and values whose size is known only once they are
//! met, such as texts of any length. It is asked for before it is used. How much there is, and for whom, is known to those that
//! give it.

use crate::{Error, ErrorKind, Result};
use arrow::array::StringArray;
use arrow::array::builder::NullBufferBuilder;
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The least that is asked for at a time.
const STEP: usize = 1 << 12;

/// Whom memory is asked for.
pub trait Giver: Send + Sync {
    /// Asks for so many bytes more; `false`: there are none.
    fn take(&self, bytes: usize) -> bool;

    /// Gives back bytes that were taken.
    fn give_back(&self, bytes: usize);
}

/// Where memory is asked for. By itself there is no end to it.
#[derive(Clone, Default)]
pub struct Room {
    giver: Option<Arc<dyn Giver>>,
}

impl Room {
    /// Room that is asked for.
    pub fn new(giver: Arc<dyn Giver>) -> Self {
        Self { giver: Some(giver) }
    }

    /// Room for so many bytes in all.
    pub fn of(bytes: usize) -> Self {
        Self::new(Arc::new(Left(AtomicUsize::new(bytes))))
    }

    /// Room within this one that is given back when the last that knows it is gone.
    pub(crate) fn for_now(&self) -> Self {
        Self::new(Arc::new(ForNow { of: self.clone(), taken: AtomicUsize::new(0) }))
    }

    /// Asks for bytes.
    ///
    /// # Errors
    /// If there are none left.
    pub(crate) fn take(&self, bytes: usize) -> Result<()> {
        match &self.giver {
            Some(giver) if bytes > 0 && !giver.take(bytes) => {
                let message = format!("holds values that take {bytes} bytes more than there is memory for");
                let hint = "raise memory_limit, lower threads, or select fewer cells or columns";
                Err(Error::new(ErrorKind::Memory, message).with_hint(hint))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Gives back bytes that were taken.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.giver.iter().for_each(|giver| giver.give_back(bytes));
    }

    /// Makes place for bytes more in a list, as lists grow: by a half at least.
    pub(crate) fn extend<T: Clone>(&self, list: &mut Vec<T>, more: &[T]) -> Result<()> {
        let free = list.capacity() - list.len();
        if more.len() > free {
            let before = list.capacity();
            let growth = (more.len() - free).max(before / 2).max(STEP);
            // Both are there while one is copied to the other.
            self.take((before + growth) * size_of::<T>())?;
            list.reserve_exact(free + growth);
            self.give_back(before * size_of::<T>());
        }
        list.extend_from_slice(more);
        Ok(())
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.giver.is_some() { "Room(asked for)" } else { "Room(endless)" })
    }
}

/// So many bytes.
struct Left(AtomicUsize);

impl Giver for Left {
    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What is taken of other room and goes back by itself.
struct ForNow {
    of: Room,
    taken: AtomicUsize,
}

impl Giver for ForNow {
    fn take(&self, bytes: usize) -> bool {
        let given = self.of.take(bytes).is_ok();
        self.taken.fetch_add(if given { bytes } else { 0 }, Ordering::Relaxed);
        given
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
        self.of.give_back(bytes);
    }
}

impl Drop for ForNow {
    fn drop(&mut self) {
        self.of.give_back(*self.taken.get_mut());
    }
}

/// Texts one after the other, as many as there is room for.
pub(crate) struct Texts<'a> {
    room: &'a Room,
    bytes: Vec<u8>,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
}

impl<'a> Texts<'a> {
    /// None yet of `count` texts.
    pub(crate) fn new(count: usize, room: &'a Room) -> Result<Self> {
        room.take((count + 1) * size_of::<i32>())?;
        let mut ends = Vec::with_capacity(count + 1);
        ends.push(0);
        Ok(Self { room, bytes: Vec::new(), ends, valid: NullBufferBuilder::new(count) })
    }

    /// Adds a text, or a cell without one.
    pub(crate) fn push(&mut self, text: Option<&str>) -> Result<()> {
        self.room.extend(&mut self.bytes, text.unwrap_or_default().as_bytes())?;
        let end = i32::try_from(self.bytes.len()).map_err(|_| too_long())?;
        self.ends.push(end);
        self.valid.append(text.is_some());
        Ok(())
    }

    /// All of them.
    pub(crate) fn finish(mut self) -> Result<StringArray> {
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let texts = StringArray::try_new(ends, Buffer::from_vec(self.bytes), self.valid.finish());
        texts.map_err(|error| Error::corrupt(error.to_string()))
    }
}

fn too_long() -> Error {
    Error::unsupported("holds more text than one column can at a time").with_hint("select fewer cells")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::Array;

    #[test]
    fn texts_are_kept_while_there_is_room() {
        let room = Room::of(4 * STEP);
        let mut texts = Texts::new(3, &room).unwrap();
        texts.push(Some("é")).unwrap();
        texts.push(None).unwrap();
        texts.push(Some(&"x".repeat(STEP))).unwrap();
        let texts = texts.finish().unwrap();
        assert_eq!((texts.value(0), texts.is_null(1), texts.value(2).len()), ("é", true, STEP));

        let mut texts = Texts::new(1, &room).unwrap();
        let refused = texts.push(Some(&"x".repeat(2 * STEP))).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Memory);
        assert!(Texts::new(1, &Room::default()).unwrap().push(Some(&"x".repeat(9 * STEP))).is_ok(), "there is no end");
    }

    #[test]
    fn what_is_taken_for_now_goes_back() {
        let room = Room::of(100);
        let now = room.for_now();
        now.take(60).unwrap();
        assert!(now.take(60).is_err());
        assert!(room.take(60).is_err());
        drop(now);
        assert!(room.take(100).is_ok());
    }
}
