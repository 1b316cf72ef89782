//! In which format, with which passes and threads the engine runs, and what a query gave.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use hyperslab::Session;
use std::path::PathBuf;

/// A format in which fixtures are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// NetCDF CDF-1, CDF-2 and CDF-5.
    Classic,
    /// NetCDF-4, written by the netCDF library.
    Netcdf4,
    /// Plain HDF5 with dimension scales.
    Hdf5,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Classic, Self::Netcdf4, Self::Hdf5];

    /// The name of its folder of fixtures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Netcdf4 => "netcdf4",
            Self::Hdf5 => "hdf5",
        }
    }

    /// The format with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Makes its folder of fixtures the current one.
    ///
    /// # Panics
    /// If the folder does not exist.
    pub fn enter(self) {
        let folder = workspace().join("fixtures").join(self.name());
        std::env::set_current_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }

    /// SQL that names `.nc` files, as this format names them; of the same length, so that carets stay where they are.
    pub fn sql(self, sql: &str) -> String {
        if self == Self::Hdf5 { sql.replace(".nc", ".h5") } else { sql.to_string() }
    }

    /// The reverse, for text that the engine gave.
    pub fn text(self, text: &str) -> String {
        if self == Self::Hdf5 { text.replace(".h5", ".nc") } else { text.to_string() }
    }
}

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The settings under which every query must give the same answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Whether the optimizer runs.
    pub passes: bool,
    /// The number of threads.
    pub threads: usize,
}

impl Setup {
    /// All of them: passes on and off, one thread and two.
    pub const ALL: [Self; 4] = [
        Self { passes: true, threads: 1 },
        Self { passes: true, threads: 2 },
        Self { passes: false, threads: 1 },
        Self { passes: false, threads: 2 },
    ];

    /// Its name within the name of a test.
    pub fn name(self) -> String {
        format!(
            "{}::{}",
            if self.passes { "passes" } else { "no_passes" },
            ["none", "one_thread", "two_threads"][self.threads]
        )
    }

    /// A session with these settings.
    ///
    /// # Errors
    /// What the engine says.
    pub fn session(self) -> Result<Session, String> {
        let session = Session::new().map_err(|error| error.to_string())?;
        for (name, value) in [("threads", self.threads.to_string()), ("passes", self.passes.to_string())] {
            session.set(name, &value).map_err(|error| error.to_string())?;
        }
        Ok(session)
    }
}

/// What a query gave.
#[derive(Debug)]
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// What was doubtful.
    pub warnings: Vec<String>,
}

/// Runs a query to its end.
///
/// # Errors
/// The text of the error.
pub fn answer(session: &Session, sql: &str) -> Result<Answer, String> {
    let mut query = session.query(sql).map_err(|error| error.to_string())?;
    let batches = query.by_ref().collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    Ok(Answer { schema: query.schema(), batches, warnings: query.warnings() })
}
