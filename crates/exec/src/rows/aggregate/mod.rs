//! Groups rows by hashing their keys. Each partition has a table of its own; the tables are merged in the order of the
//! partitions, so groups come in order of first appearance and floats are added in one order only. Groups that do not fit the
//! memory limit are worked on by buckets of keys, with the rows on disk; a group that does not fit, in rounds over the rows.

mod rounds;

use super::evaluate::{evaluate, evaluate_mask, keep, keep_numbers};
use super::key_table::{ABSENT, KeyTable};
use super::spill::buckets::{Side, by_key};
use super::spill::places;
use super::stored::StoredRows;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::{fold_anew, fold_partitions};
use crate::source::{Batch, Source, SourceColumn, array_bytes};
use arrow::array::{Array, ArrayRef, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::DataType;
use hyperslab_expr::aggregate::{self, Rounds, create};
use hyperslab_expr::{Accumulator, AggregateCall, Expr, GroupRun, Groups};
use hyperslab_plan::Column;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What is grouped.
pub struct Input<'a> {
    /// The rows.
    pub rows: &'a dyn Source,
    /// Whether they, keys and aggregates can be computed again with the same values.
    pub may_repeat: bool,
}

/// The groups of `input`: the keys, then the aggregates. Without keys there is one group, also of no rows.
///
/// # Errors
/// What the input, an expression or an aggregate makes go wrong; one group that does not fit the memory limit.
pub fn aggregate(
    context: &Context,
    operator: &Arc<Operator>,
    input: &Input<'_>,
    keys: &[(Column, Expr)],
    aggregates: &[(Column, AggregateCall)],
) -> Result<Box<dyn Source>> {
    let (grouped, input, may_repeat) = (Grouped { context, operator, keys, aggregates }, input.rows, input.may_repeat);
    let outcome = match grouped.in_memory(input) {
        Err(Error::OutOfMemory(_)) if may_repeat && !keys.is_empty() => grouped.by_buckets(input),
        outcome => outcome,
    };
    match outcome {
        Err(Error::OutOfMemory(_))
            if may_repeat && aggregate::are_found_in_rounds(aggregates.iter().map(|(_, call)| call)) =>
        {
            grouped.in_rounds(input)
        }
        // Perhaps it is not the groups that take so much, but the input for all threads.
        Err(Error::OutOfMemory(_)) if may_repeat => grouped.with_few_threads(input),
        outcome => outcome,
    }
}

/// What is asked of the rows of an input.
struct Grouped<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    keys: &'a [(Column, Expr)],
    aggregates: &'a [(Column, AggregateCall)],
}

impl Grouped<'_> {
    fn in_memory(&self, input: &dyn Source) -> Result<Box<dyn Source>> {
        self.finished(&self.grouping(input), input)
    }

    /// The same with as few threads as there is memory for.
    fn with_few_threads(&self, input: &dyn Source) -> Result<Box<dyn Source>> {
        self.finished(&Grouping { runs_anew: true, ..self.grouping(input) }, input)
    }

    fn finished(&self, grouping: &Grouping<'_>, input: &dyn Source) -> Result<Box<dyn Source>> {
        let all = grouping.fold(input)?;
        let (rows, memory, _) = self.operator.timed(|| all.finish(grouping))?;
        Ok(Box::new(StoredRows::cut(self.columns(), &rows, vec![memory])))
    }

    fn grouping<'a>(&'a self, input: &'a dyn Source) -> Grouping<'a> {
        Grouping {
            context: self.context,
            operator: self.operator,
            input: input.columns(),
            keys: self.keys.iter().map(|(_, key)| key).collect(),
            calls: self.aggregates.iter().map(|(_, call)| (call, None)).collect(),
            known: None,
            runs_anew: false,
        }
    }

    /// The same with the rows on disk, by key. The least place of the rows of a group tells when it appeared first.
    fn by_buckets(&self, input: &dyn Source) -> Result<Box<dyn Source>> {
        let place = places::column(0);
        let first = Column { id: place.id, name: String::new(), ty: place.ty.clone(), metadata: Default::default() };
        let least = aggregate::call("min", vec![Expr::Column(place.id, place.ty)])?;
        let aggregates: Vec<_> = self.aggregates.iter().cloned().chain([(first, least)]).collect();
        let placed = Grouped { aggregates: &aggregates, ..*self };
        let side = Side { input, keys: self.keys.iter().map(|(_, key)| key.clone()).collect(), is_held: true };
        let run = |sides: Vec<Box<dyn Source>>| placed.in_memory(sides[0].as_ref());
        by_key(self.context, self.operator, &[side], &placed.columns(), &run)
    }

    fn columns(&self) -> Vec<SourceColumn> {
        let aggregates = self.aggregates.iter().map(|(column, _)| column);
        self.keys.iter().map(|(column, _)| column).chain(aggregates).map(SourceColumn::from).collect()
    }
}

