//! What every format must give: the same dimensions, attributes and cells directly as through the C libraries, whole and
//! in parts; and an error, never a panic, on damaged files.

use super::cells::{Cells, copy_common};
use super::{Attribute, Engine, FileContents, Format, Stored, StoredType, open};
use crate::Result;
use crate::metrics::ReadMetrics;
use hdf5_metno::{Extent, SimpleExtents};
use hyperslab_grid::Hyperslab;
use std::fs;
use std::path::{Path, PathBuf};

/// Cells as they compare: bytes, or text.
#[derive(Debug, PartialEq)]
enum Read {
    Bytes(Vec<u8>),
    Text(Vec<String>),
}

fn read(format: &dyn Format, variable: usize, slab: &Hyperslab) -> Result<Read> {
    let metrics = ReadMetrics::default();
    let ty = &format.contents().variables[variable].ty;
    if *ty == StoredType::Text {
        let cells = format.read_text(variable, slab, &mut Stored::default(), &metrics)?;
        return Ok(Read::Text(cells.iter().map(|text| text.unwrap_or_default().to_owned()).collect()));
    }
    let mut stored = Stored::default();
    let held = format.read(variable, slab, &mut stored, &metrics)?;
    assert!(held.contains(slab) || slab.is_empty(), "{held:?} does not hold {slab:?}");
    let mut bytes = vec![0; slab.cells() * ty.size()];
    let target = &mut Cells { bytes: bytes.as_mut_slice(), slab };
    copy_common(&Cells { bytes: &stored.bytes[..held.cells() * ty.size()], slab: &held }, target, ty.size());
    Ok(Read::Bytes(bytes))
}

fn shape(contents: &FileContents, variable: usize) -> Vec<usize> {
    contents.variables[variable].dims.iter().map(|dim| contents.dimensions[*dim].len).collect()
}

/// Boxes within a shape: all of it, and some parts that do not follow chunks.
fn parts(shape: &[usize]) -> Vec<Hyperslab> {
    let part = |from: usize, upto: usize, of: usize| {
        Hyperslab::new(shape.iter().map(|len| len * from / of..(len * upto).div_ceil(of)).collect())
    };
    vec![Hyperslab::all(shape), part(0, 1, 2), part(1, 2, 3), part(3, 7, 8), part(1, 1, 2), part(4, 5, 5)]
}

/// Compares a file as read directly and through C. Gives how many variables were compared.
fn compare(path: &Path) -> usize {
    let direct = open(path, Engine::Direct).unwrap_or_else(|error| panic!("{error}"));
    let c = open(path, Engine::C).unwrap_or_else(|error| panic!("{error}"));
    let (ours, theirs) = (direct.contents(), c.contents());
    assert_eq!(ours.format, theirs.format);
    assert_eq!(ours.problems, Vec::<String>::new(), "{}", path.display());
    assert_eq!(sorted(&ours.attributes), sorted(&theirs.attributes), "{}", path.display());
    let mut compared = 0;
    for (i, variable) in theirs.variables.iter().enumerate() {
        let place = format!("{}: {}", path.display(), variable.path);
        let at = ours.variables.iter().position(|v| v.path == variable.path);
        let at = at.unwrap_or_else(|| panic!("{place} is missing"));
        let ours_here = &ours.variables[at];
        let named = |contents: &FileContents, dims: &[usize]| -> Vec<_> {
            dims.iter().map(|dim| (contents.dimensions[*dim].len, contents.dimensions[*dim].unlimited)).collect()
        };
        assert_eq!(named(ours, &ours_here.dims), named(theirs, &variable.dims), "{place}");
        assert_eq!(sorted(&ours_here.attributes), sorted(&variable.attributes), "{place}");
        if matches!(variable.ty, StoredType::Unsupported(_)) {
            assert!(read(direct.as_ref(), at, &Hyperslab::all(&shape(ours, at))).is_err(), "{place}");
            continue;
        }
        assert_eq!(ours_here.ty, variable.ty, "{place}");
        for slab in parts(&shape(theirs, i)) {
            let Ok(expected) = read(c.as_ref(), i, &slab) else { continue };
            let found = read(direct.as_ref(), at, &slab).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(found == expected, "{place} differs at {slab:?}");
        }
        compared += 1;
    }
    compared
}

