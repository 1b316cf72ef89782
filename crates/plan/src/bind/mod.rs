//! From SQL text to a bound plan: names resolved, types known, casts written out, the grid of each dataset decided.
//!
//! A statement is parsed ([`parse`]) and bound ([`bind`]). A `SELECT` is bound clause by clause against a
//! scope that notes which columns of which dataset are read; only then is the grid of each mention of a dataset known
//! (SEMANTICS section 1), and the plan is built from the leaves up. The tree from the parser does not leave this module.
//!
//! A clause is either bound or refused by name: none is ignored.

mod aggregate;
mod attach;
mod axis_function;
mod beneath;
mod binder;
mod complete;
mod contents;
mod copy;
mod correlation;
mod dataset;
mod describe;
mod dialect;
mod expr;
mod flags;
mod from;
mod grouping;
mod grouping_sets;
mod interpolate;
mod join;
mod labels;
mod literal;
mod membership;
mod name;
mod nearest_cell;
mod order;
mod parse;
mod projection;
mod query;
mod refuse;
mod regrid;
mod scope;
mod select;
mod series;
mod set_operation;
mod stack;
mod subquery;
mod table_function;
mod text;
mod types;
mod unify;
mod window;

#[cfg(test)]
mod tests;

pub use copy::{CopyFormat, CopyTarget, ParquetCompression};
pub use describe::{DescribedColumn, Description};
pub use parse::{ParsedStatement, parse};

use crate::{BoundQuery, Catalog, Result};
use binder::Binder;
use hyperslab_expr::Scalar;
use parse::Form;
use stack::with_deep_stack;
use std::collections::BTreeMap;

/// The values of a statement's parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// Those of `$name`, without the `$`.
    pub named: BTreeMap<String, Scalar>,
    /// Those of `?`, in order of the text, and of `$1`, `$2` ...
    pub positional: Vec<Scalar>,
}

/// What `EXPLAIN` shall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainMode {
    /// The plan.
    Plan,
    /// The plan after each pass that changed it.
    Passes,
    /// The plan with what happened when it ran.
    Analyze,
}

/// A statement with names resolved and types known.
#[derive(Clone, Debug)]
pub enum BoundStatement {
    /// Gives rows.
    Query(BoundQuery),
    /// Shows the plan of a query.
    Explain {
        /// The query.
        query: BoundQuery,
        /// What is shown.
        mode: ExplainMode,
    },
    /// Writes the rows of a query to a file.
    Copy {
        /// The query.
        query: BoundQuery,
        /// For each dimension of a grid to be written a query for its labels.
        labels: Vec<BoundQuery>,
        /// The file.
        target: CopyTarget,
    },
    /// Shows the columns of a query's result or of a table.
    Describe(Description),
    /// Sets a setting.
    Set {
        /// Its name, in lower case.
        name: String,
        /// Its value.
        value: Scalar,
    },
    /// Gives a setting its first value again; `all` does so for each.
    Reset {
        /// Its name, in lower case.
        name: String,
    },
}

/// Resolves the names of a statement and decides its types and grids.
///
/// # Errors
/// What is wrong with the statement, with its place in the text that was parsed.
pub fn bind(statement: &ParsedStatement, catalog: &dyn Catalog, parameters: &Parameters) -> Result<BoundStatement> {
    with_deep_stack(|| {
        let mut binder = Binder::new(&statement.text, catalog, parameters);
        let bound = match statement.form.get() {
            Form::Query(query) => BoundStatement::Query(binder.whole_query(query)?),
            Form::Explain(mode, query) => BoundStatement::Explain { query: binder.whole_query(query)?, mode: *mode },
            Form::Copy(copy) => {
                let target = binder.copy_target(copy)?;
                let at = binder.dimensions_at(copy);
                let query = copy::fitting(binder.whole_query(&copy.query)?, &target);
                let labels = copy::labels(&query, &target, at)?;
                BoundStatement::Copy { query, labels, target }
            }
            Form::DescribeQuery(query) => BoundStatement::Describe(binder.describe_query(query)?),
            Form::DescribeTable(name) => BoundStatement::Describe(binder.describe_table(name)?),
            Form::Set(name, value) => {
                BoundStatement::Set { name: binder.setting(name)?, value: binder.setting_value(value)? }
            }
            Form::Reset(name) => BoundStatement::Reset { name: binder.setting(name)? },
        };
        Ok(bound)
    })
}
