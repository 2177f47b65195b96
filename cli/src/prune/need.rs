//! Who needs which archive: what one actor says of it, and what all actors of a folder say together.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use actor_migrate::squash::{self, Archived};
use actor_migrate::{Adoption, Standing, Verdict};
use serde::Serialize;

use crate::cohort::{Cohort, Cohorts};
use crate::error::CliError;
use crate::output::Diagnostic;
use crate::targets::Fleet;

/// Why actors need an archive.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Why {
    pub verdict: Verdict,
    /// What came of looking at them, where nothing could be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Diagnostic>,
}

/// What one actor needs of the archives of its folder.
#[derive(Debug)]
pub(super) enum Need {
    Nothing,
    /// Those of these names: its old chain is in them.
    Some(Why, BTreeSet<OsString>),
    /// Nothing says which, so every one.
    All(Why),
}

impl Need {
    /// An actor is free of all archives only if its folder alone explains it: every row of its ledger, and its
    /// schema. Whatever else it is, an archive may be what makes it right.
    pub(super) fn of(found: Result<Standing, CliError>) -> Self {
        let standing = match found {
            Ok(standing) => standing,
            Err(error) => {
                return Self::All(Why {
                    verdict: Verdict::Unreadable,
                    error: Some(error.of_cohort()),
                });
            }
        };
        let why = Why {
            verdict: standing.verdict,
            error: None,
        };
        let explained = standing.adoption == Adoption::NotNeeded
            && matches!(
                standing.verdict,
                Verdict::Fresh | Verdict::Current | Verdict::Behind
            );
        match standing.old_chain {
            None if explained => Self::Nothing,
            Some(old) if !old.archives.is_empty() => {
                let names = old.archives.iter().filter_map(|it| name(Path::new(it)));
                Self::Some(why, names.collect())
            }
            _ => Self::All(why),
        }
    }

    /// Why the archive of this name is needed, if it is.
    fn why(&self, archive: &Path) -> Option<&Why> {
        match self {
            Self::Nothing => None,
            Self::Some(why, names) => {
                let named = name(archive).is_some_and(|name| names.contains(&name));
                named.then_some(why)
            }
            Self::All(why) => Some(why),
        }
    }
}

fn name(path: &Path) -> Option<OsString> {
    path.file_name().map(ToOwned::to_owned)
}

/// A folder, and what the actors that follow it say of its archives.
#[derive(Debug)]
pub(super) struct Asked {
    pub dir: PathBuf,
    real: PathBuf,
    pub actors: usize,
    archives: Vec<(Archived, Cohorts<Why>)>,
}

/// The folders of all fleets, each once: several fleets may follow the same one.
pub(super) fn folders(fleets: &[Fleet], name_all: bool) -> Result<Vec<Asked>, CliError> {
    let mut folders: Vec<Asked> = Vec::new();
    for fleet in fleets {
        let actors = fleet.targets.len();
        if let Some(folder) = folders.iter_mut().find(|folder| folder.is_of(fleet)) {
            folder.actors += actors;
            continue;
        }
        let fail = |error| CliError::migrate(fleet.dir.display(), error);
        let archives = squash::archives(&fleet.dir).map_err(fail)?;
        let there = archives.into_iter().filter(Archived::is_there);
        folders.push(Asked {
            dir: fleet.dir.clone(),
            real: real(&fleet.dir),
            actors,
            archives: there.map(|it| (it, Cohorts::new(name_all))).collect(),
        });
    }
    Ok(folders)
}

/// A folder by the name that it has only once.
fn real(dir: &Path) -> PathBuf {
    std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned())
}

impl Asked {
    pub(super) fn is_of(&self, fleet: &Fleet) -> bool {
        self.real == real(&fleet.dir)
    }

    /// Notes what one actor needs.
    pub(super) fn note(&mut self, actor: &str, need: &Need) {
        for (archive, needed) in &mut self.archives {
            if let Some(why) = need.why(archive.path()) {
                needed.add(actor.to_owned(), why.clone());
            }
        }
    }

    /// The archives, oldest first, with those who need each.
    pub(super) fn finish(self) -> impl Iterator<Item = (Archived, Vec<Cohort<Why>>)> {
        let archives = self.archives.into_iter();
        archives.map(|(archive, needed)| (archive, needed.finish(|_| ())))
    }
}
