//! Decorrelation: a subquery that reads the query around it, made one that does not, and what its rows belong to.
//!
//! `WHERE s.k = o.k` in a subquery, `o` being outside, says which rows of the subquery a row of the outer query sees. The term
//! is taken out, `s.k` becomes a key of all groupings, windows and limits on the way up, and the result is joined to the outer
//! rows on it. What else compares the two sides can only be a condition of that join.

use super::binder::Binder;
use super::subquery::read;
use crate::window::{Window, WindowCall, WindowFrame, WindowFunction};
use crate::{Column, Error, JoinKind, Result, RowPlan, Span};
use hyperslab_expr::{ColumnId, Expr, Scalar, SqlType};

/// The columns of the query around that a subquery reads, each where it does.
pub(super) type OuterReads = Vec<(ColumnId, Span)>;

/// A plan that reads nothing of the query around it, and how its rows belong to those of that query.
pub(super) struct Correlated {
    pub(super) plan: RowPlan,
    /// What is equal: expressions over the query around, and columns of the plan.
    pub(super) on: Vec<(Expr, Column)>,
    /// What else must hold, over both.
    pub(super) rest: Vec<Expr>,
}

struct Decorrelation<'b, 'q, 'a> {
    binder: &'b mut Binder<'a>,
    outer: &'q OuterReads,
    on: Vec<(Expr, Column)>,
    rest: Vec<Expr>,
    /// Columns of the subquery that the conditions read, which all above passes on.
    passed: Vec<Column>,
}

impl<'a> Binder<'a> {
    /// Takes what a plan reads of the query around it out of it.
    ///
    /// # Errors
    /// If it is read in a way that no join stands for.
    pub(super) fn decorrelate(&mut self, plan: RowPlan, outer: &OuterReads) -> Result<Correlated> {
        let mut work = Decorrelation { binder: self, outer, on: Vec::new(), rest: Vec::new(), passed: Vec::new() };
        let plan = work.pull(plan)?;
        let Decorrelation { on, rest, .. } = work;
        match first_read(&plan, outer) {
            Some(at) => Err(cannot(at)),
            None => Ok(Correlated { plan, on, rest }),
        }
    }

    /// The first rows of each partition, after `offset` of them.
    pub(super) fn first_rows(
        &mut self,
        plan: RowPlan,
        window: Window,
        limit: impl Into<Option<u64>>,
        offset: u64,
    ) -> Result<RowPlan> {
        let number = self.column("row", SqlType::BigInt);
        let call = WindowCall { function: WindowFunction::RowNumber, frame: WindowFrame::WHOLE };
        let numbered = RowPlan::Window { input: Box::new(plan), window, calls: vec![(number.clone(), call)] };
        let bound = |sign: &str, rows: u64| -> Result<Expr> {
            let rows = Expr::Literal(Scalar::Integer(i128::from(rows.min(i64::MAX as u64)), SqlType::BigInt));
            hyperslab_expr::scalar::call(sign, vec![read(&number), rows], None)
        };
        let last = limit.into().map(|limit| bound("<=", limit.saturating_add(offset)));
        let first = (offset > 0).then(|| bound(">", offset));
        Ok(match Expr::all_of(last.into_iter().chain(first).collect::<Result<_>>()?) {
            Some(predicate) => RowPlan::Filter { input: Box::new(numbered), predicate },
            None => numbered,
        })
    }
}

