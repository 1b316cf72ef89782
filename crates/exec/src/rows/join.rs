//! Joins rows by hashing: the right side is held in memory, the left streams past it in order. Without keys all pairs are
//! tried, a batch at a time. What is held and does not fit the memory limit is joined by buckets of keys, with the rows on disk.

use super::BATCH_ROWS;
use super::evaluate::{evaluate, evaluate_mask};
use super::key_table::{ABSENT, KeyTable};
use super::nearest::Nearest;
use super::spill::buckets::{Side, by_key};
use super::spill::places;
use super::stored::{Pile, Place, StoredRows, cuts, hold};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::memory::Reservation;
use crate::metrics::Operator;
use crate::parallel::fold_partitions;
use crate::source::{Batch, Sink, Source, SourceColumn};
use arrow::array::{ArrayRef, UInt32Array, new_null_array};
use arrow::buffer::NullBuffer;
use hyperslab_expr::Expr;
use hyperslab_plan::{AsOf, JoinKind};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What makes rows match.
pub struct Condition<'a> {
    /// Which rows stay.
    pub kind: JoinKind,
    /// Expressions over the left and the right that must be equal.
    pub on: &'a [(Expr, Expr)],
    /// Which one of the rows that are equal matches, if it is not all.
    pub asof: Option<&'a AsOf>,
    /// What else must be true of a pair.
    pub filter: Option<&'a Expr>,
}

/// How the left side is made: once the rows of the right are held it may depend on them.
pub type MakeLeft<'a> = dyn Fn(Option<&[Batch]>) -> Result<Box<dyn Source>> + 'a;

/// Pairs of rows that match: those of the left in order, for each its matches on the right in order. A full join holds the left
/// too: it must be seen whole, and then be given.
///
/// # Errors
/// What goes wrong on a side that is held; without keys, one that does not fit the memory limit.
pub fn join(
    context: &Context,
    operator: &Arc<Operator>,
    left: &MakeLeft<'_>,
    right: &dyn Source,
    condition: &Condition<'_>,
) -> Result<Box<dyn Source>> {
    match in_memory(context, operator, left, right, condition) {
        Err(Error::OutOfMemory(_)) if !condition.on.is_empty() => {
            by_buckets(context, operator, left(None)?.as_ref(), right, condition)
        }
        outcome => outcome,
    }
}

/// The same with the rows of both sides on disk, by key.
fn by_buckets(
    context: &Context,
    operator: &Arc<Operator>,
    left: &dyn Source,
    right: &dyn Source,
    condition: &Condition<'_>,
) -> Result<Box<dyn Source>> {
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = condition.on.iter().cloned().unzip();
    let sides = [
        Side { input: left, keys: left_keys, is_held: condition.kind == JoinKind::Full },
        Side { input: right, keys: right_keys, is_held: true },
    ];
    let placed = |side: &dyn Source, number| side.columns().iter().cloned().chain([places::column(number)]).collect();
    let mut columns: Vec<SourceColumn> = placed(left, 0);
    if condition.kind.shows_right() {
        columns.extend::<Vec<SourceColumn>>(placed(right, 1));
    }
    let run = |mut sides: Vec<Box<dyn Source>>| {
        let (right, left) = (sides.pop(), sides.pop());
        let [Some(left), Some(right)] = [left, right] else { return Err(Error::internal("a join has two sides")) };
        let left: Arc<dyn Source> = left.into();
        in_memory(context, operator, &|_| Ok(Box::new(left.clone())), right.as_ref(), condition)
    };
    by_key(context, operator, &sides, &columns, &run)
}

/// What memory is reserved for.
const RIGHT: &str = "the right side of a join";

