//! `lint`: what is wrong with a migration folder, before any actor is looked at.

use std::collections::HashSet;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use actor_migrate::{Bundle, Finding, LintOptions, Lock, Millis, Severity, squash};
use clap::Args;
use serde::Serialize;

use crate::config::Config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::findings::Findings;
use crate::folders::FolderArgs;
use crate::output::{Printer, count, style};

/// Hold migration folders against rules
///
/// Runs the folder into a database in memory and asks SQLite what each statement does: rows destroyed, statements
/// that fail only where there are rows, what a table rebuild takes with it, what no runner will ever run. Of
/// migrations that migrations.lock lists as released only errors are told. A comment above a statement allows a
/// finding: -- actor-migrate: allow L110 <reason>
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  actor-migrate lint                             The folders of actor-migrate.toml
  actor-migrate lint --dir drizzle               One folder
  actor-migrate lint --deny warnings             For CI: no warning either
  actor-migrate lint --allow L137 --deny L112    Rules by their codes; one migration: L137:0003_x
  actor-migrate explain L131                     What a rule is about

Exit codes: 0 no errors, 1 errors or what is denied, 2 could not say.")]
pub(crate) struct LintArgs {
    #[command(flatten)]
    folders: FolderArgs,
    /// Fail on this as well: `warnings`, or the code of a rule (may be repeated)
    #[arg(long, value_name = "RULE")]
    deny: Vec<String>,
    /// Do not tell this rule, or not of one migration: L137, L137:0003_x (may be repeated)
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,
}

/// The answer of `lint`.
#[derive(Debug, Serialize)]
struct Linted {
    clean: bool,
    folders: Vec<Folder>,
}

/// One folder and what is wrong with it.
#[derive(Debug, Serialize)]
struct Folder {
    dir: String,
    migrations: usize,
    findings: Findings,
}

pub(crate) fn run(args: &LintArgs, config: &Config, printer: &Printer) -> Result<Exit, CliError> {
    check_rules(args)?;
    let bundles = args.folders.read(config)?;
    let allow: Vec<_> = [&config.lint_allow[..], &args.allow].concat();
    let progress = printer.progress("linting", bundles.len());
    let mut folders = Vec::new();
    for bundle in &bundles {
        folders.push(Folder {
            dir: bundle.dir.clone(),
            migrations: bundle.entries.len(),
            findings: lint(bundle, &allow)?,
        });
        progress.step();
    }
    drop(progress);
    let mut all = folders.iter().flat_map(|folder| &folder.findings.0);
    let clean = !all.any(|finding| stands_against(finding, &args.deny));
    printer.answer(&Linted { clean, folders })?;
    Ok(if clean { Exit::Yes } else { Exit::No })
}

/// What is wrong with one folder, now: its certificates are recomputed, then the rules are asked.
pub(crate) fn lint(bundle: &Bundle, allow: &[String]) -> Result<Findings, CliError> {
    let fail = |error| CliError::migrate(&bundle.dir, error);
    let mut options = LintOptions::default();
    options.lock = Lock::read(bundle).map_err(fail)?;
    options.now = Some(now());
    options.allow = allow.to_vec();
    let mut findings = squash::verify_certificates(bundle).map_err(fail)?;
    findings.extend(actor_migrate::lint(bundle, &options).map_err(fail)?);
    Ok(Findings(findings))
}

/// What stands against a deploy whatever the actors say. Without a lock nobody knows which migrations are new, and an
/// old one that took rows with it has long done so: then only what concerns the next wake counts, and certificates that no longer hold.
pub(crate) fn against_deploy(bundle: &Bundle, allow: &[String]) -> Result<Findings, CliError> {
    let lock = Lock::read(bundle).map_err(|error| CliError::migrate(&bundle.dir, error))?;
    let new: Vec<_> = lock
        .iter()
        .flat_map(|lock| lock.unreleased(bundle))
        .collect();
    let new: HashSet<_> = new.iter().map(|migration| migration.tag.as_str()).collect();
    let counts = |finding: &Finding| {
        let is_new = finding
            .migration
            .as_deref()
            .is_some_and(|tag| new.contains(tag));
        let of_certificate = finding.code.starts_with("L3");
        let always = of_certificate || ["L101", "L102", "L142"].contains(&finding.code);
        finding.severity == Severity::Error && (is_new || always)
    };
    let mut findings = lint(bundle, allow)?;
    findings.0.retain(counts);
    Ok(findings)
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A rule that does not exist was misspelt.
fn check_rules(args: &LintArgs) -> Result<(), CliError> {
    let denied = args.deny.iter().filter(|rule| *rule != "warnings");
    match args.allow.iter().chain(denied).find(|rule| !is_rule(rule)) {
        Some(rule) => Err(CliError::NoSuchCode { code: rule.clone() }),
        None => Ok(()),
    }
}

/// Whether this names a lint rule, or one for one migration.
pub(crate) fn is_rule(rule: &str) -> bool {
    let code = rule.split(':').next().unwrap_or(rule);
    let page = actor_migrate::explain(code);
    page.is_some_and(|page| page.code.starts_with("L1"))
}

fn stands_against(finding: &Finding, denied: &[String]) -> bool {
    let is_denied = |rule: &String| match rule.as_str() {
        "warnings" => finding.severity == Severity::Warning,
        code => code.eq_ignore_ascii_case(finding.code),
    };
    finding.severity == Severity::Error || denied.iter().any(is_denied)
}

impl fmt::Display for Linted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (good, bad, warn) = (style::GOOD, style::BAD, style::WARN);
        for folder in &self.folders {
            write!(f, "{}", folder.findings)?;
            let found = [
                (Severity::Error, "error"),
                (Severity::Warning, "warning"),
                (Severity::Note, "note"),
            ]
            .map(|(severity, word)| (folder.findings.count(severity), word));
            let told = found.iter().filter(|(found, _)| *found > 0);
            let told: Vec<_> = told.map(|(found, word)| count(*found, word)).collect();
            let word = match (folder.findings.has_errors(), told.is_empty()) {
                (_, true) => format!("{good}clean{good:#}"),
                (false, _) => format!("{warn}{}{warn:#}", told.join(", ")),
                (true, _) => format!("{bad}{}{bad:#}", told.join(", ")),
            };
            let migrations = count(folder.migrations, "migration");
            writeln!(f, "{word}: {}: {migrations}", folder.dir)?;
        }
        Ok(())
    }
}
