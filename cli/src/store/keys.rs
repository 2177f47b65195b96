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
/// It reads no key, and needs none.
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
}

pub(super) fn run(args: &KeysArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    let entry = |id| {
        let key = store
            .key_of(id)
            .map_err(|error| CliError::store(id, error))?;
        Ok(Entry {
            id: id.to_string(),
            key: key.map(|key| key.to_string()),
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
            let row = |entry: &Entry| [entry.id.clone(), name(&entry.key)];
            table(f, ["ACTOR", "KEY"], self.actors.iter().map(row))?;
        } else {
            let mut keys = BTreeMap::<_, usize>::new();
            for entry in &self.actors {
                *keys.entry(name(&entry.key)).or_default() += 1;
            }
            let row = |(key, actors): (String, usize)| [key, actors.to_string()];
            table(f, ["KEY", "ACTORS"], keys.into_iter().map(row))?;
        }
        writeln!(f, "{}", count(self.actors.len(), "actor"))
    }
}
