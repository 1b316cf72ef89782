//! Runs every file of `slt/` in every format that holds the files it reads, with passes on and off, with one thread and
//! two. `HYPERSLAB_SLT=update cargo test -p hyperslab-tests --test slt [FILE]` rewrites what is expected: look at the diff.

use hyperslab_tests::check;
use hyperslab_tests::script::Script;
use hyperslab_tests::setup::{Format, Setup};
use libtest_mimic::{Arguments, Trial};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let files = files();
    if std::env::var("HYPERSLAB_SLT").is_ok_and(|value| value == "update") {
        files.iter().filter(|file| wanted(&arguments, file)).for_each(|file| update(file));
        return ExitCode::SUCCESS;
    }
    // The formats one after the other: each makes another folder the current one.
    let failed = Format::ALL.into_iter().filter(|format| {
        format.enter();
        libtest_mimic::run(&arguments, trials(&files, *format)).has_failed()
    });
    if failed.count() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let entries = std::fs::read_dir(&folder).expect("the folder of .slt files is part of the repository");
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slt"));
    files.sort();
    files
}

fn trials(files: &[PathBuf], format: Format) -> Vec<Trial> {
    files.iter().flat_map(|file| trials_of(file, format)).collect()
}

fn trials_of(file: &Path, format: Format) -> Vec<Trial> {
    let name = stem(file);
    match parse(file) {
        Err(error) => vec![Trial::test(format!("{name}::{}", format.name()), || Err(error.into()))],
        Ok(script) if !script.formats.contains(&format) => Vec::new(),
        Ok(script) => {
            let script = Arc::new(script);
            let trial = |setup: Setup| {
                let script = Arc::clone(&script);
                let test = move || check::run(&script, format, setup).map_err(Into::into);
                Trial::test(format!("{name}::{}::{}", format.name(), setup.name()), test)
            };
            Setup::ALL.map(trial).into()
        }
    }
}

fn parse(file: &Path) -> Result<Script, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    Script::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
}

fn wanted(arguments: &Arguments, file: &Path) -> bool {
    arguments.filter.as_ref().is_none_or(|filter| stem(file).contains(filter))
}

/// Each format in turn, so that records that run in one only are rewritten too.
fn update(file: &Path) {
    for format in Format::ALL {
        let text = std::fs::read_to_string(file).expect("it was listed");
        let script = Script::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if script.formats.contains(&format) {
            format.enter();
            let new = check::rewritten(&text, &script, format, Setup::ALL[0]).unwrap_or_else(|error| panic!("{error}"));
            std::fs::write(file, new).expect("the repository can be written");
        }
    }
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
