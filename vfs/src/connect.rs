//! Connections: a rusqlite handle on an actor or a snapshot, with the settings that fit a store.

use std::sync::Arc;

use rusqlite::Connection;

use crate::file::{File, MainFile};
use crate::ladder::Ladder;
use crate::last_error::LastError;
use crate::store::{Actor, ActorSnapshot, Image};
use crate::{ActorId, StoreError};

/// How long a connection keeps its lock (<https://www.sqlite.org/pragma.html#pragma_locking_mode>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locking {
    /// From its first use until it is closed: SQLite's cache stays warm, and page 1 need not be
    /// written at every commit. Another connection of this process finds the actor busy.
    #[default]
    Exclusive,
    /// For one transaction: several connections of this process share the actor as they would
    /// share a file.
    Normal,
}

/// What a connection may be asked to do differently.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    locking: Locking,
}

impl ConnectOptions {
    /// Sets how long the connection keeps its lock.
    #[must_use]
    pub fn locking(mut self, locking: Locking) -> Self {
        self.locking = locking;
        self
    }
}

/// A journal in SQLite's own heap: the store commits whole transactions, so no crash ever needs
/// one on disk, and only this mode stays in the heap after a cache spill. Temporary tables too
/// have no use for files of ours.
const PINS: &str = "PRAGMA journal_mode=MEMORY; PRAGMA temp_store=MEMORY;";

impl Actor {
    /// Opens the connection that an actor with one owner wants: [`Locking::Exclusive`].
    pub fn connect(&self) -> Result<Connection, StoreError> {
        self.connect_with(&ConnectOptions::default())
    }

    /// Opens a connection that reads and writes.
    ///
    /// A commit that is refused leaves the connection usable, unless another owner took the
    /// actor. SQLite tells only a number; [`last_error`](Actor::last_error) tells the rest.
    pub fn connect_with(&self, options: &ConnectOptions) -> Result<Connection, StoreError> {
        self.connect_to(Box::new(self.main_file(Box::new(self.image()?))), options)
    }

    /// The main file of a new connection, on an image of this actor.
    pub(crate) fn main_file(&self, image: Box<dyn Image>) -> MainFile {
        let (ladder, last_error) = (self.ladder(), self.last_error_kept());
        MainFile::new(self.id().clone(), image, ladder, last_error)
    }

    /// Opens a connection on a main file of this actor.
    pub(crate) fn connect_to(
        &self,
        file: Box<dyn File>,
        options: &ConnectOptions,
    ) -> Result<Connection, StoreError> {
        // Before the first read, since that already takes the lock to be kept.
        let locking = match options.locking {
            Locking::Exclusive => "PRAGMA locking_mode=EXCLUSIVE;",
            Locking::Normal => "",
        };
        open(self.id(), file, &format!("{locking}{PINS}"))
    }
}

impl ActorSnapshot {
    /// Opens a connection that reads this snapshot. It takes no locks and never changes.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        let file = Box::new(self.main_file(Box::new(self.image())));
        open(self.id(), file, "PRAGMA temp_store=MEMORY;")
    }

    /// The main file of a new connection, on an image of this snapshot.
    pub(crate) fn main_file(&self, image: Box<dyn Image>) -> MainFile {
        let (ladder, last_error) = (Arc::<Ladder>::default(), Arc::<LastError>::default());
        MainFile::new(self.id().clone(), image, ladder, last_error)
    }
}

/// Opens SQLite on `file`. What the store could not do is told as the store says it.
fn open(actor: &ActorId, file: Box<dyn File>, pins: &str) -> Result<Connection, StoreError> {
    LastError::forget_of_thread();
    let opened = crate::shim::connect(actor.as_str(), file);
    let opened = opened.and_then(|connection| {
        connection.execute_batch(pins)?;
        Ok(connection)
    });
    opened.map_err(|source| told(actor, source))
}

/// What the store has said on this thread, or else what SQLite says.
pub(crate) fn told(actor: &ActorId, source: rusqlite::Error) -> StoreError {
    LastError::of_thread().unwrap_or_else(|| StoreError::Sqlite {
        actor: actor.clone(),
        source: Arc::new(source),
    })
}