impl Decorrelation<'_, '_, '_> {
    fn pull(&mut self, plan: RowPlan) -> Result<RowPlan> {
        match plan {
            RowPlan::Filter { input, predicate } => {
                let input = self.pull(*input)?;
                self.filter(input, predicate)
            }
            RowPlan::Project { input, mut columns } => {
                let input = Box::new(self.pull(*input)?);
                for column in &self.passed {
                    if columns.iter().all(|(known, _)| known.id != column.id) {
                        columns.push((column.clone(), read(column)));
                    }
                }
                Ok(RowPlan::Project { input, columns })
            }
            RowPlan::Aggregate { input, mut keys, aggregates } => {
                let is_one_group = keys.is_empty();
                let (input, on) = self.pull_all(*input)?;
                // A group of no rows is a row too, which no key can have.
                if is_one_group && let Some((outer, _)) = on.first() {
                    return Err(self.cannot(outer));
                }
                let new = on.into_iter().filter(|(_, c)| keys.iter().all(|(known, _)| known.id != c.id));
                let new: Vec<_> = new.map(|(_, column)| (column.clone(), read(&column))).collect();
                keys.extend(new);
                Ok(RowPlan::Aggregate { input: Box::new(input), keys, aggregates })
            }
            RowPlan::Window { input, mut window, calls } => {
                let (input, on) = self.pull_all(*input)?;
                window.partition.extend(on.iter().map(|(_, column)| read(column)));
                Ok(RowPlan::Window { input: Box::new(input), window, calls })
            }
            RowPlan::Sort { input, keys } => Ok(RowPlan::Sort { input: Box::new(self.pull(*input)?), keys }),
            RowPlan::Limit { input, limit, offset } => {
                let (input, on) = self.pull_all(*input)?;
                match on.is_empty() {
                    true => Ok(RowPlan::Limit { input: Box::new(input), limit, offset }),
                    false => {
                        let partition = on.iter().map(|(_, column)| read(column)).collect();
                        self.binder.first_rows(input, Window { partition, order: Vec::new() }, limit, offset)
                    }
                }
            }
            RowPlan::Join { left, right, kind, on, asof, filter } => {
                let left = Box::new(self.pull(*left)?);
                let is_inner = kind == JoinKind::Inner && asof.is_none();
                let right = if is_inner { Box::new(self.pull(*right)?) } else { right };
                let filter = filter.map(|filter| filter.conjuncts()).unwrap_or_default();
                let (outer, own): (Vec<_>, Vec<_>) =
                    filter.into_iter().partition(|term| is_inner && self.reads_outer(term));
                let plan = RowPlan::Join { left, right, kind, on, asof, filter: Expr::all_of(own) };
                outer.into_iter().try_fold(plan, |plan, term| self.term(plan, term))
            }
            other @ (RowPlan::Values { .. }
            | RowPlan::Table(_)
            | RowPlan::Materialize { .. }
            | RowPlan::TopK { .. }
            | RowPlan::Union { .. }) => Ok(other),
        }
    }

    /// A plan with the equalities found within. Nothing but equalities can be taken out of what lies beneath groups.
    fn pull_all(&mut self, plan: RowPlan) -> Result<(RowPlan, Vec<(Expr, Column)>)> {
        let (on, rest) = (self.on.len(), self.rest.len());
        let plan = self.pull(plan)?;
        match self.rest.get(rest) {
            Some(term) => Err(self.cannot(term)),
            None => Ok((plan, self.on[on..].to_vec())),
        }
    }

    fn filter(&mut self, input: RowPlan, predicate: Expr) -> Result<RowPlan> {
        let (outer, own): (Vec<_>, Vec<_>) = predicate.conjuncts().into_iter().partition(|term| self.reads_outer(term));
        let input = match Expr::all_of(own) {
            Some(predicate) => RowPlan::Filter { input: Box::new(input), predicate },
            None => input,
        };
        outer.into_iter().try_fold(input, |plan, term| self.term(plan, term))
    }

    /// Takes one term out.
    fn term(&mut self, plan: RowPlan, term: Expr) -> Result<RowPlan> {
        if term.is_volatile() {
            return Err(self.cannot(&term));
        }
        match self.equality(&term) {
            Some((outer, inner)) => {
                let (plan, column) = self.as_column(plan, inner);
                self.pass(&column);
                self.on.push((outer, column));
                Ok(plan)
            }
            None => {
                let own = plan.columns();
                let read = term.columns();
                own.iter().filter(|column| read.contains(&column.id)).for_each(|column| self.pass(column));
                self.rest.push(term);
                Ok(plan)
            }
        }
    }

    /// The two sides of an equality between the queries, the outer first.
    fn equality(&self, term: &Expr) -> Option<(Expr, Expr)> {
        let Expr::Call { function, args, .. } = term else { return None };
        let [a, b] = &args[..] else { return None };
        let is_outer = |expr: &Expr| !expr.columns().is_empty() && expr.columns().iter().all(|id| self.is_outer(*id));
        let is_inner = |expr: &Expr| !expr.columns().is_empty() && !self.reads_outer(expr);
        match function == "=" && a.sql_type() == b.sql_type() {
            true if is_outer(a) && is_inner(b) => Some((a.clone(), b.clone())),
            true if is_outer(b) && is_inner(a) => Some((b.clone(), a.clone())),
            _ => None,
        }
    }

    fn pass(&mut self, column: &Column) {
        if self.passed.iter().all(|known| known.id != column.id) {
            self.passed.push(column.clone());
        }
    }

    /// The plan with a column that holds an expression over its rows.
    fn as_column(&mut self, plan: RowPlan, expr: Expr) -> (RowPlan, Column) {
        let columns = plan.columns();
        if let Expr::Column(id, _) = &expr
            && let Some(column) = columns.iter().find(|column| column.id == *id)
        {
            return (plan, column.clone());
        }
        let column = self.binder.column("key", expr.sql_type());
        let shown = columns.into_iter().map(|c| (c.clone(), read(&c))).chain([(column.clone(), expr)]).collect();
        (RowPlan::Project { input: Box::new(plan), columns: shown }, column)
    }

    fn is_outer(&self, id: ColumnId) -> bool {
        self.outer.iter().any(|(outer, _)| *outer == id)
    }

    fn reads_outer(&self, expr: &Expr) -> bool {
        expr.columns().into_iter().any(|id| self.is_outer(id))
    }

    fn cannot(&self, expr: &Expr) -> Error {
        cannot_read(expr, self.outer)
    }
}

