//! `store keys`: which actors are encrypted, and under which keys.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::targets::{Stores, actors_named};

/// List which actors are encrypted under which keys
///
/// It reads no key, and needs none. PAST is about restore points and kept commits: a key goes only after nothing is
/// under it there either.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store keys --store actors.store
  actor-migrate store keys 'workspace/*' --store actors.store --format json

Exit codes: 0 listed, 2 could not say.")]
pub(super) struct KeysArgs {
    /// Ids, or globs over ids [default: all]
    #[arg(value_name = "ACTOR")]
    actors: Vec<OsString>,
}

#[derive(Debug, Serialize)]
struct List {
    actors: Vec<Entry>,
    #[serde(skip)]
    verbose: bool,
}

#[derive(Debug, Serialize)]
struct Entry {
    id: String,
    /// The name of the key, if the actor is encrypted.
    key: Option<String>,
    /// The names of other keys that restore points or kept commits are under.
    past: Vec<String>,
}

pub(super) fn run(args: &KeysArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    let entry = |id| {
        let failed = |error| CliError::store(id, error);
        let key = store.key_of(id).map_err(failed)?;
        let mut past = store.keys_of(id).map_err(failed)?;
        past.retain(|it| Some(it) != key.as_ref());
        Ok(Entry {
            id: id.to_string(),
            key: key.map(|key| key.to_string()),
            past: past.iter().map(ToString::to_string).collect(),
        })
    };
    let actors = ids.iter().map(entry).collect::<Result<_, CliError>>()?;
    printer.answer(&List {
        actors,
        verbose: !args.actors.is_empty() || printer.verbose(),
    })?;
    Ok(Exit::Yes)
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |key: &Option<String>| key.clone().unwrap_or_else(|| "not encrypted".into());
        if self.verbose {
            let past = |keys: &[String]| match keys {
                [] => "-".to_owned(),
                keys => keys.join(" "),
            };
            let row = |entry: &Entry| [entry.id.clone(), name(&entry.key), past(&entry.past)];
            table(f, ["ACTOR", "KEY", "PAST"], self.actors.iter().map(row))?;
        } else {
            let mut keys = BTreeMap::<_, (usize, usize)>::new();
            for entry in &self.actors {
                keys.entry(name(&entry.key)).or_default().0 += 1;
                for key in &entry.past {
                    keys.entry(key.clone()).or_default().1 += 1;
                }
            }
            let row = |(key, (actors, past)): (String, (usize, usize))| {
                [key, actors.to_string(), past.to_string()]
            };
            table(f, ["KEY", "ACTORS", "PAST"], keys.into_iter().map(row))?;
        }
        writeln!(f, "{}", count(self.actors.len(), "actor"))
    }
}
