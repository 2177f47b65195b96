//! Plans a squash: every file as it will be, proved before a byte is written.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::archive::{self, Files};
use super::baseline::{Chain, Proven};
use super::certificate::{Baseline, Certificate, Replaced, TOOL};
use super::folder::{self, Changes, Squashed};
use super::{ARCHIVE, CERTIFICATE, FOLDER, archives, write};
use crate::bundle::{Bundle, Layout, Migration, Position, read_limited, sha256_hex};
use crate::error::{MigrateError, SquashError};
use crate::limits::JOURNAL_BYTES_MAX;
use crate::replay::Expected;
use crate::schema::{Level, Schema};

/// What to squash, and what a person accepts.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SquashOptions {
    /// The last migration to replace; the last of all if not given.
    pub to: Option<String>,
    /// The baseline's name in a 0.x folder, whose tag is `0000_` and this; `baseline` if not given.
    pub name: Option<String>,
    /// Waivers by name: `nondeterministic` for rows that are other ones in each new database.
    pub allow: BTreeSet<String>,
}

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Added,
    /// It says something else.
    Rewritten,
    /// It goes; the archive has it.
    Removed,
}

/// A file that a squash changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FileChange {
    /// Its path inside the folder.
    pub path: String,
    /// What becomes of it.
    pub change: Change,
}

/// A squash that is proved and not written yet.
#[non_exhaustive]
pub struct SquashPlan {
    /// What is replaced by what.
    pub certificate: Certificate,
    /// The baseline's text.
    pub sql: String,
    /// Every file that changes, by path.
    pub files: Vec<FileChange>,
    dir: PathBuf,
    changes: Changes,
    found: Files,
}

impl fmt::Debug for SquashPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SquashPlan");
        shown.field("certificate", &self.certificate);
        shown.field("files", &self.files);
        shown.finish_non_exhaustive()
    }
}

impl SquashPlan {
    /// Puts the squashed folder in the place of the old one, whole or not at all.
    ///
    /// # Errors
    /// M162 if the folder changed since it was read; M169 if the system refuses.
    pub fn write(&self, bundle: &Bundle) -> Result<(), MigrateError> {
        if files_of(&self.dir, bundle)? != self.found {
            return Err(unfit(&self.dir, "it changed after the squash was planned"));
        }
        write::exchange(&self.dir, &self.changes)
    }
}

/// Plans to replace the first migrations of a folder by one that does what they do.
///
/// # Errors
/// M162 to M167: it cannot be squashed so that nothing is lost; M120 to M122 if it does not run; M160 if
/// an earlier certificate cannot be read.
pub fn plan(bundle: &Bundle, options: &SquashOptions) -> Result<SquashPlan, MigrateError> {
    let dir = Path::new(&bundle.dir);
    let count = count(bundle, options.to.as_deref())?;
    let tag = baseline_tag(bundle, count, options.name.as_deref())?;
    let expected = Expected::replay(bundle)?;
    let expected = &expected;
    let chain = Chain {
        bundle,
        expected,
        count,
    };
    let proven = chain.baseline(&tag, &options.allow)?;
    let baseline = chain.migration(&tag, proven.text.clone());
    prove_rest(&chain, &baseline)?;
    let found = files_of(dir, bundle)?;
    let archive = archive(bundle, &found)?;
    let certificate = certificate(&chain, &baseline, &proven, &archive);
    let squashed = Squashed {
        bundle,
        count,
        files: &found,
        tag: &tag,
        text: &proven.text,
    };
    let mut changes = squashed.changes()?;
    let json = certificate.to_json()?.into_bytes();
    changes.insert(format!("{FOLDER}/{tag}{CERTIFICATE}"), Some(json));
    changes.insert(format!("{FOLDER}/{tag}{ARCHIVE}"), Some(archive));
    changes.retain(|path, content| content.as_ref() != found.get(path));
    let file = |(path, content): (&String, &Option<Vec<u8>>)| FileChange {
        path: path.clone(),
        change: match (content, found.contains_key(path)) {
            (None, _) => Change::Removed,
            (Some(_), true) => Change::Rewritten,
            (Some(_), false) => Change::Added,
        },
    };
    Ok(SquashPlan {
        certificate,
        sql: proven.text,
        files: changes.iter().map(file).collect(),
        dir: dir.to_owned(),
        changes,
        found,
    })
}

