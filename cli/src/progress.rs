use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// The progress, on standard error and only on a terminal.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    pub(crate) fn show(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Shows a bar from here on, if the total is known.
    pub(crate) fn count(&self, what: &str, total: Option<u64>) {
        let template = match total {
            Some(_) => "{spinner} {wide_bar} {pos} of about {len} {msg} ({eta})",
            None => "{spinner} {pos} {msg} ({elapsed})",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style);
        }
        self.0.set_length(total.unwrap_or_default());
        self.0.set_position(0);
        self.show(what);
    }

    pub(crate) fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Removes the bar from the screen.
    pub(crate) fn done(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}
