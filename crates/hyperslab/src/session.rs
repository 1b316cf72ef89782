//! A session: settings, threads, memory, and statements run one after the other.

use crate::query::{Answer, Outlet, metrics, on_deep_stack};
use crate::settings::Settings;
use crate::{Error, ErrorKind, Parameters, Query, Result, analyze, copy, describe};
use arrow::array::StringArray;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use hyperslab_exec::catalog::FileCatalog;
use hyperslab_exec::forecast::forecast;
use hyperslab_exec::{Context, MemoryPool, thread_pool};
use hyperslab_expr::Scalar;
use hyperslab_plan::bind::{self, BoundStatement, CopyTarget, ExplainMode, ParsedStatement};
use hyperslab_plan::explain::explain;
use hyperslab_plan::numbers::bytes;
use hyperslab_plan::{BoundQuery, passes};
use hyperslab_storage::{Dataset, NewDimension, OpenOptions};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Runs SQL. Queries of one session share its threads and its memory limit; it can be used from several threads.
#[derive(Debug)]
pub struct Session {
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    settings: Settings,
    threads: Arc<rayon::ThreadPool>,
    memory: MemoryPool,
}

/// One statement of a text.
#[derive(Debug)]
pub struct Statement {
    parsed: ParsedStatement,
    sql: Arc<str>,
}

impl Session {
    /// A session on all cores and four fifths of the machine's memory.
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub fn new() -> Result<Self> {
        Self::with_settings(Settings::default())
    }

    /// A session with settings of its own.
    ///
    /// ```
    /// use hyperslab::{Session, Settings};
    /// let session = Session::with_settings(Settings { threads: 2, memory_limit: 1 << 30, ..Settings::default() })?;
    /// # Ok::<(), hyperslab::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub fn with_settings(settings: Settings) -> Result<Self> {
        Ok(Self { state: Mutex::new(State::new(settings)?) })
    }

    /// The settings now.
    pub fn settings(&self) -> Settings {
        self.state().settings
    }

    /// Changes a setting, as `SET name = value` does.
    ///
    /// # Errors
    /// If there is no such setting, or the text is no value of it.
    pub fn set(&self, name: &str, value: &str) -> Result<()> {
        self.change(|settings| settings.set(name, value))
    }

    /// Runs one statement and gives its rows, which are computed while they are taken. Those of `COPY` are one, the number
    /// of rows written, which comes when the file is there; if the [`Query`] is dropped before, no file appears.
    ///
    /// # Errors
    /// If the text is not one statement, or one that means nothing; if a file cannot be opened.
    pub fn query(&self, sql: &str) -> Result<Query> {
        self.query_with(sql, &Parameters::default())
    }

    /// Likewise, with values for the parameters `$name` of the statement.
    ///
    /// # Errors
    /// As [`Session::query`]; if a parameter has no value.
    pub fn query_with(&self, sql: &str, parameters: &Parameters) -> Result<Query> {
        match &self.statements(sql)?[..] {
            [statement] => self.run(statement, parameters),
            [] => Err(Error::new(ErrorKind::Parse, "there is no statement in this text")),
            several => {
                let message = format!("there are {} statements in this text, but one is run at a time", several.len());
                Err(Error::new(ErrorKind::Parse, message).with_hint("Session::statements takes them apart"))
            }
        }
    }

    /// The statements of a text, separated by semicolons.
    ///
    /// # Errors
    /// If one is no SQL.
    pub fn statements(&self, sql: &str) -> Result<Vec<Statement>> {
        let sql: Arc<str> = Arc::from(sql);
        let parsed = on_deep_stack(|| bind::parse(&sql).map_err(|e| Error::in_sql(ErrorKind::Parse, e, &sql)))?;
        Ok(parsed.into_iter().map(|parsed| Statement { parsed, sql: sql.clone() }).collect())
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// As [`Session::query_with`].
    pub fn run(&self, statement: &Statement, parameters: &Parameters) -> Result<Query> {
        let state = self.state();
        let planned = on_deep_stack(|| state.plan(statement, parameters))?;
        match planned {
            Planned::Query(query) => state.start(*query, statement.sql.clone()),
            Planned::Copy(query, labels, target) => state.start_copy((*query, labels), target, statement.sql.clone()),
            Planned::Analyze(query) => state.start_analyze(*query, statement.sql.clone()),
            Planned::Answer(answer, batch, warnings) => state.start_known(answer, batch, warnings),
            Planned::Set { name, value } => {
                self.change(|settings| match value {
                    Some(value) => settings.set(&name, &value),
                    None => settings.reset(&name),
                })?;
                state.start_known(Answer::Nothing, RecordBatch::new_empty(Arc::new(Schema::empty())), Vec::new())
            }
        }
    }

    /// Opens files as one dataset, as FROM does, to see what they hold.
    ///
    /// # Errors
    /// If a file cannot be opened, or the files do not fit each other.
    pub fn open(&self, paths: &[String]) -> Result<Dataset> {
        let state = self.state();
        let options = OpenOptions::within(state.settings.memory_limit);
        Ok(state.threads.install(|| Dataset::open(paths, &options))?)
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settings = state.settings.clone();
        change(&mut settings)?;
        if settings.threads != state.settings.threads || settings.memory_limit != state.settings.memory_limit {
            *state = State::new(settings)?;
        } else {
            state.settings = settings;
        }
        Ok(())
    }
}

