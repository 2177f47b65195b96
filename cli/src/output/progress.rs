//! A progress bar that stays away from pipes and logs.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a long walk over actors has come.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(label: &'static str, total: usize, watched: bool) -> Self {
        let target = if watched {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar =
            ProgressBar::with_draw_target(u64::try_from(total).ok(), target).with_message(label);
        let look = ProgressStyle::with_template("{msg} [{bar:30}] {human_pos}/{human_len} {eta}");
        Self(bar.with_style(look.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    /// One more actor is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
