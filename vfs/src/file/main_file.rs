//! An actor's database as SQLite's main file: writes gather in an overlay, and become visible and
//! durable together when SQLite says that a transaction is complete.
//!
//! The one point where that happens is `SQLITE_FCNTL_SYNC`, which `sqlite3PagerSync` sends after
//! the last write of every commit, in every journal mode, locking mode and `synchronous` setting,
//! with and without the batch-atomic window. `xSync` would be missed with `synchronous=OFF`,
//! `COMMIT_ATOMIC_WRITE` wherever the window is not used, and `xUnlock` under exclusive locking.

use std::ffi::c_int;
use std::ops::Range;
use std::sync::Arc;

use libsqlite3_sys as ffi;

use crate::file::overlay::{Cover, Overlay, Piece, pieces};
use crate::file::{Code, Company, File, FileNo, Joint, Participant, Step, pragma};
use crate::ladder::{Ladder, Level, Rung};
use crate::last_error::LastError;
use crate::page::{PageCount, PageNo};
use crate::store::{Geometry, Image};
use crate::{ActorId, StoreError};

/// The main file of one connection.
pub(crate) struct MainFile {
    pub(super) actor: ActorId,
    pub(super) image: Box<dyn Image>,
    /// The image as of the last lock or publish.
    pub(super) base: Geometry,
    pub(super) overlay: Overlay,
    /// The overlay as `BEGIN_ATOMIC_WRITE` found it; kept until the transaction ends, since it
    /// also tells that SQLite has no journal to roll back from (`sqlite3PagerCommitPhaseOne`).
    pub(super) savepoint: Option<Overlay>,
    /// The block of the base that was last read in part. SQLite reads the header alone, twice,
    /// before it reads page 1, and 16 bytes of it at every SHARED lock.
    pub(super) scratch: Option<(PageNo, Arc<[u8]>)>,
    rung: Rung,
    pub(super) last_error: Arc<LastError>,
    health: Health,
    /// How long the file was at the last commit that SQLite knows of. If the last publish has made
    /// it shorter there is no way back: SQLite's journal lacks the pages that are cut off, since
    /// SQLite itself cuts a file only after the commit, and half of one would be undone. So nothing
    /// is written until SQLite knows of the commit or releases its lock, however often it starts
    /// over. Under exclusive locking it does so at each statement, until the connection is closed.
    pub(super) known_bytes: u64,
    /// SQLite heard of a failure in the middle of a transaction that has written, and is about to
    /// roll back from its journal. If that fails as well it must hear an `IOERR`: any other code
    /// leaves it with a cache full of what was never committed (`pager_error`).
    pub(super) unwinding: bool,
    /// The joint that has the change of this transaction, until we see what becomes of it. The
    /// overlay shows the change until then.
    pub(super) joint: Option<(Arc<Joint>, FileNo)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Sound,
    /// Nothing works any more, and this is why.
    Lost(Code),
}

impl MainFile {
    /// The file of a new connection on `image`.
    pub(crate) fn new(
        actor: ActorId,
        image: Box<dyn Image>,
        ladder: Arc<Ladder>,
        last_error: Arc<LastError>,
    ) -> Self {
        let base = image.geometry();
        Self {
            actor,
            image,
            base,
            overlay: Overlay::over(base),
            savepoint: None,
            scratch: None,
            rung: Rung::new(ladder),
            last_error,
            health: Health::Sound,
            known_bytes: base.bytes(),
            unwinding: false,
            joint: None,
        }
    }

    /// Answers for a file that is lost; `call` is the `IOERR` sub-code of what was called.
    fn check(&mut self, call: Code) -> Result<(), Code> {
        let Health::Lost(code) = self.health else {
            return Ok(());
        };
        let unwinding = std::mem::take(&mut self.unwinding);
        Err(if unwinding { call } else { code })
    }

    fn check_writable(&mut self, call: Code) -> Result<(), Code> {
        self.check(call)?;
        if self.base.bytes() < self.known_bytes {
            return Err(call);
        }
        if self.image.read_only() {
            let actor = self.actor.clone();
            return Err(self.fail(&StoreError::ReadOnly { actor }, call));
        }
        Ok(())
    }

    /// Keeps `error`, gives up the file if no later call can succeed, and says what SQLite hears.
    pub(super) fn fail(&mut self, error: &StoreError, call: Code) -> Code {
        self.last_error.record(error);
        if error.ends_tenure() {
            self.give_up(error);
        }
        if std::mem::take(&mut self.unwinding) {
            return call;
        }
        let code = Code::of(error, call);
        let has_journal = self.savepoint.is_none();
        self.unwinding = self.overlay.is_changed() && has_journal && !code.drops_cache();
        code
    }

