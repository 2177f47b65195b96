//! Certifies a squash that somebody made by hand: proves the baseline that is there against the chain that it
//! replaced, and adds what a squash would have left beside it.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::archive::Files;
use super::baseline::{CHANCE, Chain, Proven, ended};
use super::certificate::{Carried, Certificate};
use super::made::{self, Fate};
use super::plan::{self, Change, FileChange};
use super::{ARCHIVE, Archived, CERTIFICATE, FOLDER, write};
use crate::bundle::{Bundle, Layout, Migration, Position, read_limited};
use crate::error::{MigrateError, SquashError};
use crate::finding::{Finding, Severity};
use crate::limits::ARCHIVE_BYTES_MAX;
use crate::replay::{Expected, is_same};
use crate::schema::{Level, diff};

/// The waiver for a schema that means the same and is written otherwise.
const OTHERWISE: &str = "written-otherwise";
/// The waiver for rows that the baseline gives a new database otherwise than the old chain.
const ROWS: &str = "rows";
/// How many differences a refusal names.
const NAMED_MAX: usize = 3;

/// A migration folder as it was before somebody squashed it.
#[derive(Clone)]
pub struct OldFolder {
    bundle: Bundle,
    files: Files,
}

impl fmt::Debug for OldFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OldFolder");
        shown.field("bundle", &self.bundle);
        shown.finish_non_exhaustive()
    }
}

impl OldFolder {
    /// A folder on disk, all of which is archived.
    ///
    /// # Errors
    /// As [`Bundle::read`] and [`Bundle::read_plain`].
    pub fn read(dir: impl AsRef<Path>, layout: Layout) -> Result<Self, MigrateError> {
        let bundle = match layout {
            Layout::PlainFiles => Bundle::read_plain(&dir),
            Layout::DrizzleJournal | Layout::DrizzleFolders => Bundle::read(&dir),
        }?;
        let files = plan::files_of(dir.as_ref(), &bundle)?;
        Ok(Self { bundle, files })
    }

    /// The files of a folder by their paths inside it, as a revision has them. Messages call it `name`.
    ///
    /// # Errors
    /// As [`Bundle::from_memory`].
    pub fn from_memory(name: &str, layout: Layout, files: Files) -> Result<Self, MigrateError> {
        let bundle = Bundle::from_memory(name, layout, &files)?;
        Ok(Self { bundle, files })
    }
}

/// A certificate that is proved and not written yet.
#[non_exhaustive]
pub struct CertifyPlan {
    /// What was replaced by what.
    pub certificate: Certificate,
    /// The files that are added; none if all of it is there already.
    pub files: Vec<FileChange>,
    /// What stock runners do with a baseline that carries another time or name than a squash gives it.
    pub findings: Vec<Finding>,
    dir: PathBuf,
    layout: Layout,
    digest: String,
    archive: Vec<u8>,
}

impl fmt::Debug for CertifyPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CertifyPlan");
        shown.field("certificate", &self.certificate);
        shown.field("files", &self.files);
        shown.field("findings", &self.findings);
        shown.finish_non_exhaustive()
    }
}

impl CertifyPlan {
    /// Adds the archive and then the certificate, each whole or not at all; nothing uses an archive without
    /// a certificate. Nothing else in the folder is touched.
    ///
    /// # Errors
    /// M196 if the folder changed since it was read; M169 if the system refuses.
    pub fn write(&self) -> Result<(), MigrateError> {
        let tag = &self.certificate.baseline.tag;
        let now = match self.layout {
            Layout::PlainFiles => Bundle::read_plain(&self.dir),
            Layout::DrizzleJournal | Layout::DrizzleFolders => Bundle::read(&self.dir),
        }?;
        if now.digest != self.digest {
            return Err(refusal(tag, "its folder changed after it was proved"));
        }
        let (archive, json) = (format!("{tag}{ARCHIVE}"), format!("{tag}{CERTIFICATE}"));
        let text = self.certificate.to_json()?;
        let files = [(&*archive, &*self.archive), (&*json, text.as_bytes())];
        let missing = |name: &str| self.files.iter().any(|file| file.path.ends_with(name));
        let files: Vec<_> = files.into_iter().filter(|it| missing(it.0)).collect();
        write::add(&self.dir, FOLDER, &files)
    }
}

