//! `hash`: notes which migrations are released, and says when one of them was edited afterwards.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use actor_migrate::{Bundle, Finding, LOCK_FILE, Lock};
use clap::Args;
use serde::Serialize;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::findings::Findings;
use crate::folders::FolderArgs;
use crate::generate::replace;
use crate::output::{Printer, count, style};

/// Note in migrations.lock which migrations are released
///
/// Writes one line of sha256sum(1) for each migration. Run it when you release, and commit the file: from then on
/// an edit of a released migration, or its removal, is a finding of `hash --check`, `lint` and `check`. A line that
/// is there is never changed in silence. `sha256sum -c migrations.lock` verifies the same.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate hash --dir drizzle                    Lock all migrations of a folder
  actor-migrate hash --check                          Only verify the folders of actor-migrate.toml, for CI
  actor-migrate hash --dir drizzle --accept 0003_x    The edit of 0003_x was meant

Exit codes: 0 the folder is as locked, 1 a released migration was edited or is gone, 2 could not say.")]
pub(crate) struct HashArgs {
    #[command(flatten)]
    folders: FolderArgs,
    /// Write nothing; exit 1 if a released migration was edited or is gone, or there is no lock
    #[arg(long)]
    check: bool,
    /// Take the edit or removal of this released migration into the lock (may be repeated)
    #[arg(long, value_name = "TAG", conflicts_with = "check")]
    accept: Vec<String>,
}

/// The answer of `hash`.
#[derive(Debug, Serialize)]
struct Hashed {
    folders: Vec<Folder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One folder and its lock.
#[derive(Debug, Serialize)]
struct Folder {
    dir: String,
    /// How many migrations the lock lists.
    locked: usize,
    /// The migrations that it did not list before.
    added: Vec<String>,
    /// Whether the file was written.
    written: bool,
    findings: Findings,
}

pub(crate) fn run(args: &HashArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    let bundles = args.folders.read(config)?;
    // Every folder is read before the first lock is written, so that an error changes nothing.
    let locks = bundles.iter().map(lock).collect::<Result<Vec<_>, _>>()?;
    check_accepted(args, &bundles, &locks)?;
    let accepted = args.accept.iter().cloned().collect();
    let folders = bundles
        .iter()
        .zip(&locks)
        .map(|(bundle, lock)| bring_up_to_date(args, bundle, lock.as_ref(), &accepted));
    let folders = folders.collect::<Result<Vec<_>, _>>()?;
    let sound = !folders.iter().any(|folder| folder.findings.has_errors());
    let missing = locks.iter().any(Option::is_none) && args.check;
    let next = missing.then(|| format!("actor-migrate hash{}", args.folders.typed()));
    printer.answer(&Hashed { folders, next })?;
    Ok(if sound { Exit::Yes } else { Exit::No })
}

fn lock(bundle: &Bundle) -> Result<Option<Lock>, CliError> {
    Lock::read(bundle).map_err(|error| CliError::migrate(&bundle.dir, error))
}

/// A tag that is accepted in vain was misspelt.
fn check_accepted(
    args: &HashArgs,
    bundles: &[Bundle],
    locks: &[Option<Lock>],
) -> Result<(), CliError> {
    let each = bundles.iter().zip(locks);
    let findings = each.flat_map(|(bundle, lock)| lock.iter().flat_map(|lock| lock.check(bundle)));
    let found: BTreeSet<_> = findings.filter_map(|finding| finding.migration).collect();
    match args.accept.iter().find(|tag| !found.contains(*tag)) {
        Some(tag) => Err(CliError::NothingToAccept {
            dir: bundles[0].dir.clone().into(),
            tag: tag.clone(),
        }),
        None => Ok(()),
    }
}

fn bring_up_to_date(
    args: &HashArgs,
    bundle: &Bundle,
    before: Option<&Lock>,
    accepted: &BTreeSet<String>,
) -> Result<Folder, CliError> {
    let after = Lock::updated(before, bundle, accepted);
    let findings = match before {
        Some(before) => open_findings(before, bundle, accepted),
        None if args.check => vec![Lock::missing(bundle)],
        None => Vec::new(),
    };
    let added = match before {
        Some(before) => before.unreleased(bundle),
        None => bundle.entries.iter().collect(),
    };
    let added = added.iter().map(|migration| migration.tag.clone());
    let stale = before.is_none_or(|before| before.to_string() != after.to_string());
    let written = !args.check && stale && findings.is_empty();
    if written {
        let path = Path::new(&bundle.dir).join(LOCK_FILE);
        replace(&path, after.to_string().as_bytes())
            .map_err(|error| CliError::write(&path, error))?;
    }
    let lock = if written { Some(&after) } else { before };
    Ok(Folder {
        dir: bundle.dir.clone(),
        locked: lock.map_or(0, Lock::len),
        added: added.collect(),
        written,
        findings: Findings(findings),
    })
}

/// What the lock has against the folder and nobody accepted.
fn open_findings(lock: &Lock, bundle: &Bundle, accepted: &BTreeSet<String>) -> Vec<Finding> {
    let is_open = |finding: &Finding| {
        let tag = finding.migration.as_ref();
        !tag.is_some_and(|tag| accepted.contains(tag))
    };
    lock.check(bundle).into_iter().filter(is_open).collect()
}

impl fmt::Display for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for folder in &self.folders {
            write!(f, "{folder}")?;
        }
        self.next.iter().try_for_each(|next| style::next(f, next))
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad, dim) = (style::GOOD, style::BAD, style::DIM);
        write!(f, "{}", self.findings)?;
        if self.findings.has_errors() {
            write!(f, "{bad}not as locked{bad:#}: {}: ", self.dir)?;
            write!(f, "{}", count(self.findings.0.len(), "finding"))?;
        } else {
            let word = if self.written { "locked" } else { "as locked" };
            write!(f, "{good}{word}{good:#}: {}: ", self.dir)?;
            write!(f, "{}", count(self.locked, "migration"))?;
        }
        match self.added.len() {
            0 => writeln!(f),
            added if self.written => writeln!(f, " {dim}({added} added){dim:#}"),
            added => writeln!(f, " {dim}({added} not released){dim:#}"),
        }
    }
}
