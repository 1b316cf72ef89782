//! Moves each conjunct of a filter as far down as it keeps its meaning, so that it can narrow what is read.

use super::{Pass, any_volatile};
use crate::axis::substitute;
use crate::window::{Window, WindowCall};
use crate::{AsOf, JoinKind, RowPlan};
use hyperslab_expr::{ColumnId, Expr};
use std::collections::{HashMap, HashSet};

pub(super) const PASS: Pass = Pass {
    name: "push_filters",
    about: "conjuncts go beneath projections, grouping (those over keys), unions and the sides of joins that they read",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(push_node(node))),
};

/// See [`PASS`].
pub(super) fn push_node(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Filter { input, predicate } => push(*input, predicate.conjuncts()),
        RowPlan::Join { left, right, kind, on, asof: None, filter: Some(condition) } => {
            push_condition([left, right], kind, on, condition.conjuncts())
        }
        other => other,
    }
}

/// Terms of a condition of a join that read one side go to that side, if rows of it that are no match are nothing besides.
fn push_condition(
    [mut left, mut right]: [Box<RowPlan>; 2],
    kind: JoinKind,
    on: Vec<(Expr, Expr)>,
    terms: Vec<Expr>,
) -> RowPlan {
    let within = |term: &Expr, side: &RowPlan| {
        let (ids, columns) = (term.columns(), side.columns());
        !ids.is_empty() && !term.is_volatile() && ids.iter().all(|id| columns.iter().any(|c| c.id == *id))
    };
    let (mut to_left, mut to_right, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for term in terms {
        match kind {
            JoinKind::Inner if within(&term, &left) => to_left.push(term),
            JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti if within(&term, &right) => {
                to_right.push(term);
            }
            _ => rest.push(term),
        }
    }
    for (side, terms) in [(&mut left, to_left), (&mut right, to_right)] {
        if !terms.is_empty() {
            let plan = std::mem::replace(side.as_mut(), RowPlan::Values { columns: Vec::new(), rows: Vec::new() });
            **side = push(plan, terms);
        }
    }
    RowPlan::Join { left, right, kind, on, asof: None, filter: Expr::all_of(rest) }
}

/// The plan with conjuncts applied to its rows, each as far down as it may go.
fn push(plan: RowPlan, conjuncts: Vec<Expr>) -> RowPlan {
    // A volatile term must see just the rows it saw; nor may others be moved past it.
    if conjuncts.iter().any(Expr::is_volatile) {
        return filter(plan, conjuncts);
    }
    match plan {
        RowPlan::Filter { input, predicate } if !predicate.is_volatile() => {
            push(*input, predicate.conjuncts().into_iter().chain(conjuncts).collect())
        }
        RowPlan::Project { input, columns } if !any_volatile(&columns) => {
            let definitions = columns.iter().map(|(column, expr)| (column.id, expr.clone())).collect();
            let below = conjuncts.into_iter().map(|term| substitute(term, &definitions)).collect();
            RowPlan::Project { input: Box::new(push(*input, below)), columns }
        }
        RowPlan::Sort { input, keys } => RowPlan::Sort { input: Box::new(push(*input, conjuncts)), keys },
        RowPlan::Aggregate { input, keys, aggregates } => push_below_grouping(*input, keys, aggregates, conjuncts),
        RowPlan::Union { inputs, columns } => {
            let inputs = inputs.into_iter().map(|input| push_into_branch(input, &columns, &conjuncts)).collect();
            RowPlan::Union { inputs, columns }
        }
        RowPlan::Join { left, right, kind, on, asof, filter } => {
            push_into_sides([*left, *right], kind, on, asof, filter, conjuncts)
        }
        RowPlan::Window { input, window, calls } => push_below_window(*input, window, calls, conjuncts),
        other @ (RowPlan::Filter { .. }
        | RowPlan::Project { .. }
        | RowPlan::Values { .. }
        | RowPlan::Table(_)
        | RowPlan::Materialize { .. }
        | RowPlan::TopK { .. }
        | RowPlan::Limit { .. }) => filter(other, conjuncts),
    }
}

fn filter(input: RowPlan, conjuncts: Vec<Expr>) -> RowPlan {
    match Expr::all_of(conjuncts) {
        Some(predicate) => RowPlan::Filter { input: Box::new(input), predicate },
        None => input,
    }
}

/// Terms over keys alone select whole groups, so they may select rows. Without keys there is one group whatever the
/// rows: then nothing moves, and neither past a volatile key, which would be computed twice.
fn push_below_grouping(
    input: RowPlan,
    keys: Vec<(crate::Column, Expr)>,
    aggregates: Vec<(crate::Column, hyperslab_expr::AggregateCall)>,
    conjuncts: Vec<Expr>,
) -> RowPlan {
    if any_volatile(&keys) {
        return filter(RowPlan::Aggregate { input: Box::new(input), keys, aggregates }, conjuncts);
    }
    let definitions: HashMap<ColumnId, Expr> = keys.iter().map(|(column, expr)| (column.id, expr.clone())).collect();
    let over_keys = |term: &Expr| {
        let columns = term.columns();
        !columns.is_empty() && columns.iter().all(|id| definitions.contains_key(id))
    };
    let (below, above): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(over_keys);
    let below = below.into_iter().map(|term| substitute(term, &definitions)).collect();
    filter(RowPlan::Aggregate { input: Box::new(push(input, below)), keys, aggregates }, above)
}

/// Terms over what rows are partitioned by select whole partitions.
fn push_below_window(
    input: RowPlan,
    window: Window,
    calls: Vec<(crate::Column, WindowCall)>,
    conjuncts: Vec<Expr>,
) -> RowPlan {
    let is_key = |id: &ColumnId| window.partition.iter().any(|key| matches!(key, Expr::Column(own, _) if own == id));
    let (below, above): (Vec<_>, Vec<_>) = conjuncts.into_iter().partition(|term| {
        let columns = term.columns();
        !columns.is_empty() && columns.iter().all(is_key)
    });
    filter(RowPlan::Window { input: Box::new(push(input, below)), window, calls }, above)
}

fn push_into_branch(input: RowPlan, columns: &[crate::Column], conjuncts: &[Expr]) -> RowPlan {
    let own = input.columns();
    let to_own = columns.iter().zip(&own).map(|(out, own)| (out.id, Expr::Column(own.id, own.ty.clone()))).collect();
    let below = conjuncts.iter().map(|term| substitute(term.clone(), &to_own)).collect();
    push(input, below)
}

fn push_into_sides(
    [left, right]: [RowPlan; 2],
    kind: JoinKind,
    on: Vec<(Expr, Expr)>,
    asof: Option<Box<AsOf>>,
    join_filter: Option<Expr>,
    conjuncts: Vec<Expr>,
) -> RowPlan {
    let ids = |plan: &RowPlan| plan.columns().iter().map(|c| c.id).collect::<HashSet<_>>();
    let (of_left, of_right) = (ids(&left), ids(&right));
    let within = |term: &Expr, side: &HashSet<ColumnId>| term.columns().iter().all(|id| side.contains(id));
    let (mut to_left, mut to_right, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for term in conjuncts {
        match (within(&term, &of_left), within(&term, &of_right)) {
            (true, _) if passes_left(kind) => {
                to_right.extend(passes_across(kind).then(|| across_equality(&term, &on, false)).flatten());
                to_left.push(term);
            }
            // Without a row, another would be the nearest.
            (_, true) if passes_right(kind) && asof.is_none() => {
                to_left.extend(across_equality(&term, &on, true));
                to_right.push(term);
            }
            _ => above.push(term),
        }
    }
    let (left, right) = (Box::new(push(left, to_left)), Box::new(push(right, to_right)));
    if kind == JoinKind::Inner && asof.is_none() {
        // A table after a comma, and a condition on both.
        let filter = Expr::all_of(join_filter.into_iter().chain(above).collect());
        return RowPlan::Join { left, right, kind, on, asof, filter };
    }
    filter(RowPlan::Join { left, right, kind, on, asof, filter: join_filter }, above)
}

/// Whether rows of the left may be left out before the join: not where rows of the right would then lose their match and stay.
fn passes_left(kind: JoinKind) -> bool {
    match kind {
        JoinKind::Inner | JoinKind::Left | JoinKind::Semi | JoinKind::Anti => true,
        JoinKind::Full => false,
    }
}

/// Whether rows of the right may be left out before the join. What is added to rows without a match must not be filtered before
/// it is added; semi and anti joins show no columns that a term could read.
fn passes_right(kind: JoinKind) -> bool {
    match kind {
        JoinKind::Inner => true,
        JoinKind::Left | JoinKind::Full | JoinKind::Semi | JoinKind::Anti => false,
    }
}

/// Whether what a term says of the left leaves out rows of the right that are equal: only those can be their matches.
fn passes_across(kind: JoinKind) -> bool {
    match kind {
        JoinKind::Inner | JoinKind::Semi | JoinKind::Anti => true,
        JoinKind::Left | JoinKind::Full => false,
    }
}

/// What a term over one side says about the other, where all the columns that it reads are equal to columns there.
fn across_equality(term: &Expr, on: &[(Expr, Expr)], to_left: bool) -> Option<Expr> {
    let mut other = HashMap::new();
    for (left, right) in on {
        let (from, to) = if to_left { (right, left) } else { (left, right) };
        if let (Expr::Column(id, from_ty), Expr::Column(_, to_ty)) = (from, to)
            && from_ty == to_ty
        {
            other.insert(*id, to.clone());
        }
    }
    let columns = term.columns();
    let known = !columns.is_empty() && columns.iter().all(|id| other.contains_key(id));
    known.then(|| substitute(term.clone(), &other))
}
