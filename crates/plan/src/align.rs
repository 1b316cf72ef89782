//! Two grids on axes that hold the labels of both, as xarray's `align(join="outer")` makes them: what a full join reads.

use crate::grid_plan::{Along, GridColumn, GridPlan, Scan, ScanColumn};
use hyperslab_expr::{ColumnId, Expr};
use hyperslab_grid::{IndexSet, Region};
use serde::{Deserialize, Serialize};

/// Reads two grids in step. Each position of an axis leads to one of the first grid, of the second, or of both; a column
/// is NULL where one of the positions along its own dimensions leads nowhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Align {
    /// The grids.
    pub scans: [Scan; 2],
    /// For each dimension of each grid the axis, and where the positions of the axis are on the dimension.
    pub along: [Vec<Along>; 2],
    /// The names of the axes: those of the first grid.
    pub dim_names: Vec<String>,
    /// Their lengths.
    pub shape: Vec<usize>,
    /// The places that are read.
    pub region: Region,
    /// Expressions over what stands above that are equal for partners, and the column there that is the first of them
    /// or, where the first grid has no cell, the second.
    pub either: Vec<([Expr; 2], ColumnId)>,
}

/// What a chain of a grid stands on.
#[derive(Clone, Copy, Debug)]
pub enum Base<'a> {
    /// One grid.
    Scan(&'a Scan),
    /// Two.
    Align(&'a Align),
}

impl<'a> Base<'a> {
    /// The scan, if it is one.
    pub fn scan(self) -> Option<&'a Scan> {
        match self {
            Self::Scan(scan) => Some(scan),
            Self::Align(_) => None,
        }
    }

    /// The lengths of its dimensions.
    pub fn shape(self) -> &'a [usize] {
        match self {
            Self::Scan(scan) => &scan.shape,
            Self::Align(align) => &align.shape,
        }
    }

    /// The same without anything that stands on it.
    pub fn to_grid(self) -> GridPlan {
        match self {
            Self::Scan(scan) => GridPlan::Scan(scan.clone()),
            Self::Align(align) => GridPlan::Align(Box::new(align.clone())),
        }
    }

    /// A column that is read, with its scan and where the dimensions of that are, if they are not those of the chain.
    pub fn column(self, id: ColumnId) -> Option<(&'a Scan, &'a ScanColumn, Option<&'a [Along]>)> {
        match self {
            Self::Scan(scan) => Some((scan, scan.column(id)?, None)),
            Self::Align(Align { scans, along, .. }) => {
                let of = |(scan, along): (&'a Scan, &'a Vec<Along>)| Some((scan, scan.column(id)?, Some(&along[..])));
                scans.iter().zip(along).find_map(of)
            }
        }
    }
}

impl Align {
    /// The columns of both, with their footprints on the axes.
    pub(crate) fn columns(&self) -> Vec<GridColumn> {
        let of = |(scan, along): (&Scan, &Vec<Along>)| {
            let on_axes = |column: &ScanColumn| {
                let footprint = column.footprint.dims().map(|dim| along[dim].dim).collect();
                GridColumn { column: column.column.clone(), footprint }
            };
            scan.columns.iter().map(on_axes).collect::<Vec<_>>()
        };
        self.scans.iter().zip(&self.along).flat_map(of).collect()
    }

    /// Reads no more than some positions along an axis: nor do the scans.
    pub(crate) fn narrow(&mut self, axis: usize, to: &IndexSet) {
        self.region.narrow(axis, to);
        for (scan, along) in self.scans.iter_mut().zip(&self.along) {
            for (dim, Along { map, .. }) in along.iter().enumerate().filter(|(_, along)| along.dim == axis) {
                let mut led_to = vec![false; map.target_len()];
                to.iter().filter_map(|at| map.get(at)).for_each(|at| led_to[at] = true);
                scan.region.narrow(dim, &IndexSet::from_mask(led_to));
            }
        }
    }
}