    /// No later call can succeed.
    pub(super) fn give_up(&mut self, error: &StoreError) {
        self.health = Health::Lost(Code::of(error, Code::IOERR));
    }

    fn bug(&mut self, what: &'static str) -> Code {
        let actor = self.actor.clone();
        self.fail(&StoreError::Bug { actor, what }, Code::IOERR)
    }

    /// Forgets what was not published.
    pub(crate) fn discard(&mut self) {
        self.overlay = Overlay::over(self.base);
        self.savepoint = None;
    }

    fn read_piece(&mut self, piece: &Piece, out: &mut [u8]) -> Result<(), StoreError> {
        let out = &mut out[piece.buffer.clone()];
        match self.overlay.cover(piece.block) {
            Cover::Ours(bytes) => out.copy_from_slice(&bytes[piece.within.clone()]),
            Cover::Hole => out.fill(0),
            Cover::Base => return self.read_base(piece.block, piece.within.clone(), out),
        }
        Ok(())
    }

    fn read_base(
        &mut self,
        page: PageNo,
        within: Range<usize>,
        out: &mut [u8],
    ) -> Result<(), StoreError> {
        let known = matches!(&self.scratch, Some((scratch, _)) if *scratch == page);
        if !known && out.len() == self.base.page_size.bytes() {
            return self.image.read(page, out);
        }
        let block = self.base_block(page)?;
        out.copy_from_slice(&block[within]);
        Ok(())
    }

