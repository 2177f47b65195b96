//! `demo`: the whole story on made-up actors, told by the very commands that it shows.

mod project;
mod rows;
mod stock;
mod story;

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tempfile::TempDir;

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, count, style};
use project::Project;
use story::{Ran, Story};

/// Show the whole story on made-up actors
///
/// Builds a store of actors of a coding agent, squashes their migrations, shows how that is caught before the
/// deploy and repaired without losing a row. Every command is run as it is shown, and every claim is checked.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate demo
  actor-migrate demo --dir /tmp/demo --keep    Keep the project, to try the commands yourself")]
pub(crate) struct DemoArgs {
    /// Where to build the project: a new or empty folder [default: a temporary one]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Leave the project when the demo is over
    #[arg(long)]
    keep: bool,
    /// How many actors to build
    #[arg(long, default_value_t = 240, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(8..))]
    actors: u16,
}

/// What was shown.
#[derive(Debug, Serialize)]
struct Shown {
    actors: usize,
    rows: usize,
    commands: Vec<Ran>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<PathBuf>,
}

pub(crate) fn run(args: &DemoArgs, printer: &Printer) -> Result<Exit, CliError> {
    let scratch = TempDir::with_prefix("actor-migrate-demo.").map_err(CliError::Scratch)?;
    let project = Project::new(args.dir.as_deref().unwrap_or(scratch.path()))?;
    let mut story = Story::new(&project, printer);
    let rows = story.tell(usize::from(args.actors))?;
    let commands = story.ran();
    let kept = args.keep.then(|| project.dir().to_owned());
    if args.keep {
        drop(scratch.keep());
    } else {
        project.remove()?;
    }
    printer.answer(&Shown {
        actors: rows.actors(),
        rows: rows.count(),
        commands,
        kept,
    })?;
    Ok(Exit::Yes)
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = style::GOOD;
        let (actors, rows) = (count(self.actors, "actor"), count(self.rows, "row"));
        writeln!(
            f,
            "\n{good}shown{good:#}: {actors} squashed, caught, adopted and clean; {rows}, none of them changed"
        )?;
        match &self.kept {
            Some(dir) => writeln!(f, "the project is in {}", dir.display()),
            None => Ok(()),
        }
    }
}
