//! Connections that are wrong on purpose, each in the way of some other VFS: whoever compares
//! with plain SQLite must find out.

use std::ffi::c_int;

use rusqlite::Connection;

use crate::StoreError;
use crate::attach::attach;
use crate::connect::ConnectOptions;
use crate::file::{Code, Company, File, MainFile, Participant, Step};
use crate::ladder::Level;
use crate::page::PageNo;
use crate::store::{Actor, Change, Geometry, Image, Stake};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The commit point is `xSync`.
    CommitAtXSync,
    /// The commit point is the release of the lock.
    CommitAtUnlock,
    /// The atomic window starts from nothing, as if nothing had been written before it.
    BeginForgets,
    /// The atomic window ends in an I/O error.
    WindowFails,
    /// A refused commit says `SQLITE_BUSY`.
    RefusalIsBusy,
    /// A page that cannot be read is zeros.
    FailedReadIsZeros,
    /// Whoever asks for a lock that another connection holds believes to have it.
    LocksAreIgnored,
    /// Each of several attached actors commits by itself.
    CommitApart,
}

/// Opens a connection like [`Actor::connect_with`], but wrong.
pub fn connect_flawed(
    actor: &Actor,
    options: &ConnectOptions,
    flaw: Flaw,
) -> Result<Connection, StoreError> {
    actor.connect_to(flawed(actor, flaw)?, options)
}

/// Attaches an actor like [`Actor::attach`], but wrong.
pub fn attach_flawed(
    actor: &Actor,
    connection: &Connection,
    schema: &str,
    flaw: Flaw,
) -> Result<(), StoreError> {
    attach(actor.id(), flawed(actor, flaw)?, connection, schema)
}

fn flawed(actor: &Actor, flaw: Flaw) -> Result<Box<dyn File>, StoreError> {
    let image: Box<dyn Image> = match flaw {
        Flaw::FailedReadIsZeros => Box::new(ZerosForErrors(actor.image()?)),
        _ => Box::new(actor.image()?),
    };
    let file = actor.main_file(image);
    Ok(Box::new(Flawed { file, flaw }))
}

struct Flawed {
    file: MainFile,
    flaw: Flaw,
}

impl File for Flawed {
    fn sync(&mut self) -> Result<(), Code> {
        match self.flaw {
            Flaw::CommitAtUnlock => Ok(()),
            _ => self.file.sync(),
        }
    }

    fn unlock(&mut self, level: Level) {
        if self.flaw == Flaw::CommitAtUnlock {
            // The error, if any, comes too late to be told.
            self.file.sync().unwrap_or_default();
        }
        self.file.unlock(level);
    }

    fn control(&mut self, step: Step) -> Result<(), Code> {
        match (self.flaw, &step) {
            (Flaw::CommitAtXSync | Flaw::CommitAtUnlock, Step::Sync(_)) => Ok(()),
            (Flaw::CommitAtXSync | Flaw::CommitAtUnlock, Step::CommitPhaseTwo { .. }) => Ok(()),
            (Flaw::BeginForgets, Step::BeginAtomic) => {
                self.file.discard();
                self.file.control(step)
            }
            (Flaw::CommitApart, Step::Sync(_)) => self.file.control(Step::Sync(Company::Alone)),
            (Flaw::WindowFails, Step::CommitAtomic) => Err(Code::IOERR),
            (Flaw::RefusalIsBusy, Step::Sync(_)) => self.file.control(step).map_err(|_| Code::BUSY),
            _ => self.file.control(step),
        }
    }

    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code> {
        self.file.read(offset, out)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        self.file.write(offset, bytes)
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.file.truncate(size)
    }

    fn size(&mut self) -> Result<u64, Code> {
        self.file.size()
    }

    fn lock(&mut self, level: Level) -> Result<(), Code> {
        match self.file.lock(level) {
            Err(Code::BUSY) if self.flaw == Flaw::LocksAreIgnored => Ok(()),
            locked => locked,
        }
    }

    fn level(&self) -> Level {
        self.file.level()
    }

    fn is_reserved(&self) -> bool {
        self.file.is_reserved()
    }

    fn participant(&self) -> Option<Participant> {
        self.file.participant()
    }

    fn pragma(&self, name: &str, value: Option<&str>) -> Result<(), String> {
        self.file.pragma(name, value)
    }

    fn characteristics(&self) -> c_int {
        self.file.characteristics()
    }
}

/// An image on which every read succeeds.
struct ZerosForErrors<I>(I);

impl<I: Image> Image for ZerosForErrors<I> {
    fn geometry(&self) -> Geometry {
        self.0.geometry()
    }

    fn refresh(&mut self) -> Result<Geometry, StoreError> {
        self.0.refresh()
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        if self.0.read(page, out).is_err() {
            out.fill(0);
        }
        Ok(())
    }

    fn publish(&mut self, change: Change) -> Result<(), StoreError> {
        self.0.publish(change)
    }

    fn stake(&self) -> Option<Stake> {
        self.0.stake()
    }

    fn read_only(&self) -> bool {
        self.0.read_only()
    }
}
