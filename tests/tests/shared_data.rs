//! Reasoned checks of the real files of `../shared/data`, where that folder is present: `shared/data.slt`.

use hyperslab_tests::check;
use hyperslab_tests::script::Script;
use hyperslab_tests::setup::{Format, Setup, workspace};

#[test]
fn real_files_have_the_values_that_other_readers_find() {
    let folder = workspace().join("../shared/data");
    if std::env::set_current_dir(&folder).is_err() {
        println!("skipped: there is no folder {}", folder.display());
        return;
    }
    let script = Script::parse(include_str!("../shared/data.slt")).expect("a script of this repository");
    let failures: Vec<String> = Setup::ALL
        .into_iter()
        .filter_map(|setup| Some(format!("{}: {}", setup.name(), check::run(&script, Format::Netcdf4, setup).err()?)))
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}