/// A statement that only needs to be run.
enum Planned {
    Query(Box<BoundQuery>),
    Copy(Box<BoundQuery>, Vec<BoundQuery>, CopyTarget),
    Analyze(Box<BoundQuery>),
    Answer(Answer, RecordBatch, Vec<String>),
    Set { name: String, value: Option<String> },
}

impl State {
    fn new(settings: Settings) -> Result<Self> {
        let threads = thread_pool(settings.threads).map_err(|e| from_exec(e, None))?;
        Ok(Self { threads, memory: MemoryPool::new(settings.memory_limit), settings })
    }

    /// Parsed statement -> bound query -> passes.
    fn plan(&self, statement: &Statement, parameters: &Parameters) -> Result<Planned> {
        let catalog = FileCatalog::new(self.threads.clone(), self.memory.clone());
        let failed = |error: hyperslab_plan::Error| {
            let error = Error::in_sql(ErrorKind::Bind, error, &statement.sql);
            catalog.failure().map_or(error.clone(), |cause| error.caused_by(&cause))
        };
        let optimize = |query: BoundQuery| passes::optimize(query, self.settings.passes).map_err(failed);
        let mut bound = bind::bind(&statement.parsed, &catalog, parameters).map_err(failed)?;
        add_dataset_warnings(&mut bound);
        Ok(match bound {
            BoundStatement::Query(query) => Planned::Query(Box::new(optimize(query)?)),
            BoundStatement::Explain { query, mode } => match mode {
                ExplainMode::Plan => {
                    let query = optimize(query)?;
                    let (threads, limit) = (self.settings.threads, self.settings.memory_limit);
                    let memory = analyze::memory(&forecast(&query, threads, limit), limit);
                    let plan = explain(&query);
                    let text = plan.lines().chain(["", &memory]);
                    Planned::Answer(Answer::Plan, lines(text)?, query.warnings)
                }
                ExplainMode::Passes => {
                    let warnings = query.warnings.clone();
                    let steps = passes::trace(query).map_err(failed)?;
                    let texts: Vec<String> =
                        steps.iter().map(|(name, q)| format!("-- {name}\n{}\n", explain(q))).collect();
                    Planned::Answer(Answer::Plan, lines(texts.iter().flat_map(|text| text.lines()))?, warnings)
                }
                ExplainMode::Analyze => Planned::Analyze(Box::new(optimize(query)?)),
            },
            BoundStatement::Copy { query, labels, target } => {
                let labels = labels.into_iter().map(optimize).collect::<Result<_>>()?;
                Planned::Copy(Box::new(optimize(query)?), labels, target)
            }
            BoundStatement::Describe(description) => {
                Planned::Answer(Answer::Rows, describe::describe(&description)?, description.warnings)
            }
            BoundStatement::Set { name, value } => Planned::Set { name, value: Some(setting_text(&value)?) },
            BoundStatement::Reset { name } => Planned::Set { name, value: None },
        })
    }

