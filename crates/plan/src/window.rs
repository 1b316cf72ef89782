//! Window functions: what is computed for each row from the rows around it.

use crate::SortKey;
use hyperslab_expr::{AggregateCall, Expr};
use serde::{Deserialize, Serialize};

/// A call of a window function, over partitions and an order that stand beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowCall {
    /// What is computed.
    pub function: WindowFunction,
    /// Which rows of the partition are seen from each row; functions of rank and place see all.
    pub frame: WindowFrame,
}

/// What a window function computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WindowFunction {
    /// An aggregate over the frame.
    Aggregate(AggregateCall),
    /// The place of the row in its partition, from 1.
    RowNumber,
    /// The place of the first of the rows that are equal in order.
    Rank,
    /// How many different rows in order come before, plus 1.
    DenseRank,
    /// `(rank - 1) / (rows - 1)`; 0 in a partition of one row.
    PercentRank,
    /// The share of rows that come before or are equal in order.
    CumeDist,
    /// The number, from 1, of one of `n` parts of almost equal size.
    Ntile(Expr),
    /// The value so many rows further (`ahead` positive) or back; `default` where there is no such row.
    Shifted {
        /// The value.
        arg: Expr,
        /// How many rows, per row.
        offset: Expr,
        /// Whether rows are counted forwards.
        ahead: bool,
        /// Of the type of `arg`; NULL if absent.
        default: Option<Expr>,
        /// Whether rows where `arg` is NULL are not counted.
        ignore_nulls: bool,
    },
    /// The value of one row of the frame.
    Picked {
        /// The value.
        arg: Expr,
        /// Which row.
        place: FramePlace,
        /// Whether rows where `arg` is NULL are not counted.
        ignore_nulls: bool,
    },
}

/// A row of a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FramePlace {
    /// `first_value`.
    First,
    /// `last_value`.
    Last,
    /// `nth_value`, from 1, per row.
    Nth(Expr),
}

/// The rows of a partition that are seen from a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowFrame {
    /// What bounds count.
    pub units: FrameUnits,
    /// Where it starts.
    pub start: FrameBound,
    /// Where it ends.
    pub end: FrameBound,
}

/// What the bounds of a frame count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameUnits {
    /// Rows.
    Rows,
    /// Values of the one key of the order; the current row is all rows equal to it.
    Range,
    /// Groups of rows that are equal in order.
    Groups,
}

/// A bound of a frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FrameBound {
    /// The first row of the partition.
    UnboundedPreceding,
    /// So many rows or groups back.
    Preceding(u64),
    /// The row itself.
    CurrentRow,
    /// So many rows or groups further.
    Following(u64),
    /// The last row of the partition.
    UnboundedFollowing,
    /// Where the key of the order reaches this value, computed for each row.
    Value {
        /// Of the key's type.
        edge: Expr,
        /// Whether it lies after the current row in order, or before.
        following: bool,
    },
}

impl WindowFrame {
    /// All rows of the partition.
    pub const WHOLE: Self =
        Self { units: FrameUnits::Rows, start: FrameBound::UnboundedPreceding, end: FrameBound::UnboundedFollowing };

    /// What a window with an order has if nothing is said: up to the rows equal to the current one.
    pub const SO_FAR: Self =
        Self { units: FrameUnits::Range, start: FrameBound::UnboundedPreceding, end: FrameBound::CurrentRow };

    /// Whether it is the whole partition, whatever the order.
    pub fn is_whole(&self) -> bool {
        self.start == FrameBound::UnboundedPreceding && self.end == FrameBound::UnboundedFollowing
    }

    fn exprs(&self) -> impl Iterator<Item = &Expr> {
        [&self.start, &self.end].into_iter().filter_map(|bound| match bound {
            FrameBound::Value { edge, .. } => Some(edge),
            _ => None,
        })
    }

    fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        [&mut self.start, &mut self.end].into_iter().filter_map(|bound| match bound {
            FrameBound::Value { edge, .. } => Some(edge),
            _ => None,
        })
    }
}

impl WindowCall {
    /// The expressions that it reads.
    pub fn exprs(&self) -> Vec<&Expr> {
        let of_function: Vec<&Expr> = match &self.function {
            WindowFunction::Aggregate(call) => call.args.iter().chain(&call.filter).collect(),
            WindowFunction::Ntile(parts) => vec![parts],
            WindowFunction::Shifted { arg, offset, default, .. } => [arg, offset].into_iter().chain(default).collect(),
            WindowFunction::Picked { arg, place: FramePlace::Nth(n), .. } => vec![arg, n],
            WindowFunction::Picked { arg, .. } => vec![arg],
            WindowFunction::RowNumber
            | WindowFunction::Rank
            | WindowFunction::DenseRank
            | WindowFunction::PercentRank
            | WindowFunction::CumeDist => Vec::new(),
        };
        of_function.into_iter().chain(self.frame.exprs()).collect()
    }

    /// The same, to be changed.
    pub fn exprs_mut(&mut self) -> Vec<&mut Expr> {
        let of_function: Vec<&mut Expr> = match &mut self.function {
            WindowFunction::Aggregate(call) => call.args.iter_mut().chain(&mut call.filter).collect(),
            WindowFunction::Ntile(parts) => vec![parts],
            WindowFunction::Shifted { arg, offset, default, .. } => [arg, offset].into_iter().chain(default).collect(),
            WindowFunction::Picked { arg, place: FramePlace::Nth(n), .. } => vec![arg, n],
            WindowFunction::Picked { arg, .. } => vec![arg],
            WindowFunction::RowNumber
            | WindowFunction::Rank
            | WindowFunction::DenseRank
            | WindowFunction::PercentRank
            | WindowFunction::CumeDist => Vec::new(),
        };
        of_function.into_iter().chain(self.frame.exprs_mut()).collect()
    }
}

/// What calls of window functions share: partitions, and the order within them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Rows with equal values are one partition; NULL equals NULL.
    pub partition: Vec<Expr>,
    /// The order of the rows of a partition, stable; none: that of the input, in which all rows are equal.
    pub order: Vec<SortKey>,
}

impl Window {
    /// The expressions that it reads.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.partition.iter().chain(self.order.iter().map(|key| &key.expr))
    }

    /// The same, to be changed.
    pub fn exprs_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        self.partition.iter_mut().chain(self.order.iter_mut().map(|key| &mut key.expr))
    }
}