/// Attributes by name, in words: NaN is equal to NaN here.
fn sorted(named: &[(String, Attribute)]) -> Vec<String> {
    let mut named: Vec<String> = named.iter().map(|attribute| format!("{attribute:?}")).collect();
    named.sort();
    named
}

#[test]
fn real_files_read_alike() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("skipped: there is no folder {}", folder.display());
        return;
    };
    let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let data = |path: &&PathBuf| path.extension().is_some_and(|extension| extension != "md");
    assert!(paths.iter().filter(data).map(|path| compare(path)).sum::<usize>() > 50);
}

/// Numbers that look random, the same every time.
fn numbers(count: usize) -> impl Iterator<Item = u32> {
    let mut state = 0x2545_F491_u32;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    })
    .take(count)
}

fn small_integers<T: From<i16>>(count: usize) -> Vec<T> {
    numbers(count).map(|number| T::from((number % 100) as i16)).collect()
}

/// A netCDF-4 file with what netCDF-4 has.
fn write_netcdf(path: &Path) -> Result<(), netcdf::Error> {
    let mut file = netcdf::create(path)?;
    file.add_attribute("title", "a small file")?;
    file.add_attribute("numbers", vec![1i16, 2, 3])?;
    file.add_unlimited_dimension("time")?;
    file.add_dimension("y", 13)?;
    file.add_dimension("x", 17)?;
    let mut time = file.add_variable::<f64>("time", &["time"])?;
    time.put_attribute("units", "days since 2000-01-01")?;
    time.put_values(&[0.5, 1.5, 2.5], ..3)?;
    let mut packed = file.add_variable::<i16>("packed", &["time", "y", "x"])?;
    packed.set_chunking(&[2, 5, 6])?;
    packed.set_compression(4, true)?;
    packed.set_fill_value(-99i16)?;
    packed.put_values(&small_integers::<i16>(7 * 13 * 17), (..7, .., ..))?;
    let mut big = file.add_variable::<f32>("big_endian", &["y", "x"])?;
    big.set_endianness(netcdf::Endianness::Big)?;
    big.put_values(&small_integers::<f32>(13 * 17), ..)?;
    file.add_variable::<f32>("never_written", &["time", "y"])?;
    file.add_variable::<i64>("scalar", &[])?.put_values(&[-5], ())?;
    let mut texts = file.add_string_variable("texts", &["y"])?;
    texts.put_string("first", 0)?;
    texts.put_string("höher", 12)?;
    let mut group = file.add_group("group")?;
    group.add_dimension("x", 4)?;
    group.add_variable::<u8>("inherits", &["y", "x"])?.put_values(&[7u8; 52], ..)?;
    file.close()
}

#[test]
fn netcdf4_reads_alike() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made.nc");
    write_netcdf(&path).expect("netCDF writes");
    assert_eq!(compare(&path), 7);
    let file = open(&path, Engine::Direct).expect("it was just written");
    let contents = file.contents();
    let dims = |name: &str| -> Vec<&str> {
        let variable = contents.variables.iter().find(|v| v.path == name).expect("it was written");
        variable.dims.iter().map(|dim| contents.dimensions[*dim].path.as_str()).collect()
    };
    assert_eq!(dims("packed"), ["time", "y", "x"]);
    assert_eq!(dims("group/inherits"), ["y", "group/x"]);
    assert_eq!(contents.dimensions[0].len, 7, "as long as the longest variable over it");
    assert!(contents.default_fill);
}

