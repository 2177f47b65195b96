//! `store restore-point`: states of an actor that are kept under a name.

use std::fmt;
use std::path::Path;

use actor_vfs::RestorePoint;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::point;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, style, table};
use crate::targets::Stores;

/// Keep an actor as it is now under a name
///
/// A restore point copies nothing: what later commits replace stays for it until it is dropped.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store restore-point create workspace/42 before-0007 --store actors.store
  actor-migrate store restore-point list workspace/42 --store actors.store
  actor-migrate store restore workspace/42 --point before-0007 --store actors.store
  actor-migrate store restore-point drop workspace/42 before-0007 --store actors.store")]
pub(super) struct RestorePointArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Keep the last commit of an actor
    Create(Named),
    /// List the restore points of an actor
    List {
        /// The actor
        #[arg(value_name = "ACTOR")]
        actor: String,
    },
    /// Drop a restore point, with what only it kept
    Drop(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// The actor
    #[arg(value_name = "ACTOR")]
    actor: String,
    /// The name of the restore point
    #[arg(value_name = "NAME")]
    name: String,
}

#[derive(Debug, Serialize)]
struct Done {
    actor: String,
    /// `created` or `dropped`.
    what: &'static str,
    name: String,
    commit: Option<u64>,
}

#[derive(Debug, Serialize)]
struct List {
    actor: String,
    restore_points: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    commit: u64,
    time: Option<String>,
    pages: u32,
    page_size: u32,
}

pub(super) fn run(
    args: &RestorePointArgs,
    path: &Path,
    printer: &Printer,
) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    match &args.verb {
        Verb::Create(Named { actor, name }) => {
            let actor = point::actor(actor)?;
            let made = store.restore_point(&actor, name);
            let made = made.map_err(|error| CliError::store(&actor, error))?;
            printer.answer(&Done {
                actor: actor.to_string(),
                what: "created",
                name: made.name,
                commit: Some(made.commit.get()),
            })?;
        }
        Verb::List { actor } => {
            let actor = point::actor(actor)?;
            let points = store.restore_points(&actor);
            let points = points.map_err(|error| CliError::store(&actor, error))?;
            printer.answer(&List {
                actor: actor.to_string(),
                restore_points: points.iter().map(Entry::from).collect(),
            })?;
        }
        Verb::Drop(Named { actor, name }) => {
            let actor = point::actor(actor)?;
            let dropped = store.drop_restore_point(&actor, name);
            dropped.map_err(|error| CliError::store(&actor, error))?;
            printer.answer(&Done {
                actor: actor.to_string(),
                what: "dropped",
                name: name.clone(),
                commit: None,
            })?;
        }
    }
    Ok(Exit::Yes)
}

impl From<&RestorePoint> for Entry {
    fn from(point: &RestorePoint) -> Self {
        Self {
            name: point.name.clone(),
            commit: point.commit.get(),
            time: point::written(point.time),
            pages: point.pages.get(),
            page_size: point.page_size.get(),
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        write!(
            f,
            "{good}{}{good:#}: restore point {} of {}",
            self.what, self.name, self.actor
        )?;
        match self.commit {
            Some(commit) => writeln!(f, ", commit {commit}"),
            None => writeln!(f),
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |entry: &Entry| {
            [
                entry.name.clone(),
                entry.commit.to_string(),
                entry.time.clone().unwrap_or_default(),
                entry.pages.to_string(),
            ]
        };
        table(
            f,
            ["NAME", "COMMIT", "TIME", "PAGES"],
            self.restore_points.iter().map(row),
        )?;
        writeln!(
            f,
            "{} of {}",
            count(self.restore_points.len(), "restore point"),
            self.actor
        )
    }
}