/// What is grouped, by what, and what for.
struct Grouping<'a> {
    context: &'a Context,
    operator: &'a Arc<Operator>,
    input: &'a [SourceColumn],
    keys: Vec<&'a Expr>,
    /// Each with what finds it in rounds, if it is not known after this pass.
    calls: Vec<(&'a AggregateCall, Option<&'a dyn Rounds>)>,
    /// The groups, where an earlier round found them.
    known: Option<&'a KeyTable>,
    /// Whether partitions for which there is not enough memory are run anew, fewer at a time.
    runs_anew: bool,
}

impl Grouping<'_> {
    fn fold(&self, input: &dyn Source) -> Result<Table> {
        let mut all: Option<Table> = None;
        let run = |partition| self.operator.timed(|| self.fold_partition(input, partition));
        let merge = |_, part| {
            match &mut all {
                None => all = Some(part),
                Some(all) => self.operator.timed(|| all.merge(self, part))?,
            }
            Ok(ControlFlow::Continue(()))
        };
        match self.runs_anew {
            true => fold_anew(self.context, input.partitions(), run, merge)?,
            false => fold_partitions(self.context, input.partitions(), run, merge)?,
        }
        all.map_or_else(|| self.table(), Ok)
    }

    fn fold_partition(&self, input: &dyn Source, partition: usize) -> Result<Table> {
        let mut table = self.table()?;
        input.run(partition, &mut |batch| {
            table.fold(self, &batch)?;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(table)
    }

    fn table(&self) -> Result<Table> {
        let key_types: Vec<DataType> = self.keys.iter().map(|key| key.sql_type().to_arrow()).collect();
        Ok(Table {
            numbers: KeyTable::new(&key_types)?,
            first: vec![Vec::new(); key_types.len()],
            first_bytes: 0,
            key_types,
            accumulators: self.calls.iter().map(accumulator).collect::<Result<_>>()?,
            met_nan: vec![false; self.calls.len()],
            memory: self.context.memory().reserve(0, "grouping by hash")?.counted_by(self.operator),
        })
    }
}

fn accumulator((call, rounds): &(&AggregateCall, Option<&dyn Rounds>)) -> Result<Box<dyn Accumulator>> {
    Ok(match rounds {
        Some(rounds) => rounds.accumulator(),
        None => create(call)?,
    })
}

/// Groups, numbered, and their state.
struct Table {
    numbers: KeyTable,
    key_types: Vec<DataType>,
    /// For each key its values in the first row of each group, in pieces.
    first: Vec<Vec<ArrayRef>>,
    first_bytes: usize,
    accumulators: Vec<Box<dyn Accumulator>>,
    met_nan: Vec<bool>,
    memory: Reservation,
}

impl Table {
    /// Folds rows in.
    fn fold(&mut self, grouping: &Grouping<'_>, batch: &Batch) -> Result<()> {
        grouping.context.check()?;
        let key = |key: &&Expr| evaluate(key, grouping.input, batch);
        let keys = grouping.keys.iter().map(key).collect::<Result<Vec<_>>>()?;
        let groups = self.number(grouping, &keys, batch.rows)?;
        let count = self.count(grouping);
        for (accumulator, (call, _)) in self.accumulators.iter_mut().zip(&grouping.calls) {
            accumulator.resize(count);
            update(accumulator.as_mut(), call, grouping.input, batch, &groups)?;
        }
        self.memory.resize(self.bytes())
    }

    /// How many groups there are.
    fn count(&self, grouping: &Grouping<'_>) -> usize {
        grouping.known.map_or(self.numbers.len(), KeyTable::len)
    }

    /// The groups of rows with these keys; keeps the keys of new groups.
    fn number(&mut self, grouping: &Grouping<'_>, keys: &[ArrayRef], rows: usize) -> Result<Numbers> {
        if let Some(known) = grouping.known.filter(|_| !keys.is_empty()) {
            let numbers = known.find(keys, rows)?;
            if numbers.contains(&ABSENT) {
                return Err(hyperslab_expr::Error::new("the keys changed between two rounds of reading them").into());
            }
            return Ok(Numbers::Each(numbers));
        }
        let (numbers, new) = self.numbers.number(keys, rows)?;
        if !new.is_empty() {
            let new = UInt32Array::from(new);
            for (pieces, key) in self.first.iter_mut().zip(keys) {
                let piece = take(key, &new, None)?;
                self.first_bytes += array_bytes(&piece);
                pieces.push(piece);
            }
        }
        Ok(if keys.is_empty() { Numbers::AllOne(rows) } else { Numbers::Each(numbers) })
    }

    /// Folds in the groups of the rows that follow.
    fn merge(&mut self, grouping: &Grouping<'_>, mut later: Self) -> Result<()> {
        let groups = match grouping.known {
            Some(known) => Numbers::Each((0..known.len() as u32).collect()),
            None => {
                let keys = later.first_keys()?;
                self.number(grouping, &keys, later.numbers.len())?
            }
        };
        let count = self.count(grouping);
        for (at, accumulator) in later.accumulators.iter_mut().enumerate() {
            self.met_nan[at] |= later.met_nan[at] | accumulator.met_nan();
            let state = accumulator.state()?;
            self.accumulators[at].resize(count);
            groups.with(|groups| self.accumulators[at].merge(groups, &state))?;
        }
        self.memory.resize(self.bytes())
    }

    /// The keys of all groups, in order.
    fn first_keys(&mut self) -> Result<Vec<ArrayRef>> {
        let whole = |(pieces, ty): (&mut Vec<ArrayRef>, &DataType)| {
            let parts: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
            let whole = if parts.is_empty() { new_empty_array(ty) } else { concat(&parts)? };
            *pieces = vec![whole.clone()];
            Ok(whole)
        };
        self.first.iter_mut().zip(&self.key_types).map(whole).collect()
    }

    /// The rows of the result, the memory that they take, and the numbers of their keys. Keys are shown where they are new.
    fn finish(mut self, grouping: &Grouping<'_>) -> Result<(Batch, Reservation, KeyTable)> {
        let rows = if grouping.keys.is_empty() { 1 } else { self.count(grouping) };
        let mut columns = if grouping.known.is_none() { self.first_keys()? } else { Vec::new() };
        for (at, accumulator) in self.accumulators.iter_mut().enumerate() {
            if self.met_nan[at] | accumulator.met_nan() {
                let name = &grouping.calls[at].0.function;
                grouping
                    .context
                    .warnings()
                    .say(format!("{name} met NaN, which is a value here; missing values of a file are NULL"));
            }
            accumulator.resize(rows);
            columns.push(accumulator.finish().map_err(|error| error.or_at(grouping.calls[at].0.at))?);
        }
        let result = Batch { columns, rows };
        self.memory.resize(result.bytes())?;
        Ok((result, self.memory, self.numbers))
    }

    fn bytes(&self) -> usize {
        let state: usize = self.accumulators.iter().map(|accumulator| accumulator.memory()).sum();
        // While a table grows, what it was is there too.
        self.numbers.memory() / 2 * 3 + self.first_bytes + state
    }
}

/// Which group each row is in.
enum Numbers {
    AllOne(usize),
    Each(Vec<u32>),
}

impl Numbers {
    fn with<T>(&self, part: impl FnOnce(&Groups<'_>) -> T) -> T {
        match self {
            Self::AllOne(rows) => part(&Groups::Runs(&[GroupRun { len: *rows as u32, first: 0, step: 0 }])),
            Self::Each(numbers) => part(&Groups::Each(numbers)),
        }
    }

    fn kept(&self, mask: &arrow::buffer::BooleanBuffer) -> Result<Self> {
        Ok(match self {
            Self::AllOne(_) => Self::AllOne(mask.count_set_bits()),
            Self::Each(numbers) => Self::Each(keep_numbers(numbers, mask)),
        })
    }
}

/// Folds rows into one aggregate. Arguments are computed only for rows that pass its filter: it may guard them.
fn update(
    accumulator: &mut dyn Accumulator,
    call: &AggregateCall,
    columns: &[SourceColumn],
    batch: &Batch,
    groups: &Numbers,
) -> Result<()> {
    if let Some(filter) = &call.filter {
        let mask = evaluate_mask(filter, columns, batch)?;
        let (kept, groups) = (keep(batch, &mask)?, groups.kept(&mask)?);
        return update_all(accumulator, call, columns, &kept, &groups);
    }
    update_all(accumulator, call, columns, batch, groups)
}

fn update_all(
    accumulator: &mut dyn Accumulator,
    call: &AggregateCall,
    columns: &[SourceColumn],
    batch: &Batch,
    groups: &Numbers,
) -> Result<()> {
    let args = call.args.iter().map(|arg| evaluate(arg, columns, batch)).collect::<Result<Vec<_>>>()?;
    let outcome = groups.with(|groups| accumulator.update(groups, &args, None));
    Ok(outcome.map_err(|error| error.or_at(call.at))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::{self, Cell, Random, Row};
    use hyperslab_expr::SqlType;

    fn repeated(rows: &dyn Source) -> Input<'_> {
        Input { rows, may_repeat: true }
    }

    fn call(function: &str, arg: Option<Expr>, filter: Option<Expr>) -> AggregateCall {
        AggregateCall { filter, ..aggregate::call(function, arg.into_iter().collect()).unwrap() }
    }

    fn named<T>(first: u32, exprs: Vec<T>, ty: impl Fn(&T) -> SqlType) -> Vec<(Column, T)> {
        (first..).zip(exprs).map(|(id, expr)| (testing::named(id, ty(&expr)), expr)).collect()
    }

    fn keys(at: &[usize]) -> Vec<(Column, Expr)> {
        named(0, at.iter().map(|at| testing::column(&testing::columns(0), *at)).collect(), Expr::sql_type)
    }

    /// `count(*)`, `max(int)`, `avg(float) FILTER (WHERE int > 0)`, `first(text)`.
    fn aggregates() -> Vec<(Column, AggregateCall)> {
        let columns = testing::columns(0);
        let column = |at| Some(testing::column(&columns, at));
        let positive = testing::test(">", vec![testing::column(&columns, 0), testing::int(0)]);
        let calls = vec![
            call("count", None, None),
            call("max", column(0), None),
            call("avg", column(1), Some(positive)),
            call("first", column(2), None),
        ];
        named(10, calls, |call| call.ty.clone())
    }

    /// The key of a row as it is compared.
    fn key(row: &Row, at: &[usize]) -> Vec<Cell> {
        let plain = |cell: &Cell| match cell {
            Cell::Float(bits) if f64::from_bits(*bits) == 0.0 => Cell::Float(0),
            other => other.clone(),
        };
        at.iter().map(|at| plain(&Cell::of(row)[*at])).collect()
    }

    fn naive(rows: &[Row], at: &[usize]) -> Vec<Vec<Cell>> {
        let mut groups: Vec<(Vec<Cell>, Vec<&Row>)> = Vec::new();
        for row in rows {
            match groups.iter_mut().find(|(known, _)| *known == key(row, at)) {
                Some((_, members)) => members.push(row),
                None => groups.push((key(row, at), vec![row])),
            }
        }
        if at.is_empty() && groups.is_empty() {
            groups.push(Default::default());
        }
        groups.iter().map(|(_, members)| naive_row(members, at)).collect()
    }

    fn naive_row(members: &[&Row], at: &[usize]) -> Vec<Cell> {
        let shown = at.iter().map(|at| Cell::of(members[0])[*at].clone());
        let max = members.iter().filter_map(|row| row.0).max().map_or(Cell::Null, Cell::Int);
        let floats: Vec<f64> = members.iter().filter(|row| row.0 > Some(0)).filter_map(|row| row.1).collect();
        // An empty sum is 0.0 here, -0.0 in the standard library.
        let mean = floats.iter().fold(0.0, |sum, float| sum + float) / floats.len() as f64;
        let mean = if floats.is_empty() { Cell::Null } else { Cell::Float(mean.to_bits()) };
        let first = members.first().and_then(|row| row.2.clone()).map_or(Cell::Null, Cell::Text);
        shown.chain([Cell::Int(members.len() as i64), max, mean, first]).collect()
    }

    #[test]
    fn groups_agree_with_lists_of_their_rows() {
        let mut random = Random(17);
        for at in [&[][..], &[0], &[1], &[2], &[0, 1], &[2, 0], &[1, 2, 0]] {
            for count in [0, 1, 800] {
                let rows = random.rows(count);
                let input = testing::source(&mut random, 0, &rows);
                let (keys, calls, operator) = (keys(at), aggregates(), Arc::default());
                let found = testing::on_any_threads(|context| {
                    aggregate(context, &operator, &repeated(input.as_ref()), &keys, &calls)
                });
                assert!(found == naive(&rows, at), "{at:?} {count}");
            }
        }
    }

    #[test]
    fn distinct_rows_are_groups_without_aggregates() {
        let mut random = Random(4);
        let rows = random.rows(300);
        let input = testing::source(&mut random, 0, &rows);
        let operator = Arc::default();
        let found = testing::on_any_threads(|context| {
            aggregate(context, &operator, &repeated(input.as_ref()), &keys(&[0, 2]), &[])
        });
        let cells = |row: &Row| vec![Cell::of(row)[0].clone(), Cell::of(row)[2].clone()];
        let mut expected: Vec<Vec<Cell>> = Vec::new();
        rows.iter().map(cells).for_each(|row| {
            if !expected.contains(&row) {
                expected.push(row)
            }
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn many_groups_keep_their_order() {
        let rows: Vec<Row> = (0..50_000i64).map(|at| (Some(at * 7919 % 20_011 * 1_000_003), None, None)).collect();
        let input = testing::source(&mut Random(8), 0, &rows);
        let operator = Arc::default();
        let found = testing::on_any_threads(|context| {
            aggregate(context, &operator, &repeated(input.as_ref()), &keys(&[0]), &[])
        });
        let expected = rows[..20_011].iter().map(|row| vec![Cell::of(row)[0].clone()]);
        assert!(found.into_iter().eq(expected));
    }

    #[test]
    fn groups_by_way_of_the_disk_have_the_same_bits_and_order() {
        let mut random = Random(5);
        let row = |at: u64, random: &mut Random| {
            let key = random.below(9000) as i64 - 200;
            (
                (!at.is_multiple_of(50)).then_some(key),
                Some(random.below(1 << 50) as f64 / 3e9),
                Some(format!("text {at}")),
            )
        };
        let rows: Vec<Row> = (0..40_000).map(|at| row(at, &mut random)).collect();
        let input = testing::source(&mut random, 0, &rows);
        let columns = testing::columns(0);
        let more = ["sum", "median"].map(|name| call(name, Some(testing::column(&columns, 1)), None));
        let calls: Vec<_> = aggregates().into_iter().chain(named(20, more.to_vec(), |call| call.ty.clone())).collect();
        let run = |context: &Context, operator: &Arc<Operator>| {
            aggregate(context, operator, &repeated(input.as_ref()), &keys(&[0]), &calls)
        };
        let in_memory = testing::on_any_threads(|context| run(context, &Arc::default()));
        for limit in [2_000_000, 1_200_000] {
            let operator = Arc::default();
            let on_disk = testing::on_any_threads(|context| run(&testing::with_memory(context, limit), &operator));
            let differ = on_disk.iter().zip(&in_memory).find(|(a, b)| a != b);
            assert!(differ.is_none() && on_disk.len() == in_memory.len(), "{limit}: {differ:?}");
            assert!(operator.spilled_bytes() > 0, "{limit}");
        }
    }

    #[test]
    fn nan_is_said_once_and_too_many_groups_are_an_error() {
        let rows: Vec<Row> = (0..20_000).map(|at| (Some(at << 20), Some(f64::NAN), None)).collect();
        let input = testing::source(&mut Random(8), 0, &rows);
        let context = testing::context(2);
        aggregate(&context, &Arc::default(), &repeated(input.as_ref()), &keys(&[0]), &aggregates()).unwrap();
        assert_eq!(context.warnings().said().len(), 1);
        let small = testing::with_memory(&context, 100_000);
        let outcome = aggregate(&small, &Arc::default(), &repeated(input.as_ref()), &keys(&[0]), &aggregates());
        assert!(matches!(outcome, Err(Error::OutOfMemory(_))));
        assert_eq!(small.memory().reserved(), 0);
    }

    #[test]
    fn a_filter_guards_the_arguments_of_its_aggregate() {
        let columns = testing::columns(0);
        let text = testing::column(&columns, 2);
        let number = Expr::Cast { arg: Box::new(text.clone()), to: SqlType::BigInt, or_null: false, at: None };
        let is_number =
            testing::test("=", vec![text, Expr::Literal(hyperslab_expr::Scalar::Varchar("12".to_string()))]);
        let calls = named(0, vec![call("max", Some(number), Some(is_number))], |call| call.ty.clone());
        let rows: Vec<Row> = ["x", "12", "y"].map(|text| (None, None, Some(text.to_string()))).to_vec();
        let input = testing::source(&mut Random(8), 0, &rows);
        let operator = Arc::default();
        let found =
            testing::on_any_threads(|context| aggregate(context, &operator, &repeated(input.as_ref()), &[], &calls));
        assert_eq!(found, [[Cell::Int(12)]]);
    }
}