fn in_memory(
    context: &Context,
    operator: &Arc<Operator>,
    left: &MakeLeft<'_>,
    right: &dyn Source,
    condition: &Condition<'_>,
) -> Result<Box<dyn Source>> {
    let (left_keys, right_keys): (Vec<Expr>, Vec<Expr>) = condition.on.iter().cloned().unzip();
    let (batches, memory) = hold(context, operator, right, RIGHT)?;
    if memory.bytes() > context.memory().limit() / 2 && !condition.on.is_empty() {
        // The rest is for reading the left.
        return Err(memory.is_too_much());
    }
    let built = operator.timed(|| {
        let mut built = Built::new(context, right.columns(), &batches, memory, &right_keys)?;
        if let Some(asof) = condition.asof {
            built.sort_by(Nearest::new(asof, right.columns(), &batches)?)?;
        }
        Ok::<_, Error>(built)
    })?;
    let left = left(Some(&batches))?;
    let pair_columns: Vec<SourceColumn> = left.columns().iter().chain(right.columns()).cloned().collect();
    let shown = if condition.kind.shows_right() { pair_columns.len() } else { left.columns().len() };
    let mut joined = Joined {
        context: context.clone(),
        left,
        keys: left_keys,
        kind: condition.kind,
        filter: condition.filter.cloned(),
        built,
        columns: pair_columns[..shown].to_vec(),
        pair_columns,
        unmatched: Vec::new(),
    };
    if condition.kind == JoinKind::Full {
        let (batches, memory) = hold(context, operator, joined.left.as_ref(), "the left side of a full join")?;
        let partitions = batches.into_iter().map(|batch| vec![batch]).collect();
        joined.left = Box::new(StoredRows::new(joined.left.columns().to_vec(), partitions, vec![memory]));
        joined.unmatched = operator.timed(|| joined.find_unmatched())?;
    }
    Ok(Box::new(joined))
}

/// The right side by key.
struct Built {
    rows: Pile,
    null_row: Place,
    keys: KeyTable,
    /// `places[starts[key]..starts[key + 1]]` are the rows with that key.
    starts: Vec<usize>,
    places: Vec<(u32, u32)>,
    /// By what the rows of a key are sorted, for an ASOF join.
    nearest: Option<Nearest>,
    /// How many rows each batch has.
    lengths: Vec<usize>,
    memory: Reservation,
}

impl Built {
    fn new(
        context: &Context,
        columns: &[SourceColumn],
        batches: &[Batch],
        mut memory: Reservation,
        keys: &[Expr],
    ) -> Result<Self> {
        let types: Vec<_> = keys.iter().map(|key| key.sql_type().to_arrow()).collect();
        let mut table = KeyTable::new(&types)?;
        let mut numbered = Vec::new();
        for batch in batches {
            let before = table.memory();
            numbered.push(number(&mut table, keys, columns, batch)?);
            memory
                .grow(table.memory().saturating_sub(before) + batch.rows * (size_of::<u32>() + size_of::<Place>()))?;
            context.check()?;
        }
        let (starts, places) = places_by_key(table.len(), &numbered);
        let mut rows = Pile::new(columns, batches);
        let null_row = rows.push_null_row(columns);
        let lengths = batches.iter().map(|batch| batch.rows).collect();
        Ok(Self { rows, null_row, keys: table, starts, places, nearest: None, lengths, memory })
    }

    /// Sorts the rows of each key, so that the nearest can be found.
    fn sort_by(&mut self, nearest: Nearest) -> Result<()> {
        self.memory.grow(nearest.memory())?;
        self.starts.windows(2).for_each(|key| nearest.sort(&mut self.places[key[0]..key[1]]));
        self.nearest = Some(nearest);
        Ok(())
    }

    /// The rows with a key.
    fn matches(&self, key: u32) -> &[(u32, u32)] {
        if key == ABSENT { &[] } else { &self.places[self.starts[key as usize]..self.starts[key as usize + 1]] }
    }
}

/// The key numbers of rows, [`ABSENT`] where a key is NULL: NULL equals nothing.
fn number(table: &mut KeyTable, keys: &[Expr], columns: &[SourceColumn], batch: &Batch) -> Result<Vec<u32>> {
    let keys = keys.iter().map(|key| evaluate(key, columns, batch)).collect::<Result<Vec<ArrayRef>>>()?;
    let (mut numbers, _) = table.number(&keys, batch.rows)?;
    forget_nulls(&keys, &mut numbers);
    Ok(numbers)
}

fn forget_nulls(keys: &[ArrayRef], numbers: &mut [u32]) {
    let nulls = keys.iter().fold(None, |all, key| NullBuffer::union(all.as_ref(), key.logical_nulls().as_ref()));
    if let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) {
        numbers.iter_mut().zip(&nulls).filter(|(_, valid)| !valid).for_each(|(number, _)| *number = ABSENT);
    }
}

