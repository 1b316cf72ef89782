//! One aggregate's state for all groups.

use crate::{Groups, Result};
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;

/// The state of one aggregate for every group, addressed by group number. Partial states leave as arrays, so that they
/// can be merged, spilled, or sent elsewhere.
///
/// An implementor folds values in the order given, in a fixed number of lanes, so that the same sequence of calls gives
/// the same bits everywhere. `update` is not called with a group number beyond the last `resize`.
pub trait Accumulator: Send {
    /// Makes room for groups `0..groups`; new ones are empty. Never shrinks.
    fn resize(&mut self, groups: usize);

    /// The bytes that a group takes at least, known before there are any.
    fn bytes_a_group(&self) -> usize {
        size_of::<f64>()
    }

    /// Folds values in. `args` are arrays of equal length, one an argument; where `present` is given, only values whose
    /// bit is set are rows at all (`count(*)` counts those); nulls are skipped as the function says.
    ///
    /// # Errors
    /// Overflow of an exact type.
    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()>;

    /// The state of all groups: arrays with one entry a group. Leaves the accumulator empty.
    ///
    /// # Errors
    /// If the state does not fit its arrays.
    fn state(&mut self) -> Result<Vec<ArrayRef>>;

    /// Folds in states that another accumulator of the same call gave: entry `i` into the group that `groups` says.
    /// The order of merges is the order of the values.
    ///
    /// # Errors
    /// Overflow of an exact type.
    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()>;

    /// The results of all groups, in group order. Leaves the accumulator empty.
    ///
    /// # Errors
    /// A result that its type cannot hold.
    fn finish(&mut self) -> Result<ArrayRef>;

    /// The bytes it holds: its own and those it will still allocate to fold in what it was given.
    fn memory(&self) -> usize;

    /// Whether a value met was NaN, which the query then says once.
    fn met_nan(&self) -> bool {
        false
    }
}