    fn read_locked(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code> {
        self.check(Code::IOERR_READ)?;
        let within = self.overlay.bytes().saturating_sub(offset);
        let within = usize::try_from(within).unwrap_or(usize::MAX).min(out.len());
        let (out, beyond) = out.split_at_mut(within);
        self.read_all(offset, out)
            .map_err(|error| self.fail(&error, Code::IOERR_READ))?;
        if beyond.is_empty() {
            return Ok(());
        }
        beyond.fill(0);
        Err(Code::SHORT_READ)
    }

    /// A whole block of the base, which stays at hand for the next read of a part of it.
    fn base_block(&mut self, page: PageNo) -> Result<Arc<[u8]>, StoreError> {
        if let Some((scratch, bytes)) = &self.scratch
            && *scratch == page
        {
            return Ok(Arc::clone(bytes));
        }
        let mut bytes = vec![0; self.base.page_size.bytes()];
        self.image.read(page, &mut bytes)?;
        let bytes: Arc<[u8]> = bytes.into();
        self.scratch = Some((page, Arc::clone(&bytes)));
        Ok(bytes)
    }

    /// Reads what lies within the file, whoever wrote it.
    pub(super) fn read_all(&mut self, offset: u64, out: &mut [u8]) -> Result<(), StoreError> {
        for piece in pieces(offset, out.len(), self.overlay.block()) {
            self.read_piece(&piece, out)?;
        }
        Ok(())
    }

    fn write_piece(&mut self, piece: Piece, bytes: &[u8]) -> Result<(), StoreError> {
        let bytes = &bytes[piece.buffer];
        let block = if bytes.len() == self.overlay.block().bytes() {
            Arc::from(bytes)
        } else {
            let mut block = self.take_block(piece.block)?;
            Arc::make_mut(&mut block)[piece.within].copy_from_slice(bytes);
            block
        };
        self.overlay.put(piece.block, block);
        Ok(())
    }

    /// A block to be changed in part and put back.
    fn take_block(&mut self, page: PageNo) -> Result<Arc<[u8]>, StoreError> {
        match self.overlay.cover(page) {
            Cover::Base => return self.base_block(page),
            Cover::Hole => return Ok(vec![0; self.overlay.block().bytes()].into()),
            Cover::Ours(_) => {}
        }
        let taken = self.overlay.take(page);
        Ok(taken.expect("the cover says that it is ours"))
    }

    fn write_all(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        for piece in pieces(offset, bytes.len(), self.overlay.block()) {
            self.write_piece(piece, bytes)?;
        }
        self.overlay.reach(offset + bytes.len() as u64);
        Ok(())
    }

    fn resize(&mut self, size: u64) -> Result<(), StoreError> {
        let block = self.overlay.block();
        let tail = usize::try_from(size % u64::from(block.get())).unwrap_or_default();
        if size < self.overlay.bytes() && tail > 0 {
            let zeros = vec![0; block.bytes() - tail];
            for piece in pieces(size, zeros.len(), block) {
                self.write_piece(piece, &zeros)?;
            }
        }
        self.overlay.resize(size);
        Ok(())
    }

    /// Whether block numbers reach as far as `end`.
    fn check_reach(&self, end: Option<u64>) -> Result<(), Code> {
        let most = PageCount::new(u32::MAX).bytes(self.overlay.block());
        match end {
            Some(end) if end <= most => Ok(()),
            _ => Err(Code::FULL),
        }
    }

    /// The commit. Whatever comes of it, the overlay is gone: after a refusal SQLite either reads
    /// everything again, or writes the old pages back and says `SYNC` again, which then changes
    /// nothing. So it does after a ROLLBACK of pages that it had spilled.
    fn publish(&mut self) -> Result<(), Code> {
        if !self.overlay.is_changed() {
            return Ok(());
        }
        let published = self.publish_changes();
        let published = published.map_err(|error| self.fail(&error, Code::IOERR_FSYNC));
        self.base = self.image.geometry();
        self.discard();
        published?;
        self.unwinding = false;
        Ok(())
    }

    fn publish_changes(&mut self) -> Result<(), StoreError> {
        let change = self.change()?;
        let scratch = self.scratch.take().map(|(page, old)| {
            let new = change.dirty.get(&page).cloned();
            (page, new.unwrap_or(old))
        });
        let page_size = change.page_size;
        self.image.publish(change)?;
        self.scratch = scratch.filter(|_| page_size == self.base.page_size);
        Ok(())
    }

    fn step_sync(&mut self, company: Company) -> Result<(), Code> {
        self.part_from_joint();
        self.check(Code::IOERR_FSYNC)?;
        match company {
            Company::Strangers => {
                let actor = self.actor.clone();
                Err(self.refuse(&StoreError::MultiFile { actor }))
            }
            Company::Joint(joint, file) if self.overlay.is_changed() => {
                let handed_in = self.hand_in(&joint, file);
                handed_in.map_err(|error| {
                    joint.refuse(Some(&error));
                    self.refuse(&error)
                })
            }
            _ => self.publish(),
        }
    }

    /// Refuses the commit, with the overlay as [`publish`](Self::publish) does.
    fn refuse(&mut self, error: &StoreError) -> Code {
        let code = self.fail(error, Code::IOERR_FSYNC);
        self.discard();
        code
    }

    fn step_phase_two(&mut self, strangers: bool) -> Result<(), Code> {
        if let Some((joint, _)) = self.joint.clone() {
            if strangers && joint.is_open() {
                let actor = self.actor.clone();
                let error = StoreError::MultiFile { actor };
                joint.refuse(Some(&error));
                self.last_error.record(&error);
            }
            let published = joint.publish_at_phase_two();
            self.part_from_joint();
            return published.map_err(|error| self.too_late(error));
        }
        if self.overlay.is_changed() {
            return Err(self.bug("SQLite wrote between SYNC and COMMIT_PHASETWO"));
        }
        self.known_bytes = self.base.bytes();
        Ok(())
    }

    /// What SQLite hears of a commit that fails when it takes its cache for committed already:
    /// what makes it drop that (`pager_error`). It does not roll this file back.
    fn too_late(&mut self, error: Option<StoreError>) -> Code {
        self.unwinding = false;
        let code = error.map(|error| Code::of(&error, Code::IOERR_FSYNC));
        code.filter(|code| code.drops_cache())
            .unwrap_or(Code::IOERR_FSYNC)
    }

    fn refresh(&mut self) -> Result<(), StoreError> {
        let now = self.image.refresh()?;
        if now != self.base {
            self.base = now;
            self.known_bytes = now.bytes();
            self.scratch = None;
            self.overlay = Overlay::over(now);
        }
        Ok(())
    }
}

impl File for MainFile {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code> {
        self.part_from_joint();
        if self.rung.level() > Level::None || self.image.read_only() {
            return self.read_locked(offset, out);
        }
        // A new connection looks at the header before it takes any lock (`sqlite3BtreeOpen`) and
        // again under one, so an empty file is a good enough answer while another one writes.
        match self.lock(Level::Shared) {
            Ok(()) => {
                let read = self.read_locked(offset, out);
                self.unlock(Level::None);
                read
            }
            Err(Code::BUSY) => {
                out.fill(0);
                Err(Code::SHORT_READ)
            }
            Err(code) => Err(code),
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        self.part_from_joint();
        self.check_writable(Code::IOERR_WRITE)?;
        self.check_reach(offset.checked_add(bytes.len() as u64))?;
        self.write_all(offset, bytes)
            .map_err(|error| self.fail(&error, Code::IOERR_WRITE))
    }

