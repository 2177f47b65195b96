//! `store scrub`: reads every record, names what is not as it was written, and mends what it can prove.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use actor_vfs::{ActorId, Damage, Mended, Point, Repair, Scrub, Store, StoreError};
use clap::Args;
use serde::Serialize;

use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Printer, count, style};
use crate::targets::{Stores, actors_named};

/// Read every record of a store and name what is damaged
///
/// With --repair, a damaged page is written anew if its content is found somewhere in the store and
/// the checksum of the whole database proves that this is what was there. Nothing else is written.
/// A host that has the actor open loses it and finds out at its next commit.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate store scrub --store actors.store
  actor-migrate store scrub 'workspace/*' --store actors.store --format json
  actor-migrate store scrub 'workspace/*' --store actors.store --repair

Exit codes: 0 nothing is damaged, or all of it was mended, 1 something is, 2 could not say.")]
pub(super) struct ScrubArgs {
    /// Ids, or globs over ids [default: all, and pages that belong to no actor]
    #[arg(value_name = "ACTOR")]
    actors: Vec<OsString>,
    /// Write the damaged pages anew of which it is proved what they were
    #[arg(long)]
    repair: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    actors: u64,
    /// Those that are as they were written.
    pages: u64,
    /// Those that are encrypted, and whose keys were not given: their pages were not decrypted.
    locked: u64,
    damage: Vec<Entry>,
    /// Whether repairs were written, or are what `--repair` would write.
    repaired: bool,
    mended: Vec<MendedEntry>,
    /// The actors of which damage stays, or would.
    stays: Vec<Stays>,
}

#[derive(Debug, Serialize)]
struct MendedEntry {
    actor: String,
    page: u32,
    commit: u64,
    message: String,
}

#[derive(Debug, Serialize)]
struct Stays {
    actor: String,
    /// What makes a new actor of the newest state that is whole.
    restore: Option<String>,
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
    let mut repairs = Repairs::new(args.repair, path);
    let mut done = 0;
    let progress = printer.progress("scrub", ids.len());
    for id in &ids {
        if interrupt::asked() {
            break;
        }
        let seen = repairs.scrub(&store, id);
        scrub.add(seen.map_err(|error| CliError::store(id, error))?);
        done += 1;
        progress.step();
    }
    drop(progress);
    if args.actors.is_empty() && done == ids.len() {
        let strays = store.scrub_strays();
        scrub.add(strays.map_err(|error| CliError::store(path.display(), error))?);
    }
    printer.answer(&Report::new(&scrub, repairs))?;
    if done < ids.len() {
        return Ok(printer.interrupted(done, ids.len()));
    }
    Ok(if scrub.is_clean() {
        Exit::Yes
    } else {
        Exit::No
    })
}

/// What is mended, or would be, and what is not.
struct Repairs<'p> {
    writes: bool,
    store: &'p Path,
    mended: Vec<MendedEntry>,
    stays: Vec<Stays>,
}

impl<'p> Repairs<'p> {
    fn new(writes: bool, store: &'p Path) -> Self {
        Self {
            writes,
            store,
            mended: Vec::new(),
            stays: Vec::new(),
        }
    }

    /// Scrubs an actor, and mends it if that is asked for.
    fn scrub(&mut self, store: &Store, id: &ActorId) -> Result<Scrub, StoreError> {
        let seen = store.scrub_actor(id)?;
        if seen.is_clean() {
            return Ok(seen);
        }
        let repair = if self.writes {
            store.repair(id)?
        } else {
            store.propose_repair(id)?
        };
        self.mended
            .extend(repair.mended.iter().map(MendedEntry::from));
        if !repair.after.is_clean() {
            self.stays.push(self.stays(id, &repair));
        }
        Ok(if self.writes {
            repair.after
        } else {
            repair.before
        })
    }

    fn stays(&self, id: &ActorId, repair: &Repair) -> Stays {
        let point = match &repair.whole {
            Some(Point::Commit(commit)) => Some(format!("--commit {commit}")),
            Some(Point::RestorePoint(name)) => Some(format!("--point {name:?}")),
            _ => None,
        };
        let store = self.store.display();
        let command = |point| {
            format!("actor-migrate store restore {id} {point} --into {id}-restored --store {store}")
        };
        Stays {
            actor: id.to_string(),
            restore: point.map(command),
        }
    }
}

impl From<&Mended> for MendedEntry {
    fn from(mended: &Mended) -> Self {
        Self {
            actor: mended.actor.to_string(),
            page: mended.page.get(),
            commit: mended.commit.get(),
            message: mended.to_string(),
        }
    }
}

impl Report {
    fn new(scrub: &Scrub, repairs: Repairs<'_>) -> Self {
        Self {
            actors: scrub.actors,
            pages: scrub.pages,
            locked: scrub.locked,
            damage: scrub.damage.iter().map(Entry::from).collect(),
            repaired: repairs.writes,
            mended: repairs.mended,
            stays: repairs.stays,
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

impl Report {
    fn write_repairs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = (style::GOOD, style::BAD);
        let word = if self.repaired {
            "mended"
        } else {
            "--repair mends"
        };
        for entry in &self.mended {
            writeln!(f, "{good}{word}{good:#}: {}", entry.message)?;
        }
        for Stays { actor, restore } in &self.stays {
            writeln!(
                f,
                "{bad}stays damaged{bad:#}: `{actor}`; nothing that can be read of the store proves what was there"
            )?;
            if let Some(command) = restore {
                writeln!(f, "  its newest state that is whole: `{command}`")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = (style::GOOD, style::BAD);
        for entry in &self.damage {
            writeln!(f, "{bad}damaged{bad:#}: {}", entry.message)?;
        }
        self.write_repairs(f)?;
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
