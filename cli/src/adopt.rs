//! `adopt`: makes the ledger say what the schema proves.

use clap::Args;

use crate::change::{Change, ChangeArgs, Planner};
use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Printer, word};

/// Make the ledger of an actor say what its schema proves
///
/// For actors whose migrations were squashed, renamed or lost from the ledger. Tables and rows of the
/// application are not touched; the old ledger rows are archived. Running it twice is safe.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate adopt --dry-run                              Show what would be written
  actor-migrate adopt --fleet workspace --yes                Adopt a whole fleet
  actor-migrate adopt actor.sqlite --dir drizzle --yes       One file
  actor-migrate adopt --upgrade --fleet workspace --yes      Move a fleet to the ledger of Drizzle 1.0
  actor-migrate adopt actor.sqlite --dir drizzle --undo      Put the old ledger rows back

Exit codes: 0 all is adopted, 1 some actor is left as it was, 2 could not say.")]
pub(crate) struct AdoptArgs {
    /// Accept a need that `inspect` names, or all of a sort by the part before its colon (may be repeated)
    #[arg(long, value_name = "NEED")]
    allow: Vec<String>,
    /// Give the ledger the shape of Drizzle 1.0 as well, also where its own migrator refuses to
    #[arg(long)]
    upgrade: bool,
    /// Give the ledger back the rows that the last adoption or upgrade archived
    #[arg(long, conflicts_with_all = ["allow", "upgrade"])]
    undo: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(args: &AdoptArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let allow = args
        .allow
        .iter()
        .map(|need| format!(" --allow {}", word(need)));
    let allow = allow.collect::<String>();
    let (verb, typed, plan): (_, _, Planner) = match (args.undo, args.upgrade) {
        (true, _) => ("undo", "adopt --undo".to_owned(), Judge::plan_undo),
        (_, true) => (
            "upgrade",
            format!("adopt --upgrade{allow}"),
            Judge::plan_upgrade,
        ),
        _ => ("adopt", format!("adopt{allow}"), Judge::plan_adopt),
    };
    let change = Change {
        verb,
        typed,
        args: &args.change,
        options: args.change.options(&args.allow),
        plan,
    };
    change.run(config, printer)
}
