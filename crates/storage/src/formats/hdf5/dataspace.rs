//! Dataspaces: how many cells there are (specification IV.A.2.b).

use super::metadata::{Fields, Widths};
use crate::Result;

/// How many cells there are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Dataspace {
    pub(super) shape: Vec<usize>,
    /// How far each dimension may grow; `None`: without limit.
    pub(super) limits: Vec<Option<usize>>,
    /// Whether there is not even one cell.
    pub(super) null: bool,
}

impl Dataspace {
    /// Reads the body of a dataspace message.
    pub(super) fn parse(body: &[u8], widths: Widths) -> Result<Self> {
        let mut fields = Fields::new(body, widths);
        let version = fields.version("a dataspace", 1..=2)?;
        let rank = usize::from(fields.u8()?);
        let flags = fields.u8()?;
        let null = match version {
            1 => {
                fields.skip(5)?;
                false
            }
            _ => fields.u8()? == 2,
        };
        let shape: Vec<usize> = (0..rank).map(|_| fields.length().map(|len| len as usize)).collect::<Result<_>>()?;
        let limits = match flags & 1 {
            0 => shape.iter().copied().map(Some).collect(),
            _ => {
                let most = u64::MAX >> (64 - 8 * widths.length);
                let limit = |len: u64| (len != most).then_some(len as usize);
                (0..rank).map(|_| fields.length().map(limit)).collect::<Result<_>>()?
            }
        };
        Ok(Self { shape, limits, null })
    }

    /// The number of cells; `None` beyond all measure.
    pub(super) fn cells(&self) -> Option<usize> {
        if self.null { Some(0) } else { crate::formats::cells::count(&self.shape) }
    }
}
