//! `store rekey`: encrypts actors, and brings those that are encrypted under the current key.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use actor_vfs::{ActorId, Store, StoreError};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Printer, count, style};
use crate::targets::{Stores, actors_named};

/// Encrypt actors under the current key
///
/// The current key is the first of the key file. An actor that is not encrypted is written anew; one that is
/// encrypted under another key of the file has that one small record replaced; one that is under the current key
/// already is left. It can be stopped and run again. Keep the former key for as long as restore points or kept commits
/// from before an actor was written anew may be asked for: they stay under it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store rekey 'workspace/*' --store actors.store --key-file actors.key
  actor-migrate store rekey --all --store actors.store --key-file actors.key
  actor-migrate store rekey --all --fresh --store actors.store --key-file actors.key

Exit codes: 0 all that were named are under the current key, 2 could not.")]
pub(super) struct RekeyArgs {
    /// Ids, or globs over ids
    #[arg(value_name = "ACTOR", required_unless_present = "all")]
    actors: Vec<OsString>,
    /// Every actor of the store
    #[arg(long, conflicts_with = "actors")]
    all: bool,
    /// Also draw a fresh key for the data of each, which writes it anew
    #[arg(long)]
    fresh: bool,
}

#[derive(Debug, Default, Serialize)]
struct Rekeyed {
    /// Those that were written anew.
    encrypted: Vec<String>,
    /// Those whose key was wrapped with the current one.
    rewrapped: Vec<String>,
    /// How many were under the current key already.
    current: usize,
}

pub(super) fn run(args: &RekeyArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    let progress = printer.progress("rekey", ids.len());
    let mut rekeyed = Rekeyed::default();
    let mut done = 0;
    for id in &ids {
        if interrupt::asked() {
            break;
        }
        let handled = rekeyed.take(&store, id, args.fresh);
        handled.map_err(|error| CliError::store(id, error))?;
        done += 1;
        progress.step();
    }
    drop(progress);
    printer.answer(&rekeyed)?;
    if done < ids.len() {
        return Ok(printer.interrupted(done, ids.len()));
    }
    Ok(Exit::Yes)
}

impl Rekeyed {
    fn take(&mut self, store: &Store, id: &ActorId, fresh: bool) -> Result<(), StoreError> {
        if fresh || store.key_of(id)?.is_none() {
            store.rekey(id)?;
            self.encrypted.push(id.to_string());
        } else if store.rewrap(id)? {
            self.rewrapped.push(id.to_string());
        } else {
            self.current += 1;
        }
        Ok(())
    }
}

impl fmt::Display for Rekeyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        let lines = [
            ("encrypted anew", self.encrypted.len()),
            ("brought under the current key", self.rewrapped.len()),
            ("under the current key already", self.current),
        ];
        for (what, actors) in lines.into_iter().filter(|(_, actors)| *actors > 0) {
            writeln!(f, "{good}{what}{good:#}: {}", count(actors, "actor"))?;
        }
        Ok(())
    }
}