/// What to say of an expression that reads the query around where that cannot be.
pub(super) fn cannot_read(expr: &Expr, outer: &OuterReads) -> Error {
    let read = expr.columns();
    let at = outer.iter().find(|(id, _)| read.contains(id)).map(|(_, at)| *at);
    cannot(at.unwrap_or_default())
}

/// What to say of a column of the query around that cannot be read where it is.
pub(super) fn cannot(at: Span) -> Error {
    let error = Error::new("a subquery cannot read the query around it here yet").or_at(Some(at));
    error.with_hint("compare by = in its WHERE, such as (SELECT max(x) FROM s WHERE s.k = o.k), or join the subquery")
}

/// Where a plan first reads one of some columns that are none of its own.
pub(super) fn first_read(plan: &RowPlan, outer: &OuterReads) -> Option<Span> {
    let mut found = None;
    plan.walk(&mut |node| {
        for expr in own_exprs(node) {
            let read = expr.columns();
            found = found.or_else(|| outer.iter().find(|(id, _)| read.contains(id)).map(|(_, at)| *at));
        }
    });
    found
}

/// The expressions of one node.
fn own_exprs(plan: &RowPlan) -> Vec<&Expr> {
    match plan {
        RowPlan::Values { rows, .. } => rows.iter().flatten().collect(),
        RowPlan::Table(_) | RowPlan::Materialize { .. } | RowPlan::Limit { .. } | RowPlan::Union { .. } => Vec::new(),
        RowPlan::Filter { predicate, .. } => vec![predicate],
        RowPlan::Project { columns, .. } => columns.iter().map(|(_, expr)| expr).collect(),
        RowPlan::Aggregate { keys, aggregates, .. } => {
            let of_calls = aggregates.iter().flat_map(|(_, call)| call.args.iter().chain(&call.filter));
            keys.iter().map(|(_, key)| key).chain(of_calls).collect()
        }
        RowPlan::Window { window, calls, .. } => {
            window.exprs().chain(calls.iter().flat_map(|(_, call)| call.exprs())).collect()
        }
        RowPlan::Sort { keys, .. } | RowPlan::TopK { keys, .. } => keys.iter().map(|key| &key.expr).collect(),
        RowPlan::Join { on, asof, filter, .. } => {
            let sides = asof.iter().flat_map(|asof| [&asof.left, &asof.right]);
            on.iter().flat_map(|(l, r)| [l, r]).chain(sides).chain(filter).collect()
        }
    }
}
