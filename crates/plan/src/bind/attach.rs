//! Plans that are joined to the rows of a SELECT for the sake of what its expressions read of subqueries.

use super::expr::Frame;
use super::refuse::unsupported;
use crate::{JoinKind, Result, RowPlan, Span};
use hyperslab_expr::{ColumnId, Expr};

/// A plan that is joined to the rows of a SELECT.
#[derive(Clone)]
pub(in crate::bind) struct Attached {
    pub(in crate::bind) plan: RowPlan,
    /// What is equal in rows that belong together; nothing for a plan of one row.
    pub(in crate::bind) on: Vec<(Expr, Expr)>,
    /// What else must hold. Then it stands for terms of WHERE only.
    pub(in crate::bind) filter: Option<Expr>,
    /// What expressions read of it.
    pub(in crate::bind) columns: Vec<ColumnId>,
    /// Terms of WHERE that a join of another kind than a left one stands for.
    pub(in crate::bind) terms: Vec<(Expr, JoinKind)>,
    /// Whether it can do nothing but stand for terms of WHERE.
    pub(in crate::bind) only_terms: bool,
    pub(in crate::bind) span: Span,
}

impl Attached {
    /// A plan whose rows are looked up by keys, for their columns.
    pub(in crate::bind) fn looked_up(plan: RowPlan, on: Vec<(Expr, Expr)>, span: Span) -> Self {
        let columns = plan.columns().into_iter().map(|column| column.id).collect();
        Self { plan, on, filter: None, columns, terms: Vec::new(), only_terms: false, span }
    }

    /// How it is joined in place of one of the terms, if it is.
    fn kind(&self, terms: &[Expr]) -> Option<JoinKind> {
        self.terms.iter().find(|(term, _)| terms.contains(term)).map(|(_, kind)| *kind)
    }

    fn is_read(&self, columns: &[ColumnId]) -> bool {
        self.columns.iter().any(|column| columns.contains(column))
    }

    /// Whether a join can stand for a term of WHERE.
    pub(in crate::bind) fn stands_for(&self, term: &Expr) -> bool {
        self.terms.iter().any(|(own, _)| own == term)
    }
}

/// What expressions over some rows read of subqueries, and what stands for terms of WHERE.
///
/// # Errors
/// If one of them can only stand for a term, but is read.
pub(super) fn needed(frame: &Frame<'_>, exprs: &[&Expr], terms: &[Expr]) -> Result<Vec<(Attached, JoinKind)>> {
    let mut read: Vec<ColumnId> = exprs.iter().flat_map(|expr| expr.columns()).collect();
    // The value that is looked for in a set may be another subquery's: those come first.
    for attached in frame.attached.iter().rev() {
        if attached.is_read(&read) || attached.kind(terms).is_some() {
            let of_filter = attached.filter.iter().flat_map(Expr::columns);
            read.extend(attached.on.iter().flat_map(|(left, _)| left.columns()).chain(of_filter));
        }
    }
    let mut out = Vec::new();
    for attached in &frame.attached {
        match attached.kind(terms) {
            Some(kind) => out.push((attached.clone(), kind)),
            None if !attached.is_read(&read) => {}
            None if attached.only_terms => {
                let error = unsupported("this subquery within a larger expression", attached.span);
                return Err(error.with_hint("it can be a condition of WHERE, alone or joined to others by AND"));
            }
            None => out.push((attached.clone(), JoinKind::Left)),
        }
    }
    Ok(out)
}

/// Joins what [`needed`] gave to a plan.
pub(super) fn attach(plan: RowPlan, needed: Vec<(Attached, JoinKind)>) -> RowPlan {
    needed.into_iter().fold(plan, |left, (attached, kind)| RowPlan::Join {
        left: Box::new(left),
        right: Box::new(attached.plan),
        kind,
        on: attached.on,
        asof: None,
        filter: attached.filter,
    })
}