    /// After a commit that shrank the file this finds the size right already, unless it waits for
    /// others: then only what the overlay shows is cut.
    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.see_joint();
        if size == self.overlay.bytes() {
            return self.check(Code::IOERR_TRUNCATE);
        }
        self.check_writable(Code::IOERR_TRUNCATE)?;
        self.check_reach(Some(size))?;
        self.resize(size)
            .map_err(|error| self.fail(&error, Code::IOERR_TRUNCATE))
    }

    /// Finds nothing left to publish, since `SYNC` comes first; it is here for a SQLite that
    /// would not send that.
    fn sync(&mut self) -> Result<(), Code> {
        self.check(Code::IOERR_FSYNC)?;
        if self.joint.is_some() {
            return Ok(());
        }
        self.publish()
    }

    fn size(&mut self) -> Result<u64, Code> {
        self.see_joint();
        self.check(Code::IOERR_FSTAT)?;
        Ok(self.overlay.bytes())
    }

    fn lock(&mut self, level: Level) -> Result<(), Code> {
        self.part_from_joint();
        self.check(Code::IOERR_LOCK)?;
        let was = self.rung.level();
        self.rung.climb(level).map_err(|_busy| Code::BUSY)?;
        if was > Level::None {
            return Ok(());
        }
        self.refresh().map_err(|error| {
            self.rung.descend(Level::None);
            self.fail(&error, Code::IOERR_LOCK)
        })
    }

    /// Whoever stops writing without a `SYNC` did not commit.
    fn unlock(&mut self, level: Level) {
        self.part_from_joint();
        self.discard();
        self.rung.descend(level);
        self.known_bytes = self.base.bytes();
        self.unwinding = false;
    }

    fn level(&self) -> Level {
        self.rung.level()
    }

    fn is_reserved(&self) -> bool {
        self.rung.is_reserved()
    }

    fn control(&mut self, step: Step) -> Result<(), Code> {
        match step {
            Step::BeginAtomic => {
                self.part_from_joint();
                self.savepoint = Some(self.overlay.clone());
            }
            // The commit point is `SYNC`. An `IOERR` from here would make SQLite write everything
            // a second time, without the window, and report success.
            Step::CommitAtomic => {}
            Step::RollbackAtomic => {
                self.overlay = self.savepoint.take().ok_or(Code::IOERR)?;
            }
            Step::Sync(company) => return self.step_sync(company),
            Step::CommitPhaseTwo { strangers } => return self.step_phase_two(strangers),
        }
        Ok(())
    }

    fn pragma(&self, name: &str, value: Option<&str>) -> Result<(), String> {
        match pragma::refusal(name, value) {
            Some(sentence) => Err(sentence.to_owned()),
            None => Ok(()),
        }
    }

    fn participant(&self) -> Option<Participant> {
        Some(Participant {
            actor: self.actor.clone(),
            last_error: Arc::clone(&self.last_error),
        })
    }

    fn has_moved(&self) -> bool {
        self.health == Health::Lost(Code::READONLY_DBMOVED)
    }

    fn read_only(&self) -> bool {
        self.image.read_only()
    }

    /// `BATCH_ATOMIC`: a commit is whole or not at all, so no journal needs to be written.
    /// `POWERSAFE_OVERWRITE`: a write touches no neighbour.
    /// `SAFE_APPEND` and `SEQUENTIAL`: the order of writes before the commit is seen by nobody.
    /// They spare the volatile journals their headers and syncs.
    /// `IMMUTABLE`: a snapshot never changes; SQLite then takes no locks and rereads no counters.
    ///
    /// Not `UNDELETABLE_WHEN_OPEN`: with it a journal would stay open without a lock, and a
    /// rollback that failed would be repeated over other connections' commits (`hasHotJournal`).
    /// Not `SUBPAGE_READ`: overflow pages would bypass SQLite's cache.
    fn characteristics(&self) -> c_int {
        if self.image.read_only() {
            return ffi::SQLITE_IOCAP_IMMUTABLE;
        }
        ffi::SQLITE_IOCAP_BATCH_ATOMIC
            | ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
            | ffi::SQLITE_IOCAP_SAFE_APPEND
            | ffi::SQLITE_IOCAP_SEQUENTIAL
    }

    fn poison(&mut self) {
        self.part_from_joint();
        self.bug("a call from SQLite panicked");
        self.discard();
        self.rung.descend(Level::None);
    }
}
