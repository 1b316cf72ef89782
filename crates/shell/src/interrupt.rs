//! Ctrl-C: stops the query that runs, and the program if it does not end by itself.

use crate::exit::Exit;
use hyperslab::{CancelHandle, NewFile};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a cancelled program may take to end in good order. Queries stop in less; only opening files can take longer.
const PATIENCE: Duration = Duration::from_millis(90);

/// What Ctrl-C meets. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Interrupt {
    running: Arc<Mutex<Option<CancelHandle>>>,
    pressed: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens to Ctrl-C. If `ends_program`, the program ends even if it is busy with something that cannot be stopped.
    pub(crate) fn listen(&self, ends_program: bool) -> io::Result<()> {
        let this = self.clone();
        let on_signal = move || {
            this.pressed.store(true, Ordering::SeqCst);
            if let Some(query) = this.running.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                query.cancel();
            }
            if ends_program {
                std::thread::sleep(PATIENCE);
                NewFile::remove_unfinished();
                std::process::exit(Exit::Interrupted as i32);
            }
        };
        ctrlc::set_handler(on_signal).map_err(io::Error::other)
    }

    /// Ctrl-C stops this query from now on, until the result is dropped.
    #[must_use]
    pub(crate) fn stops(&self, query: CancelHandle) -> Running<'_> {
        if self.pressed.load(Ordering::SeqCst) {
            query.cancel();
        }
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(query);
        Running(self)
    }

    /// Forgets that Ctrl-C was pressed.
    pub(crate) fn forget(&self) {
        self.pressed.store(false, Ordering::SeqCst);
    }
}

/// A query that Ctrl-C stops.
pub(crate) struct Running<'a>(&'a Interrupt);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
