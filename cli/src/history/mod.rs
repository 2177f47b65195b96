//! `--history`: what a migration folder was before it was squashed, from an old folder or from git.

mod git;

use std::path::{Path, PathBuf};

use actor_migrate::squash::OldFolder;
use actor_migrate::{Bundle, History, Layout};

use crate::error::CliError;

/// One history as it was asked for.
#[derive(Clone, Debug)]
pub(crate) struct HistoryName {
    /// As it was typed.
    pub text: String,
    /// The folder that it names, if there is one.
    path: PathBuf,
}

impl HistoryName {
    /// A name of the command line, or of a configuration whose paths are relative to `base`.
    pub(crate) fn new(text: &str, base: &Path) -> Self {
        Self {
            text: text.to_owned(),
            path: base.join(text),
        }
    }

    /// Reads it now: a name that leads nowhere is an error even where no actor needs it. A folder goes
    /// before a revision of the same name. It is laid out as the folder `dir` is: which of the two Drizzle layouts
    /// it has, its files say.
    pub(crate) fn read(&self, dir: &Path, layout: Layout) -> Result<History, CliError> {
        if !self.path.is_dir() {
            return git::read(&self.text, dir, layout).map(History::new);
        }
        let old = match layout {
            Layout::PlainFiles => Bundle::read_plain(&self.path),
            _ => Bundle::read(&self.path),
        };
        let old = old.map_err(|error| CliError::migrate(&self.text, error))?;
        Ok(History::new(old))
    }

    /// Reads it with its files, to be archived.
    pub(crate) fn old(&self, dir: &Path, layout: Layout) -> Result<OldFolder, CliError> {
        if !self.path.is_dir() {
            return git::old(&self.text, dir, layout);
        }
        OldFolder::read(&self.path, layout).map_err(|error| CliError::migrate(&self.text, error))
    }
}