/// Proves that the first migration of `bundle` does what it replaced of `old`: those that `bundle` has no more.
///
/// A person may accept by name, in `allow`: `written-otherwise` for a schema that means the same, a difference
/// such as `column-order:tasks`, `rows` for rows that the baseline writes otherwise, and `nondeterministic` for
/// rows that are other ones in each new database, of which there must be as many.
///
/// # Errors
/// M196 if the two are not the same, or `bundle` is not `old` with its first migrations replaced; M165 for rows
/// by chance; M162 if actors may have skipped a migration of `old`; M120 to M122 if either does not run.
pub fn certify(
    bundle: &Bundle,
    old: &OldFolder,
    allow: &BTreeSet<String>,
) -> Result<CertifyPlan, MigrateError> {
    let Some(baseline) = bundle.entries.first() else {
        return Err(refusal(&bundle.dir, "it has no migration"));
    };
    let count = replaced(bundle, baseline, &old.bundle)?;
    plan::no_skips(&old.bundle, count)?;
    let expected = Expected::replay(&old.bundle)?;
    let chain = Chain {
        bundle: &old.bundle,
        expected: &expected,
        count,
    };
    let made = Expected::replay(bundle)?;
    let hand = HandMade {
        chain: &chain,
        baseline,
        made: &made,
        allow,
    };
    let proven = hand.proven()?;
    hand.prove_rest(bundle, proven.level)?;
    let archive = plan::archive(&old.bundle, &old.files)?;
    let mut certificate = plan::certificate(&chain, baseline, &proven, &archive);
    if let Some(fingerprint) = made.fingerprint(Position(1)) {
        certificate.baseline.fingerprint = fingerprint;
    }
    let dir = PathBuf::from(&bundle.dir);
    let files = match there(&dir, &certificate)? {
        Some(found) => {
            certificate = found;
            Vec::new()
        }
        None => missing(&dir, &baseline.tag, &archive)?,
    };
    Ok(CertifyPlan {
        findings: runners(&chain, baseline).into_iter().collect(),
        certificate,
        files,
        dir,
        layout: bundle.layout,
        digest: bundle.digest.clone(),
        archive,
    })
}

fn refusal(tag: &str, reason: impl Into<String>) -> MigrateError {
    let (tag, reason) = (tag.to_owned(), reason.into());
    SquashError::CannotCertify { tag, reason }.into()
}

/// How many migrations of the old folder were replaced: its first ones, up to one that is still there.
fn replaced(bundle: &Bundle, baseline: &Migration, old: &Bundle) -> Result<usize, MigrateError> {
    let refused = |reason: String| Err(refusal(&baseline.tag, reason));
    if bundle.layout != old.layout {
        return refused(format!("{} has another layout", old.dir));
    }
    let is_it = |it: &Migration| (&it.tag, &it.hash) == (&baseline.tag, &baseline.hash);
    if old.entries.iter().any(is_it) {
        return refused(format!(
            "it is a migration of {} and replaced none",
            old.dir
        ));
    }
    let after = &bundle.entries[1..];
    let is_kept = |entry: &Migration| after.iter().any(|it| is_same(it, entry));
    let count = old.entries.iter().take_while(|it| !is_kept(it)).count();
    let Some(last) = old.entries[..count].last() else {
        return refused(format!("the first migration of {} is still here", old.dir));
    };
    let kept = &old.entries[count..];
    let differs = |at: &usize| !after.get(*at).is_some_and(|it| is_same(it, &kept[*at]));
    match (0..kept.len()).find(differs) {
        None => Ok(count),
        Some(at) => refused(format!(
            "{} does not follow it as it followed {} in {}",
            kept[at].tag, last.tag, old.dir
        )),
    }
}

/// A baseline that somebody wrote, and the chain that it replaced.
struct HandMade<'a> {
    chain: &'a Chain<'a>,
    baseline: &'a Migration,
    /// The replay of the folder that begins with it.
    made: &'a Expected,
    allow: &'a BTreeSet<String>,
}

