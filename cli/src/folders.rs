//! Which migration folders a verb works on, for verbs that look at no actor.

use std::path::PathBuf;

use actor_migrate::Bundle;
use clap::Args;

use crate::config::Config;
use crate::error::CliError;
use crate::output::word;
use crate::targets::Selection;

/// Which folders.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Which folders")]
pub(crate) struct FolderArgs {
    /// Migration folder [default: those of all fleets of the configuration]
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<PathBuf>,
    /// Only this fleet of the configuration (may be repeated)
    #[arg(long, value_name = "NAME", conflicts_with = "dir")]
    pub fleet: Vec<String>,
}

impl FolderArgs {
    /// Reads the folders that were asked for, each once.
    pub(crate) fn read(&self, config: &Config) -> Result<Vec<Bundle>, CliError> {
        let fleets = Selection::of_folders(self.dir.clone(), self.fleet.clone(), config)?;
        let mut dirs: Vec<_> = fleets.into_iter().map(|fleet| fleet.dir).collect();
        dirs.sort();
        dirs.dedup();
        let read = |dir: &PathBuf| {
            Bundle::read(dir).map_err(|error| CliError::migrate(dir.display(), error))
        };
        dirs.iter().map(read).collect()
    }

    /// The options as one types them.
    pub(crate) fn typed(&self) -> String {
        let dir = self.dir.iter().map(|dir| {
            let dir = dir.display().to_string();
            format!(" --dir {}", word(&dir))
        });
        let fleets = self
            .fleet
            .iter()
            .map(|name| format!(" --fleet {}", word(name)));
        dir.chain(fleets).collect()
    }
}
