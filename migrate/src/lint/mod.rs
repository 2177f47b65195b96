//! What is wrong with a migration folder although it can be read: rules with codes, each explained.
//!
//! The folder is replayed once, and SQLite's own authorizer and parser say what each statement does; the rules
//! only judge what was seen.

mod allow;
mod case;
mod lock;
mod order;
mod rebuild;
mod rows;
mod text;

use std::collections::HashMap;

use crate::bundle::{Bundle, Migration, Millis};
use crate::error::MigrateError;
use crate::finding::{Finding, Severity};
use crate::replay::{ReplayOptions, Walk};
use case::Case;
pub use lock::{LOCK_FILE, Lock};

/// How a folder is linted.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LintOptions {
    /// Bounds of the replay.
    pub replay: ReplayOptions,
    /// Which migrations are released: of those only errors are told, because nobody can mend them any more.
    pub lock: Option<Lock>,
    /// The moment at which times in the journal lie in the future; without it that is not judged.
    pub now: Option<Millis>,
    /// What a person allows: a code, or `<code>:<tag>` for one migration.
    pub allow: Vec<String>,
}

/// Holds a folder against every rule. The findings are in the order of the folder.
///
/// # Errors
/// M121, M122: a statement runs too long, or does what a migration may not. A statement that fails is a finding.
pub fn lint(bundle: &Bundle, options: &LintOptions) -> Result<Vec<Finding>, MigrateError> {
    let mut findings = order::times(bundle, options.now);
    if let Some(lock) = &options.lock {
        findings.extend(lock.check(bundle));
        findings.extend(order::late(bundle, lock));
    }
    findings.extend(bundle.entries.iter().filter_map(text::cut_triggers));
    findings.extend(replayed(bundle, options)?);
    Ok(settle(bundle, options, findings))
}

/// What the rules find in each migration as it runs.
fn replayed(bundle: &Bundle, options: &LintOptions) -> Result<Vec<Finding>, MigrateError> {
    let mut walk = Walk::start(bundle, &options.replay)?;
    let mut findings = Vec::new();
    for migration in &bundle.entries {
        match walk.step(migration) {
            Ok(seen) => {
                let mut case = Case::new(migration, &seen);
                text::rules(&mut case);
                rows::rules(&mut case);
                rebuild::rules(&mut case);
                findings.extend(case.findings);
            }
            Err(MigrateError::ReplayFailed { at, message }) => {
                // What follows would fail for want of what this one makes.
                findings.extend(fails(migration, at.statement, at.line, at.column, &message));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(findings)
}

/// A statement that fails on a fresh database, unless it is known why.
fn fails(
    migration: &Migration,
    statement: usize,
    line: usize,
    column: usize,
    message: &str,
) -> Option<Finding> {
    if text::cut_triggers(migration).is_some() {
        return None;
    }
    let message =
        format!("fails on a fresh database, and later migrations were not run: {message}");
    Some(Finding {
        statement: Some(statement),
        line: Some(line),
        column: Some(column),
        ..Finding::new("L140", Severity::Error, message).of(migration)
    })
}

/// Takes out what is allowed and what nobody can mend, and puts the rest in order.
fn settle(bundle: &Bundle, options: &LintOptions, all: Vec<Finding>) -> Vec<Finding> {
    let mut by_tag: HashMap<String, Vec<Finding>> = HashMap::new();
    let mut settled = Vec::new();
    for finding in all {
        match &finding.migration {
            Some(tag) => by_tag.entry(tag.clone()).or_default().push(finding),
            None => settled.push(finding),
        }
    }
    let released = released(bundle, options);
    for (migration, released) in bundle.entries.iter().zip(released) {
        let mut findings = by_tag.remove(&migration.tag).unwrap_or_default();
        allow::apply(migration, &mut findings);
        findings.retain(|finding| !released || finding.severity == Severity::Error);
        findings.sort_by_key(|finding| (finding.statement, finding.line, finding.code));
        settled.extend(findings);
    }
    // What is about migrations that are gone.
    let mut gone: Vec<_> = by_tag.into_values().flatten().collect();
    gone.sort_by_key(|finding| finding.line);
    settled.extend(gone);
    settled.retain(|finding| !is_allowed(&options.allow, finding));
    settled
}

/// Whether each migration is released.
fn released(bundle: &Bundle, options: &LintOptions) -> Vec<bool> {
    let Some(lock) = &options.lock else {
        return vec![false; bundle.entries.len()];
    };
    let new: std::collections::HashSet<_> = lock
        .unreleased(bundle)
        .into_iter()
        .map(|migration| migration.tag.as_str())
        .collect();
    let tags = bundle.entries.iter().map(|entry| entry.tag.as_str());
    tags.map(|tag| !new.contains(tag)).collect()
}

fn is_allowed(allowed: &[String], finding: &Finding) -> bool {
    allowed.iter().any(|allow| match allow.split_once(':') {
        Some((code, tag)) => {
            code.eq_ignore_ascii_case(finding.code) && finding.migration.as_deref() == Some(tag)
        }
        None => allow.eq_ignore_ascii_case(finding.code),
    })
}
