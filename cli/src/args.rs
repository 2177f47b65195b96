//! The command line: global options and the list of verbs. Each verb's own options live with the verb.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Format, Printer};
use crate::{
    adopt, apply, check, completions, demo, explain, generate, hash, inspect, lint, prune,
    reconcile, squash, status, store,
};

/// Tells whether a fleet of actor databases can take a deploy, and repairs those that cannot.
#[derive(Debug, Parser)]
#[command(name = "actor-migrate", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(check::CheckArgs),
    Status(status::StatusArgs),
    Inspect(inspect::InspectArgs),
    Apply(apply::ApplyArgs),
    Adopt(adopt::AdoptArgs),
    Reconcile(reconcile::ReconcileArgs),
    Generate(generate::GenerateArgs),
    Squash(squash::SquashArgs),
    Prune(prune::PruneArgs),
    Lint(lint::LintArgs),
    Hash(hash::HashArgs),
    Store(store::StoreArgs),
    Demo(demo::DemoArgs),
    Explain(explain::ExplainArgs),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
}

/// Options that every verb takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// How the answer is written: human or json
    #[arg(
        long,
        global = true,
        default_value = "human",
        hide_possible_values = true
    )]
    pub format: Format,
    /// When to use colour: auto, always or never
    #[arg(
        long,
        global = true,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: Color,
    /// Say only the answer and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Name every actor instead of examples
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// Configuration file [default: actor-migrate.toml, here or in a folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Keys of encrypted actors: a key file, or a folder of them [env: ACTOR_VFS_KEY_FILE]
    #[arg(long, global = true, value_name = "PATH")]
    pub key_file: Option<PathBuf>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    Auto,
    /// Even into a pipe.
    Always,
    /// Not at all.
    Never,
}

const EXAMPLES: &str = "\
Examples:
  actor-migrate demo                                  See the whole story on made-up actors
  actor-migrate check                                 May I deploy this? (reads actor-migrate.toml)
  actor-migrate inspect actor.sqlite --dir drizzle    Where one database stands
  actor-migrate explain C105                          What an error code means

Exit codes: 0 yes, 1 no (findings), 2 could not say (errors, bad usage), 130 interrupted.";

/// Reads the command line; `Err` is help, a version, or bad usage.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    Cli::try_parse()
}

/// Ends a run that has no command: prints help, or says what was wrong with the usage.
pub(crate) fn stop(stop: &clap::Error) -> Exit {
    let helps = stop.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if stop.exit_code() == 0 || helps {
        let printed = stop.print().is_ok();
        return if printed && !helps {
            Exit::Yes
        } else {
            Exit::Unknown
        };
    }
    let global = Global {
        format: asked_format(),
        color: Color::Auto,
        quiet: false,
        verbose: false,
        config: None,
        key_file: None,
    };
    Printer::new(&global).failure(&CliError::Usage(stop.to_string()))
}

/// The format that a command line asks for, even when the rest of it is wrong.
fn asked_format() -> Format {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let joined = words.iter().any(|word| word == "--format=json");
    let apart = words
        .windows(2)
        .any(|pair| pair[0] == "--format" && pair[1] == "json");
    if joined || apart {
        Format::Json
    } else {
        Format::Human
    }
}
