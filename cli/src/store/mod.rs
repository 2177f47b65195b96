//! `store`: what one does with a store as a whole.

mod delete;
mod export;
mod history;
mod import;
mod key;
mod keys;
mod list;
mod point;
mod rekey;
mod restore;
mod restore_point;
mod retention;
mod scrub;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::{Config, FleetConfig, SourceConfig};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Printer;

/// List, import, export, delete, scrub, encrypt, fork and restore the actors of a store
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store list 'workspace/*' --store actors.store
  actor-migrate store import data/*.sqlite --prefix workspace/ --store actors.store --create
  actor-migrate store export workspace/42 42.sqlite --store actors.store
  actor-migrate store delete workspace/42 --store actors.store
  actor-migrate store scrub --store actors.store
  actor-migrate store rekey --all --store actors.store --key-file actors.key
  actor-migrate store restore-point create workspace/42 before-0007 --store actors.store
  actor-migrate store restore workspace/42 --point before-0007 --store actors.store")]
pub(crate) struct StoreArgs {
    /// Store to work on [default: the one that the configuration names]
    #[arg(long, global = true, value_name = "PATH")]
    store: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::ListArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    Delete(delete::DeleteArgs),
    Scrub(scrub::ScrubArgs),
    Keys(keys::KeysArgs),
    Rekey(rekey::RekeyArgs),
    Key(key::KeyArgs),
    RestorePoint(restore_point::RestorePointArgs),
    Retention(retention::RetentionArgs),
    History(history::HistoryArgs),
    Restore(restore::RestoreArgs),
    Fork(restore::ForkArgs),
}

pub(crate) fn run(args: &StoreArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    if let Verb::Key(args) = &args.verb {
        return key::run(args, printer);
    }
    let path = args.store.clone().map_or_else(|| configured(config), Ok)?;
    match &args.verb {
        Verb::List(args) => list::run(args, &path, printer),
        Verb::Import(args) => import::run(args, &path, printer),
        Verb::Export(args) => export::run(args, &path, printer),
        Verb::Delete(args) => delete::run(args, &path, printer),
        Verb::Scrub(args) => scrub::run(args, &path, printer),
        Verb::Keys(args) => keys::run(args, &path, printer),
        Verb::Rekey(args) => rekey::run(args, &path, printer),
        Verb::Key(args) => key::run(args, printer),
        Verb::RestorePoint(args) => restore_point::run(args, &path, printer),
        Verb::Retention(args) => retention::run(args, &path, printer),
        Verb::History(args) => history::run(args, &path, printer),
        Verb::Restore(args) => restore::run(args, &path, printer),
        Verb::Fork(args) => restore::fork(args, &path, printer),
    }
}

/// The store of the configuration, if it is only one.
fn configured(config: &Config) -> Result<PathBuf, CliError> {
    let mut paths: Vec<_> = config.fleets.iter().filter_map(store_path).collect();
    paths.sort();
    paths.dedup();
    match paths.as_slice() {
        [path] => Ok(path.clone()),
        _ => Err(CliError::NoStore),
    }
}

fn store_path(fleet: &FleetConfig) -> Option<PathBuf> {
    match &fleet.source {
        SourceConfig::Store(path) => Some(path.clone()),
        SourceConfig::Files(_) | SourceConfig::Named => None,
    }
}