pub(super) fn unfit(dir: &Path, reason: impl Into<String>) -> MigrateError {
    let what = dir.display().to_string();
    let reason = reason.into();
    SquashError::Unfit { what, reason }.into()
}

/// How many migrations are replaced.
fn count(bundle: &Bundle, to: Option<&str>) -> Result<usize, MigrateError> {
    let count = match to {
        None => bundle.entries.len(),
        Some(tag) => {
            let at = bundle.entries.iter().position(|entry| entry.tag == tag);
            let unknown = || SquashError::NoSuchMigration {
                dir: bundle.dir.clone(),
                tag: tag.to_owned(),
            };
            at.ok_or_else(unknown)? + 1
        }
    };
    let dir = Path::new(&bundle.dir);
    if count < 2 {
        return Err(unfit(dir, "only one migration would be replaced"));
    }
    no_skips(bundle, count)?;
    Ok(count)
}

/// That no actor may have skipped one of the first `count` migrations. 1.0 goes by names; 0.x never runs what is
/// not newer than the newest row.
pub(super) fn no_skips(bundle: &Bundle, count: usize) -> Result<(), MigrateError> {
    let late = |pair: &&[Migration]| pair[1].when <= pair[0].when;
    let skipped = bundle.entries[..count].windows(2).find(late);
    match skipped {
        Some(pair) if bundle.layout == Layout::DrizzleJournal => {
            let (before, tag) = (&pair[0].tag, &pair[1].tag);
            let reason =
                format!("{tag} has no later `when` than {before}, so actors may have skipped it");
            Err(unfit(Path::new(&bundle.dir), reason))
        }
        _ => Ok(()),
    }
}

/// The baseline's tag: new in a 0.x folder, that of the last migration replaced in any other, because there
/// runners go by names.
fn baseline_tag(bundle: &Bundle, count: usize, name: Option<&str>) -> Result<String, MigrateError> {
    let taken = taken_tags(bundle)?;
    let bad = |name: &str, reason| {
        SquashError::BadName {
            name: name.to_owned(),
            reason,
        }
        .into()
    };
    if bundle.layout != Layout::DrizzleJournal {
        let last = bundle.entries[count - 1].tag.clone();
        let certificate = Path::new(&bundle.dir)
            .join(FOLDER)
            .join(format!("{last}{CERTIFICATE}"));
        return match name {
            Some(name) => Err(bad(
                name,
                "this layout keeps the name of the last migration replaced",
            )),
            None if certificate.exists() => {
                Err(bad(&last, "an earlier squash has a baseline of this name"))
            }
            None => Ok(last),
        };
    }
    let tag = |name: &str| format!("0000_{name}");
    let Some(name) = name else {
        let numbered = (2..).map(|number| format!("baseline_{number}"));
        let mut names = std::iter::once("baseline".to_owned())
            .chain(numbered)
            .map(|it| tag(&it));
        return Ok(names.find(|it| !taken.contains(it)).unwrap_or_default());
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(bad(name, "a name has letters, digits, `_` and `-`"));
    }
    if taken.contains(&tag(name)) {
        return Err(bad(
            name,
            "a migration of this tag is there, or was before a squash",
        ));
    }
    Ok(tag(name))
}

/// Every tag that means something: archives are found by them.
fn taken_tags(bundle: &Bundle) -> Result<BTreeSet<String>, MigrateError> {
    let mut taken: BTreeSet<_> = bundle
        .entries
        .iter()
        .map(|entry| entry.tag.clone())
        .collect();
    for archived in archives(&bundle.dir)? {
        let certificate = archived.certificate;
        taken.extend(certificate.replaces.into_iter().map(|entry| entry.tag));
        taken.insert(certificate.baseline.tag);
    }
    Ok(taken)
}

