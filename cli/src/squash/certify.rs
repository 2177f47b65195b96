//! `squash --certify`: the certificate and the archive that a squash made by hand lacks.

use std::fmt;

use actor_migrate::squash::{self, Certificate, CertifyPlan, FileChange};
use serde::Serialize;

use super::report::{Stragglers, line, proof};
use super::{SquashArgs, agreed, stragglers};
use crate::error::CliError;
use crate::exit::Exit;
use crate::findings::Findings;
use crate::history::HistoryName;
use crate::judge::Judge;
use crate::output::{Printer, count, style, word};
use crate::targets::Fleet;

pub(super) fn run(args: &SquashArgs, fleet: &Fleet, printer: &Printer) -> Result<Exit, CliError> {
    let fail = |error| CliError::migrate(fleet.dir.display(), error);
    let history = history(args, fleet)?;
    let judge = Judge::new(fleet)?;
    let old = history.old(&fleet.dir, judge.bundle.layout)?;
    let allow = args.allow.iter().cloned().collect();
    let plan = squash::certify(&judge.bundle, &old, &allow).map_err(fail)?;
    let stragglers = stragglers(fleet, &judge, &plan.certificate, printer);
    let nothing = plan.files.is_empty();
    let next = match nothing {
        true => check(args, fleet),
        false => args.typed(fleet),
    };
    let mut report = Report::new(fleet, &plan, stragglers, next);
    if args.dry_run || nothing {
        printer.answer(&report)?;
        return Ok(Exit::Yes);
    }
    if !agreed(args, fleet, &report, printer)? {
        return Ok(Exit::No);
    }
    plan.write().map_err(fail)?;
    report.written = true;
    report.next = check(args, fleet);
    printer.answer(&report)?;
    Ok(Exit::Yes)
}

/// The one chain that was replaced. The command line goes before the configuration.
fn history<'a>(args: &SquashArgs, fleet: &'a Fleet) -> Result<&'a HistoryName, CliError> {
    let typed = args.selection.source.history.len();
    let all = fleet.history.as_slice();
    let named = if typed == 0 {
        all
    } else {
        &all[all.len() - typed..]
    };
    let [history] = named else {
        return Err(CliError::NotOneHistory {
            dir: fleet.dir.clone(),
            named: named.len(),
        });
    };
    Ok(history)
}

/// The check of the same folder and actors, which needs no history any more.
fn check(args: &SquashArgs, fleet: &Fleet) -> String {
    let typed = args.selection.source.history.iter();
    let scope = typed.fold(fleet.scope.clone(), |scope, name| {
        scope.replace(&format!(" --history {}", word(name)), "")
    });
    format!("actor-migrate check{}{scope}", fleet.asked)
}

/// The answer of `squash --certify`.
#[derive(Serialize)]
struct Report<'a> {
    dir: String,
    written: bool,
    certificate: &'a Certificate,
    files: &'a [FileChange],
    findings: Findings,
    #[serde(flatten)]
    stragglers: Stragglers,
    next: String,
}

impl<'a> Report<'a> {
    fn new(fleet: &Fleet, plan: &'a CertifyPlan, stragglers: Stragglers, next: String) -> Self {
        Self {
            dir: fleet.dir.display().to_string(),
            written: false,
            certificate: &plan.certificate,
            files: &plan.files,
            findings: Findings(plan.findings.clone()),
            stragglers,
            next,
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, cmd) = (style::GOOD, style::TYPE);
        let done = match (self.written, self.files.is_empty()) {
            (true, _) => "certified",
            (false, true) => "nothing to do",
            (false, false) => "would certify",
        };
        let tag = &self.certificate.baseline.tag;
        let replaced = count(self.certificate.replaces.len(), "migration");
        let dir = &self.dir;
        writeln!(
            f,
            "{good}{done}{good:#}: {tag} of {dir} replaced {replaced}"
        )?;
        proof(self.certificate, f)?;
        self.files.iter().try_for_each(|file| line(file, f))?;
        self.findings.fmt(f)?;
        self.stragglers.fmt(f)?;
        writeln!(f, "next: {cmd}{}{cmd:#}", self.next)
    }
}
