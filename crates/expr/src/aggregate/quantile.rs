//! `quantile_cont`, `quantile_disc` and `median`.

use super::collected::Collected;
use super::native::{Native, array, array_where, by_native};
use super::rounds::{Quantiles, Rounds};
use super::types::Types;
use crate::{Accumulator, Error, Groups, Result, Scalar, SqlType};
use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::DataType;
use std::marker::PhantomData;
use std::sync::Arc;

/// The fractions that a quantile was asked for. A negative one counts from the greatest value down, as in
/// `ORDER BY x DESC`; so does -0.0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fractions {
    /// One, with one value as result.
    One(f64),
    /// Some, with a list as result.
    List(Vec<f64>),
}

impl Fractions {
    /// The fractions that parameters say; none is the median.
    ///
    /// # Errors
    /// If they are not numbers from -1 to 1.
    pub(super) fn new(parameters: &[Scalar]) -> Result<Self> {
        match parameters {
            [] => Ok(Self::One(0.5)),
            [Scalar::List(items, _)] => Ok(Self::List(items.iter().map(fraction).collect::<Result<_>>()?)),
            [one] => Ok(Self::One(fraction(one)?)),
            _ => Err(Error::new("a quantile takes one fraction or one list of fractions")),
        }
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// All of them.
    pub(super) fn all(&self) -> &[f64] {
        match self {
            Self::One(fraction) => std::slice::from_ref(fraction),
            Self::List(fractions) => fractions,
        }
    }

    /// The quantiles of groups, one group's after the other, as one value or one list a group; NULL where `valid` says no.
    pub(super) fn result<N: Native>(&self, item: &SqlType, found: Vec<N>, valid: &[bool]) -> Result<ArrayRef> {
        if !self.is_list() {
            return array_where(&item.to_arrow(), found, valid);
        }
        let field = Arc::new(item.to_field("item"));
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(self.all().len(), valid.len()));
        let nulls = NullBuffer::from(valid);
        let items = array(&item.to_arrow(), found, None)?;
        Ok(Arc::new(ListArray::try_new(field, offsets, items, Some(nulls))?))
    }
}

fn fraction(parameter: &Scalar) -> Result<f64> {
    let number = match (parameter.number(), parameter) {
        (Some(number), _) => number,
        (None, Scalar::Null(_)) => return Err(Error::new("the fraction of a quantile must not be NULL")),
        (None, other) => {
            return Err(Error::new(format!("the fraction of a quantile must be a number, not {}", other.sql_type())));
        }
    };
    let out_of_range = || {
        let error = Error::new(format!("the fraction {number} of a quantile does not lie between -1 and 1"));
        if number.abs() <= 100.0 { error.with_hint(format!("{number} percent are {}", number / 100.0)) } else { error }
    };
    (-1.0..=1.0).contains(&number).then_some(number).ok_or_else(out_of_range)
}

/// How a quantile comes to lie between two values.
pub(super) trait Between<N>: 'static {
    /// The type of what lies between.
    type Out: Native;

    /// Whether values of rows are taken, and none that lie between them.
    const IS_DISCRETE: bool = false;

    /// The value that lies between `low` and `high`, at `share` of the way, which is less than 1.
    fn between(low: N, high: N, share: f64) -> Self::Out;
}

/// Never: the value of a row is taken.
struct Discrete;
/// On the real line, as DOUBLE.
pub(super) struct Real;
/// On the real line, as FLOAT.
struct Single;
/// On multiples of a unit, the part of a unit being cut off: decimals.
struct Units;
/// At the nearest microsecond.
struct Instant;
/// At the nearest microsecond between two dates.
struct Day;

impl<N: Native> Between<N> for Discrete {
    type Out = N;

    const IS_DISCRETE: bool = true;

    fn between(low: N, _: N, _: f64) -> N {
        low
    }
}

macro_rules! real {
    ($($native:ty),*) => {$(
        impl Between<$native> for Real {
            type Out = f64;

            fn between(low: $native, high: $native, share: f64) -> f64 {
                mix(low as f64, high as f64, share)
            }
        }
    )*};
}
real!(i8, i16, i32, i64, i128, u8, u16, u32, u64, f64);

fn mix(low: f64, high: f64, share: f64) -> f64 {
    if share == 0.0 || low == high { low } else { low * (1.0 - share) + high * share }
}

