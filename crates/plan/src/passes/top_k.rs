//! Keeps only the first rows while sorting.

use super::{Pass, any_volatile};
use crate::RowPlan;

/// Above this many rows a full sort is about as good. Where they do not fit the memory limit all rows are sorted after all.
const MOST_ROWS: u64 = 1 << 20;

pub(super) const PASS: Pass = Pass {
    name: "top_k",
    about: "a sort followed by a small limit keeps the best rows only",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(top_k(node))),
};

fn top_k(plan: RowPlan) -> RowPlan {
    match plan {
        RowPlan::Limit { input, limit: Some(limit), offset } if limit.saturating_add(offset) <= MOST_ROWS => {
            sink(*input, limit, offset)
        }
        other => other,
    }
}

/// A limit goes beneath a projection: it counts rows, whatever their columns.
fn sink(plan: RowPlan, limit: u64, offset: u64) -> RowPlan {
    match plan {
        RowPlan::Sort { input, keys } => RowPlan::TopK { input, keys, limit, offset },
        RowPlan::Project { input, columns } if !any_volatile(&columns) => {
            RowPlan::Project { input: Box::new(sink(*input, limit, offset)), columns }
        }
        other => RowPlan::Limit { input: Box::new(other), limit: Some(limit), offset },
    }
}
