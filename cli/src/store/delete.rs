//! `store delete`: removes actors with all their data.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use actor_vfs::keys::KeyFolder;
use actor_vfs::{ActorId, Store, StoreError};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::keys;
use crate::output::{Printer, count, style};
use crate::targets::{Stores, actors_named};

/// Delete actors with all their data
///
/// If `--key-file` is a folder, which has a key for each actor, their keys are destroyed as well, and with them every
/// copy of the actors in backups and in other stores. An actor goes before its key. If a run was stopped in between,
/// name that actor again: its key goes, though the actor is gone.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store delete workspace/42 --store actors.store
  actor-migrate store delete workspace/42 --store actors.store --key-file keys/
  actor-migrate store delete 'sandbox/**' --store actors.store --yes

Exit codes: 0 deleted, 1 the answer was no, 2 could not.")]
pub(super) struct DeleteArgs {
    /// Ids, or globs over ids
    #[arg(value_name = "ACTOR", required = true)]
    actors: Vec<OsString>,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Default, Serialize)]
struct Deleted {
    deleted: Vec<String>,
    /// Whose keys were destroyed.
    keys_destroyed: Vec<String>,
}

/// Who is to be deleted, and whether somebody is there.
type Doomed = Vec<(ActorId, bool)>;

pub(super) fn run(args: &DeleteArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    // Open until all keys are destroyed: nobody can create an actor meanwhile, which would take over such a key.
    let store = Stores::default().open(path)?;
    let folder = keys::folder();
    let doomed = doomed(&store, folder.as_ref(), &args.actors)?;
    if !args.yes {
        if !printer.can_ask() {
            return Err(CliError::NotAgreed {
                verb: "delete",
                actors: doomed.len(),
                look: "see whom with `actor-migrate store list`",
            });
        }
        let actors = count(doomed.len(), "actor");
        let extent = folder.as_ref().map_or("all data", |_| "all data and keys");
        if !printer.ask("", format_args!("delete {actors} with {extent}?")) {
            printer.note("nothing was deleted");
            return Ok(Exit::No);
        }
    }
    let mut deleted = Deleted::default();
    let mut done = 0;
    for (id, is_there) in &doomed {
        if interrupt::asked() {
            break;
        }
        let failed = |error| CliError::store(id, error);
        if *is_there {
            store.delete(id).map_err(failed)?;
            deleted.deleted.push(id.to_string());
        }
        let destroyed = folder.as_ref().map(|folder| folder.destroy(id));
        if destroyed.transpose().map_err(failed)?.unwrap_or(false) {
            deleted.keys_destroyed.push(id.to_string());
        }
        done += 1;
    }
    printer.answer(&deleted)?;
    if done < doomed.len() {
        Ok(printer.interrupted(done, doomed.len()))
    } else {
        Ok(Exit::Yes)
    }
}

/// The actors that are named, and those of whom only the key is left.
fn doomed(
    store: &Store,
    folder: Option<&KeyFolder>,
    words: &[OsString],
) -> Result<Doomed, CliError> {
    let left = |word: &OsString| {
        let id: ActorId = word.to_str()?.parse().ok()?;
        let is_gone = matches!(store.info(&id), Err(StoreError::ActorMissing { .. }));
        (is_gone && folder?.path_of(&id).exists()).then_some(id)
    };
    let (mut keys, mut others) = (BTreeSet::new(), Vec::new());
    for word in words {
        match left(word) {
            Some(id) => _ = keys.insert(id),
            None => others.push(word.clone()),
        }
    }
    let mut doomed: Doomed = keys.into_iter().map(|id| (id, false)).collect();
    // No words would mean all actors.
    if !others.is_empty() {
        let there = actors_named(store, &others)?;
        doomed.extend(there.into_iter().map(|id| (id, true)));
    }
    Ok(doomed)
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        let actors = count(self.deleted.len(), "actor");
        writeln!(f, "{good}deleted{good:#}: {actors}")?;
        if !self.keys_destroyed.is_empty() {
            let keys = count(self.keys_destroyed.len(), "key");
            writeln!(f, "{good}destroyed{good:#}: {keys}")?;
        }
        Ok(())
    }
}