/// The rows of each key, one key after the other, each in order.
fn places_by_key(keys: usize, numbered: &[Vec<u32>]) -> (Vec<usize>, Vec<(u32, u32)>) {
    let known = || numbered.iter().flatten().filter(|number| **number != ABSENT);
    let mut ends = vec![0; keys + 1];
    known().for_each(|number| ends[*number as usize + 1] += 1);
    (0..keys).for_each(|key| ends[key + 1] += ends[key]);
    let (starts, mut next) = (ends.clone(), ends);
    let mut places = vec![(0, 0); starts[keys]];
    for (batch, numbers) in numbered.iter().enumerate() {
        for (row, number) in numbers.iter().enumerate().filter(|(_, number)| **number != ABSENT) {
            places[next[*number as usize]] = (batch as u32, row as u32);
            next[*number as usize] += 1;
        }
    }
    (starts, places)
}

/// The left side streaming past the right.
struct Joined {
    context: Context,
    left: Box<dyn Source>,
    keys: Vec<Expr>,
    kind: JoinKind,
    filter: Option<Expr>,
    built: Built,
    columns: Vec<SourceColumn>,
    /// The columns of both sides, which the filter reads.
    pair_columns: Vec<SourceColumn>,
    /// The rows of the right that a full join adds.
    unmatched: Vec<Place>,
}

impl Source for Joined {
    fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    fn partitions(&self) -> usize {
        // Without a right side nothing of the left needs to be read.
        let is_empty = !self.kind.keeps_unmatched() && self.built.places.is_empty();
        let of_left = if is_empty { 0 } else { self.left.partitions() };
        of_left + cuts(self.unmatched.len()).count()
    }

    fn run(&self, partition: usize, sink: &mut Sink<'_>) -> Result<()> {
        match partition.checked_sub(self.left.partitions()) {
            None => self.left.run(partition, &mut |batch| {
                self.probe(&batch, &mut |pairs| sink(self.pick(&batch, pairs, self.kind.shows_right())?))
            }),
            Some(cut) => match cuts(self.unmatched.len()).nth(cut) {
                Some(cut) => sink(self.added(&self.unmatched[cut])?).map(drop),
                None => Ok(()),
            },
        }
    }
}

/// A left row, a row on the right, and whether the left row has no further one.
#[derive(Clone, Copy)]
struct Pair {
    left: u32,
    right: Place,
    last: bool,
}

/// What takes the pairs that stay of a batch.
type TakePairs<'a> = dyn FnMut(&[Pair]) -> Result<ControlFlow<()>> + 'a;

impl Joined {
    /// Gives the pairs that stay of the rows of a batch, so many at a time that they make a batch.
    fn probe(&self, batch: &Batch, take: &mut TakePairs<'_>) -> Result<ControlFlow<()>> {
        let keys = self.keys.iter().map(|key| evaluate(key, self.left.columns(), batch)).collect::<Result<Vec<_>>>()?;
        let mut numbers = self.built.keys.find(&keys, batch.rows)?;
        forget_nulls(&keys, &mut numbers);
        let nearest = match &self.built.nearest {
            Some(nearest) => Some((nearest, nearest.of_left(self.left.columns(), batch)?)),
            None => None,
        };
        let (mut pairs, mut matched) = (Vec::new(), false);
        for (left, number) in numbers.iter().enumerate() {
            let matches = match &nearest {
                None => self.built.matches(*number),
                Some((nearest, values)) => nearest.find(self.built.matches(*number), values.get(left)),
            };
            if matches.is_empty() && self.kind.keeps_unmatched() {
                pairs.push(Pair { left: left as u32, right: self.built.null_row, last: true });
            }
            let tried = self.tried(matches);
            for (at, (part, row)) in tried.iter().enumerate() {
                let right = (*part as usize, *row as usize);
                pairs.push(Pair { left: left as u32, right, last: at + 1 == tried.len() });
                if pairs.len() < BATCH_ROWS {
                    continue;
                }
                if self.flush(batch, &mut pairs, &mut matched, take)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                // One match decides, where matches are not shown.
                if matched && !self.kind.shows_right() {
                    matched = false;
                    break;
                }
            }
        }
        self.flush(batch, &mut pairs, &mut matched, take)
    }

