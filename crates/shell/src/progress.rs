//! A bar on the terminal for queries that take long.

use hyperslab::{ProgressHandle, bytes};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Queries that take less show no bar.
const SILENT: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);

/// Shows how far a query is on standard error, if that is a terminal, until dropped.
pub(crate) struct Watch(Option<(Sender<()>, JoinHandle<()>)>);

impl Watch {
    /// Watches a query; shows nothing unless `wanted`.
    pub(crate) fn new(query: ProgressHandle, wanted: bool) -> Self {
        if !wanted || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            if stopped.recv_timeout(SILENT) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = bar();
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                show(&bar, &query);
            }
            bar.finish_and_clear();
        });
        Self(Some((stop, thread)))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.0.take() {
            drop(stop);
            // A bar that could not be drawn is no reason to fail.
            let _ = thread.join();
        }
    }
}

fn bar() -> ProgressBar {
    let template = "{wide_bar} {pos} of {len} chunks, {msg}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style.progress_chars("━╸ "))
}

fn show(bar: &ProgressBar, query: &ProgressHandle) {
    let now = query.now();
    if now.chunks_total > 0 {
        bar.set_length(now.chunks_total);
        bar.set_position(now.chunks_done);
        bar.set_message(bytes(now.bytes_read));
    }
}
