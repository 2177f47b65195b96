//! Recomputes every certificate of a folder: what is claimed there must still be so.

use std::path::Path;

use super::baseline::CHANCE;
use super::certificate::{Carried, Certificate, Replaced};
use super::made::{self, Fate};
use super::{ARCHIVE, Archived, CERTIFICATE, FOLDER, stems};
use crate::bundle::{Bundle, Migration, Position};
use crate::error::MigrateError;
use crate::finding::{Finding, Severity};
use crate::replay::Expected;

/// A certificate that can be read, and the chain it is about.
struct Old {
    archived: Archived,
    /// `None` where the archive was pruned.
    bundle: Option<Bundle>,
}

/// Holds every certificate in the folder of `bundle` against the archived chain and the baseline it names.
///
/// # Errors
/// M109 if the folder of certificates cannot be listed. What is wrong with a certificate is a finding.
pub fn verify_certificates(bundle: &Bundle) -> Result<Vec<Finding>, MigrateError> {
    let folder = Path::new(&bundle.dir).join(FOLDER);
    let (mut findings, mut olds) = (Vec::new(), Vec::new());
    let tags = stems(&folder, CERTIFICATE)?;
    for tag in &tags {
        match read(&folder, tag) {
            Ok(old) => olds.push(old),
            Err(finding) => findings.push(*finding),
        }
    }
    let alone = stems(&folder, ARCHIVE)?
        .into_iter()
        .filter(|tag| !tags.contains(tag));
    findings.extend(alone.map(|tag| {
        let message = "this archive has no certificate, so nobody vouches for it";
        finding(
            "L308",
            Severity::Warning,
            message,
            &tag,
            &folder.join(format!("{tag}{ARCHIVE}")),
        )
    }));
    findings.extend(olds.iter().flat_map(|old| verify(old, &olds, bundle)));
    Ok(findings)
}

fn finding(
    code: &'static str,
    severity: Severity,
    message: impl Into<String>,
    tag: &str,
    file: &Path,
) -> Finding {
    Finding {
        migration: Some(tag.to_owned()),
        file: Some(file.display().to_string()),
        ..Finding::new(code, severity, message)
    }
}

fn read(folder: &Path, tag: &str) -> Result<Old, Box<Finding>> {
    let path = folder.join(format!("{tag}{CERTIFICATE}"));
    let found = |code, error: MigrateError, file: &Path| {
        Box::new(finding(code, Severity::Error, error.to_string(), tag, file))
    };
    let unread = |error| found("L301", error, &path);
    let archived = Archived::read(folder, tag).map_err(unread)?;
    let lost = |error| found("L302", error, archived.path());
    let bundle = match archived.is_pruned() {
        true => None,
        false => Some(archived.bundle().map_err(lost)?),
    };
    Ok(Old { archived, bundle })
}

/// What is wrong with one certificate whose archive can be read, or was pruned.
fn verify(old: &Old, olds: &[Old], folder: &Bundle) -> Vec<Finding> {
    let certificate = &old.archived.certificate;
    let tag = &certificate.baseline.tag;
    let found = |code, message: String| {
        vec![finding(
            code,
            Severity::Error,
            message,
            tag,
            old.archived.path(),
        )]
    };
    let chain = match old.bundle.as_ref().map(|bundle| chain(certificate, bundle)) {
        Some(Err(message)) => return found("L305", message),
        chain => chain.and_then(Result::ok),
    };
    if replaced_since_pruned(certificate, olds) {
        return Vec::new();
    }
    let Some(baseline) = baseline(old, olds, folder) else {
        let message = format!("no migration {tag} is here, and none of a later squash replaced it");
        return found("L303", message);
    };
    if baseline.hash != certificate.baseline.hash {
        let message = format!("{tag} was edited after it was certified");
        return vec![finding(
            "L304",
            Severity::Error,
            message,
            tag,
            Path::new(&baseline.file),
        )];
    }
    let compared = chain.map(|chain| compare(certificate, &chain, baseline, folder));
    match compared.unwrap_or(Ok(None)) {
        Ok(None) => Vec::new(),
        Ok(Some((code, message))) => found(code, message),
        Err(error) => found("L306", format!("it cannot be recomputed: {error}")),
    }
}

