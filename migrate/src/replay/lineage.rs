//! The old chains that a baseline of a folder replaced: read and replayed when an actor comes that the
//! folder alone does not explain, and not before.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Expected, View};
use crate::bundle::{Bundle, Migration, Position};
use crate::error::{HistoryError, MigrateError};
use crate::limits::ANCESTORS_MAX;
use crate::schema::Difference;
use crate::squash::{self, Archived};

type Read = Box<dyn Fn() -> Result<Bundle, MigrateError> + Send + Sync>;

/// What a folder was before its migrations were squashed: the old folder, a revision of it, or an archive.
///
/// It may be the whole old folder: what the present folder still has is found by tag, time and hash.
pub struct History {
    name: String,
    /// The migration that replaced it, if somebody vouches for that.
    vouched: Option<Vouched>,
    read: Read,
}

/// What a certificate says of a squash.
#[derive(Debug, Clone)]
struct Vouched {
    /// The migration that stands for the old chain.
    baseline: String,
    /// Its hash when that was certified.
    hash: Option<String>,
    /// What a person accepted then, by name.
    waivers: Vec<String>,
    /// Whether the old chain lies archived beside it.
    archived: bool,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("History");
        shown.field("name", &self.name);
        shown.field("vouched", &self.vouched);
        shown.finish_non_exhaustive()
    }
}

impl History {
    /// An old folder that is read already. Messages call it by the folder's name.
    #[must_use]
    pub fn new(old: Bundle) -> Self {
        Self::lazy(old.dir.clone(), move || Ok(old.clone()))
    }

    /// An old folder that is read when it is needed, and called `name` in messages.
    pub fn lazy(
        name: impl Into<String>,
        read: impl Fn() -> Result<Bundle, MigrateError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            vouched: None,
            read: Box::new(read),
        }
    }

    /// The same, with a certificate that the migration `tag` replaced it and carries its data statements.
    #[must_use]
    pub fn replaced_by(self, tag: impl Into<String>) -> Self {
        let vouched = Some(Vouched {
            baseline: tag.into(),
            hash: None,
            waivers: Vec::new(),
            archived: false,
        });
        Self { vouched, ..self }
    }

    /// The old chain that a squash archived.
    fn archived(old: Archived) -> Self {
        let certificate = &old.certificate;
        Self {
            name: old.path().display().to_string(),
            vouched: Some(Vouched {
                baseline: certificate.baseline.tag.clone(),
                hash: Some(certificate.baseline.hash.clone()),
                waivers: certificate.waivers.clone(),
                archived: true,
            }),
            read: Box::new(move || old.bundle()),
        }
    }
}

/// The histories of a folder, and what came of them.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    histories: Vec<History>,
    ancestors: OnceLock<Ancestors>,
}

/// The chains that lead to a baseline of the folder, newest first, and the histories that lead nowhere.
#[derive(Debug, Default)]
pub(crate) struct Ancestors {
    pub(crate) fit: Vec<Arc<Ancestor>>,
    pub(crate) unfit: Vec<HistoryError>,
}

/// A folder with an old chain in the place of its baseline.
#[derive(Debug)]
pub(crate) struct Ancestor {
    /// What the chain was read from.
    pub(crate) history: String,
    pub(crate) bundle: Bundle,
    pub(crate) expected: Expected,
    /// Every baseline in between has a certificate.
    pub(crate) certified: bool,
    /// What people accepted, by name, when they squashed.
    pub(crate) waivers: BTreeSet<String>,
    /// The archives among what it was made of, by path.
    pub(crate) archives: BTreeSet<String>,
    /// How many of its last migrations are the folder's.
    kept: usize,
    /// Which histories it was made of, by number.
    parts: BTreeSet<usize>,
}

impl Ancestor {
    pub(crate) fn view(&self) -> View<'_> {
        View {
            bundle: &self.bundle,
            expected: &self.expected,
        }
    }

    /// The position at which all that the folder's baseline replaced is in effect.
    pub(crate) fn replaced(&self) -> Position {
        Position(self.bundle.entries.len() - self.kept)
    }

    /// The position in `folder` of an actor that stands here at `position`, or once it has come so far.
    pub(crate) fn in_folder(&self, folder: &Bundle, position: Position) -> Position {
        let pending = self.bundle.entries.len() - position.max(self.replaced()).0;
        Position(folder.entries.len() - pending)
    }
}

impl Lineage {
    pub(super) fn add(&mut self, histories: impl IntoIterator<Item = History>) {
        self.histories.extend(histories);
        self.ancestors = OnceLock::new();
    }

    pub(super) fn is_read(&self) -> bool {
        self.ancestors.get().is_some()
    }

