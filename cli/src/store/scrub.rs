//! `store scrub`: reads every record, and names what is not as it was written.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use actor_vfs::{Damage, Scrub};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Printer, count, style};
use crate::targets::{Stores, actors_named};

/// Read every record of a store and name what is damaged
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store scrub --store actors.store
  actor-migrate store scrub 'workspace/*' --store actors.store --format json

Exit codes: 0 nothing is damaged, 1 something is, 2 could not say.")]
pub(super) struct ScrubArgs {
    /// Ids, or globs over ids [default: all, and pages that belong to no actor]
    #[arg(value_name = "ACTOR")]
    actors: Vec<OsString>,
}

#[derive(Debug, Serialize)]
struct Report {
    actors: u64,
    /// Those that are as they were written.
    pages: u64,
    /// Those that are encrypted, and whose keys were not given: their pages were not decrypted.
    locked: u64,
    damage: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    kind: &'static str,
    actor: Option<String>,
    page: Option<u32>,
    message: String,
}

pub(super) fn run(args: &ScrubArgs, path: &Path, printer: &Printer) -> Result<Exit, CliError> {
    let store = Stores::default().open(path)?;
    let ids = actors_named(&store, &args.actors)?;
    let mut scrub = Scrub::default();
    let mut done = 0;
    let progress = printer.progress("scrub", ids.len());
    for id in &ids {
        if interrupt::asked() {
            break;
        }
        let seen = store.scrub_actor(id);
        scrub.add(seen.map_err(|error| CliError::store(id, error))?);
        done += 1;
        progress.step();
    }
    drop(progress);
    if args.actors.is_empty() && done == ids.len() {
        let strays = store.scrub_strays();
        scrub.add(strays.map_err(|error| CliError::store(path.display(), error))?);
    }
    printer.answer(&Report::from(&scrub))?;
    if done < ids.len() {
        return Ok(printer.interrupted(done, ids.len()));
    }
    Ok(if scrub.is_clean() {
        Exit::Yes
    } else {
        Exit::No
    })
}

impl From<&Scrub> for Report {
    fn from(scrub: &Scrub) -> Self {
        Self {
            actors: scrub.actors,
            pages: scrub.pages,
            locked: scrub.locked,
            damage: scrub.damage.iter().map(Entry::from).collect(),
        }
    }
}

impl From<&Damage> for Entry {
    fn from(damage: &Damage) -> Self {
        Self {
            kind: damage.kind(),
            actor: damage.actor().map(ToString::to_string),
            page: damage.page().map(actor_vfs::PageNo::get),
            message: damage.to_string(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = (style::GOOD, style::BAD);
        for entry in &self.damage {
            writeln!(f, "{bad}damaged{bad:#}: {}", entry.message)?;
        }
        let found = if self.damage.is_empty() {
            format!("{good}nothing is damaged{good:#}")
        } else {
            format!("{} damaged", self.damage.len())
        };
        if self.locked > 0 {
            let locked = usize::try_from(self.locked).unwrap_or(usize::MAX);
            let locked = count(locked, "actor");
            writeln!(
                f,
                "{bad}locked{bad:#}: {locked}; without the keys, only seals were looked at"
            )?;
        }
        let pages = usize::try_from(self.pages).unwrap_or(usize::MAX);
        let actors = usize::try_from(self.actors).unwrap_or(usize::MAX);
        writeln!(
            f,
            "{}, {} read and sound: {found}",
            count(actors, "actor"),
            count(pages, "page")
        )
    }
}
