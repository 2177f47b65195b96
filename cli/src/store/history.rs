//! `store history`: the commits of an actor that are kept.

use std::fmt;
use std::path::Path;

use actor_vfs::CommitInfo;
use clap::Args;
use serde::Serialize;

use super::point;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::targets::Stores;

/// List the commits of an actor that are kept, the oldest first
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store history workspace/42 --store actors.store
  actor-migrate store retention --age 7d --store actors.store    Keep more from now on")]
pub(super) struct HistoryArgs {
    /// The actor
    #[arg(value_name = "ACTOR")]
    actor: String,
}

#[derive(Debug, Serialize)]
struct History {
    actor: String,
    commits: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    commit: u64,
    time: Option<String>,
    epoch: u64,
    pages: u32,
    page_size: u32,
    /// How many pages it replaced or removed, if that was noted.
    superseded: Option<usize>,
}

pub(super) fn run(args: &HistoryArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let actor = point::actor(&args.actor)?;
    let history = store
        .history(&actor)
        .map_err(|error| CliError::store(&actor, error))?;
    printer.answer(&History {
        actor: actor.to_string(),
        commits: history.iter().map(Entry::from).collect(),
    })?;
    Ok(Exit::Yes)
}

impl From<&CommitInfo> for Entry {
    fn from(info: &CommitInfo) -> Self {
        Self {
            commit: info.commit.get(),
            time: point::written(info.time),
            epoch: info.epoch.get(),
            pages: info.pages.get(),
            page_size: info.page_size.get(),
            superseded: info.superseded,
        }
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |entry: &Entry| {
            [
                entry.commit.to_string(),
                entry.time.clone().unwrap_or_default(),
                entry.pages.to_string(),
                entry
                    .superseded
                    .map(|pages| pages.to_string())
                    .unwrap_or_default(),
            ]
        };
        table(
            f,
            ["COMMIT", "TIME", "PAGES", "REPLACED"],
            self.commits.iter().map(row),
        )?;
        writeln!(
            f,
            "{} of {} kept",
            count(self.commits.len(), "commit"),
            self.actor
        )
    }
}