    /// Reads and replays every history, once: those that were given, and the archives of the folder.
    pub(super) fn ancestors(&self, folder: View<'_>) -> &Ancestors {
        self.ancestors
            .get_or_init(|| Search::new(&self.histories, folder).run())
    }
}

/// Puts histories in the place of baselines until nothing new comes of it: a squash may have been squashed.
struct Search<'a> {
    folder: View<'a>,
    olds: Vec<Old>,
    seen: HashSet<String>,
    fit: Vec<Arc<Ancestor>>,
    failures: Vec<(usize, HistoryError)>,
}

/// A history that was read.
struct Old {
    number: usize,
    name: String,
    vouched: Option<Vouched>,
    bundle: Bundle,
}

/// What a history is spliced into: the folder itself, or an ancestor.
struct Base<'a> {
    bundle: &'a Bundle,
    kept: usize,
    ancestor: Option<&'a Ancestor>,
}

impl<'a> Search<'a> {
    fn new(histories: &[History], folder: View<'a>) -> Self {
        let mut search = Self {
            folder,
            olds: Vec::new(),
            seen: HashSet::from([folder.bundle.digest.clone()]),
            fit: Vec::new(),
            failures: Vec::new(),
        };
        search.read_archives(&folder.bundle.dir);
        for history in histories {
            if let Some(dir) = search.read(history) {
                search.read_archives(&dir);
            }
        }
        search
    }

    /// Reads one history and says which folder it was.
    fn read(&mut self, history: &History) -> Option<String> {
        let number = self.olds.len() + self.failures.len();
        match (history.read)() {
            Ok(bundle) => {
                let dir = bundle.dir.clone();
                self.olds.push(Old {
                    number,
                    name: history.name.clone(),
                    vouched: history.vouched.clone(),
                    bundle,
                });
                Some(dir)
            }
            Err(error) => {
                self.failures
                    .push((number, unreadable(&history.name, &error)));
                None
            }
        }
    }

    /// Reads what squashes of a folder left, the latest first.
    fn read_archives(&mut self, dir: &str) {
        match squash::archives(dir) {
            Ok(archives) => {
                for old in archives.into_iter().rev() {
                    if old.is_pruned() {
                        self.miss(&old);
                    } else {
                        self.read(&History::archived(old));
                    }
                }
            }
            Err(error) => {
                let number = self.olds.len() + self.failures.len();
                self.failures.push((number, unreadable(dir, &error)));
            }
        }
    }

    /// An archive that was pruned may be what an actor needs that nothing else explains.
    fn miss(&mut self, old: &Archived) {
        let pruned = HistoryError::Pruned {
            archive: old.path().display().to_string(),
            baseline: old.certificate.baseline.tag.clone(),
        };
        let number = self.olds.len() + self.failures.len();
        self.failures.push((number, pruned));
    }

    fn run(mut self) -> Ancestors {
        let bundle = self.folder.bundle;
        self.extend(&Base {
            bundle,
            kept: bundle.entries.len(),
            ancestor: None,
        });
        let mut next = 0;
        while let Some(ancestor) = self.fit.get(next).cloned() {
            self.extend(&Base {
                bundle: &ancestor.bundle,
                kept: ancestor.kept,
                ancestor: Some(&ancestor),
            });
            next += 1;
        }
        let of_use: BTreeSet<_> = self.fit.iter().flat_map(|fit| fit.parts.clone()).collect();
        let unfit = self.failures.into_iter();
        let unfit = unfit.filter(|(number, _)| !of_use.contains(number));
        Ancestors {
            unfit: unfit.map(|(_, error)| error).collect(),
            fit: self.fit,
        }
    }

    fn extend(&mut self, base: &Base<'_>) {
        for old in std::mem::take(&mut self.olds) {
            let room = self.fit.len() < ANCESTORS_MAX;
            if let Some(candidate) = Candidate::new(base, &old).filter(|_| room)
                && self.seen.insert(candidate.bundle.digest.clone())
            {
                match candidate.replayed(self.folder) {
                    Ok(ancestor) => self.fit.push(Arc::new(ancestor)),
                    Err(error) => self.failures.push((old.number, error)),
                }
            }
            self.olds.push(old);
        }
    }
}

/// A base with a history in the place of its baseline, not tried yet.
struct Candidate {
    history: String,
    bundle: Bundle,
    certified: bool,
    waivers: BTreeSet<String>,
    archives: BTreeSet<String>,
    kept: usize,
    parts: BTreeSet<usize>,
}

