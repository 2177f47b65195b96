//! `store rekey`: encrypts actors, and brings those that are encrypted under the current key.

use std::collections::BTreeMap;
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
/// encrypted under another key of the file has a small record replaced, for itself and for all that its restore points
/// and its past keep; one that is under the current key already is left. It can be stopped and run again. Once it ends
/// with 0, no actor that was named needs a former key; `store keys` says which keys are in use. Backups do.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store rekey 'workspace/*' --store actors.store --key-file actors.key
  actor-migrate store rekey --all --store actors.store --key-file actors.key
  actor-migrate store rekey --all --fresh --store actors.store --key-file actors.key

Exit codes: 0 all that were named are under the current key with all that they keep, 1 something of the past of some is
under a key that the file does not have, 2 could not.")]
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
    /// Keys that are not at hand, and the actors of whose past something stays under them.
    locked: BTreeMap<String, Vec<String>>,
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
    let complete = rekeyed.locked.is_empty();
    Ok(if complete { Exit::Yes } else { Exit::No })
}

impl Rekeyed {
    fn take(&mut self, store: &Store, id: &ActorId, fresh: bool) -> Result<(), StoreError> {
        let anew = fresh || store.key_of(id)?.is_none();
        if anew {
            store.rekey(id)?;
            self.encrypted.push(id.to_string());
        }
        let rewrapped = store.rewrap(id)?;
        match rewrapped.changed {
            _ if anew => {}
            true => self.rewrapped.push(id.to_string()),
            false => self.current += 1,
        }
        for key in rewrapped.locked {
            let actors = self.locked.entry(key.to_string()).or_default();
            actors.push(id.to_string());
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
        let bad = style::BAD;
        for (key, actors) in &self.locked {
            let actors = count(actors.len(), "actor");
            writeln!(
                f,
                "{bad}left under `{key}`{bad:#}, which is not at hand: restore points or kept commits of {actors}"
            )?;
        }
        Ok(())
    }
}