/// The archived chain up to where it was squashed, and its replay, if it is the one that was certified.
fn chain(certificate: &Certificate, old: &Bundle) -> Result<(Bundle, Expected), String> {
    let count = certificate.replaces.len();
    let entries = old.entries.get(..count);
    let entries =
        entries.ok_or_else(|| format!("the archive holds fewer than {count} migrations"))?;
    let bundle = Bundle::new(old.dir.clone(), old.layout, entries.to_vec());
    let expected =
        Expected::replay(&bundle).map_err(|error| format!("the archived chain: {error}"))?;
    for (at, (entry, replaced)) in entries.iter().zip(&certificate.replaces).enumerate() {
        let after = expected.fingerprint(Position(at + 1));
        if !is_same(entry, replaced) {
            return Err(format!(
                "the archive holds another {} than was certified",
                replaced.tag
            ));
        }
        if after != Some(replaced.fingerprint) {
            let (tag, sqlite) = (&replaced.tag, &certificate.sqlite);
            return Err(format!(
                "the schema after {tag} is another one than was certified (by SQLite {sqlite})"
            ));
        }
    }
    Ok((bundle, expected))
}

fn is_same(entry: &Migration, replaced: &Replaced) -> bool {
    (&entry.tag, entry.when, &entry.hash) == (&replaced.tag, replaced.when, &replaced.hash)
}

/// Whether a later squash replaced the certified baseline and its archive, which held it, was pruned: then
/// nothing is left to compare, and the later certificate says that it was this one.
fn replaced_since_pruned(certificate: &Certificate, olds: &[Old]) -> bool {
    let baseline = &certificate.baseline;
    let is_it = |entry: &Replaced| (&entry.tag, &entry.hash) == (&baseline.tag, &baseline.hash);
    let pruned = olds.iter().filter(|old| old.bundle.is_none());
    pruned
        .flat_map(|old| &old.archived.certificate.replaces)
        .any(is_it)
}

/// The baseline itself: in the folder, or in the archive of a later squash. The one that was certified wins
/// over others of its name, because a 1.0 folder keeps the name of the last migration replaced.
fn baseline<'a>(old: &'a Old, olds: &'a [Old], folder: &'a Bundle) -> Option<&'a Migration> {
    let certified = &old.archived.certificate.baseline;
    let later = olds.iter().filter(|other| !std::ptr::eq(*other, old));
    let bundles = std::iter::once(folder).chain(later.filter_map(|other| other.bundle.as_ref()));
    let named = bundles
        .flat_map(|bundle| &bundle.entries)
        .filter(|entry| entry.tag == certified.tag);
    let mut named: Vec<_> = named.collect();
    named.sort_by_key(|entry| entry.hash != certified.hash);
    named.into_iter().next()
}

/// What the baseline does otherwise than the chain, if anything.
fn compare(
    certificate: &Certificate,
    chain: &(Bundle, Expected),
    baseline: &Migration,
    folder: &Bundle,
) -> Result<Option<(&'static str, String)>, MigrateError> {
    let alone = Bundle::new(folder.dir.clone(), folder.layout, vec![baseline.clone()]);
    let made = Expected::replay(&alone)?;
    let level = chain.1.level(chain.1.end(), &made, made.end());
    if level.is_none_or(|level| level > certificate.level) {
        let found = level.map_or_else(|| "nothing".to_owned(), |level| level.to_string());
        let message = format!(
            "the baseline is {found} to the old chain, not {}",
            certificate.level
        );
        return Ok(Some(("L306", message)));
    }
    if certificate.data == Carried::Waived {
        return Ok(None);
    }
    let rows = made::rows(&chain.0.entries, Fate::Real)?;
    let others = made::rows(std::slice::from_ref(baseline), Fate::Real)?;
    let by_chance = certificate.waivers.iter().any(|waiver| waiver == CHANCE);
    let table = match rows.first_difference(&others) {
        Some(table) if !by_chance || rows.counts() != others.counts() => table.to_owned(),
        _ => return Ok(None),
    };
    let message = format!("the baseline gives {table} other rows than the old chain");
    Ok(Some(("L307", message)))
}
