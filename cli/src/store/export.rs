//! `store export`: an actor becomes a plain SQLite file.

use std::fmt;
use std::path::{Path, PathBuf};

use actor_vfs::{ActorId, IfExists};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, style};
use crate::targets::Stores;

/// Copy an actor into a plain SQLite file
///
/// The file appears whole or not at all. The actor is only read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store export workspace/42 42.sqlite --store actors.store")]
pub(super) struct ExportArgs {
    /// The actor
    #[arg(value_name = "ACTOR")]
    actor: String,
    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace the file if there is one
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Serialize)]
struct Exported {
    actor: String,
    file: PathBuf,
}

pub(super) fn run(args: &ExportArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let fail = |error| CliError::store(path.display(), error);
    let actor = ActorId::new(args.actor.as_str()).map_err(|error| fail(error.into()))?;
    let store = Stores::default().open(path)?;
    let if_exists = if args.replace {
        IfExists::Replace
    } else {
        IfExists::Refuse
    };
    store.export(&actor, &args.file, if_exists).map_err(fail)?;
    printer.answer(&Exported {
        actor: actor.to_string(),
        file: args.file.clone(),
    })?;
    Ok(Exit::Yes)
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        writeln!(
            f,
            "{good}exported{good:#}: {} to {}",
            self.actor,
            self.file.display()
        )
    }
}
