//! The Python that tests compare with.

use std::path::PathBuf;
use std::process::Command;

/// A Python that can import some packages: that of `HYPERSLAB_PYTHON`, else `python3`. Where it cannot, a test that compares with it
/// is left out, and this says so.
pub fn python_with(packages: &str) -> Option<PathBuf> {
    let python = std::env::var_os("HYPERSLAB_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let imported = Command::new(&python).args(["-c", &format!("import {packages}")]).output();
    if imported.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: there is no Python with {packages} (HYPERSLAB_PYTHON)");
    None
}