impl HandMade<'_> {
    fn proven(&self) -> Result<Proven, MigrateError> {
        let (level, mut waivers) = self.level()?;
        let (data, waived) = self.rows()?;
        waivers.extend(waived.map(str::to_owned));
        Ok(Proven {
            text: self.baseline.text.clone(),
            data,
            level,
            waivers,
        })
    }

    fn refused(&self, reason: impl Into<String>) -> MigrateError {
        refusal(&self.baseline.tag, reason)
    }

    /// How much alike the schemas are, and what had to be accepted for that.
    fn level(&self) -> Result<(Level, Vec<String>), MigrateError> {
        let old = self.chain.expected.schema_at(Position(self.chain.count));
        let (old, new) = (old.unwrap_or_default(), self.made.schema_at(Position(1)));
        let new = new.unwrap_or_default();
        let level = Level::of(&old, &new);
        if level <= Level::E1 {
            return Ok((level, Vec::new()));
        }
        let differences = diff(&old, &new);
        let names = differences
            .iter()
            .map(|it| format!("{}:{}", it.kind, it.object));
        let needs: Vec<_> = match level {
            Level::E2 => vec![OTHERWISE.to_owned()],
            _ => names.collect(),
        };
        let open = needs.iter().filter(|need| !self.allow.contains(*need));
        let open: Vec<_> = open.map(String::as_str).collect();
        if level != Level::D && open.is_empty() {
            return Ok((level, needs));
        }
        let named = open[..open.len().min(NAMED_MAX)].join(", ");
        Err(self.refused(match level {
            Level::D => format!("its schema is another one than that of the old chain: {named}"),
            _ => format!("its schema is only {level} to that of the old chain; `--allow` {named}"),
        }))
    }

    /// How it gives a new database the rows of the old chain, and what had to be accepted for that.
    fn rows(&self) -> Result<(Carried, Option<&'static str>), MigrateError> {
        let old = made::rows(self.chain.entries(), Fate::Real)?;
        let new = made::rows(std::slice::from_ref(self.baseline), Fate::Real)?;
        let carried = if old.is_empty() {
            Carried::Nothing
        } else if self.has_its_statements() {
            Carried::Statements
        } else {
            Carried::Rows
        };
        if let Some(refusal) = self.chain.chance(&old)? {
            return match self.allow.contains(CHANCE) && old.counts() == new.counts() {
                true => Ok((carried, Some(CHANCE))),
                false if self.allow.contains(ROWS) => Ok((Carried::Waived, Some(ROWS))),
                false => Err(refusal.into()),
            };
        }
        match old.first_difference(&new) {
            None => Ok((carried, None)),
            Some(_) if self.allow.contains(ROWS) => Ok((Carried::Waived, Some(ROWS))),
            Some(table) => Err(self.refused(format!(
                "it gives {table} other rows in a new database than the old chain; `--allow {ROWS}`"
            ))),
        }
    }

    /// Whether the statements of the chain that write rows all stand in it.
    fn has_its_statements(&self) -> bool {
        let its = self.baseline.statements.iter();
        let its: BTreeSet<_> = its.map(|it| ended(self.baseline.sql(it))).collect();
        self.chain
            .data_statements()
            .iter()
            .all(|it| its.contains(it))
    }

    /// What comes after it must end where it ends after the old chain.
    fn prove_rest(&self, bundle: &Bundle, allowed: Level) -> Result<(), MigrateError> {
        let after = bundle.entries[1..].iter();
        let entries = self.chain.entries().iter().chain(after).cloned().collect();
        let whole = Bundle::new(bundle.dir.clone(), bundle.layout, entries);
        let fails = |error: MigrateError| {
            self.refused(format!(
                "what follows it fails after the old chain: {error}"
            ))
        };
        let whole = Expected::replay(&whole).map_err(fails)?;
        let level = whole.level(whole.end(), self.made, self.made.end());
        if level.is_none_or(|level| level > allowed.max(Level::E1)) {
            let reason = "what follows it ends in another schema after the old chain";
            return Err(self.refused(reason));
        }
        Ok(())
    }
}

/// The certificate that is there already, if it says the same of a chain that can be read. Another one is
/// somebody's, and stays.
fn there(dir: &Path, certificate: &Certificate) -> Result<Option<Certificate>, MigrateError> {
    let tag = &certificate.baseline.tag;
    let (folder, path) = (dir.join(FOLDER), format!("{FOLDER}/{tag}{CERTIFICATE}"));
    if !dir.join(&path).exists() {
        return Ok(None);
    }
    let found = Archived::read(&folder, tag)?;
    if found.certificate.pruned.is_none() {
        found.bundle()?;
    }
    let what = |it: &Certificate| (it.baseline.clone(), it.replaces.clone());
    if what(&found.certificate) != what(certificate) {
        return Err(refusal(tag, format!("{path} certifies something else")));
    }
    Ok(Some(found.certificate))
}

/// The files to add. An archive without a certificate is one of an interrupted run, or somebody's, and stays.
fn missing(dir: &Path, tag: &str, archive: &[u8]) -> Result<Vec<FileChange>, MigrateError> {
    let change = Change::Added;
    let added = |suffix: &str| FileChange {
        path: format!("{FOLDER}/{tag}{suffix}"),
        change,
    };
    let (json, packed) = (added(CERTIFICATE), added(ARCHIVE));
    let path = dir.join(&packed.path);
    if !path.exists() {
        return Ok(vec![json, packed]);
    }
    if read_limited(&path, ARCHIVE_BYTES_MAX)? != archive {
        let reason = format!("another {} is there without a certificate", packed.path);
        return Err(refusal(tag, reason));
    }
    Ok(vec![json])
}

/// What a stock runner does with the baseline, where it is not what it does after a squash.
fn runners(chain: &Chain<'_>, baseline: &Migration) -> Option<Finding> {
    let last = chain.entries().last()?;
    let by_time = chain.bundle.layout == Layout::DrizzleJournal;
    let counts = |entry: &&Migration| match by_time {
        true => entry.when >= baseline.when,
        false => entry.tag == baseline.tag,
    };
    let found = |code, message| Some(Finding::new(code, Severity::Warning, message).of(baseline));
    match chain.entries().iter().find(counts) {
        None => {
            let (tag, last) = (&baseline.tag, &last.tag);
            let why = match by_time {
                true => format!("its `when` is after that of {last}"),
                false => format!("it has another name than {last}"),
            };
            let message =
                format!("{why}, so a stock runner runs {tag} again on actors that are complete");
            found("L309", message)
        }
        Some(first) if first.tag != last.tag => {
            let (tag, first) = (&baseline.tag, &first.tag);
            let message = format!(
                "a stock runner skips {tag} in silence on actors that came as far as {first} and not to {}",
                last.tag
            );
            found("L310", message)
        }
        Some(_) => None,
    }
}