/// Plain HDF5 with every kind of chunk index that the chosen version of the format writes.
fn write_hdf5(path: &Path, latest: bool) -> hdf5_metno::Result<()> {
    let mut options = hdf5_metno::File::with_options();
    if latest {
        options.with_fapl(|fapl| fapl.libver_latest());
    }
    let file = options.create(path)?;
    let cells = small_integers::<i32>(23 * 17 * 11);
    let limits: [(&str, [Option<usize>; 3]); 6] = [
        ("fixed", [Some(23), Some(17), Some(11)]),
        ("growing", [Some(40), Some(50), Some(60)]),
        ("unlimited_0", [None, Some(30), Some(20)]),
        ("unlimited_1", [Some(30), None, Some(20)]),
        ("unlimited_2", [Some(30), Some(20), None]),
        ("unlimited_twice", [None, None, Some(20)]),
    ];
    for (name, limits) in limits {
        let extents = SimpleExtents::from_vec(
            [23, 17, 11].into_iter().zip(limits).map(|(len, limit)| Extent::new(len, limit)).collect(),
        );
        let plain = file.new_dataset::<i32>().chunk((5, 4, 3)).shape(extents.clone());
        plain.create(name)?.write_raw(&cells)?;
        let filtered = file.new_dataset::<i32>().chunk((5, 4, 3)).shuffle().deflate(3).fletcher32().shape(extents);
        filtered.create(format!("{name}_filtered").as_str())?.write_raw(&cells)?;
    }
    file.new_dataset::<i32>().chunk((23, 17, 11)).deflate(1).shape((23, 17, 11)).create("single")?.write_raw(&cells)?;
    file.new_dataset::<i32>().shape((23, 17, 11)).create("contiguous")?.write_raw(&cells)?;
    let long = file.new_dataset::<i16>().chunk(2).fill_value(-7i16).shape(SimpleExtents::resizable([9000]));
    long.create("long")?.write_slice(&small_integers::<i16>(3000), 4001..7001)?;
    file.new_dataset::<f64>().chunk(4).fill_value(2.5).shape(9).create("never_written")?;
    let group = file.create_group("group")?;
    for i in 0..40 {
        group.new_dataset::<u8>().shape(3).create(format!("member_{i}").as_str())?.write_raw(&[i, 1, 2])?;
    }
    file.close()
}

#[test]
fn every_chunk_index_reads_alike() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for latest in [false, true] {
        let path = folder.path().join(format!("made_{latest}.h5"));
        write_hdf5(&path, latest).expect("HDF5 writes");
        assert_eq!(compare(&path), 56);
    }
}

/// Opens a file and reads all that it holds, whatever comes of it.
fn read_all(path: &Path) {
    let Ok(file) = open(path, Engine::Direct) else { return };
    let contents = file.contents();
    for i in 0..contents.variables.len() {
        let shape = shape(contents, i);
        // A damaged shape may be huge: a part of it is as good.
        let slab = Hyperslab::new(shape.iter().map(|len| len.saturating_sub(40)..*len).collect());
        drop(read(file.as_ref(), i, &slab));
    }
}

#[test]
fn damaged_files_are_errors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made.nc");
    let damaged = folder.path().join("damaged.nc");
    write_netcdf(&path).expect("netCDF writes");
    let mut files = vec![fs::read(&path).expect("it was just written")];
    for latest in [false, true] {
        write_hdf5(&path, latest).expect("HDF5 writes");
        files.push(fs::read(&path).expect("it was just written"));
    }
    for bytes in files {
        for (i, number) in numbers(150).enumerate() {
            let mut bytes = bytes.clone();
            let at = number as usize % bytes.len();
            match i % 3 {
                0 => bytes[at] ^= 1 << (number >> 29),
                1 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xFF),
                _ => bytes.truncate(at),
            }
            fs::write(&damaged, &bytes).expect("there is space");
            read_all(&damaged);
        }
    }
}
