//! `store list`: who is in a store, and how large.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use actor_vfs::ActorInfo;
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::targets::{Stores, actors_named};

/// List actors with their size
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store list --store actors.store
  actor-migrate store list 'workspace/*' --store actors.store --format json")]
pub(super) struct ListArgs {
    /// Ids, or globs over ids [default: all]
    #[arg(value_name = "ACTOR")]
    actors: Vec<OsString>,
}

#[derive(Debug, Serialize)]
struct List {
    actors: Vec<Entry>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub id: String,
    pub bytes: u64,
    pub pages: u32,
    pub page_size: u32,
    pub epoch: u64,
    pub commit: u64,
}

pub(super) fn run(args: &ListArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    let entry = |id| {
        store
            .info(id)
            .map(|info| Entry::from(&info))
            .map_err(|error| CliError::store(id, error))
    };
    let actors = ids.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    printer.answer(&List { actors })?;
    Ok(Exit::Yes)
}

impl From<&ActorInfo> for Entry {
    fn from(info: &ActorInfo) -> Self {
        Self {
            id: info.id.to_string(),
            bytes: info.bytes(),
            pages: info.pages.get(),
            page_size: info.page_size.get(),
            epoch: info.epoch.get(),
            commit: info.commit.get(),
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |entry: &Entry| {
            let numbers = [
                entry.bytes,
                u64::from(entry.pages),
                u64::from(entry.page_size),
                entry.commit,
            ];
            let [bytes, pages, page_size, commit] = numbers.map(|number| number.to_string());
            [entry.id.clone(), bytes, pages, page_size, commit]
        };
        table(
            f,
            ["ACTOR", "BYTES", "PAGES", "PAGE SIZE", "COMMIT"],
            self.actors.iter().map(row),
        )?;
        writeln!(f, "{}", count(self.actors.len(), "actor"))
    }
}
