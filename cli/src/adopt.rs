//! `adopt`: makes the ledger say what the schema proves.

use clap::Args;

use crate::change::{Change, ChangeArgs};
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
  actor-migrate adopt actor.sqlite --dir drizzle --undo      Put the old ledger rows back

Exit codes: 0 all is adopted, 1 some actor is left as it was, 2 could not say.")]
pub(crate) struct AdoptArgs {
    /// Accept a need that `inspect` names, or all of a sort by the part before its colon (may be repeated)
    #[arg(long, value_name = "NEED")]
    allow: Vec<String>,
    /// Give the ledger back the rows that the last adoption archived
    #[arg(long, conflicts_with = "allow")]
    undo: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(args: &AdoptArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let allow = args
        .allow
        .iter()
        .map(|need| format!(" --allow {}", word(need)));
    let change = Change {
        verb: if args.undo { "undo" } else { "adopt" },
        typed: if args.undo {
            "adopt --undo".to_owned()
        } else {
            format!("adopt{}", allow.collect::<String>())
        },
        args: &args.change,
        options: args.change.options(&args.allow),
        plan: if args.undo {
            Judge::plan_undo
        } else {
            Judge::plan_adopt
        },
    };
    change.run(config, printer)
}
