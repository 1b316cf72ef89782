//! The superblock: where the root group is, and how wide addresses are.

use super::metadata::{Fields, Widths, is_checksum_of};
use crate::io::ReadAt;
use crate::metrics::ReadMetrics;
use crate::{Error, Result};

const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Where a file may start among its first bytes: whatever lies before is not HDF5's. It may also start at any larger power of
/// two, which is looked up only where nothing else is known of the file.
const STARTS: [usize; 4] = [0, 512, 1024, 2048];

/// What the superblock tells.
#[derive(Debug)]
pub(super) struct Superblock {
    pub(super) widths: Widths,
    pub(super) base: u64,
    pub(super) root: u64,
    /// The object header that says more, if there is one.
    pub(super) extension: Option<u64>,
}

/// The position of the superblock among the first bytes of a file.
pub(super) fn find(first: &[u8]) -> Option<usize> {
    STARTS.into_iter().find(|start| first.get(*start..).is_some_and(|rest| rest.starts_with(SIGNATURE)))
}

/// The position of the superblock of a file, wherever it is.
pub(super) fn start(source: &dyn ReadAt) -> Result<Option<u64>> {
    let powers = (9..63).map(|power| 1u64 << power).take_while(|start| *start + 8 <= source.len());
    for start in std::iter::once(0).chain(powers).filter(|start| *start + 8 <= source.len()) {
        let mut first = [0; SIGNATURE.len()];
        source.read_exact_at(start, &mut first, &ReadMetrics::default())?;
        if first == *SIGNATURE {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

impl Superblock {
    pub(super) fn read(source: &dyn ReadAt) -> Result<Self> {
        let start = start(source)?.ok_or_else(|| Error::corrupt("has no HDF5 signature"))?;
        let mut bytes = vec![0; (source.len() - start).min(128) as usize];
        source.read_exact_at(start, &mut bytes, &ReadMetrics::default())?;
        let bytes = bytes.as_slice();
        let mut fields = Fields::new(bytes, Widths { offset: 8, length: 8 });
        fields.skip(SIGNATURE.len())?;
        let (superblock, end) = match fields.version("a superblock", 0..=3)? {
            old @ 0..=1 => Self::old(old, bytes)?,
            _ => Self::new(bytes)?,
        };
        // A file after some user block may count addresses from either place; what is stated is checked here.
        if superblock.base != 0 && superblock.base != start {
            return Err(Error::corrupt(format!("its superblock at {start} says that it is at {}", superblock.base)));
        }
        if end > source.len() {
            let message = format!("is cut short: it should have {end} bytes and has {}", source.len());
            return Err(Error::corrupt(message).with_hint("copy or download it again"));
        }
        Ok(superblock)
    }

    /// Versions 0 and 1. Gives the size that the file should have, too.
    fn old(version: u8, bytes: &[u8]) -> Result<(Self, u64)> {
        let widths = widths(bytes, 13)?;
        let mut fields = Fields::new(bytes, widths);
        fields.skip(if version == 0 { 24 } else { 28 })?;
        let base = fields.some_address()?;
        fields.address()?;
        let end = fields.some_address()?;
        fields.address()?;
        fields.address()?;
        let root = fields.some_address()?;
        Ok((Self { widths, base, root, extension: None }, end))
    }

    /// Versions 2 and 3.
    fn new(bytes: &[u8]) -> Result<(Self, u64)> {
        let widths = widths(bytes, 9)?;
        let mut fields = Fields::new(bytes, widths);
        fields.skip(12)?;
        let base = fields.some_address()?;
        let extension = fields.address()?;
        let end = fields.some_address()?;
        let root = fields.some_address()?;
        let sealed = bytes.len() - fields.left();
        if !is_checksum_of(&bytes[..sealed], fields.u32()?) {
            return Err(Error::corrupt("its superblock has the wrong checksum"));
        }
        Ok((Self { widths, base, root, extension }, end))
    }
}

fn widths(bytes: &[u8], at: usize) -> Result<Widths> {
    match bytes.get(at..at + 2) {
        Some(&[offset @ (2 | 4 | 8), length @ (2 | 4 | 8)]) => {
            Ok(Widths { offset: usize::from(offset), length: usize::from(length) })
        }
        Some(widths) => Err(Error::unsupported(format!("addresses and lengths of {widths:?} bytes are not known"))),
        None => Err(Error::corrupt("ends within its superblock")),
    }
}
