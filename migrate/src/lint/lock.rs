//! `migrations.lock`: the hash of every released migration, a line each, as sha256sum(1) writes and checks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::bundle::{Bundle, Migration, read_limited};
use crate::error::MigrateError;
use crate::finding::{Finding, Severity};
use crate::limits::JOURNAL_BYTES_MAX;
use crate::squash;

/// The name of the lock file inside a migration folder. No Drizzle looks at it.
pub const LOCK_FILE: &str = "migrations.lock";

/// What stands above the hashes. sha256sum takes such lines for comments.
const HEADER: &str = "# Released migrations. Written by `actor-migrate hash`, verified by it or by `sha256sum -c`.\n";

/// The released migrations of a folder, each with the sha256 of its file: one line each and nothing that
/// accumulates, so that two branches which each add a migration merge without a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    file: String,
    entries: Vec<Entry>,
    squashes: Squashes,
}

/// What certified squashes have done to the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Squashes {
    /// The tags that they replaced: these are not missing.
    replaced: BTreeSet<String>,
    /// Their baselines, each with the hashes that its text was certified with. A baseline may stand before released
    /// migrations, and where the last one it replaced.
    baselines: BTreeMap<String, BTreeSet<String>>,
}

impl Squashes {
    fn read(bundle: &Bundle) -> Result<Self, MigrateError> {
        let mut squashes = Self::default();
        for archived in squash::archives(&bundle.dir)? {
            let certificate = archived.certificate;
            let tags = certificate.replaces.into_iter().map(|entry| entry.tag);
            squashes.replaced.extend(tags);
            let baseline = certificate.baseline;
            let hashes = squashes.baselines.entry(baseline.tag).or_default();
            hashes.insert(baseline.hash);
        }
        Ok(squashes)
    }

    /// Whether this is a baseline, as certified, in the place of a migration that it replaced.
    fn account_for(&self, migration: &Migration) -> bool {
        let hashes = self.baselines.get(&migration.tag);
        self.replaced.contains(&migration.tag)
            && hashes.is_some_and(|hashes| hashes.contains(&migration.hash))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Relative to the folder, with `/`.
    path: String,
    /// Lower-case hex.
    hash: String,
    /// Where it stands in the lock file, from 1; 0 in a lock that was not read.
    line: usize,
}

impl Lock {
    /// Reads the lock of a folder; `None` if it has none.
    ///
    /// # Errors
    /// M106, M109, M185: the file is too large, cannot be read, or is no list of hashes. M160: a certificate of a
    /// squash is none.
    pub fn read(bundle: &Bundle) -> Result<Option<Self>, MigrateError> {
        let path = Path::new(&bundle.dir).join(LOCK_FILE);
        match read_limited(&path, JOURNAL_BYTES_MAX) {
            Ok(bytes) => {
                let squashes = Squashes::read(bundle)?;
                let lock = Self::parse(path.display().to_string(), &bytes)?;
                Ok(Some(Self { squashes, ..lock }))
            }
            Err(MigrateError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads lines of `<hash>  <path>`; blank lines and lines that begin with `#` are comments.
    fn parse(file: String, bytes: &[u8]) -> Result<Self, MigrateError> {
        let text = String::from_utf8_lossy(bytes);
        let mut entries = Vec::new();
        let mut paths = BTreeSet::new();
        for (line, number) in text.lines().zip(1..) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |reason| MigrateError::BadLock {
                path: file.clone(),
                line: number,
                reason,
            };
            let (hash, path) = parse_line(line).ok_or_else(|| bad("this is no hash and path"))?;
            if !paths.insert(path.clone()) {
                return Err(bad("this file is listed twice"));
            }
            entries.push(Entry {
                path,
                hash,
                line: number,
            });
        }
        let squashes = Squashes::default();
        Ok(Self {
            file,
            entries,
            squashes,
        })
    }

    /// The migrations that it does not list: they are not released yet.
    #[must_use]
    pub fn unreleased<'a>(&self, bundle: &'a Bundle) -> Vec<&'a Migration> {
        let paths: BTreeSet<_> = self.entries.iter().map(|entry| &entry.path).collect();
        let entries = bundle.entries.iter();
        entries
            .filter(|migration| !paths.contains(&bundle.path_of(migration)))
            .collect()
    }

    /// How many migrations it lists.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a certified squash made this migration.
    pub(super) fn is_baseline(&self, migration: &Migration) -> bool {
        self.squashes.baselines.contains_key(&migration.tag)
    }

    /// That a folder which should have a lock has none (L104).
    #[must_use]
    pub fn missing(bundle: &Bundle) -> Finding {
        let file = Path::new(&bundle.dir).join(LOCK_FILE);
        let message = format!("{} has no lock file", bundle.dir);
        Finding {
            file: Some(file.display().to_string()),
            ..Finding::new("L104", Severity::Error, message)
        }
    }

    /// The released migrations that were edited (L101) or are gone (L102). A migration that the lock does not
    /// list is no finding: it is not released yet.
    #[must_use]
    pub fn check(&self, bundle: &Bundle) -> Vec<Finding> {
        let found = by_path(bundle);
        let replaced = &self.squashes.replaced;
        let mut findings = Vec::new();
        for entry in &self.entries {
            match found.get(&entry.path) {
                Some(migration) if migration.file_hash == entry.hash => {}
                Some(migration) if self.squashes.account_for(migration) => {}
                Some(migration) => findings.push(edited(migration, &self.file, entry)),
                None if replaced.contains(tag_of(&entry.path)) => {}
                None => findings.push(self.removed(entry, bundle)),
            }
        }
        findings
    }

