//! Tests cells within blocks, beneath the bridge.

use super::Pass;
use crate::{GridPlan, RowPlan};

pub(super) const PASS: Pass = Pass {
    name: "mask_blocks",
    about: "predicates over the cells of one grid are tested on its blocks",
    rewrite: |plan, _| plan.transform(&mut |node| Ok::<_, crate::Error>(mask(node))),
};

/// See [`PASS`].
pub(super) fn mask(plan: RowPlan) -> RowPlan {
    let RowPlan::Filter { input, predicate } = plan else { return plan };
    match *input {
        RowPlan::Materialize { grid, columns } if !grid.is_aggregate() && !predicate.is_volatile() => {
            RowPlan::Materialize { grid: Box::new(GridPlan::Mask { input: grid, predicate }), columns }
        }
        other => RowPlan::Filter { input: Box::new(other), predicate },
    }
}
