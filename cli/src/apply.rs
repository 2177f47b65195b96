//! `apply`: runs pending migrations.

use clap::Args;

use crate::change::{Change, ChangeArgs};
use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::judge::Judge;
use crate::output::Printer;

/// Run pending migrations
///
/// Each actor changes in one transaction, which is undone unless the schema afterwards is the expected one, no
/// row lost its parent, and no table changed its row count that no statement writes. Running it twice is safe.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate apply actor.sqlite --dir drizzle --dry-run    Show the SQL and the digest
  actor-migrate apply actor.sqlite --dir drizzle --plan 9f2c6b1d04ae --yes    Exactly that
  actor-migrate apply --fleet workspace                       A whole fleet, after one question

Exit codes: 0 all is applied, 1 some actor is left as it was, 2 could not say.")]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

pub(crate) fn run(args: &ApplyArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let change = Change {
        verb: "apply",
        typed: "apply".to_owned(),
        args: &args.change,
        options: args.change.options(&[]),
        plan: Judge::plan_apply,
    };
    change.run(config, printer)
}
