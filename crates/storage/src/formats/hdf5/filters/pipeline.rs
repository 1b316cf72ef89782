//! Which filters chunks went through, as the filter message of a header states it (specification IV.A.2.l), and with which
//! parameters.

use super::bitshuffle::Bitshuffle;
use super::nbit::Nbit;
use super::scale_offset::ScaleOffset;
use super::szip::Szip;
use crate::Result;
use crate::formats::hdf5::metadata::{Fields, Metadata, until_zero};

/// A step that chunks went through when they were written.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::formats::hdf5) enum Filter {
    /// Zlib compression, with its level.
    Deflate(u32),
    /// First bytes of all cells, then second bytes, and so on; of cells of so many bytes.
    Shuffle(usize),
    /// A checksum after the bytes.
    Fletcher32,
    /// CCSDS 121 entropy coding.
    Szip(Szip),
    /// Only the bits of each cell that count.
    Nbit(Nbit),
    /// Differences from the least value, in as few bits as they need.
    ScaleOffset(ScaleOffset),
    /// LZF, which comes with h5py.
    Lzf,
    /// Zstandard.
    Zstd,
    /// LZ4, in blocks.
    Lz4,
    /// Bzip2.
    Bzip2,
    /// Blosc of version 1.
    Blosc,
    /// Blosc of version 2.
    Blosc2,
    /// First bits of all cells, then second bits, and so on, and perhaps compressed.
    Bitshuffle(Bitshuffle),
    /// One that is not read, in words.
    Unknown(String),
}

impl Filter {
    /// Reads the body of a filter message, in the order of writing.
    pub(in crate::formats::hdf5) fn parse_all(metadata: &Metadata<'_>, body: &[u8]) -> Result<Vec<Self>> {
        let mut fields = Fields::new(body, metadata.widths);
        let version = fields.version("a list of filters", 1..=2)?;
        let count = fields.u8()?;
        if version == 1 {
            fields.skip(6)?;
        }
        (0..count).map(|_| Self::parse(version, &mut fields)).collect()
    }

    fn parse(version: u8, fields: &mut Fields<'_>) -> Result<Self> {
        let id = fields.u16()?;
        let name_len = if version == 1 || id >= 256 { usize::from(fields.u16()?) } else { 0 };
        fields.u16()?;
        let count = usize::from(fields.u16()?);
        let name = fields.padded(name_len, version == 1)?;
        let values = (0..count).map(|_| fields.u32()).collect::<Result<Vec<_>>>()?;
        if version == 1 && count % 2 == 1 {
            fields.skip(4.min(fields.left()))?;
        }
        Ok(Self::new(id, &values).unwrap_or_else(|| Self::Unknown(named(id, name))))
    }

    /// The filter of a registered number; `None` if it is not read, or its parameters make no sense.
    pub(in crate::formats::hdf5) fn new(id: u16, values: &[u32]) -> Option<Self> {
        let first = values.first().copied();
        Some(match id {
            1 => Self::Deflate(first.unwrap_or(0)),
            2 => Self::Shuffle(first.unwrap_or(1) as usize),
            3 => Self::Fletcher32,
            4 => Self::Szip(Szip::new(values)?),
            5 => Self::Nbit(Nbit::new(values)?),
            6 => Self::ScaleOffset(ScaleOffset::new(values)?),
            307 => Self::Bzip2,
            32000 => Self::Lzf,
            32001 => Self::Blosc,
            32004 => Self::Lz4,
            32008 => Self::Bitshuffle(Bitshuffle::new(values)?),
            32015 => Self::Zstd,
            32026 => Self::Blosc2,
            _ => return None,
        })
    }

    /// The filter in words.
    pub(in crate::formats::hdf5) fn in_words(&self) -> String {
        match self {
            Self::Deflate(level) => return format!("deflate {level}"),
            Self::Unknown(name) => return name.clone(),
            Self::Shuffle(_) => "shuffle",
            Self::Fletcher32 => "fletcher32",
            Self::Szip(_) => "szip",
            Self::Nbit(_) => "n-bit",
            Self::ScaleOffset(_) => "scale-offset",
            Self::Lzf => "lzf",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
            Self::Blosc => "blosc",
            Self::Blosc2 => "blosc2",
            Self::Bitshuffle(_) => "bitshuffle",
        }
        .to_owned()
    }
}

/// The registered names of filters that are not read; of others the name that the file states.
fn named(id: u16, stated: &[u8]) -> String {
    let known = match id {
        4 => "szip of unknown parameters",
        5 => "n-bit of unknown parameters",
        6 => "scale-offset of unknown parameters",
        305 => "lzo",
        32002 => "mafisc",
        32003 => "snappy",
        32005 => "apax",
        32006 => "cbf",
        32007 => "jpeg-xr",
        32008 => "bitshuffle of unknown parameters",
        32009 => "spdp",
        32010 => "lpc-rice",
        32011 => "ccsds-123",
        32012 => "jpeg-ls",
        32013 => "zfp",
        32014 => "fpzip",
        32016 => "b3d",
        32017 => "sz",
        32018 => "fcidecomp",
        32019 => "jpeg",
        32020 => "vbz",
        32021 => "fapec",
        32022 => "bitgroom",
        32023 => "granular bitround",
        32024 => "sz3",
        32025 => "delta-rice",
        32027 => "jpeg-xl",
        32028 => "sperr",
        32029 => "terse/prolix",
        32030 => "ffmpeg",
        _ => "",
    };
    let name = if known.is_empty() { crate::formats::text_of(until_zero(stated)) } else { known.to_owned() };
    format!("{} (number {id})", if name.is_empty() { "without a name" } else { &name })
}