impl Between<f32> for Single {
    type Out = f32;

    fn between(low: f32, high: f32, share: f64) -> f32 {
        mix(f64::from(low), f64::from(high), share) as f32
    }
}

impl Between<i128> for Units {
    type Out = i128;

    fn between(low: i128, high: i128, share: f64) -> i128 {
        let (whole, part) = steps(low, high, share);
        // Cut towards zero: what is below zero was cut away from it.
        if part != 0.0 && low + whole < 0 { low + whole + 1 } else { low + whole }
    }
}

impl Between<i64> for Instant {
    type Out = i64;

    fn between(low: i64, high: i64, share: f64) -> i64 {
        let (whole, part) = steps(i128::from(low), i128::from(high), share);
        let below = i128::from(low) + whole;
        let up = part > 0.5 || (part == 0.5 && below >= 0);
        i64::try_from(below + i128::from(up)).expect("it lies between two numbers of 64 bits")
    }
}

impl Between<i32> for Day {
    type Out = i64;

    fn between(low: i32, high: i32, share: f64) -> i64 {
        let micros = |days: i32| i64::from(days).saturating_mul(86_400_000_000);
        Instant::between(micros(low), micros(high), share)
    }
}

/// A share of the way from one whole number to another: whole steps up, and the part of a step beyond.
fn steps(low: i128, high: i128, share: f64) -> (i128, f64) {
    let way = (high - low) as f64 * share;
    (way.floor() as i128, way - way.floor())
}

/// Calls `$make` with the Rust type of the values of an SQL type and how quantiles lie between them, then that type, the type
/// of the result, and what is given.
macro_rules! by_kind {
    ($arg:expr, $discrete:expr, $make:ident($($given:expr),*)) => {{
        let (arg, double) = ($arg, &SqlType::Double);
        if $discrete {
            return by_native!(arg, N => $make::<N, Discrete>(arg, arg, $($given),*), else Err(super::no_values(arg)));
        }
        match arg {
            SqlType::TinyInt => $make::<i8, Real>(arg, double, $($given),*),
            SqlType::SmallInt => $make::<i16, Real>(arg, double, $($given),*),
            SqlType::Integer => $make::<i32, Real>(arg, double, $($given),*),
            SqlType::BigInt => $make::<i64, Real>(arg, double, $($given),*),
            SqlType::UTinyInt => $make::<u8, Real>(arg, double, $($given),*),
            SqlType::USmallInt => $make::<u16, Real>(arg, double, $($given),*),
            SqlType::UInteger => $make::<u32, Real>(arg, double, $($given),*),
            SqlType::UBigInt => $make::<u64, Real>(arg, double, $($given),*),
            SqlType::HugeInt => $make::<i128, Real>(arg, double, $($given),*),
            SqlType::Double => $make::<f64, Real>(arg, double, $($given),*),
            SqlType::Float => $make::<f32, Single>(arg, arg, $($given),*),
            SqlType::Decimal(..) => $make::<i128, Units>(arg, arg, $($given),*),
            SqlType::Timestamp(_) | SqlType::Time => $make::<i64, Instant>(arg, arg, $($given),*),
            SqlType::Date => $make::<i32, Day>(arg, &SqlType::TIMESTAMP, $($given),*),
            other => Err(super::no_values(other)),
        }
    }};
}

/// The accumulator of a quantile; `discrete` takes values that were met.
pub(super) fn quantile(types: &Types, parameters: &[Scalar], discrete: bool) -> Result<Box<dyn Accumulator>> {
    by_kind!(&types.args[0], discrete, at_once(Fractions::new(parameters)?))
}

fn at_once<N: Native, B: Between<N>>(
    arg: &SqlType,
    result: &SqlType,
    fractions: Fractions,
) -> Result<Box<dyn Accumulator>> {
    let (arg, item) = (arg.to_arrow(), result.clone());
    let collected = Collected::default();
    Ok(Box::new(Quantile::<N, B> { arg, item, fractions, collected, nan: false, between: PhantomData }))
}

