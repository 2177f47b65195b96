//! Main files of one connection whose transaction is one: each hands in its change at `SYNC`, and
//! all are published at the commit point that follows, or none ever is.
//!
//! SQLite commits to several files in two phases (`vdbeCommit`): a `SYNC` for each, then the
//! commit point. With a super-journal that is its deletion. Without one (`journal_mode=MEMORY`,
//! `synchronous=OFF`, a main database in memory) it is the first `COMMIT_PHASETWO`, up to which
//! SQLite can still roll back every file.
//!
//! All this happens within one call of `sqlite3_step`, on one thread, so the thread knows which
//! joint is under way.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::LocalKey;

use crate::StoreError;
use crate::file::Code;
use crate::last_error::LastError;
use crate::store::{Part, publish_together};

type UnderWay = RefCell<Option<Arc<Joint>>>;

thread_local! {
    /// While a super-journal's files are rolled back, SQLite asks for it again and again.
    static OF_SUPER_JOURNAL: UnderWay = const { RefCell::new(None) };
    static OF_CONNECTION: UnderWay = const { RefCell::new(None) };
}

/// A transaction over several main files.
#[derive(Debug)]
pub(crate) struct Joint {
    of: Of,
    state: Mutex<State>,
}

/// What the files have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Of {
    /// The name of their super-journal.
    SuperJournal(String),
    /// Their connection, by its address.
    Connection(usize),
}

#[derive(Debug)]
enum State {
    /// These have handed in their changes.
    Open(Vec<Member>),
    Published,
    /// What each file shall hear. One that has no error of its own here hears that it was given up.
    Refused(Vec<(FileNo, StoreError)>),
}

/// A main file, by the address that SQLite knows it by.
pub(crate) type FileNo = usize;

/// A main file that has handed in its change.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) file: FileNo,
    pub(super) part: Part,
    pub(super) last_error: Arc<LastError>,
}

/// What has become of a joint.
#[derive(Debug)]
pub(super) enum Fate {
    Published,
    /// With what this file has to say of it, if anybody refused.
    Refused(Option<StoreError>),
}

impl Joint {
    fn begin(of: Of, slot: &'static LocalKey<UnderWay>) -> Arc<Self> {
        let state = Mutex::new(State::Open(Vec::new()));
        let joint = Arc::new(Self { of, state });
        slot.set(Some(Arc::clone(&joint)));
        joint
    }

    /// Begins the joint of a new super-journal.
    pub(super) fn of_new_super_journal(name: &str) -> Arc<Self> {
        Self::begin(Of::SuperJournal(name.to_owned()), &OF_SUPER_JOURNAL)
    }

    /// The joint of a super-journal, if this thread has begun it.
    pub(crate) fn of_super_journal(name: &str) -> Option<Arc<Self>> {
        let under_way = OF_SUPER_JOURNAL.with_borrow(Option::clone)?;
        let is_it = matches!(&under_way.of, Of::SuperJournal(of) if of == name);
        is_it.then_some(under_way)
    }

