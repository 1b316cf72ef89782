//! Keys of several dimensions of which labels tell all places apart, such as latitude, longitude and what is known of both.

use super::{KeyAxis, KeyPlane, Numbers, Together, is_class, numbered, positions_along};
use crate::context::Context;
use crate::error::Result;
use crate::grid::program::Program;
use crate::memory::Reservation;
use crate::source::array_bytes;
use hyperslab_expr::Expr;
use hyperslab_grid::Footprint;
use hyperslab_plan::Column;

/// Keys of several dimensions together among which are labels that tell all positions of each dimension apart: no two places
/// have the same, and nothing needs to be compared.
pub(super) struct ByLabel<'k> {
    dims: Vec<OwnLabels<'k>>,
}

/// The labels of one dimension.
struct OwnLabels<'k> {
    dim: usize,
    keys: Vec<&'k (Column, Expr)>,
    numbers: Numbers,
}

impl<'k> ByLabel<'k> {
    pub(super) fn new(program: &Program, together: &Together<'k>, context: &Context) -> Result<Option<Self>> {
        if together.dims.len() < 2 {
            return Ok(None);
        }
        let mut dims = Vec::new();
        for dim in together.dims.dims() {
            let mut keys = Vec::new();
            for key in &together.keys {
                if program.dims_of_key(&key.1)? == Footprint::one(dim) {
                    keys.push(*key);
                }
            }
            let exprs: Vec<&Expr> = keys.iter().map(|(_, key)| key).collect();
            let (numbers, _memory) = numbered(program, &exprs, Footprint::one(dim), context)?;
            if numbers.count() < program.region.sets()[dim].len() {
                return Ok(None);
            }
            dims.push(OwnLabels { dim, keys, numbers });
        }
        Ok(Some(Self { dims }))
    }

    /// Adds the axes of the dimensions, each position being a group, and what else is known of places; places that have
    /// classes are one axis.
    pub(super) fn number(
        self,
        program: &Program,
        together: &Together<'k>,
        memory: &mut Reservation,
        (axes, planes): (&mut Vec<KeyAxis>, &mut Vec<KeyPlane>),
        context: &Context,
    ) -> Result<()> {
        let is_label = |key: &(Column, Expr)| self.dims.iter().any(|own| own.keys.iter().any(|k| k.0.id == key.0.id));
        let others: Vec<_> = together.keys.iter().filter(|key| !is_label(key)).collect();
        let exprs: Vec<&Expr> = others.iter().map(|(_, key)| key).collect();
        let values = program.values_of_places(&exprs, together.dims, memory, context)?;
        let keys = others.iter().map(|(column, _)| column.id).zip(values).collect();
        let mut own = Vec::new();
        for OwnLabels { dim, keys, numbers } in self.dims {
            let values = numbers.values(keys.iter().map(|(_, key)| key.sql_type()))?;
            memory.grow(values.iter().map(array_bytes).sum::<usize>() + numbers.of.len() * 2 * size_of::<u32>())?;
            let along = positions_along(program, Footprint::one(dim));
            let keys = keys.iter().map(|(column, _)| column.id).zip(values).collect();
            own.push(KeyAxis::new(&along, keys, numbers));
        }
        if others.iter().any(|(column, _)| is_class(program, column.id)) {
            axes.push(KeyAxis::of_places(&positions_along(program, together.dims), keys, own));
        } else {
            axes.extend(own);
            planes.push(KeyPlane { dims: together.dims.dims().collect(), keys });
        }
        Ok(())
    }
}
