//! How long virtual datasets are now whose parts have no end: as long as the sources that there are (specification VII.E; what
//! the library does unless it is told otherwise, `H5D_VDS_LAST_AVAILABLE` without gaps).

use super::dataspace::Dataspace;
use super::home::Home;
use super::virtual_dataset::{Part, listed};
use crate::Result;
use std::sync::Arc;

/// The shape of a virtual dataset, where its header states `space`.
pub(super) fn shape_now(home: &Arc<Home>, reference: &[u8], space: &Dataspace) -> Result<Vec<usize>> {
    home.may_look()?;
    let metadata = home.metadata();
    let parts = listed(&metadata, reference)?;
    home.count(&metadata);
    let mut lens: Vec<Option<usize>> = vec![None; space.shape.len()];
    for part in &parts {
        if let Some((d, len)) = length(home, part)?
            && let Some(known) = lens.get_mut(d)
        {
            *known = Some(known.map_or(len, |known| known.max(len)));
        }
    }
    let mut least = vec![0; lens.len()];
    for part in &parts {
        least.iter_mut().zip(part.ends_here(&space.shape)).for_each(|(least, end)| *least = end.max(*least));
    }
    let stated = space.shape.iter().zip(&space.limits);
    let shape = stated.zip(lens.into_iter().zip(least)).map(|((stated, limit), (len, least))| match len {
        Some(len) => len.max(least).min(limit.unwrap_or(usize::MAX)),
        None => *stated,
    });
    Ok(shape.collect())
}

/// The dimension along which a part has no end, and how far it reaches there now.
fn length(home: &Arc<Home>, part: &Part) -> Result<Option<(usize, usize)>> {
    let Some((d, here)) = part.endless_here() else { return Ok(None) };
    if part.is_numbered() {
        let mut blocks = 0;
        while part.number(blocks).source_shape(home)?.is_some() {
            blocks += 1;
        }
        let end = here.position(blocks.saturating_mul(here.block).saturating_sub(1)).saturating_add(1);
        return Ok(Some((d, if blocks == 0 { 0 } else { end })));
    }
    let Some((e, there)) = part.endless_there() else { return Ok(None) };
    let cells = part.source_shape(home)?.and_then(|shape| Some(there.within(*shape.get(e)?))).unwrap_or(0);
    Ok(Some((d, if cells == 0 { 0 } else { here.position(cells - 1).saturating_add(1) })))
}
