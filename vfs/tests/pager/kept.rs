//! What an actor must keep of its past: the bytes that were published when they were compared with
//! those of plain SQLite, asked for again after everything that happens later.

use std::collections::BTreeMap;

use actor_vfs::kv::Engine;
use actor_vfs::{
    Actor, ActorId, ActorInfo, ActorSnapshot, CommitNo, ListOptions, PageNo, Point, Retention,
    Store,
};

use crate::machine::Divergence;

/// What was seen of one actor.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    id: ActorId,
    /// How many commits before the last one stay at least.
    commits_min: u64,
    /// What each commit left.
    commits: BTreeMap<CommitNo, Vec<u8>>,
    /// What each restore point shows.
    points: BTreeMap<String, Vec<u8>>,
}

impl Kept {
    /// Of an actor that keeps so many commits.
    pub(crate) fn new(id: &ActorId, commits_min: u64) -> Self {
        Self {
            id: id.clone(),
            commits_min,
            commits: BTreeMap::new(),
            points: BTreeMap::new(),
        }
    }

    /// Notes what the last commit left, which somebody has compared with the oracle.
    pub(crate) fn note(&mut self, store: &Store) {
        let snapshot = store.snapshot(&self.id).unwrap();
        self.commits.insert(snapshot.commit(), of(&snapshot));
    }

    /// What a commit left.
    pub(crate) fn left_by(&self, commit: CommitNo) -> &[u8] {
        &self.commits[&commit]
    }

    /// Makes a restore point of the last commit.
    pub(crate) fn point(&mut self, actor: &Actor, name: &str) {
        let point = actor.restore_point(name).unwrap();
        let bytes = self.commits[&point.commit].clone();
        self.points.insert(name.to_owned(), bytes);
    }

    /// Every kept state shows what was there, the history lists the commits that are kept and no
    /// other, a state that is not kept is an error, and a scrub finds nothing.
    pub(crate) fn check(&self, store: &Store) -> Result<(), String> {
        let history = store.history(&self.id).map_err(|it| it.to_string())?;
        let numbers: Vec<_> = history.iter().map(|it| it.commit.get()).collect();
        let (oldest, last) = (numbers[0], numbers[numbers.len() - 1]);
        let must = self.commits_min.min(last);
        if !numbers.iter().copied().eq(oldest..=last) || oldest > last - must {
            return Err(format!("the history lists {numbers:?}"));
        }
        for (commit, bytes) in &self.commits {
            let is_listed = numbers.contains(&commit.get());
            let is_pinned = self.points.values().any(|it| it == bytes);
            match store.snapshot_at(&self.id, &Point::Commit(*commit)) {
                Ok(snapshot) if is_listed || is_pinned => same(&snapshot, bytes)?,
                Err(error) if error.code() == "S138" && !is_listed => {}
                Ok(_) => return Err(format!("commit {commit} is still there")),
                Err(error) => return Err(format!("commit {commit}: {error}")),
            }
        }
        if let Some(number) = numbers.iter().find(|it| !self.knows(**it)) {
            return Err(format!("nobody made commit {number}"));
        }
        self.check_points(store)?;
        let scrub = store.scrub().map_err(|it| it.to_string())?;
        match scrub.damage.first() {
            None => Ok(()),
            Some(damage) => Err(format!("a scrub: {damage}")),
        }
    }

    fn knows(&self, commit: u64) -> bool {
        // That an actor was created is a state without pages.
        commit == 0 || self.commits.contains_key(&CommitNo::new(commit))
    }

    fn check_points(&self, store: &Store) -> Result<(), String> {
        let points = store
            .restore_points(&self.id)
            .map_err(|it| it.to_string())?;
        let names: Vec<_> = points.iter().map(|it| &it.name).collect();
        if !names.iter().copied().eq(self.points.keys()) {
            return Err(format!("the restore points are {names:?}"));
        }
        for (name, bytes) in &self.points {
            let snapshot = store.snapshot_at(&self.id, &Point::RestorePoint(name.clone()));
            same(&snapshot.map_err(|it| format!("{name}: {it}"))?, bytes)?;
        }
        Ok(())
    }

    /// Keeps the past no longer; it is gone with the next commits.
    pub(crate) fn let_go(&mut self, store: &Store) -> Result<(), String> {
        for name in std::mem::take(&mut self.points).into_keys() {
            let dropped = store.drop_restore_point(&self.id, &name);
            dropped.map_err(|it| format!("{name}: {it}"))?;
        }
        store.set_retention(Retention::Off).unwrap();
        self.commits_min = 0;
        Ok(())
    }
}

/// Counts the records of a store whose actors keep no past: those that their heads need, no more.
pub(crate) fn nothing_else_is_left(
    store: &Store,
    engine: &dyn Engine,
    encrypted: bool,
) -> Result<(), String> {
    let actors = store.list(&ListOptions::default()).unwrap();
    // The head, the pages, and the key that these are under.
    let records = |it: &ActorInfo| 1 + it.pages.get() as usize + usize::from(encrypted);
    // The store record and the retention.
    let wanted = 2 + actors.iter().map(records).sum::<usize>();
    let keys = engine.snapshot().unwrap();
    let found = keys.scan_keys(&[]..&[u8::MAX], usize::MAX).unwrap().len();
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{found} records are left instead of {wanted}")),
    }
}

/// The pages that a snapshot shows, as a plain file would hold them.
pub(crate) fn of(snapshot: &ActorSnapshot) -> Vec<u8> {
    let bytes = snapshot.pages().bytes(snapshot.page_size());
    let mut bytes = vec![0; usize::try_from(bytes).unwrap()];
    for (number, page) in (1..).zip(bytes.chunks_mut(snapshot.page_size().bytes())) {
        snapshot.read(PageNo::new(number).unwrap(), page).unwrap();
    }
    bytes
}

fn same(snapshot: &ActorSnapshot, bytes: &[u8]) -> Result<(), String> {
    if of(snapshot) == bytes {
        Ok(())
    } else {
        Err(format!("commit {} shows something else", snapshot.commit()))
    }
}

/// What is wrong with a past, for whoever reports what a machine did.
pub(crate) fn told(what: String) -> Divergence {
    Divergence {
        what,
        step: "what the past should be".to_owned(),
    }
}