    fn context(&self) -> Context {
        self.memory.forget_peak();
        Context::new(self.threads.clone(), self.memory.clone())
            .with_temp_directory(self.settings.temp_directory.clone())
    }

    fn start(&self, query: BoundQuery, sql: Arc<str>) -> Result<Query> {
        let head = (Answer::Rows, hyperslab_exec::schema(&query));
        let warnings = query.warnings.clone();
        Query::start(head, self.context(), self.settings.warnings_are_errors, warnings, move |context, mut outlet| {
            execute(&query, context, &sql, &mut |batch| outlet.give(batch))
        })
    }

    /// Runs the query and writes its rows. Both share one context: what stops the one stops the other.
    fn start_copy(
        &self,
        (query, labels): (BoundQuery, Vec<BoundQuery>),
        target: CopyTarget,
        sql: Arc<str>,
    ) -> Result<Query> {
        let (context, strict, warnings) = (self.context(), self.settings.warnings_are_errors, query.warnings.clone());
        let head = (Answer::Rows, hyperslab_exec::schema(&query));
        let said = (warnings.clone(), sql.clone());
        Query::start((Answer::Rows, copy::schema()), context, strict, warnings, move |context, mut outlet| {
            let (warnings, sql) = said;
            let of_dimension = |query: &BoundQuery| known_labels(query, context, &sql);
            let dimensions = labels.iter().map(of_dimension).collect::<Result<Vec<_>>>()?;
            let text = sql.clone();
            let run = move |context: &Context, mut outlet: Outlet| {
                execute(&query, context, &sql, &mut |batch| outlet.give(batch))
            };
            let mut rows = Query::start(head, context.clone(), strict, warnings, run)?;
            let count = copy::copy(&mut rows, dimensions, &target, &text)?;
            // Nobody to take the answer is no error.
            let _ = outlet.give(copy::answer(count)?);
            Ok(())
        })
    }

    /// Runs the query for its counts; the rows are dropped.
    fn start_analyze(&self, query: BoundQuery, sql: Arc<str>) -> Result<Query> {
        let head = (Answer::Plan, lines([])?.schema());
        let warnings = query.warnings.clone();
        Query::start(head, self.context(), self.settings.warnings_are_errors, warnings, move |context, mut outlet| {
            let start = Instant::now();
            let (threads, limit) = (context.threads().current_num_threads(), context.memory().limit());
            let memory = analyze::memory(&forecast(&query, threads, limit), limit);
            execute(&query, context, &sql, &mut |_| ControlFlow::Continue(()))?;
            let report = analyze::report(&query, &metrics(context), start.elapsed());
            let plan = explain(&query);
            // Nobody to take the answer is no error.
            let _ = outlet.give(lines(plan.lines().chain(["", &memory]).chain(report.iter().map(String::as_str)))?);
            Ok(())
        })
    }

    fn start_known(&self, answer: Answer, batch: RecordBatch, warnings: Vec<String>) -> Result<Query> {
        let head = (answer, batch.schema());
        Query::start(head, self.context(), self.settings.warnings_are_errors, warnings, move |_, mut outlet| {
            if answer != Answer::Nothing {
                // Nobody to take the answer is no error.
                let _ = outlet.give(batch);
            }
            Ok(())
        })
    }
}

/// What was doubtful when datasets were opened is doubtful about the query.
fn add_dataset_warnings(bound: &mut BoundStatement) {
    let (datasets, warnings) = match bound {
        BoundStatement::Query(query) | BoundStatement::Explain { query, .. } | BoundStatement::Copy { query, .. } => {
            (&query.datasets, &mut query.warnings)
        }
        BoundStatement::Describe(description) => (&description.datasets, &mut description.warnings),
        BoundStatement::Set { .. } | BoundStatement::Reset { .. } => return,
    };
    for warning in datasets.iter().flat_map(|dataset| dataset.opened.warnings()) {
        if !warnings.contains(warning) {
            warnings.push(warning.clone());
        }
    }
}

