//! `reconcile`: brings an actor to where its schema is right and its ledger says so.

use clap::Args;

use crate::change::{Change, ChangeArgs};
use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::{Printer, word};

/// Make the schema of a stale actor what its migrations make, and its ledger true
///
/// An actor that stopped half-way down a chain which was squashed since runs the rest of that chain: from
/// the archive beside the baseline, or from --history. For a drifted actor the SQL is made up from both
/// schemas. All of it is tried on a copy of the actor's real data, and run only if it reaches the expected
/// schema with every row kept. What would lose something is refused by name. Tables, views and indexes that
/// no migration made stay. Running it twice is safe.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate reconcile --dry-run                                   Show the SQL; change nothing
  actor-migrate reconcile actor.sqlite --dir drizzle --yes            One file
  actor-migrate reconcile --fleet workspace --yes                     A whole fleet
  actor-migrate reconcile --fleet workspace --history v1.2 --dry-run  With the chain that v1.2 had
  actor-migrate reconcile actor.sqlite --dir drizzle --allow drop-column:users.age --yes

Exit codes: 0 all is right, 1 some actor is left as it was, 2 could not say.")]
pub(crate) struct ReconcileArgs {
    /// Accept a loss that the refusal names, or all of a sort by the part before its colon (may be repeated)
    #[arg(long, value_name = "LOSS")]
    allow: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(
    args: &ReconcileArgs,
    config: &Config,
    printer: &Printer,
) -> Result<Exit, CliError> {
    let allow = args
        .allow
        .iter()
        .map(|loss| format!(" --allow {}", word(loss)));
    let change = Change {
        verb: "reconcile",
        typed: format!("reconcile{}", allow.collect::<String>()),
        args: &args.change,
        options: args.change.options(&args.allow),
        plan: Judge::plan_reconcile,
    };
    change.run(config, printer)
}
