//! The `actor-migrate` command: reads the command line, runs one verb, says how it went.

mod adopt;
mod apply;
mod args;
mod bug;
mod change;
mod check;
mod cohort;
mod completions;
mod config;
mod demo;
mod error;
mod exit;
mod explain;
mod facts;
mod findings;
mod folders;
mod generate;
mod hash;
mod history;
mod inspect;
mod interrupt;
mod judge;
mod keys;
mod lint;
mod output;
mod pool;
mod prune;
mod reconcile;
mod squash;
mod status;
mod store;
mod targets;

use std::process::ExitCode;

use args::{Cli, Command};
use config::Config;
use error::CliError;
use exit::Exit;
use output::Printer;

fn main() -> ExitCode {
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(stop) => return args::stop(&stop).into(),
    };
    let printer = Printer::new(&cli.global);
    bug::install();
    interrupt::install();
    keys::install(cli.global.key_file.as_deref(), &printer);
    match bug::catch(|| run(&cli, &printer)) {
        Some(Ok(exit)) => exit.into(),
        Some(Err(error)) => printer.failure(&error).into(),
        None => Exit::Unknown.into(),
    }
}

fn run(cli: &Cli, printer: &Printer) -> Result<Exit, CliError> {
    let config = || Config::load(cli.global.config.as_deref());
    match &cli.command {
        Command::Check(args) => check::run(args, &config()?, printer),
        Command::Status(args) => status::run(args, &config()?, printer),
        Command::Inspect(args) => inspect::run(args, &config()?, printer),
        Command::Apply(args) => apply::run(args, &config()?, printer),
        Command::Adopt(args) => adopt::run(args, &config()?, printer),
        Command::Reconcile(args) => reconcile::run(args, &config()?, printer),
        Command::Store(args) => store::run(args, &config()?, printer),
        Command::Demo(args) => demo::run(args, printer),
        Command::Squash(args) => squash::run(args, &config()?, printer),
        Command::Prune(args) => prune::run(args, &config()?, printer),
        Command::Lint(args) => lint::run(args, &config()?, printer),
        Command::Hash(args) => hash::run(args, &config()?, printer),
        Command::Generate(args) => generate::run(args, printer),
        Command::Explain(args) => explain::run(args, printer),
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => completions::man(args),
    }
}