    /// Which of the rows with a left row's keys are tried: where they are not shown and nothing else is asked of them, it is enough
    /// to know whether there is one.
    fn tried<'a>(&self, matches: &'a [(u32, u32)]) -> &'a [(u32, u32)] {
        match (self.kind, &self.filter) {
            (JoinKind::Semi, None) => &matches[..matches.len().min(1)],
            (JoinKind::Anti, None) => &[],
            (JoinKind::Inner | JoinKind::Left | JoinKind::Full, _) | (JoinKind::Semi | JoinKind::Anti, Some(_)) => {
                matches
            }
        }
    }

    /// Gives those of the pairs that stay. `matched`: whether the left row whose pairs are not all seen has a match.
    fn flush(
        &self,
        batch: &Batch,
        pairs: &mut Vec<Pair>,
        matched: &mut bool,
        take: &mut TakePairs<'_>,
    ) -> Result<ControlFlow<()>> {
        // A filter may refuse all pairs of many: nobody else would look.
        self.context.check()?;
        let pairs = std::mem::take(pairs);
        let kept = match &self.filter {
            None => pairs,
            Some(filter) => self.filtered(filter, batch, pairs, matched)?,
        };
        if kept.is_empty() { Ok(ControlFlow::Continue(())) } else { take(&kept) }
    }

    /// What stays of pairs once the filter is known: pairs or the left row of the first that it lets pass, and left rows with NULLs
    /// after the last of their pairs did not.
    fn filtered(&self, filter: &Expr, batch: &Batch, pairs: Vec<Pair>, matched: &mut bool) -> Result<Vec<Pair>> {
        let null_row = self.built.null_row;
        let real: Vec<Pair> = pairs.iter().filter(|pair| pair.right != null_row).copied().collect();
        let mask = evaluate_mask(filter, &self.pair_columns, &self.pick(batch, &real, true)?)?;
        let (mut passes, mut kept) = (mask.iter(), Vec::new());
        for pair in pairs {
            let is_match = pair.right != null_row && passes.next().unwrap_or(false);
            let is_shown = match self.kind {
                JoinKind::Inner | JoinKind::Left | JoinKind::Full => is_match,
                JoinKind::Semi => is_match && !*matched,
                JoinKind::Anti => false,
            };
            *matched |= is_match;
            if is_shown {
                kept.push(pair);
            } else if pair.last && !*matched && self.kind.keeps_unmatched() {
                kept.push(Pair { right: null_row, ..pair });
            }
            *matched &= !pair.last;
        }
        Ok(kept)
    }

    /// The left rows of pairs, with the right rows or without.
    fn pick(&self, batch: &Batch, pairs: &[Pair], with_right: bool) -> Result<Batch> {
        let left = UInt32Array::from_iter_values(pairs.iter().map(|pair| pair.left));
        let mut rows = batch.take(&left)?;
        if with_right {
            let right: Vec<Place> = pairs.iter().map(|pair| pair.right).collect();
            rows.columns.extend(self.built.rows.pick(&right)?.columns);
        }
        Ok(rows)
    }

    /// The rows of the right that no row of the left matches, in order. All pairs are tried once for this, and once more when rows
    /// are given: which match is not kept.
    fn find_unmatched(&mut self) -> Result<Vec<Place>> {
        let rows: usize = self.built.lengths.iter().sum();
        self.built.memory.grow(rows * (size_of::<AtomicBool>() + size_of::<Place>()))?;
        let flags = |rows: &usize| (0..*rows).map(|_| AtomicBool::new(false)).collect::<Vec<_>>();
        let is_matched: Vec<Vec<AtomicBool>> = self.built.lengths.iter().map(flags).collect();
        let mark = |pair: &Pair| {
            // The row of NULLs is in no batch.
            if let Some(batch) = is_matched.get(pair.right.0) {
                batch[pair.right.1].store(true, Ordering::Relaxed);
            }
        };
        let run = |partition| {
            self.left.run(partition, &mut |batch| {
                self.probe(&batch, &mut |pairs| {
                    pairs.iter().for_each(mark);
                    Ok(ControlFlow::Continue(()))
                })
            })
        };
        fold_partitions(&self.context, self.left.partitions(), run, |_, ()| Ok(ControlFlow::Continue(())))?;
        let all = is_matched
            .iter()
            .enumerate()
            .flat_map(|(batch, rows)| rows.iter().enumerate().map(move |row| (batch, row)));
        let left_out = all.filter(|(_, (_, matched))| !matched.load(Ordering::Relaxed));
        Ok(left_out.map(|(batch, (row, _))| (batch, row)).collect())
    }

    /// Rows of the right with NULLs on the left.
    fn added(&self, rows: &[Place]) -> Result<Batch> {
        let nulls = |column: &SourceColumn| new_null_array(&column.ty.to_arrow(), rows.len());
        let mut columns: Vec<ArrayRef> = self.left.columns().iter().map(nulls).collect();
        columns.extend(self.built.rows.pick(rows)?.columns);
        Ok(Batch { columns, rows: rows.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::testing::{self, Cell, Random, Row};

    fn equal(a: &Row, b: &Row, at: usize) -> bool {
        match at {
            0 => a.0.is_some() && a.0 == b.0,
            1 => a.1.zip(b.1).is_some_and(|(a, b)| a == b || a.is_nan() && b.is_nan()),
            _ => a.2.is_some() && a.2 == b.2,
        }
    }

    /// What loops over all pairs give.
    fn naive(left: &[Row], right: &[Row], kind: JoinKind, on: &[usize], less: bool) -> Vec<Vec<Cell>> {
        let mut out = Vec::new();
        let filter = |a: &Row, b: &Row| !less || a.0.zip(b.0).is_some_and(|(a, b)| a < b);
        let is_match = |a: &Row, b: &Row| on.iter().all(|at| equal(a, b, *at)) && filter(a, b);
        for a in left {
            let matches: Vec<Vec<Cell>> = right.iter().filter(|b| is_match(a, b)).map(Cell::of).collect();
            let none = vec![vec![Cell::Null; 3]];
            match kind {
                JoinKind::Semi | JoinKind::Anti => {
                    out.extend((matches.is_empty() == (kind == JoinKind::Anti)).then(|| Cell::of(a)));
                }
                JoinKind::Inner | JoinKind::Left | JoinKind::Full => {
                    let is_added = matches.is_empty() && kind != JoinKind::Inner;
                    let matches = if is_added { none } else { matches };
                    out.extend(matches.into_iter().map(|b| [Cell::of(a), b].concat()));
                }
            }
        }
        if kind == JoinKind::Full {
            let has_match = |b: &Row| left.iter().any(|a| is_match(a, b));
            let added = right.iter().filter(|b| !has_match(b));
            out.extend(added.map(|b| [vec![Cell::Null; 3], Cell::of(b)].concat()));
        }
        out
    }

    const KINDS: [JoinKind; 5] = [JoinKind::Inner, JoinKind::Left, JoinKind::Full, JoinKind::Semi, JoinKind::Anti];

    fn join_sources(
        context: &Context,
        operator: &Arc<Operator>,
        left: Box<dyn Source>,
        right: &dyn Source,
        condition: &Condition<'_>,
    ) -> Result<Box<dyn Source>> {
        let left: Arc<dyn Source> = left.into();
        join(context, operator, &|_| Ok(Box::new(left.clone())), right, condition)
    }

    #[test]
    fn joins_by_way_of_the_disk_give_the_same_rows() {
        let mut random = Random(31);
        let wide = |count: usize, random: &mut Random| -> Vec<Row> {
            let row = |random: &mut Random| {
                let key = random.below(4000) as i64;
                ((key % 40 > 0).then_some(key), Some(random.below(9) as f64), Some(format!("row {key}")))
            };
            (0..count).map(|_| row(random)).collect()
        };
        let (left, right) = (wide(6000, &mut random), wide(20_000, &mut random));
        let columns = [testing::columns(0), testing::columns(10)];
        let on = [(testing::column(&columns[0], 0), testing::column(&columns[1], 0))];
        let less = testing::test("<", columns.iter().map(|side| testing::column(side, 1)).collect());
        for (kind, filter) in KINDS.into_iter().flat_map(|kind| [(kind, None), (kind, Some(&less))]) {
            let condition = Condition { kind, on: &on, asof: None, filter };
            let run = |context: &Context, operator: &Arc<Operator>| {
                let mut random = Random(3);
                let (left, right) = (testing::source(&mut random, 0, &left), testing::source(&mut random, 10, &right));
                join_sources(context, operator, left, right.as_ref(), &condition)
            };
            let in_memory = testing::on_any_threads(|context| run(context, &Arc::default()));
            let operator = Arc::default();
            let on_disk = testing::on_any_threads(|context| run(&testing::with_memory(context, 900_000), &operator));
            assert!(on_disk == in_memory, "{kind:?} {}", filter.is_some());
            assert!(operator.spilled_bytes() > 0);
        }
    }

    fn check(random: &mut Random, sizes: [usize; 2], kind: JoinKind, on: &[usize], less: bool) {
        let (left, right) = (random.rows(sizes[0]), random.rows(sizes[1]));
        let columns = [testing::columns(0), testing::columns(10)];
        let key = |at: &usize| (testing::column(&columns[0], *at), testing::column(&columns[1], *at));
        let keys: Vec<(Expr, Expr)> = on.iter().map(key).collect();
        let filter = less.then(|| testing::test("<", columns.iter().map(|side| testing::column(side, 0)).collect()));
        let seed = random.below(1 << 40) + 1;
        let found = testing::on_any_threads(|context| {
            let mut random = Random(seed);
            let (left, right) = (testing::source(&mut random, 0, &left), testing::source(&mut random, 10, &right));
            let condition = Condition { kind, on: &keys, asof: None, filter: filter.as_ref() };
            join_sources(context, &Arc::default(), left, right.as_ref(), &condition)
        });
        assert_eq!(found, naive(&left, &right, kind, on, less), "{kind:?} {on:?} {less}");
    }

    #[test]
    fn joins_agree_with_loops_over_all_pairs() {
        let mut random = Random(99);
        for kind in KINDS {
            for on in [&[0][..], &[1], &[2], &[0, 1], &[2, 1, 0], &[]] {
                for less in [false, true] {
                    check(&mut random, [70, 90], kind, on, less);
                    check(&mut random, [20, 0], kind, on, less);
                    check(&mut random, [0, 20], kind, on, less);
                }
            }
        }
    }

    /// What loops give for an ASOF join on equal texts and the nearest number.
    fn naive_asof(left: &[Row], right: &[Row], kind: JoinKind, operator: &str) -> Vec<Vec<Cell>> {
        let mut out = Vec::new();
        for a in left {
            let is_near = |b: &&Row| {
                let ordered = a.0.zip(b.0).map(|(a, b)| a.cmp(&b));
                equal(a, b, 2)
                    && match operator {
                        ">=" => ordered.is_some_and(|o| o.is_ge()),
                        ">" => ordered.is_some_and(|o| o.is_gt()),
                        "<=" => ordered.is_some_and(|o| o.is_le()),
                        _ => ordered.is_some_and(|o| o.is_lt()),
                    }
            };
            let distance = |b: &&Row| a.0.zip(b.0).map(|(a, b)| a.abs_diff(b));
            match right.iter().filter(is_near).min_by_key(distance) {
                Some(b) => out.push([Cell::of(a), Cell::of(b)].concat()),
                None if kind == JoinKind::Left => out.push([Cell::of(a), vec![Cell::Null; 3]].concat()),
                None => {}
            }
        }
        out
    }

    #[test]
    fn asof_joins_agree_with_loops() {
        let mut random = Random(7);
        let columns = [testing::columns(0), testing::columns(10)];
        let [key, value] = [2, 0].map(|at| columns.each_ref().map(|side| testing::column(side, at)));
        for (kind, operator) in
            [JoinKind::Inner, JoinKind::Left].into_iter().flat_map(|kind| [">=", ">", "<=", "<"].map(|o| (kind, o)))
        {
            let (left, right) = (random.rows(80), random.rows(40));
            let asof = AsOf::new(value[0].clone(), operator, value[1].clone());
            let found = testing::on_any_threads(|context| {
                let mut random = Random(3);
                let (left, right) = (testing::source(&mut random, 0, &left), testing::source(&mut random, 10, &right));
                let on = [(key[0].clone(), key[1].clone())];
                let condition = Condition { kind, on: &on, asof: asof.as_ref(), filter: None };
                join_sources(context, &Arc::default(), left, right.as_ref(), &condition)
            });
            assert_eq!(found, naive_asof(&left, &right, kind, operator), "{kind:?} {operator}");
        }
    }

    #[test]
    fn a_row_with_more_matches_than_a_batch_has_rows() {
        for kind in KINDS {
            check(&mut Random(5), [3, BATCH_ROWS + 100], kind, &[], true);
        }
    }
}
