//! The super-journal of a transaction over several files: it lives as long as its handle, and its
//! deletion is the commit of a [`Joint`].

use std::sync::Arc;

use crate::StoreError;
use crate::file::roll::{self, Participant};
use crate::file::{Code, File, Joint, VolatileFile};

/// What SQLite adds to the name of the main database, as in `-mj1A2B3C9D4` (`vdbeCommit`).
const SUFFIX_BYTES: usize = 12;

/// The journal of a database in memory, as far as SQLite tells it from one in a file. Others that
/// it keeps in memory have names like files, and are refused like files.
const IN_MEMORY: &[u8] = b":memory:-journal";

/// A super-journal that SQLite writes.
pub(crate) struct SuperJournal {
    name: String,
    names: VolatileFile,
    joint: Arc<Joint>,
}

impl SuperJournal {
    /// Begins the transaction that it is for.
    pub(crate) fn create(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            names: VolatileFile::default(),
            joint: Joint::of_new_super_journal(name),
        }
    }

    /// Refuses files that are no actors: their journals would name a super-journal that is gone
    /// after a crash, which to SQLite means that they have committed.
    fn admit(&mut self) -> Result<(), Code> {
        let size = usize::try_from(self.names.size()?).map_err(|_| Code::IOERR_FSYNC)?;
        let mut names = vec![0; size];
        self.names.read(0, &mut names)?;
        let journals = names.split(|byte| *byte == 0);
        let ours: Vec<_> = journals
            .filter(|journal| !journal.is_empty() && *journal != IN_MEMORY)
            .map(|journal| std::str::from_utf8(journal).map_or(vec![], roll::of_journal))
            .collect();
        if ours.iter().any(Vec::is_empty) {
            self.joint.refuse(None);
            let ours: Vec<_> = ours.into_iter().flatten().collect();
            return Err(refuse(if ours.is_empty() { self.main() } else { ours }));
        }
        Ok(())
    }

    /// The main database of the connection, which may have no part in the transaction.
    fn main(&self) -> Vec<Participant> {
        main_of(&self.name).map(roll::of_name).unwrap_or_default()
    }
}

/// Tells all of them.
fn refuse(participants: Vec<Participant>) -> Code {
    for Participant { actor, last_error } in participants {
        last_error.record(&StoreError::MultiFile { actor });
    }
    Code::IOERR_FSYNC
}

/// The name of the main database in that of a super-journal.
fn main_of(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(SUFFIX_BYTES)?;
    let (main, suffix) = (name.get(..at)?, name.get(at..)?);
    suffix.starts_with("-mj").then_some(main)
}

/// Whether SQLite finds the super-journal of that name.
///
/// One that belongs to a main database elsewhere is there as well when we are asked for it: that
/// is how an actor attached to it is rolled back, and only then are we asked (`pager_playback`).
pub(crate) fn exists(name: &str) -> bool {
    let is_elsewhere = |name| main_of(name).is_some_and(|main| roll::of_name(main).is_empty());
    Joint::exists(name) || is_elsewhere(name)
}

impl File for SuperJournal {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code> {
        self.names.read(offset, out)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        self.names.write(offset, bytes)
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        self.names.truncate(size)
    }

    /// SQLite says this once it has written all the names, and before it does anything else.
    fn sync(&mut self) -> Result<(), Code> {
        self.admit()
    }

    fn size(&mut self) -> Result<u64, Code> {
        self.names.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_main_database_is_all_before_the_suffix() {
        assert_eq!(main_of("actor:1/a-mj1A2B3C9D4"), Some("actor:1/a"));
        for other in ["", "-mj", "actor:1/a-journal", "äää-mj1A2B3C9D"] {
            assert_eq!(main_of(other), None, "{other}");
        }
    }
}