/// Runs the whole new folder, which must end where the old one does.
fn prove_rest(chain: &Chain<'_>, baseline: &Migration) -> Result<(), MigrateError> {
    let old = chain.bundle;
    let kept = old.entries[chain.count..].iter().cloned();
    let entries = std::iter::once(baseline.clone()).chain(kept).collect();
    let new = Bundle::new(old.dir.clone(), old.layout, entries);
    let fails = |message: String| SquashError::BaselineFails { message };
    let made = Expected::replay(&new).map_err(|error| fails(error.to_string()))?;
    let level = chain
        .expected
        .level(chain.expected.end(), &made, made.end());
    if level.is_none_or(|level| level > Level::E1) {
        return Err(fails("what comes after it ends in another schema".to_owned()).into());
    }
    Ok(())
}

/// What is said of a baseline that is proved.
pub(super) fn certificate(
    chain: &Chain<'_>,
    baseline: &Migration,
    proven: &Proven,
    archive: &[u8],
) -> Certificate {
    let after = |count: usize| {
        chain
            .expected
            .fingerprint(Position(count))
            .unwrap_or_else(|| Schema::default().fingerprint())
    };
    let replaced = |(at, entry): (usize, &Migration)| Replaced {
        tag: entry.tag.clone(),
        when: entry.when,
        hash: entry.hash.clone(),
        fingerprint: after(at + 1),
        data_statements: chain.expected.facts(at).data_statements.clone(),
    };
    Certificate {
        version: Certificate::version(),
        baseline: Baseline {
            tag: baseline.tag.clone(),
            when: baseline.when,
            hash: baseline.hash.clone(),
            fingerprint: after(chain.count),
        },
        layout: chain.bundle.layout,
        replaces: chain.entries().iter().enumerate().map(replaced).collect(),
        level: proven.level,
        waivers: proven.waivers.clone(),
        data: proven.data,
        archive_sha256: sha256_hex(archive),
        sqlite: rusqlite::version().to_owned(),
        tool: TOOL.to_owned(),
        pruned: None,
    }
}

/// The folder as it is, packed, and read back to see that it can be.
pub(super) fn archive(bundle: &Bundle, files: &Files) -> Result<Vec<u8>, MigrateError> {
    let dir = Path::new(&bundle.dir);
    let bytes = archive::pack(files).map_err(|error| unfit(dir, error.to_string()))?;
    let unpacked =
        archive::unpack(&bytes).map_err(|reason| unfit(dir, format!("its archive: {reason}")))?;
    let read = Bundle::from_memory(&bundle.dir, bundle.layout, &unpacked)?;
    if read.digest != bundle.digest {
        return Err(unfit(dir, "it changed while it was read"));
    }
    Ok(bytes)
}

/// The files that a migrations folder of this layout consists of; others are nobody's business here.
pub(super) fn files_of(dir: &Path, bundle: &Bundle) -> Result<Files, MigrateError> {
    let mut paths = BTreeSet::new();
    for entry in &bundle.entries {
        paths.insert(folder::sql_path(bundle.layout, &entry.tag));
        if bundle.layout == Layout::DrizzleFolders {
            paths.extend(files_in(dir, &entry.tag)?);
        }
    }
    if bundle.layout == Layout::DrizzleJournal {
        paths.extend(files_in(dir, "meta")?);
    }
    if bundle.layout != Layout::PlainFiles && dir.join(folder::MODULE).is_file() {
        paths.insert(folder::MODULE.to_owned());
    }
    let read = |path: String| {
        Ok((
            path.clone(),
            read_limited(&dir.join(path), JOURNAL_BYTES_MAX)?,
        ))
    };
    paths.into_iter().map(read).collect()
}

/// The files directly in a subfolder.
fn files_in(dir: &Path, sub: &str) -> Result<Vec<String>, MigrateError> {
    let path = dir.join(sub);
    let failed = |source| MigrateError::Io {
        path: path.display().to_string(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if let Some(name) = name.to_str().filter(|_| entry.path().is_file()) {
            files.push(format!("{sub}/{name}"));
        }
    }
    Ok(files)
}
