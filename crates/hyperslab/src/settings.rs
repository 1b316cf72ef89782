//! What a session can be told: threads, memory, passes, warnings.
//!
//! A setting is a line in [`SETTINGS`]: its name, what it is for, and how its text is read.

use crate::{Error, ErrorKind, Result};
use hyperslab_expr::closest;
use std::num::NonZero;
use std::path::PathBuf;

/// The settings of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many threads a query runs on.
    pub threads: usize,
    /// The most bytes that running queries hold.
    pub memory_limit: usize,
    /// The folder for temporary files, which take what does not fit the memory limit.
    pub temp_directory: PathBuf,
    /// Whether the optimizer's passes run. Answers are the same without, only slower: for tests and diagnosis.
    pub passes: bool,
    /// Whether a warning is an error.
    pub warnings_are_errors: bool,
}

/// A setting, as `SET name = value` knows it.
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is for and which values it takes.
    pub about: &'static str,
    read: fn(&mut Settings, &str) -> Option<()>,
    reset: fn(&mut Settings, Settings),
}

/// All settings.
pub static SETTINGS: &[Setting] = &[
    Setting {
        name: "threads",
        about: "how many threads a query runs on: a number from 1 to 1024",
        read: |settings, text| {
            settings.threads = text.parse().ok().filter(|threads| (1..=1024).contains(threads))?;
            Some(())
        },
        reset: |settings, initial| settings.threads = initial.threads,
    },
    Setting {
        name: "memory_limit",
        about: "the most memory that queries hold: a size such as '4GB', '512MiB' or a number of bytes",
        read: |settings, text| {
            settings.memory_limit = parse_size(text).filter(|bytes| *bytes > 0)?;
            Some(())
        },
        reset: |settings, initial| settings.memory_limit = initial.memory_limit,
    },
    Setting {
        name: "temp_directory",
        about: "the folder that takes what does not fit the memory limit: one that is there, such as '/scratch/me'",
        read: |settings, text| {
            settings.temp_directory = Some(PathBuf::from(text)).filter(|folder| folder.is_dir())?;
            Some(())
        },
        reset: |settings, initial| settings.temp_directory = initial.temp_directory,
    },
    Setting {
        name: "passes",
        about: "whether the optimizer runs: 'on' or 'off' (answers are the same, for diagnosis)",
        read: |settings, text| {
            settings.passes = parse_switch(text)?;
            Some(())
        },
        reset: |settings, initial| settings.passes = initial.passes,
    },
    Setting {
        name: "warnings",
        about: "what a doubtful result is: a 'warning' or an 'error'",
        read: |settings, text| {
            settings.warnings_are_errors = match text.to_ascii_lowercase().as_str() {
                "error" => true,
                "warning" | "on" => false,
                _ => return None,
            };
            Some(())
        },
        reset: |settings, initial| settings.warnings_are_errors = initial.warnings_are_errors,
    },
];

impl Default for Settings {
    /// All cores, four fifths of the machine's memory, and the system's folder for temporary files.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            threads,
            memory_limit: available_memory() / 5 * 4,
            temp_directory: std::env::temp_dir(),
            passes: true,
            warnings_are_errors: false,
        }
    }
}

impl Settings {
    /// Changes the setting `name` to what `text` says.
    ///
    /// # Errors
    /// If there is no such setting, or the text is no value of it.
    pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
        let setting = find(name)?;
        (setting.read)(self, text.trim()).ok_or_else(|| {
            let message = format!("'{text}' is no value of the setting {}", setting.name);
            Error::new(ErrorKind::Setting, message).with_hint(setting.about)
        })
    }

    /// Changes the setting `name` back to what it is at first; `all` does so for each.
    ///
    /// # Errors
    /// If there is no such setting.
    pub fn reset(&mut self, name: &str) -> Result<()> {
        if name.eq_ignore_ascii_case("all") {
            *self = Self::default();
        } else {
            (find(name)?.reset)(self, Self::default());
        }
        Ok(())
    }
}

fn find(name: &str) -> Result<&'static Setting> {
    let found = SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let all: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        let hint = match closest(name, all.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the settings are {}", all.join(", ")),
        };
        Error::new(ErrorKind::Setting, format!("there is no setting {name}")).with_hint(hint)
    })
}

/// Reads a number of bytes: `4GB` is 4 x 10^9, `4GiB` is 4 x 2^30, and so on; a bare number is bytes.
pub fn parse_size(text: &str) -> Option<usize> {
    let text = text.trim();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * factor;
    (bytes < 1e18).then_some(bytes as usize)
}

fn parse_switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Some(true),
        "off" | "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

/// The memory that this process may use: the machine's, or less in a container; 4 GiB where nobody says.
fn available_memory() -> usize {
    const UNKNOWN: usize = 4 << 30;
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        total.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
    });
    let container = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok());
    machine.into_iter().chain(container).min().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4GB"), Some(4_000_000_000));
        assert_eq!(parse_size(" 1.5 GiB "), Some(1_610_612_736));
        assert_eq!(parse_size("512mib"), Some(512 << 20));
        assert_eq!(parse_size("1000"), Some(1000));
        for wrong in ["", "GB", "4 elephants", "-1GB", "1e400", "9999999TB", "1.2.3"] {
            assert_eq!(parse_size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn settings_are_set_and_reset() {
        let mut settings = Settings::default();
        let initial = settings.clone();
        let given = [("threads", "3"), ("Memory_Limit", "64MB"), ("passes", "OFF"), ("warnings", "Error")];
        for (name, text) in given.into_iter().chain([("temp_directory", "..")]) {
            settings.set(name, text).expect("a known setting with a value of it");
        }
        let wanted = Settings {
            threads: 3,
            memory_limit: 64_000_000,
            temp_directory: "..".into(),
            passes: false,
            warnings_are_errors: true,
        };
        assert_eq!(settings, wanted);
        SETTINGS.iter().for_each(|setting| settings.reset(setting.name).expect("a known setting"));
        assert_eq!(settings, initial);
    }

    #[test]
    fn wrong_settings_are_explained() {
        let mut settings = Settings::default();
        let unknown = settings.set("memory_limt", "1GB").expect_err("no such setting");
        assert_eq!(unknown.to_string(), "there is no setting memory_limt\nhint: did you mean memory_limit?");
        let folder = settings.set("temp_directory", "/no/such/folder").expect_err("no such folder");
        assert!(folder.to_string().contains("one that is there"), "{folder}");
        let value = settings.set("threads", "0").expect_err("no such number");
        assert!(value.to_string().starts_with("'0' is no value of the setting threads\nhint: how many"), "{value}");
    }
}
