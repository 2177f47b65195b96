//! `store restore` and `store fork`: what an actor was, in its place or as another actor.

use std::fmt;
use std::path::Path;

use actor_vfs::ActorInfo;
use clap::{ArgGroup, Args};
use serde::Serialize;

use super::list::Entry;
use super::point::{self, PointArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Printer, style};
use crate::targets::Stores;

/// Make an actor what it was at a commit, a time or a restore point
///
/// This is one new commit, which can be undone in the same way while the commit before it is kept. A host
/// that has the actor open loses it and finds out at its next commit.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store restore workspace/42 --commit 17 --store actors.store
  actor-migrate store restore workspace/42 --time 2026-11-25T18:00:00Z --into workspace/42-then --store actors.store
  actor-migrate store restore workspace/42 --point before-0007 --store actors.store --yes")]
#[command(group(ArgGroup::new("named").args(["commit", "time", "point"]).required(true)))]
pub(super) struct RestoreArgs {
    /// The actor
    #[arg(value_name = "ACTOR")]
    actor: String,
    #[command(flatten)]
    point: PointArgs,
    /// Leave the actor as it is, and make a new one of what it was
    #[arg(long, value_name = "NEW")]
    into: Option<String>,
    /// Do not ask; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
}

/// Copy an actor, as it is or as it was, to a new one
///
/// The two share nothing afterwards. The actor is only read.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store fork workspace/42 sandbox/42 --store actors.store
  actor-migrate store fork workspace/42 sandbox/42 --commit 17 --store actors.store")]
pub(super) struct ForkArgs {
    /// The actor
    #[arg(value_name = "ACTOR")]
    actor: String,
    /// The actor to make
    #[arg(value_name = "NEW")]
    fork: String,
    #[command(flatten)]
    point: PointArgs,
}

#[derive(Debug, Serialize)]
struct Done {
    /// `restored` or `forked`.
    what: &'static str,
    from: String,
    actor: Entry,
}

pub(super) fn run(args: &RestoreArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let Some(point) = args.point.point() else {
        let name = "name a point: --commit N, --time TIME or --point NAME";
        return Err(CliError::Usage(name.into()));
    };
    if let Some(fork) = &args.into {
        return copy(&args.actor, fork, &args.point, path, printer);
    }
    let store = Stores::default().open(path)?;
    let actor = point::actor(&args.actor)?;
    let fail = |error| CliError::store(&actor, error);
    let past = store.snapshot_at(&actor, &point).map_err(fail)?;
    if !args.yes {
        if !printer.can_ask() {
            return Err(CliError::NotAgreed {
                verb: "restore",
                actors: 1,
                look: "see what it was in a copy, by --into <new actor>",
            });
        }
        let what = format_args!("make {actor} what it was at commit {}?", past.commit());
        if !printer.ask("", what) {
            printer.note("nothing was changed");
            return Ok(Exit::No);
        }
    }
    let info = store.restore(&actor, &point).map_err(fail)?;
    answer("restored", &args.actor, &info, printer)
}

pub(super) fn fork(args: &ForkArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    copy(&args.actor, &args.fork, &args.point, path, printer)
}

fn copy(
    actor: &str,
    fork: &str,
    point: &PointArgs,
    path: &Path,
    printer: &Printer,
) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let (from, to) = (point::actor(actor)?, point::actor(fork)?);
    let info = store.fork_to(&from, point.point().as_ref(), &to);
    let info = info.map_err(|error| CliError::store(&from, error))?;
    answer("forked", actor, &info, printer)
}

fn answer(
    what: &'static str,
    from: &str,
    info: &ActorInfo,
    printer: &Printer,
) -> Result<Exit, CliError> {
    printer.answer(&Done {
        what,
        from: from.to_owned(),
        actor: Entry::from(info),
    })?;
    Ok(Exit::Yes)
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, actor) = (style::GOOD, &self.actor);
        write!(f, "{good}{}{good:#}: {}", self.what, self.from)?;
        if actor.id != self.from {
            write!(f, " to {}", actor.id)?;
        }
        writeln!(f, ", commit {}, {} bytes", actor.commit, actor.bytes)
    }
}