    fn removed(&self, entry: &Entry, bundle: &Bundle) -> Finding {
        let tag = tag_of(&entry.path);
        let same = bundle
            .entries
            .iter()
            .find(|migration| migration.file_hash == entry.hash);
        let now = same.map(|migration| format!("; {} has the same text", migration.tag));
        let message = format!(
            "{tag} was released and is not in the folder{}",
            now.unwrap_or_default()
        );
        Finding {
            migration: Some(tag.to_owned()),
            file: Some(self.file.clone()),
            line: Some(entry.line),
            column: Some(1),
            ..Finding::new("L102", Severity::Error, message)
        }
    }

    /// The lock of `bundle` with all its migrations released: what `before` says of a migration stays unless its
    /// tag is in `accepted`, so that an edit is never locked by accident.
    #[must_use]
    pub fn updated(before: Option<&Self>, bundle: &Bundle, accepted: &BTreeSet<String>) -> Self {
        let known: BTreeMap<_, _> = before
            .iter()
            .flat_map(|lock| &lock.entries)
            .map(|entry| (entry.path.as_str(), entry))
            .collect();
        let squashes = before.map(|lock| lock.squashes.clone());
        let squashes = squashes.unwrap_or_default();
        let locked = bundle.entries.iter().map(|migration| {
            let path = bundle.path_of(migration);
            let kept = known.get(path.as_str());
            let given_up = accepted.contains(&migration.tag) || squashes.account_for(migration);
            let kept = kept.filter(|_| !given_up);
            let hash = kept.map_or(&migration.file_hash, |entry| &entry.hash);
            let (hash, line) = (hash.clone(), 0);
            Entry { path, hash, line }
        });
        let mut entries: Vec<_> = locked.collect();
        let found = by_path(bundle);
        let dropped = |tag: &str| accepted.contains(tag) || squashes.replaced.contains(tag);
        let gone = known
            .values()
            .filter(|entry| !found.contains_key(&entry.path) && !dropped(tag_of(&entry.path)));
        entries.extend(gone.map(|entry| (*entry).clone()));
        let file = Path::new(&bundle.dir).join(LOCK_FILE);
        Self {
            file: file.display().to_string(),
            entries,
            squashes,
        }
    }
}

/// The text of the file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEADER)?;
        for entry in &self.entries {
            // As sha256sum does: a backslash in front says that the name is escaped.
            let escaped = entry.path.contains(['\\', '\n', '\r']);
            let mark = if escaped { "\\" } else { "" };
            let name = entry.path.replace('\\', "\\\\");
            let name = name.replace('\n', "\\n").replace('\r', "\\r");
            writeln!(f, "{mark}{}  {name}", entry.hash)?;
        }
        Ok(())
    }
}

/// Hash and path of one line, in text or in binary mode.
fn parse_line(line: &str) -> Option<(String, String)> {
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (hash, rest) = line.split_at_checked(64)?;
    let name = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))?;
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = if escaped {
        unescape(name)?
    } else {
        name.to_owned()
    };
    (is_hash && !name.is_empty()).then(|| (hash.to_ascii_lowercase(), name))
}

fn unescape(name: &str) -> Option<String> {
    let mut chars = name.chars();
    let mut plain = String::new();
    while let Some(next) = chars.next() {
        plain.push(match next {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

fn by_path(bundle: &Bundle) -> BTreeMap<String, &Migration> {
    let entries = bundle.entries.iter();
    entries
        .map(|migration| (bundle.path_of(migration), migration))
        .collect()
}

/// The migration that a path of a lock speaks of.
fn tag_of(path: &str) -> &str {
    path.strip_suffix("/migration.sql")
        .or_else(|| path.strip_suffix(".sql"))
        .unwrap_or(path)
}

fn edited(migration: &Migration, lock: &str, entry: &Entry) -> Finding {
    let message = format!(
        "{} was released with another text ({lock}:{})",
        migration.tag, entry.line
    );
    Finding::new("L101", Severity::Error, message).of(migration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock_of(path: &str) -> Lock {
        Lock {
            file: "migrations.lock".into(),
            entries: vec![Entry {
                path: path.into(),
                hash: "0a".repeat(32),
                line: 2,
            }],
            squashes: Squashes::default(),
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_the_name() {
        for path in [
            "0000_a.sql",
            "a b/migration.sql",
            "odd\\name\nin two lines.sql",
        ] {
            let lock = lock_of(path);
            let read = Lock::parse(lock.file.clone(), lock.to_string().as_bytes());
            assert_eq!(read.unwrap(), lock, "{path:?}");
        }
    }

    #[test]
    fn what_a_certified_squash_replaced_is_not_missing() {
        let bundle = Bundle::new(
            "d".into(),
            crate::bundle::Layout::DrizzleJournal,
            Vec::new(),
        );
        let mut lock = lock_of("0000_a.sql");
        assert_eq!(lock.check(&bundle).len(), 1);
        lock.squashes.replaced.insert("0000_a".into());
        assert_eq!(lock.check(&bundle), []);
        let after = Lock::updated(Some(&lock), &bundle, &BTreeSet::new());
        assert!(after.is_empty(), "its line goes");
    }

    #[test]
    fn binary_mode_capitals_and_crlf_are_read_too() {
        let text = format!("{} *0000_a.sql\r\n", "0A".repeat(32));
        let read = Lock::parse("l".into(), text.as_bytes()).unwrap();
        assert_eq!(read.entries[0].path, "0000_a.sql");
        assert_eq!(read.entries[0].hash, "0a".repeat(32));
    }
}
