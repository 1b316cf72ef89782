//! The bound expression.

use crate::{Scalar, Span, SqlType};
use serde::{Deserialize, Serialize};

/// A column of a query, unique within it: plan nodes pass columns on without renumbering them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ColumnId(pub u32);

/// An expression with names resolved, types known and casts written out. The argument types of a call are exactly
/// those its function was bound to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// The value of a column.
    Column(ColumnId, SqlType),
    /// A constant.
    Literal(Scalar),
    /// A scalar function or operator, named as in [`crate::scalar::SCALAR_FUNCTIONS`]. `+`, `=` and `IS NULL` are such functions too.
    Call {
        /// The function's name in the list.
        function: String,
        /// Its arguments, cast to what it takes.
        args: Vec<Expr>,
        /// The type of the result.
        ty: SqlType,
        /// Where it stands in the SQL.
        at: Option<Span>,
    },
    /// `CAST` or, with `or_null`, `TRY_CAST`.
    Cast {
        /// What is cast.
        arg: Box<Expr>,
        /// The type of the result.
        to: SqlType,
        /// Whether a value that cannot be cast gives NULL instead of an error.
        or_null: bool,
        /// Where it stands in the SQL.
        at: Option<Span>,
    },
    /// Three-valued AND; evaluated left to right, later terms only see rows that are still undecided.
    And(Vec<Expr>),
    /// Three-valued OR, likewise.
    Or(Vec<Expr>),
    /// `CASE WHEN .. THEN .. ELSE .. END`: results are evaluated only for the rows that take them.
    Case {
        /// Conditions (BOOLEAN) and results.
        branches: Vec<(Expr, Expr)>,
        /// The result where no condition is true; NULL if absent.
        otherwise: Option<Box<Expr>>,
        /// The type of all results.
        ty: SqlType,
    },
    /// `arg IN (list)`; the items have the type of `arg`.
    InList {
        /// What is looked for.
        arg: Box<Expr>,
        /// Where it is looked for.
        list: Vec<Expr>,
        /// Whether it is `NOT IN`.
        negated: bool,
    },
}

/// How an aggregate takes the rows of a group in the order of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowOrder {
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether NULL comes before all values.
    pub nulls_first: bool,
}

/// One aggregate of a query: a function of [`crate::aggregate::AGGREGATE_FUNCTIONS`] over arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// The function's name in the list.
    pub function: String,
    /// Its arguments, cast to what it takes; none for `count(*)`. Behind them what its rows are ordered by.
    pub args: Vec<Expr>,
    /// `ORDER BY` within the brackets: how the last arguments order the rows of a group; empty for the order of the input.
    pub order: Vec<RowOrder>,
    /// Constants such as the fraction of a quantile.
    pub parameters: Vec<Scalar>,
    /// Whether each distinct combination of arguments counts once.
    pub distinct: bool,
    /// `FILTER (WHERE ..)`.
    pub filter: Option<Expr>,
    /// The type of the result.
    pub ty: SqlType,
    /// Where it stands in the SQL.
    pub at: Option<Span>,
}

impl Expr {
    /// The type of its values.
    pub fn sql_type(&self) -> SqlType {
        match self {
            Self::Column(_, ty) | Self::Call { ty, .. } | Self::Case { ty, .. } | Self::Cast { to: ty, .. } => {
                ty.clone()
            }
            Self::Literal(value) => value.sql_type(),
            Self::And(_) | Self::Or(_) | Self::InList { .. } => SqlType::Boolean,
        }
    }

    /// The expressions it is made of.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Column(..) | Self::Literal(_) => Vec::new(),
            Self::Call { args, .. } | Self::And(args) | Self::Or(args) => args.iter().collect(),
            Self::Cast { arg, .. } => vec![arg],
            Self::Case { branches, otherwise, .. } => {
                let pairs = branches.iter().flat_map(|(when, then)| [when, then]);
                pairs.chain(otherwise.as_deref()).collect()
            }
            Self::InList { arg, list, .. } => std::iter::once(arg.as_ref()).chain(list).collect(),
        }
    }

    fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Column(..) | Self::Literal(_) => Vec::new(),
            Self::Call { args, .. } | Self::And(args) | Self::Or(args) => args.iter_mut().collect(),
            Self::Cast { arg, .. } => vec![arg],
            Self::Case { branches, otherwise, .. } => {
                let pairs = branches.iter_mut().flat_map(|(when, then)| [when, then]);
                pairs.chain(otherwise.as_deref_mut()).collect()
            }
            Self::InList { arg, list, .. } => std::iter::once(arg.as_mut()).chain(list).collect(),
        }
    }

    /// Calls `visit` for this expression and all within it, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Rebuilds the expression from the inside out: `rewrite` gets each part with its own parts already rewritten.
    ///
    /// # Errors
    /// The first error of `rewrite`.
    pub fn transform<E>(mut self, rewrite: &mut impl FnMut(Self) -> Result<Self, E>) -> Result<Self, E> {
        for child in self.children_mut() {
            let part = std::mem::replace(child, Self::Literal(Scalar::Boolean(false)));
            *child = part.transform(rewrite)?;
        }
        rewrite(self)
    }

    /// The columns it reads, each once, in order of first mention.
    pub fn columns(&self) -> Vec<ColumnId> {
        let mut out = Vec::new();
        self.walk(&mut |part| match part {
            Self::Column(id, _) if !out.contains(id) => out.push(*id),
            _ => {}
        });
        out
    }

    /// Whether it gives another value each time (`random()`).
    pub fn is_volatile(&self) -> bool {
        let mut volatile = false;
        self.walk(&mut |part| {
            volatile |= matches!(part, Self::Call { function, .. } if crate::scalar::is_volatile(function))
        });
        volatile
    }

    /// The terms of a conjunction; the expression itself if it is none.
    pub fn conjuncts(self) -> Vec<Self> {
        match self {
            Self::And(terms) => terms.into_iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// The conjunction of terms; `None` if there are none.
    pub fn all_of(mut terms: Vec<Self>) -> Option<Self> {
        match terms.len() {
            0 => None,
            1 => terms.pop(),
            _ => Some(Self::And(terms)),
        }
    }
}
