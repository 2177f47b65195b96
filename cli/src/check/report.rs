//! What `check` found, for people and for scripts.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::cause::Cause;
use crate::cohort::{self, Cohort};
use crate::facts;
use crate::findings::{self, Findings};
use crate::generate::Stale;
use crate::judge::Judge;
use crate::output::{count, style, word};
use crate::targets::Fleet;

/// The answer of `check`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    ready: bool,
    actors: usize,
    counts: BTreeMap<&'static str, usize>,
    cohorts: Vec<Cohort<Cause>>,
    fleets: Vec<FleetReport>,
    /// Actors that belong to no fleet: nobody looked at them.
    unclaimed: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A folder, and how many actors follow it.
#[derive(Debug, Serialize)]
struct FleetReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    fleet: Option<String>,
    dir: String,
    migrations: usize,
    actors: usize,
    stale: Vec<Stale>,
    findings: Findings,
}

impl Report {
    /// Takes in what was found in one fleet.
    pub(super) fn add(
        &mut self,
        fleet: &Fleet,
        judge: &Judge,
        stale: Vec<Stale>,
        findings: Findings,
        cohorts: Vec<Cohort<Cause>>,
    ) {
        let actors = cohort::actors(&cohorts);
        for cohort in &cohorts {
            *self
                .counts
                .entry(cohort.cause.verdict.as_str())
                .or_default() += cohort.count;
        }
        let blocking = cohorts.iter().find(|cohort| cohort.cause.blocks);
        let cure = blocking.map(|cohort| next(cohort, fleet));
        let generate = (!stale.is_empty()).then(|| "actor-migrate generate".to_owned());
        let lint = findings.0.first();
        let lint = lint.map(|_| format!("actor-migrate lint{}", lint_scope(fleet)));
        self.next = self.next.take().or(cure).or(generate).or(lint);
        self.ready = self.next.is_none();
        self.actors += actors;
        self.cohorts.extend(cohorts);
        self.fleets.push(FleetReport {
            fleet: fleet.name.clone(),
            dir: fleet.dir.display().to_string(),
            migrations: judge.bundle.entries.len(),
            actors,
            stale,
            findings,
        });
    }

    /// Names the actors that nobody looked at.
    pub(super) fn leave_out(&mut self, unclaimed: Vec<String>) {
        self.unclaimed = unclaimed;
    }

    pub(super) fn actors(&self) -> usize {
        self.actors
    }

    /// Whether nothing stands against a deploy.
    pub(super) fn ready(&self) -> bool {
        self.ready
    }

    fn blocked(&self) -> usize {
        cohort::actors(self.cohorts.iter().filter(|cohort| cohort.cause.blocks))
    }
}

/// The options that name the folder of a fleet.
fn lint_scope(fleet: &Fleet) -> String {
    match &fleet.name {
        Some(name) => format!(" --fleet {}", word(name)),
        None => format!(" --dir {}", word(&fleet.dir.display().to_string())),
    }
}

/// What to type about actors that block.
fn next(cohort: &Cohort<Cause>, fleet: &Fleet) -> String {
    let example = cohort
        .examples
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let cause = &cohort.cause;
    let old_chain = cause.old_chain.as_ref();
    match facts::cure(cause.verdict, cause.adoption, &cause.needs, old_chain) {
        Some(verb) if !cause.rehearsal.failed() => {
            format!(
                "actor-migrate {verb}{}{} --dry-run",
                fleet.asked, fleet.scope
            )
        }
        _ => format!("actor-migrate inspect {}{}", word(example), fleet.scope),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad) = (style::GOOD, style::BAD);
        for fleet in &self.fleets {
            write!(f, "{fleet}")?;
            let of_fleet = |cohort: &&Cohort<Cause>| cohort.cause.fleet == fleet.fleet;
            self.cohorts
                .iter()
                .filter(of_fleet)
                .try_for_each(|cohort| cohort.fmt(f))?;
        }
        if let Some(first) = self.unclaimed.first() {
            let (warn, left) = (style::WARN, count(self.unclaimed.len(), "actor"));
            writeln!(
                f,
                "{warn}not looked at{warn:#}: {left} in no fleet, such as {first}"
            )?;
        }
        let stale: usize = self.fleets.iter().map(|fleet| fleet.stale.len()).sum();
        let found: usize = self.fleets.iter().map(|it| it.findings.0.len()).sum();
        match (self.blocked(), stale) {
            (0, 0) if found > 0 => writeln!(
                f,
                "{bad}not ready{bad:#}: {} about the migrations",
                count(found, "finding")
            )?,
            (0, 0) if self.actors == 0 => writeln!(
                f,
                "{good}ready{good:#}: the migrations run; no actor was looked at"
            )?,
            (0, 0) => writeln!(
                f,
                "{good}ready{good:#}: {} can take this deploy",
                count(self.actors, "actor")
            )?,
            (0, stale) => writeln!(
                f,
                "{bad}not ready{bad:#}: {} stale",
                count(stale, "generated file")
            )?,
            (blocked, _) => {
                writeln!(
                    f,
                    "{bad}not ready{bad:#}: {blocked} of {} cannot take this deploy",
                    count(self.actors, "actor")
                )?;
            }
        }
        self.next.iter().try_for_each(|next| style::next(f, next))
    }
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, dim, bad) = (style::BOLD, style::DIM, style::BAD);
        let name = self.fleet.as_deref().unwrap_or(&self.dir);
        let (actors, migrations) = (
            count(self.actors, "actor"),
            count(self.migrations, "migration"),
        );
        write!(f, "{bold}{name}{bold:#}: {actors}, {migrations}")?;
        match &self.fleet {
            Some(_) => writeln!(f, " {dim}in {}{dim:#}", self.dir)?,
            None => writeln!(f)?,
        }
        for finding in &self.findings.0 {
            writeln!(f, "  {bad}no{bad:#}  {}", findings::line(finding))?;
        }
        for file in &self.stale {
            writeln!(
                f,
                "  {bad}no{bad:#}  {} is {}",
                file.path.display(),
                file.action.word(false)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Cohort<Cause> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad, dim) = (style::GOOD, style::BAD, style::DIM);
        let mark = if self.cause.blocks {
            format!("{bad}no{bad:#}")
        } else {
            format!("{good}ok{good:#}")
        };
        writeln!(f, "  {mark}  {:>6}  {}", self.count, self.cause.headline())?;
        if !self.cause.blocks {
            return Ok(());
        }
        self.cause
            .lines()
            .iter()
            .try_for_each(|line| writeln!(f, "{INDENT}{line}"))?;
        writeln!(f, "{INDENT}{dim}{}{dim:#}", self.names())
    }
}

/// Below the verdict in a cohort's first line.
const INDENT: &str = "              ";
