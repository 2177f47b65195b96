//! Which archives go and who keeps the others, for people and for scripts.

use std::fmt;

use actor_migrate::squash::Archived;
use serde::Serialize;

use super::need::{Asked, Why};
use crate::cohort::Cohort;
use crate::error::CliError;
use crate::output::{Diagnostic, count, style};

/// The answer of `prune`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// How many actors were asked.
    actors: usize,
    /// Whether what nobody needs was removed.
    pruned: bool,
    archives: Vec<Archive>,
    /// Actors of the stores that were not asked.
    not_asked: Vec<String>,
    next: String,
    #[serde(skip)]
    typed: String,
}

/// An archive, and who needs it.
#[derive(Debug, Serialize)]
struct Archive {
    path: String,
    baseline: String,
    migrations: usize,
    needed_by: Vec<Cohort<Why>>,
    #[serde(skip)]
    archived: Archived,
    /// How many actors of its folder were asked.
    #[serde(skip)]
    actors: usize,
}

/// `1 archive`, `2 archives`.
pub(super) fn archives(n: usize) -> String {
    count(n, "archive")
}

impl Report {
    pub(super) fn new(folders: Vec<Asked>, typed: String) -> Self {
        let actors = folders.iter().map(|folder| folder.actors).sum();
        let archives = folders.into_iter().flat_map(|folder| {
            let actors = folder.actors;
            folder
                .finish()
                .map(move |(archived, needed_by)| Archive::new(archived, needed_by, actors))
        });
        let mut report = Self {
            actors,
            pruned: false,
            archives: archives.collect(),
            not_asked: Vec::new(),
            next: format!("actor-migrate check{typed}"),
            typed,
        };
        if report.removable() > 0 {
            report.next = format!("actor-migrate prune{} --yes", report.typed);
        }
        report
    }

    pub(super) fn left_out(&mut self, not_asked: Vec<String>) {
        self.not_asked = not_asked;
    }

    /// How many archives nobody needs.
    pub(super) fn removable(&self) -> usize {
        self.free().count()
    }

    /// Whether nobody needs any of them.
    pub(super) fn is_clean(&self) -> bool {
        self.removable() == self.archives.len()
    }

    fn free(&self) -> impl Iterator<Item = &Archive> {
        self.archives.iter().filter(|it| it.needed_by.is_empty())
    }

    /// Removes what nobody needs, the oldest first: a chain is never without the later ones that lead on from it.
    pub(super) fn prune(&mut self) -> Result<(), CliError> {
        for archive in self.free() {
            let pruned = archive.archived.prune(archive.actors);
            pruned.map_err(|error| CliError::migrate(&archive.path, error))?;
        }
        self.pruned = true;
        self.next = format!("actor-migrate check{}", self.typed);
        Ok(())
    }
}

impl Archive {
    fn new(archived: Archived, needed_by: Vec<Cohort<Why>>, actors: usize) -> Self {
        let certificate = &archived.certificate;
        Self {
            path: archived.path().display().to_string(),
            baseline: certificate.baseline.tag.clone(),
            migrations: certificate.replaces.len(),
            needed_by,
            archived,
            actors,
        }
    }

    fn needed(&self) -> usize {
        self.needed_by.iter().map(|cohort| cohort.count).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, dim) = (self.archives.len(), style::DIM);
        let asked = count(self.actors, "actor");
        if all == 0 {
            writeln!(f, "nothing to prune: no archived chain is there")?;
        } else {
            let (colour, word) = match (self.removable(), self.pruned) {
                (0, _) => (style::BAD, "nothing pruned"),
                (_, true) => (style::GOOD, "pruned"),
                (_, false) => (style::GOOD, "would prune"),
            };
            let (free, all) = (self.removable(), archives(all));
            writeln!(
                f,
                "{colour}{word}{colour:#}: {free} of {all}, {asked} asked"
            )?;
        }
        let pruned = self.pruned;
        self.archives
            .iter()
            .try_for_each(|it| it.lines(pruned, f))?;
        if let [first, ..] = self.not_asked.as_slice() {
            let (warn, left) = (style::WARN, count(self.not_asked.len(), "actor"));
            writeln!(
                f,
                "{warn}not asked{warn:#}: {left} of the same store, such as {first}"
            )?;
        }
        if self.pruned {
            writeln!(
                f,
                "{dim}an actor that turns up later needs --history <revision before the squash>{dim:#}"
            )?;
        }
        style::next(f, &self.next)
    }
}

impl Archive {
    fn lines(&self, pruned: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, migrations) = (&self.path, count(self.migrations, "migration"));
        if self.needed_by.is_empty() {
            let word = if pruned { "removed" } else { "not needed" };
            return writeln!(f, "  {word:<10} {path}, {migrations}");
        }
        let (needed, of) = (self.needed(), count(self.actors, "actor"));
        writeln!(
            f,
            "  kept       {path}, {migrations}: {needed} of {of} may need it"
        )?;
        self.needed_by.iter().try_for_each(|cohort| line(cohort, f))
    }
}

/// A line for those that have the same reason.
fn line(cohort: &Cohort<Why>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Cohort {
        cause,
        count,
        examples,
    } = cohort;
    let names: Vec<_> = examples.iter().map(String::as_str).collect();
    let more = match count - names.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    writeln!(
        f,
        "    {}, {count}: {}{more}",
        cause.verdict,
        names.join(", ")
    )?;
    let error = cause.error.iter().map(Diagnostic::line);
    error
        .into_iter()
        .try_for_each(|error| writeln!(f, "      {error}"))
}
