//! `store delete`: removes actors with all their data.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Printer, count, style};
use crate::targets::{Stores, actors_named};

/// Delete actors with all their data
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store delete workspace/42 --store actors.store
  actor-migrate store delete 'sandbox/**' --store actors.store --yes")]
pub(super) struct DeleteArgs {
    /// Ids, or globs over ids
    #[arg(value_name = "ACTOR", required = true)]
    actors: Vec<OsString>,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Serialize)]
struct Deleted {
    deleted: Vec<String>,
}

pub(super) fn run(args: &DeleteArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    if !args.yes {
        if !printer.can_ask() {
            return Err(CliError::NotAgreed {
                verb: "delete",
                actors: ids.len(),
                look: "see whom with `actor-migrate store list`",
            });
        }
        if !printer.ask(
            "",
            format_args!("delete {} with all data?", count(ids.len(), "actor")),
        ) {
            printer.note("nothing was deleted");
            return Ok(Exit::No);
        }
    }
    let mut deleted = Vec::new();
    for id in &ids {
        if interrupt::asked() {
            break;
        }
        store
            .delete(id)
            .map_err(|error| CliError::store(id, error))?;
        deleted.push(id.to_string());
    }
    let done = deleted.len();
    printer.answer(&Deleted { deleted })?;
    if done < ids.len() {
        Ok(printer.interrupted(done, ids.len()))
    } else {
        Ok(Exit::Yes)
    }
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        writeln!(
            f,
            "{good}deleted{good:#}: {}",
            count(self.deleted.len(), "actor")
        )
    }
}
