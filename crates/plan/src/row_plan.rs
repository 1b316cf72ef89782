//! The ordinary relational algebra over batches of rows.

use crate::window::{Window, WindowCall};
use crate::{GridPlan, TableId};
use hyperslab_expr::{AggregateCall, ColumnId, Expr, SqlType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A column of a plan: an id that is unique in the query, and what people see of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Unique in the query.
    pub id: ColumnId,
    /// The name shown.
    pub name: String,
    /// The type of its values.
    pub ty: SqlType,
    /// Attributes of the variable, where they still hold (SEMANTICS section 3).
    pub metadata: BTreeMap<String, String>,
}

/// A plan whose result is rows in an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RowPlan {
    /// Rows of constant expressions; `SELECT` without `FROM` is one row without columns.
    Values {
        /// The columns.
        columns: Vec<Column>,
        /// The rows, each with one expression a column.
        rows: Vec<Vec<Expr>>,
    },
    /// Reads columns of a table: the rows of its files, one file after the other.
    Table(TableScan),
    /// The bridge: the present cells of a grid as rows, in row-major order.
    Materialize {
        /// The grid.
        grid: Box<GridPlan>,
        /// Which of its columns become columns of rows, in this order.
        columns: Vec<ColumnId>,
    },
    /// Keeps the rows where a predicate is true.
    Filter {
        /// The rows tested.
        input: Box<RowPlan>,
        /// BOOLEAN.
        predicate: Expr,
    },
    /// Computes columns; the result has these and no others. A column passed on keeps its id.
    Project {
        /// The rows read.
        input: Box<RowPlan>,
        /// The columns.
        columns: Vec<(Column, Expr)>,
    },
    /// Groups rows; without keys there is one group, also of no rows. Groups come in order of first appearance.
    /// `SELECT DISTINCT` is one without aggregates.
    Aggregate {
        /// The rows grouped.
        input: Box<RowPlan>,
        /// The keys.
        keys: Vec<(Column, Expr)>,
        /// What is computed for each group.
        aggregates: Vec<(Column, AggregateCall)>,
    },
    /// Pairs of rows: those of the left in order, for each its matches on the right in order. What a full join adds of the
    /// right comes last, in order. A semi or an anti join gives rows of the left alone.
    Join {
        /// The left side.
        left: Box<RowPlan>,
        /// The right side.
        right: Box<RowPlan>,
        /// Which rows stay.
        kind: JoinKind,
        /// Pairs of expressions, of one type, over the left and the right that must be equal; NULL equals nothing.
        on: Vec<(Expr, Expr)>,
        /// Which one of the rows that are equal is a match, if it is not all.
        asof: Option<Box<AsOf>>,
        /// What else must be true of a pair to be a match.
        filter: Option<Expr>,
    },
    /// Adds columns computed for each row from the rows of its partition. The rows stay in their order.
    Window {
        /// The rows.
        input: Box<RowPlan>,
        /// Partitions, and the order within them.
        window: Window,
        /// The new columns.
        calls: Vec<(Column, WindowCall)>,
    },
    /// Sorts rows, stably.
    Sort {
        /// The rows sorted.
        input: Box<RowPlan>,
        /// By what, the most significant first.
        keys: Vec<SortKey>,
    },
    /// The first rows after a stable sort.
    TopK {
        /// The rows sorted.
        input: Box<RowPlan>,
        /// By what, the most significant first.
        keys: Vec<SortKey>,
        /// How many rows stay.
        limit: u64,
        /// How many are left out first.
        offset: u64,
    },
    /// Leaves out `offset` rows, then keeps `limit`.
    Limit {
        /// The rows counted.
        input: Box<RowPlan>,
        /// How many rows stay; all if absent.
        limit: Option<u64>,
        /// How many are left out first.
        offset: u64,
    },
    /// `UNION ALL`: the rows of the inputs one after the other. Column `i` of each input has the type of `columns[i]`.
    Union {
        /// The inputs.
        inputs: Vec<RowPlan>,
        /// The columns of the result, with ids of their own.
        columns: Vec<Column>,
    },
}

/// Reads columns of one table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableScan {
    /// The table.
    pub table: TableId,
    /// The alias or the path, for people.
    pub name: String,
    /// What is read, and which column of the table it is.
    pub columns: Vec<(Column, usize)>,
}

/// Which rows of a join stay. A right join is a left join with its sides swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and rows of the left without a match, with NULLs on the right.
    Left,
    /// Pairs, and rows of both sides without a match, with NULLs on the other.
    Full,
    /// Rows of the left with a match, once each.
    Semi,
    /// Rows of the left without a match.
    Anti,
}

/// Of the rows on the right that an ASOF join finds for a row of the left, the one with the nearest value on one side of the
/// left's; of several the first. NULL is near nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AsOf {
    /// The left's value.
    pub left: Expr,
    /// The right's value, of the same type.
    pub right: Expr,
    /// On which side of the left's value the right's is looked for.
    pub side: AsOfSide,
    /// Whether an equal value is the nearest.
    pub or_equal: bool,
}

/// A side of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AsOfSide {
    /// What is less.
    Before,
    /// What is greater.
    After,
}

