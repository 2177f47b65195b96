//! `store key`: key files.

use std::fmt;
use std::path::PathBuf;

use actor_vfs::keys;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, style};

/// Make key files
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store key new actors.key
  actor-migrate store rekey --all --store actors.store --key-file actors.key")]
pub(super) struct KeyArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    New(NewArgs),
}

/// Make a key file with one fresh key
///
/// Keep it away from the store and its backups, and never lose it: nobody can read the actors without it. To
/// take a new key into use, put the line of the new file before those of the old one, and run `store rekey`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store key new actors.key

Exit codes: 0 it is made, 2 it is not; a file that exists is never replaced.")]
struct NewArgs {
    /// Where
    #[arg(value_name = "PATH")]
    path: PathBuf,
}

#[derive(Debug, Serialize)]
struct Made {
    path: PathBuf,
    key: String,
}

pub(super) fn run(args: &KeyArgs, printer: &Printer) -> Result<Exit, CliError> {
    let Verb::New(NewArgs { path }) = &args.verb;
    let key = keys::create(path).map_err(|error| CliError::store(path.display(), error))?;
    printer.answer(&Made {
        path: path.clone(),
        key: key.to_string(),
    })?;
    Ok(Exit::Yes)
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        let path = self.path.display();
        writeln!(
            f,
            "{good}made{good:#}: {path}, which holds the key {}",
            self.key
        )
    }
}