impl Candidate {
    /// `None` where the base has no such baseline, or has this history already.
    fn new(base: &Base<'_>, old: &Old) -> Option<Self> {
        let mut parts = base
            .ancestor
            .map_or_else(BTreeSet::new, |it| it.parts.clone());
        if !parts.insert(old.number) {
            return None;
        }
        let entries = &base.bundle.entries;
        let at = match &old.vouched {
            Some(vouched) => entries.iter().position(|it| it.tag == vouched.baseline)?,
            None => 0,
        };
        // A baseline that was changed since is not what was certified.
        let vouched = old.vouched.as_ref();
        let vouched =
            vouched.filter(|it| it.hash.as_ref().is_none_or(|it| *it == entries[at].hash));
        let after = entries.get(at + 1..)?;
        let is_kept = |entry: &&Migration| after.iter().any(|kept| is_same(kept, entry));
        let replaced = old.bundle.entries.iter().take_while(|it| !is_kept(it));
        let chain = entries[..at].iter().chain(replaced).chain(after);
        let bundle = Bundle::new(
            base.bundle.dir.clone(),
            base.bundle.layout,
            chain.cloned().collect(),
        );
        let name = &old.name;
        let mut waivers = base
            .ancestor
            .map_or_else(BTreeSet::new, |it| it.waivers.clone());
        waivers.extend(vouched.into_iter().flat_map(|it| it.waivers.clone()));
        let mut archives = base
            .ancestor
            .map_or_else(BTreeSet::new, |it| it.archives.clone());
        if old.vouched.as_ref().is_some_and(|it| it.archived) {
            archives.insert(name.clone());
        }
        Some(Self {
            history: base
                .ancestor
                .map_or_else(|| name.clone(), |it| format!("{name} and {}", it.history)),
            certified: vouched.is_some() && base.ancestor.is_none_or(|it| it.certified),
            waivers,
            archives,
            kept: base.kept.min(after.len()),
            bundle,
            parts,
        })
    }

    /// Replays it. The old chain must end in what the folder's baseline makes, but for what a person may accept.
    fn replayed(self, folder: View<'_>) -> Result<Ancestor, HistoryError> {
        let expected = match Expected::replay(&self.bundle) {
            Ok(expected) => expected,
            Err(error) => return Err(self.why_not(folder, &error)),
        };
        self.check_end(folder, &expected)?;
        Ok(Ancestor {
            history: self.history,
            bundle: self.bundle,
            expected,
            certified: self.certified,
            waivers: self.waivers,
            archives: self.archives,
            kept: self.kept,
            parts: self.parts,
        })
    }

    /// What was kept may fail because the old chain ends elsewhere: then that is what is wrong.
    fn why_not(&self, folder: View<'_>, error: &MigrateError) -> HistoryError {
        let entries = self.bundle.entries[..self.replaced().0].to_vec();
        let old = Bundle::new(self.bundle.dir.clone(), self.bundle.layout, entries);
        let end = Expected::replay(&old).map(|expected| self.check_end(folder, &expected));
        match end {
            Ok(Err(misses)) => misses,
            _ => HistoryError::Unreadable {
                history: self.history.clone(),
                message: error.to_string(),
            },
        }
    }

    /// The end of the old chain is what the baseline makes, but for what a person may accept.
    fn check_end(&self, folder: View<'_>, expected: &Expected) -> Result<(), HistoryError> {
        let arrival = Position(folder.bundle.entries.len() - self.kept);
        let end = expected.schema_at(self.replaced()).unwrap_or_default();
        let gap = folder
            .expected
            .compare(arrival.into(), &end, end.fingerprint());
        let made = |difference: &Difference| {
            difference.kind.is_extra() && folder.expected.knows(&difference.object)
        };
        if gap.iter().all(|it| it.kind.acceptable() && !made(it)) {
            return Ok(());
        }
        let baseline = arrival.0.checked_sub(1);
        let baseline = baseline.and_then(|at| folder.bundle.entries.get(at));
        Err(HistoryError::Misses {
            history: self.history.clone(),
            baseline: baseline.map_or_else(String::new, |entry| entry.tag.clone()),
            differences: gap.to_vec(),
        })
    }

    fn replaced(&self) -> Position {
        Position(self.bundle.entries.len() - self.kept)
    }
}

/// Two of tag, time and hash are enough: git changes line ends, and people rename files.
pub(crate) fn is_same(a: &Migration, b: &Migration) -> bool {
    let alike = [a.tag == b.tag, a.when == b.when, a.hash == b.hash];
    alike.into_iter().filter(|alike| *alike).count() >= 2
}

fn unreadable(history: &str, error: &MigrateError) -> HistoryError {
    HistoryError::Unreadable {
        history: history.to_owned(),
        message: error.to_string(),
    }
}