impl AsOf {
    /// The inequality as SQL has it between the left and the right.
    pub fn operator(&self) -> &'static str {
        match (self.side, self.or_equal) {
            (AsOfSide::Before, true) => ">=",
            (AsOfSide::Before, false) => ">",
            (AsOfSide::After, true) => "<=",
            (AsOfSide::After, false) => "<",
        }
    }

    /// The condition that an operator between the left and the right asks for, if it is an inequality.
    pub fn new(left: Expr, operator: &str, right: Expr) -> Option<Self> {
        let (side, or_equal) = match operator {
            ">=" => (AsOfSide::Before, true),
            ">" => (AsOfSide::Before, false),
            "<=" => (AsOfSide::After, true),
            "<" => (AsOfSide::After, false),
            _ => return None,
        };
        Some(Self { left, right, side, or_equal })
    }
}

impl JoinKind {
    /// Whether the result has the columns of the right.
    pub fn shows_right(self) -> bool {
        match self {
            Self::Inner | Self::Left | Self::Full => true,
            Self::Semi | Self::Anti => false,
        }
    }

    /// Whether rows of the left without a match stay.
    pub fn keeps_unmatched(self) -> bool {
        match self {
            Self::Left | Self::Full | Self::Anti => true,
            Self::Inner | Self::Semi => false,
        }
    }
}

/// Whether a projected column is one of the input's, perhaps under a new name.
pub fn is_passed_on(column: &Column, expr: &Expr) -> bool {
    matches!(expr, Expr::Column(id, _) if *id == column.id)
}

/// One key of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SortKey {
    /// What is compared.
    pub expr: Expr,
    /// Whether the greatest comes first.
    pub descending: bool,
    /// Whether NULL comes before all values (DuckDB: last unless said).
    pub nulls_first: bool,
}

impl RowPlan {
    /// The columns of the result.
    pub fn columns(&self) -> Vec<Column> {
        let defined = |columns: &[(Column, Expr)]| columns.iter().map(|(c, _)| c.clone()).collect::<Vec<_>>();
        match self {
            Self::Values { columns, .. } | Self::Union { columns, .. } => columns.clone(),
            Self::Table(scan) => scan.columns.iter().map(|(column, _)| column.clone()).collect(),
            Self::Materialize { grid, columns } => {
                let all = grid.columns();
                let find = |id: &ColumnId| all.iter().find(|c| c.column.id == *id);
                columns.iter().filter_map(find).map(|c| c.column.clone()).collect()
            }
            Self::Filter { input, .. }
            | Self::Sort { input, .. }
            | Self::TopK { input, .. }
            | Self::Limit { input, .. } => input.columns(),
            Self::Project { columns, .. } => defined(columns),
            Self::Aggregate { keys, aggregates, .. } => {
                defined(keys).into_iter().chain(aggregates.iter().map(|(c, _)| c.clone())).collect()
            }
            Self::Window { input, calls, .. } => {
                input.columns().into_iter().chain(calls.iter().map(|(c, _)| c.clone())).collect()
            }
            Self::Join { left, right, kind, .. } => {
                let right = if kind.shows_right() { right.columns() } else { Vec::new() };
                left.columns().into_iter().chain(right).collect()
            }
        }
    }

    /// The plans whose rows this one reads.
    pub fn inputs(&self) -> Vec<&Self> {
        match self {
            Self::Values { .. } | Self::Table(_) => Vec::new(),
            Self::Materialize { grid, .. } => grid.tables(),
            Self::Filter { input, .. }
            | Self::Project { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::TopK { input, .. }
            | Self::Limit { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::Union { inputs, .. } => inputs.iter().collect(),
        }
    }

    /// The same, to be changed.
    pub fn inputs_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Values { .. } | Self::Table(_) => Vec::new(),
            Self::Materialize { grid, .. } => grid.tables_mut(),
            Self::Filter { input, .. }
            | Self::Project { input, .. }
            | Self::Aggregate { input, .. }
            | Self::Window { input, .. }
            | Self::Sort { input, .. }
            | Self::TopK { input, .. }
            | Self::Limit { input, .. } => vec![input],
            Self::Join { left, right, .. } => vec![left, right],
            Self::Union { inputs, .. } => inputs.iter_mut().collect(),
        }
    }

    /// Rebuilds the plan from the leaves up: `rewrite` gets each node with its inputs already rewritten.
    ///
    /// # Errors
    /// The first error of `rewrite`.
    pub fn transform<E>(mut self, rewrite: &mut impl FnMut(Self) -> Result<Self, E>) -> Result<Self, E> {
        for input in self.inputs_mut() {
            let part = std::mem::replace(input, Self::Values { columns: Vec::new(), rows: Vec::new() });
            *input = part.transform(rewrite)?;
        }
        rewrite(self)
    }

    /// Whether rows stand for cells anywhere beneath: there may be many of them.
    pub fn has_cells(&self) -> bool {
        let mut found = false;
        self.walk(&mut |node| {
            found |= matches!(node, Self::Materialize { grid, .. } if !grid.is_aggregate() && grid.rank() > 0);
        });
        found
    }

    /// Calls `visit` for this node and all beneath, outermost first.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for input in self.inputs() {
            input.walk(visit);
        }
    }
}
