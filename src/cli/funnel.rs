//! The bar while a run goes on, hidden where stderr is no terminal.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::exec::driver::Progress;
use crate::exec::summary::grouped;

/// Shows the phases of a run.
pub(super) struct Bars {
    bar: ProgressBar,
    read: Mutex<u64>,
}

impl Bars {
    pub(super) fn new(quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix:>10} {bar:24} {pos}/{len} tasks  {elapsed}  {msg}",
        ) {
            bar.set_style(style);
        }
        Self { bar, read: Mutex::new(0) }
    }

    pub(super) fn show(&self, progress: &Progress<'_>) {
        match progress {
            Progress::Phase { name, tasks, done } => {
                self.bar.set_prefix((*name).to_owned());
                self.bar.set_length(u64::from(*tasks));
                self.bar.set_position(u64::from(*done));
            }
            Progress::Task(manifest) => {
                if let Ok(mut read) = self.read.lock() {
                    *read += manifest.counters.read;
                    self.bar.set_message(format!("{} records read", grouped(*read)));
                }
                self.bar.inc(1);
            }
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