    /// The joint of the files of a connection that are being `writing`, if that is known. One that
    /// an earlier transaction has left unfinished is not continued.
    pub(crate) fn of_connection(connection: usize, writing: Option<&[FileNo]>) -> Arc<Self> {
        let of = Of::Connection(connection);
        let under_way = OF_CONNECTION.with_borrow(Option::clone);
        let goes_on = |it: &Arc<Self>| it.of == of && it.is_open_among(writing);
        match under_way.filter(goes_on) {
            Some(joint) => joint,
            None => Self::begin(of, &OF_CONNECTION),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in the middle of a publish leaves `Refused` behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open_among(&self, writing: Option<&[FileNo]>) -> bool {
        let is_writing = |it: &Member| writing.is_none_or(|files| files.contains(&it.file));
        match &*self.state() {
            State::Open(members) => members.iter().all(is_writing),
            _ => false,
        }
    }

    /// Whether nothing has been decided yet.
    pub(super) fn is_open(&self) -> bool {
        matches!(&*self.state(), State::Open(_))
    }

    /// Takes the change of one more file.
    pub(super) fn enter(&self, member: Member) -> Result<(), StoreError> {
        let mut state = self.state();
        let stake = &member.part.stake;
        let actor = stake.actor().clone();
        let State::Open(members) = &mut *state else {
            let what = "a file joins a commit that is decided";
            return Err(StoreError::Bug { actor, what });
        };
        let elsewhere = |it: &&Member| !it.part.stake.shares_store_with(stake);
        if let Some(other) = members.iter().find(elsewhere) {
            let other = other.part.stake.actor().clone();
            return Err(StoreError::TwoStores { actor, other });
        }
        members.push(member);
        Ok(())
    }

    /// At the first `COMMIT_PHASETWO`: the commit point, unless a super-journal is it, which SQLite
    /// has deleted by now.
    pub(super) fn publish_at_phase_two(&self) -> Result<(), Option<StoreError>> {
        if matches!(self.of, Of::SuperJournal(_)) {
            self.refuse(None);
        }
        self.publish()
    }

    /// The commit point: publishes what was handed in, all or nothing. Later calls repeat the
    /// answer and do nothing.
    fn publish(&self) -> Result<(), Option<StoreError>> {
        let mut state = self.state();
        let members = match &mut *state {
            State::Open(members) => std::mem::take(members),
            State::Published => return Ok(()),
            State::Refused(errors) => return Err(worst(errors)),
        };
        *state = State::Refused(Vec::new());
        let (parts, files): (Vec<_>, Vec<_>) = members
            .into_iter()
            .map(|it| (it.part, (it.file, it.last_error)))
            .unzip();
        let Err(errors) = publish_together(&parts) else {
            *state = State::Published;
            return Ok(());
        };
        let pairs = files.into_iter().zip(errors);
        let errors: Vec<_> = pairs
            .map(|((file, last_error), error)| {
                last_error.record(&error);
                (file, error)
            })
            .collect();
        let worst = worst(&errors);
        if let Some(error) = &worst {
            LastError::of_nobody(error);
        }
        *state = State::Refused(errors);
        Err(worst)
    }

    /// What has become of it, for a file that goes on to something else. If nothing has, nothing
    /// ever will: a file that goes on has not committed.
    pub(super) fn leave(&self, file: FileNo) -> Fate {
        let mut state = self.state();
        match &*state {
            State::Published => return Fate::Published,
            State::Refused(errors) => {
                let own = errors.iter().find(|(of, _)| *of == file);
                return Fate::Refused(own.map(|(_, error)| error.clone()));
            }
            State::Open(_) => {}
        }
        *state = State::Refused(Vec::new());
        Fate::Refused(None)
    }

    /// Makes sure that nothing comes of it, and tells those who are waiting why.
    pub(super) fn refuse(&self, cause: Option<&StoreError>) {
        let mut state = self.state();
        let State::Open(members) = &mut *state else {
            return;
        };
        if let Some(cause) = cause {
            let cause = Arc::new(cause.clone());
            for Member {
                part, last_error, ..
            } in members
            {
                last_error.record(&StoreError::Together {
                    actor: part.stake.actor().clone(),
                    cause: Arc::clone(&cause),
                });
            }
        }
        *state = State::Refused(Vec::new());
    }

    /// Whether SQLite finds the super-journal: until its files are published, so that it rolls
    /// all of them back (`pager_playback`).
    pub(super) fn exists(name: &str) -> bool {
        let joint = Self::of_super_journal(name);
        joint.is_some_and(|joint| !matches!(&*joint.state(), State::Published))
    }

    /// SQLite deletes a super-journal to commit, and then only: it finds none that it might
    /// delete after a rollback, since the one that [`exists`](Self::exists) says is there is empty.
    pub(crate) fn delete(name: &str) -> Result<(), Code> {
        let Some(joint) = Self::of_super_journal(name) else {
            return Ok(());
        };
        joint.publish().map_err(|error| match error {
            Some(error) => Code::of(&error, Code::IOERR_DELETE),
            None => Code::IOERR_DELETE,
        })
    }
}

/// The error that is not only the consequence of another.
fn worst(errors: &[(FileNo, StoreError)]) -> Option<StoreError> {
    let mut errors = errors.iter().map(|(_, error)| error);
    let is_cause = |error: &&StoreError| !matches!(error, StoreError::Together { .. });
    errors.find(is_cause).cloned()
}
