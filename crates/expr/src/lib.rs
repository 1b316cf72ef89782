//! Bound expressions, types, scalar and aggregate functions, and one evaluator over Arrow arrays.
//!
//! An [`Expr`] is data: names are resolved, types are known, casts are written out. [`eval::evaluate`] takes Arrow
//! arrays of equal length and gives one; it knows no dimensions, so the row operators and the blocks of a grid use
//! the same one. [`Accumulator`] holds one aggregate's state for all groups, addressed by group index: dense and hash
//! aggregation differ only in who computes the index ([`Groups`]).
//!
//! # Invariants
//! * What a function does to types is decided once, when it is bound ([`scalar::bind`], [`aggregate::bind`]); evaluation
//!   trusts the types written in the expression.
//! * Semantics are DuckDB's: three-valued logic, checked integer arithmetic, `/` on reals, NaN above all numbers.
//! * A float result does not depend on the machine: `sin`, `exp` and the like come from a Rust libm, sums are taken in
//!   float64 in a fixed number of lanes.
//!
//! # What it must never know
//! Files, grids' dimensions, SQL text, threads.

pub mod accumulator;
pub mod aggregate;
pub mod cast;
pub mod display;
pub mod error;
pub mod eval;
pub mod expr;
pub mod groups;
pub mod key_form;
pub mod places;
pub mod scalar;
pub mod sphere;
mod suggest;
pub mod types;
pub mod value;

pub use accumulator::Accumulator;
pub use error::{Error, Result, Span};
pub use expr::{AggregateCall, ColumnId, Expr, RowOrder};
pub use groups::{GroupRun, Groups};
pub use suggest::closest;
pub use types::SqlType;
pub use value::Scalar;
