//! `store history`: the commits of an actor that are kept, by the retention or by a restore point.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use actor_vfs::{CommitInfo, RestorePoint};
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
    /// Not noted of a commit that only a restore point keeps.
    epoch: Option<u64>,
    pages: u32,
    page_size: u32,
    /// How many pages it replaced or removed, if that was noted.
    superseded: Option<usize>,
    /// The names of the restore points that keep it.
    restore_points: Vec<String>,
}

pub(super) fn run(args: &HistoryArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let actor = point::actor(&args.actor)?;
    let fail = |error| CliError::store(&actor, error);
    let history = store.history(&actor).map_err(fail)?;
    let points = store.restore_points(&actor).map_err(fail)?;
    printer.answer(&History {
        actor: actor.to_string(),
        commits: merged(&history, &points),
    })?;
    Ok(Exit::Yes)
}

/// What is kept for any reason, in the order of the commits.
fn merged(history: &[CommitInfo], points: &[RestorePoint]) -> Vec<Entry> {
    let commits = history.iter().map(|info| (info.commit, info.into()));
    let mut kept: BTreeMap<_, Entry> = commits.collect();
    for point in points {
        let entry = kept.entry(point.commit).or_insert_with(|| point.into());
        entry.restore_points.push(point.name.clone());
    }
    kept.into_values().collect()
}

impl From<&CommitInfo> for Entry {
    fn from(info: &CommitInfo) -> Self {
        Self {
            commit: info.commit.get(),
            time: point::written(info.time),
            epoch: Some(info.epoch.get()),
            pages: info.pages.get(),
            page_size: info.page_size.get(),
            superseded: info.superseded,
            restore_points: Vec::new(),
        }
    }
}

impl From<&RestorePoint> for Entry {
    fn from(point: &RestorePoint) -> Self {
        Self {
            commit: point.commit.get(),
            time: None,
            epoch: None,
            pages: point.pages.get(),
            page_size: point.page_size.get(),
            superseded: None,
            restore_points: Vec::new(),
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
                entry.restore_points.join(", "),
            ]
        };
        table(
            f,
            ["COMMIT", "TIME", "PAGES", "REPLACED", "RESTORE POINTS"],
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
