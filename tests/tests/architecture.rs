//! Which crate may depend on which, and which may name a foreign library. A change here is a change of the design.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's folder, the crates of this workspace that it may depend on, and foreign libraries that only those may name which
/// list them.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("grid", &[], &["libm"]),
    ("expr", &["grid"], &["libm"]),
    ("storage", &["grid"], &["netcdf", "hdf5-metno", "hdf5-reader", "libdeflater", "parquet", "csv"]),
    ("plan", &["grid", "expr"], &["sqlparser"]),
    ("exec", &["grid", "expr", "storage", "plan"], &[]),
    ("hyperslab", &["grid", "expr", "storage", "plan", "exec"], &[]),
    ("shell", &["hyperslab"], &["rustyline", "clap", "indicatif"]),
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates")
}

/// The names in the `[dependencies]` of a crate; those of its tests and benchmarks are free.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(crates().join(folder).join("Cargo.toml")).expect("each crate has a manifest");
    let section = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let lines = section.take_while(|line| !line.starts_with('['));
    let name = |line: &str| line.split(['=', '.']).next().map(|name| name.trim().to_string());
    lines.filter(|line| line.contains('=') && !line.starts_with('#')).filter_map(name).collect()
}

fn package(folder: &str) -> String {
    if folder == "hyperslab" { folder.to_string() } else { format!("hyperslab-{folder}") }
}

#[test]
fn every_crate_is_listed() {
    let found: BTreeSet<String> = fs::read_dir(crates())
        .expect("the workspace has crates")
        .map(|entry| entry.expect("folders can be listed").file_name().to_string_lossy().into_owned())
        .collect();
    let listed = ALLOWED.iter().map(|(folder, ..)| (*folder).to_string()).collect();
    assert_eq!(found, listed);
}

#[test]
fn crates_depend_on_those_below_only() {
    for (folder, allowed, _) in ALLOWED {
        let allowed: BTreeSet<String> = allowed.iter().map(|f| package(f)).collect();
        let own: BTreeSet<String> = dependencies(folder).into_iter().filter(|d| d.starts_with("hyperslab")).collect();
        let forbidden: Vec<_> = own.difference(&allowed).collect();
        assert!(forbidden.is_empty(), "{folder} must not depend on {forbidden:?}");
    }
}

#[test]
fn foreign_libraries_stay_at_their_door() {
    for (folder, _, own) in ALLOWED {
        let foreign = |name: &&String| {
            ALLOWED.iter().any(|(.., listed)| listed.contains(&name.as_str())) && !own.contains(&name.as_str())
        };
        let dependencies = dependencies(folder);
        let named: Vec<_> = dependencies.iter().filter(foreign).collect();
        assert!(named.is_empty(), "{folder} must not name {named:?}: other crates do");
    }
}
