//! How a run ended, as the shell sees it.

use std::process::ExitCode;

/// The four ways a run ends: the convention of grep, ripgrep and uv.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes: nothing to object to, or all that was asked is done.
    Yes,
    /// No: there are findings, or something that was asked is left undone.
    No,
    /// Could not say: bad usage, or an error before the answer.
    Unknown,
    /// Stopped by Ctrl-C between two actors.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Unknown => 2,
            Exit::Interrupted => 130,
        })
    }
}
