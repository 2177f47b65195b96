//! What a squash changes, for people and for scripts.

use std::fmt;

use actor_migrate::squash::{Carried, Certificate, Change, FileChange, SquashPlan};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::output::{count, style};
use crate::targets::Fleet;

/// How many actors are named.
const NAMED_MAX: usize = 4;

/// The answer of `squash`.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) plan: SquashPlan,
    dir: String,
    written: bool,
    stragglers: Stragglers,
    next: String,
    /// The check of the same folder and actors.
    check: String,
}

impl Report {
    pub(super) fn new(
        fleet: &Fleet,
        plan: SquashPlan,
        stragglers: Stragglers,
        next: String,
    ) -> Self {
        let dir = fleet.dir.display().to_string();
        Self {
            plan,
            next,
            dir,
            written: false,
            stragglers,
            check: format!("actor-migrate check{}{}", fleet.asked, fleet.scope),
        }
    }

    /// The folder was exchanged.
    pub(super) fn written(&mut self, module_is_stale: bool) {
        self.written = true;
        self.next = if module_is_stale {
            "actor-migrate generate".to_owned()
        } else {
            self.check.clone()
        };
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Report", 8)?;
        object.serialize_field("dir", &self.dir)?;
        object.serialize_field("written", &self.written)?;
        object.serialize_field("certificate", &self.plan.certificate)?;
        object.serialize_field("sql", &self.plan.sql)?;
        object.serialize_field("files", &self.plan.files)?;
        object.serialize_field("actors", &self.stragglers.actors)?;
        object.serialize_field("behind", &self.stragglers.behind)?;
        object.serialize_field("next", &self.next)?;
        object.end()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, cmd) = (style::GOOD, style::TYPE);
        let certificate = &self.plan.certificate;
        let done = if self.written {
            "squashed"
        } else {
            "would squash"
        };
        let migrations = count(certificate.replaces.len(), "migration");
        writeln!(
            f,
            "{good}{done}{good:#}: {migrations} of {} into {}",
            self.dir, certificate.baseline.tag
        )?;
        proof(certificate, f)?;
        self.plan.files.iter().try_for_each(|file| line(file, f))?;
        if !self.written {
            writeln!(f, "the baseline:")?;
            for line in self.plan.sql.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        self.stragglers.fmt(f)?;
        writeln!(f, "next: {cmd}{}{cmd:#}", self.next)
    }
}

/// Who stands behind the baseline, of those that were looked at.
#[derive(Debug, Serialize)]
pub(super) struct Stragglers {
    pub(super) actors: usize,
    pub(super) behind: Vec<String>,
}

impl fmt::Display for Stragglers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.actors == 0 {
            return Ok(());
        }
        let (warn, dim, actors) = (style::BAD, style::DIM, count(self.actors, "actor"));
        if self.behind.is_empty() {
            return writeln!(f, "{dim}none of {actors} is behind the baseline{dim:#}");
        }
        let (named, rest) = self.behind.split_at(self.behind.len().min(NAMED_MAX));
        let more = match rest.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (behind, names) = (self.behind.len(), named.join(", "));
        writeln!(
            f,
            "{warn}squashed-behind{warn:#}: {behind} of {actors} have not run all of it: {names}{more}"
        )?;
        writeln!(
            f,
            "  stock runners fail on them; actor-migrate reconcile brings them on from the archive"
        )
    }
}

/// What was proved, in a line.
pub(super) fn proof(certificate: &Certificate, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let rows = match certificate.data {
        Carried::Nothing => "no rows to carry",
        Carried::Statements => "rows carried by the statements that wrote them",
        Carried::Rows => "rows carried as they are in the end",
        _ => "rows not carried",
    };
    let waived: Vec<_> = certificate
        .waivers
        .iter()
        .map(|it| format!(", accepted: {it}"))
        .collect();
    writeln!(
        f,
        "  proved    schema {}, {rows}{}",
        certificate.level,
        waived.concat()
    )
}

pub(super) fn line(file: &FileChange, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let word = match file.change {
        Change::Added => "added",
        Change::Rewritten => "rewritten",
        Change::Removed => "removed",
    };
    writeln!(f, "  {word:<9} {}", file.path)
}