/// The same in rounds over the rows, each of which holds at most so many bytes for each group; `None` for types whose values
/// have no ranks.
pub(super) fn quantile_in_rounds(
    types: &Types,
    parameters: &[Scalar],
    discrete: bool,
    bytes_a_group: usize,
) -> Result<Option<Box<dyn Rounds>>> {
    by_kind!(&types.args[0], discrete, in_rounds(Fractions::new(parameters)?, bytes_a_group))
}

fn in_rounds<N: Native, B: Between<N>>(
    _: &SqlType,
    result: &SqlType,
    fractions: Fractions,
    bytes_a_group: usize,
) -> Result<Option<Box<dyn Rounds>>> {
    let search = || Quantiles::<N, B>::new(result, fractions, bytes_a_group);
    Ok((N::RANK_BITS > 0).then(|| Box::new(search()) as Box<dyn Rounds>))
}

/// All values of all groups, and what to find among them.
struct Quantile<N, B> {
    arg: DataType,
    item: SqlType,
    fractions: Fractions,
    collected: Collected<N>,
    nan: bool,
    between: PhantomData<fn(B)>,
}

impl<N: Native, B: Between<N>> Quantile<N, B> {
    /// The quantile of some values, which it puts in another order.
    fn find(values: &mut [N], fraction: f64) -> B::Out {
        let places = Places::new::<N, B>(values.len() as u64, fraction);
        let (low, high) = neighbours(values, places.low as usize, places.high as usize);
        B::between(low, high, places.share)
    }
}

/// The median of some values, which it puts in another order.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    Quantile::<f64, Real>::find(values, 0.5)
}

/// Where a quantile lies among ordered values: between two places, at a share of the way.
pub(super) struct Places {
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) share: f64,
}

impl Places {
    /// Among `count` values, of which there is one.
    pub(super) fn new<N, B: Between<N>>(count: u64, fraction: f64) -> Self {
        let steps = (count - 1) as f64 * fraction.abs();
        let place = if B::IS_DISCRETE { discrete_place(count, fraction.abs()) } else { steps };
        let (below, above) = (place.floor() as u64, place.ceil() as u64);
        if fraction.is_sign_negative() {
            return Self { low: count - 1 - above, high: count - 1 - below, share: above as f64 - place };
        }
        Self { low: below, high: above, share: place - below as f64 }
    }
}

/// The place of a discrete quantile among ordered values.
fn discrete_place(count: u64, fraction: f64) -> f64 {
    let count = count as f64;
    (count - (count - fraction * count).floor()).max(1.0) - 1.0
}

/// The values at a place in order and at the same or the next.
fn neighbours<N: Native>(values: &mut [N], place: usize, next: usize) -> (N, N) {
    let (_, at_place, above) = values.select_nth_unstable_by(place, |a, b| a.order(*b));
    let low = *at_place;
    // All that are above are in no order: the next is the least of them.
    let high = above.iter().copied().reduce(|least, value| if value.less(least) { value } else { least });
    let high = if next == place { low } else { high.unwrap_or(low) };
    // Of equal values one stands for all: 0.0 for -0.0, whichever was met first.
    (N::of_key(low.key()), N::of_key(high.key()))
}

impl<N: Native, B: Between<N>> Accumulator for Quantile<N, B> {
    fn resize(&mut self, groups: usize) {
        self.collected.resize(groups);
    }

    fn update(&mut self, groups: &Groups<'_>, args: &[ArrayRef], present: Option<&BooleanBuffer>) -> Result<()> {
        self.nan |= self.collected.update(groups, args, present);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.collected.state(&self.arg)
    }

    fn merge(&mut self, groups: &Groups<'_>, state: &[ArrayRef]) -> Result<()> {
        self.nan |= self.collected.merge(groups, state);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let valid: Vec<bool> = self.collected.sizes().iter().map(|size| *size > 0).collect();
        let (fractions, each) = (self.fractions.all(), self.fractions.all().len());
        let mut out: Vec<B::Out> = vec![B::Out::default(); valid.len() * each];
        self.collected.visit(|group, values| {
            if !values.is_empty() {
                let found = fractions.iter().map(|fraction| Self::find(values, *fraction));
                out[group * each..].iter_mut().zip(found).for_each(|(out, found)| *out = found);
            }
        });
        self.fractions.result(&self.item, out, &valid)
    }

    fn memory(&self) -> usize {
        self.collected.memory()
    }

    fn met_nan(&self) -> bool {
        self.nan
    }
}