/// The value of a setting as text, which is how settings are read.
fn setting_text(value: &Scalar) -> Result<String> {
    Ok(match value {
        Scalar::Varchar(text) => text.clone(),
        Scalar::Boolean(truth) => truth.to_string(),
        Scalar::Integer(number, _) | Scalar::Decimal(number, _, 0) => number.to_string(),
        Scalar::Decimal(unscaled, _, scale) => (*unscaled as f64 / 10f64.powi(i32::from(*scale))).to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Double(number) => number.to_string(),
        Scalar::Null(_)
        | Scalar::Blob(_)
        | Scalar::Date(_)
        | Scalar::Time(_)
        | Scalar::Timestamp(..)
        | Scalar::Interval(..)
        | Scalar::List(..) => {
            return Err(Error::new(ErrorKind::Setting, format!("no setting takes a {}", value.sql_type())));
        }
    })
}

fn execute(
    query: &BoundQuery,
    context: &Context,
    sql: &Arc<str>,
    take: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<()> {
    let outcome = hyperslab_exec::execute(query, context, &mut |batch| Ok(take(batch)));
    outcome.map_err(|error| match error {
        hyperslab_exec::Error::OutOfMemory(_) => with_enough(from_exec(error, Some(sql)), query, context),
        error => from_exec(error, Some(sql)),
    })
}

/// More bytes than this are no help: some plans may make as many rows as cells of one side times those of the other.
const MOST_SAID: u64 = 1 << 44;

/// The error of a query for which the memory limit is too low, with how much would do.
fn with_enough(error: Error, query: &BoundQuery, context: &Context) -> Error {
    let enough = forecast(query, context.threads().current_num_threads(), usize::MAX).memory;
    match error.hint().map(str::to_string) {
        Some(hint) if (context.memory().limit() as u64..MOST_SAID).contains(&enough) => {
            error.with_hint(format!("{hint}; the query takes at most {}", bytes(enough)))
        }
        _ => error,
    }
}

/// The labels of a dimension, which are all rows of a query.
fn known_labels(query: &BoundQuery, context: &Context, sql: &Arc<str>) -> Result<NewDimension> {
    let (schema, mut batches) = (hyperslab_exec::schema(query), Vec::new());
    execute(query, context, sql, &mut |batch| {
        batches.push(batch);
        ControlFlow::Continue(())
    })?;
    let all = concat_batches(&schema, &batches).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
    let (field, labels) = (schema.fields()[0].clone(), all.column(0).clone());
    Ok(NewDimension { field, labels })
}

/// A text as a result of one column, `plan`.
fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<RecordBatch> {
    let lines = StringArray::from_iter_values(lines);
    describe::texts(&[("plan", Arc::new(lines))])
}

/// An error of the execution, in the statement `sql`.
pub(crate) fn from_exec(error: hyperslab_exec::Error, sql: Option<&Arc<str>>) -> Error {
    use hyperslab_exec::Error as Exec;
    match error {
        Exec::Expression(error) => match sql {
            Some(sql) => Error::in_sql(ErrorKind::Type, error, sql),
            None => Error::new(ErrorKind::Type, error.to_string()),
        },
        Exec::Storage(error) => Error::from(error),
        Exec::OutOfMemory(error) => {
            let text = error.to_string();
            let (message, hint) = text.rsplit_once(" (").unwrap_or((&text, ""));
            Error::new(ErrorKind::OutOfMemory, message).with_hint(hint.trim_end_matches(')'))
        }
        Exec::Cancelled => Error::new(ErrorKind::Cancelled, "the query was cancelled"),
        Exec::Io(message) => Error::new(ErrorKind::Io, message),
        Exec::Internal(message) => {
            let error = Error::new(ErrorKind::Internal, format!("internal error: {message}"));
            error.with_hint("please report it with the query")
        }
    }
}
