//! Finds out in which format a file is, and opens it.

use super::{Format, classic, hdf5};
use crate::io::{FileSource, ReadAt};
use crate::metrics::ReadMetrics;
use crate::{Error, ErrorKind, Result};
use std::path::Path;
use std::sync::Arc;

/// What reads a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// This crate's own reading, on all cores.
    #[default]
    Direct,
    /// The HDF5 and netCDF C libraries, one thread at a time.
    C,
}

/// A file format that can be opened.
pub struct FormatEntry {
    /// Its name.
    pub name: &'static str,
    /// Whether a file is in this format, from its first [`PROBED`] bytes.
    probe: fn(&[u8]) -> bool,
    /// Opens such a file.
    open: fn(FileSource) -> Result<Arc<dyn Format>>,
}

/// All formats, in the order in which they are tried.
pub static FORMATS: &[FormatEntry] = &[
    FormatEntry { name: "netCDF-4 / HDF5", probe: hdf5::probe, open: hdf5::open },
    FormatEntry { name: "netCDF classic", probe: classic::probe, open: classic::open },
];

/// How many bytes a format is told by. An HDF5 file may start with up to 2048 bytes of something else.
const PROBED: u64 = 2056;

/// Opens a file in whichever format it is.
///
/// # Errors
/// If there is no such file, if it is in none of the formats, or if it is damaged.
pub fn open(path: &Path, engine: Engine) -> Result<Arc<dyn Format>> {
    refuse_address(path)?;
    let metrics = ReadMetrics::default();
    let source = FileSource::open(path, &metrics)?;
    let mut first = vec![0; source.len().min(PROBED) as usize];
    source.read_exact_at(0, &mut first, &metrics)?;
    let format = match FORMATS.iter().find(|format| (format.probe)(&first)) {
        Some(format) => format,
        // An HDF5 file may begin far behind something else.
        None if hdf5::starts_later(&source) => &FORMATS[0],
        None => return Err(not_a_format(&first, path)),
    };
    match engine {
        Engine::Direct => (format.open)(source).map_err(|error| error.in_file(path)),
        Engine::C => open_with_c(path),
    }
}

#[cfg(feature = "c-engine")]
fn open_with_c(path: &Path) -> Result<Arc<dyn Format>> {
    super::c::open(path).map_err(|error| error.in_file(path))
}

#[cfg(not(feature = "c-engine"))]
fn open_with_c(path: &Path) -> Result<Arc<dyn Format>> {
    let error = Error::unsupported("this program was built without the C libraries").in_file(path);
    Err(error.with_hint("leave out engine => 'c'"))
}

fn refuse_address(path: &Path) -> Result<()> {
    let text = path.to_string_lossy();
    let Some((scheme, _)) = text.split_once("://") else { return Ok(()) };
    let error = Error::unsupported(format!("cannot read from {scheme}:// yet"));
    Err(error.in_file(path).with_hint("download the file first and name the copy"))
}

fn not_a_format(first: &[u8], path: &Path) -> Error {
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    let message = match looks_like(first) {
        Some(what) => format!("is not a netCDF or HDF5 file: it looks like {what}"),
        None => format!("is not a netCDF or HDF5 file: it starts with the bytes {:02x?}", &first[..first.len().min(8)]),
    };
    let error = Error::new(ErrorKind::NotAFormat, message).in_file(path);
    error.with_hint(format!("formats that can be read: {}", names.join(", ")))
}

/// What a file may be, judged by its first bytes.
fn looks_like(first: &[u8]) -> Option<&'static str> {
    const STARTS: &[(&[u8], &str)] = &[
        (b"GRIB", "GRIB"),
        (b"BUFR", "BUFR"),
        (b"\x0e\x03\x13\x01", "HDF4"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "a gzip file: unpack it first"),
        (b"BZh", "a bzip2 file: unpack it first"),
        (b"\xfd7zXZ", "an xz file: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it first"),
        (b"PAR1", "Parquet"),
        (b"ARROW1", "Arrow"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"%PDF", "PDF"),
        (b"CDF", "a netCDF version that is not known yet, or NASA CDF"),
        (b"\xcd\xf3\x00\x01", "NASA CDF"),
    ];
    if first.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, what)) = STARTS.iter().find(|(start, _)| first.starts_with(start)) {
        return Some(what);
    }
    let text = std::str::from_utf8(first).or_else(|error| std::str::from_utf8(&first[..error.valid_up_to()]));
    let text = text.ok().filter(|text| !text.is_empty() && text.len() + 4 > first.len())?;
    let start = text.trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        Some("an HTML page, perhaps an error message saved in place of the file")
    } else if start.starts_with("netcdf ") {
        Some("CDL text: turn it into a file with ncgen")
    } else if start.starts_with('{') {
        Some("JSON text")
    } else if text.chars().all(|c| !c.is_control() || c.is_whitespace()) {
        Some("text")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn message(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.nc");
        fs::write(&path, bytes).expect("a small file");
        let error = open(&path, Engine::Direct).err().expect("it is not a file we read");
        assert_eq!(error.file.as_deref(), Some(path.as_path()));
        error.message
    }

    #[test]
    fn what_is_not_netcdf_is_named() {
        assert!(message(b"GRIB\0\0\0\x02").ends_with("GRIB"));
        assert!(message(b"PK\x03\x04....").ends_with("a zip archive"));
        assert!(message(b"\x0e\x03\x13\x01").ends_with("HDF4"));
        assert!(message(b"").ends_with("an empty file"));
        assert!(message(b"lat,lon\n1,2\n").ends_with("text"));
        assert!(message(b"<!DOCTYPE html><html>404").contains("an HTML page"));
        assert!(message(&[0xff, 0x00, 0x12]).ends_with("[ff, 00, 12]"));
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let error = |path: &str| open(Path::new(path), Engine::Direct).err().expect("there is no such file");
        assert_eq!(error("/no/such/file.nc").kind, ErrorKind::NotFound);
        assert_eq!(error("s3://bucket/file.nc").kind, ErrorKind::Unsupported);
        assert_eq!(error("https://host/file.nc").kind, ErrorKind::Unsupported);
        assert_eq!(error("/").kind, ErrorKind::NotAFormat);
    }
}
