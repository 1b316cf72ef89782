//! Work on syntax trees runs on a stack of its own size: a chain of a hundred thousand terms is a tree as deep.

/// Enough for the deepest tree that [`super::text::Text`] lets through. Pages that are not touched cost nothing.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a stack that holds any tree the parser can give.
pub(super) fn with_deep_stack<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, work)
}

/// A value whose drop recurses deeply.
pub(super) struct Deep<T>(Option<T>);

impl<T> Deep<T> {
    pub(super) fn new(value: T) -> Self {
        Self(Some(value))
    }

    pub(super) fn get(&self) -> &T {
        self.0.as_ref().expect("taken by drop only")
    }
}

impl<T> Drop for Deep<T> {
    fn drop(&mut self) {
        let value = self.0.take();
        with_deep_stack(|| drop(value));
    }
}
