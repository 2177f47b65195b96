//! The lock ladder that the connections of one process on one actor climb.
//!
//! The rules are those of <https://www.sqlite.org/lockingv3.html> and of `unixLock` in SQLite's
//! `os_unix.c`. Other processes are kept out by the store's epochs, not by this.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How far up a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Level {
    /// Holds nothing, knows nothing.
    #[default]
    None,
    /// Reads; so may others.
    Shared,
    /// Means to write; others still read.
    Reserved,
    /// Waits for the readers to leave; no new one comes in.
    Pending,
    /// Alone.
    Exclusive,
}

/// Somebody else stands in the way. SQLite's busy handler decides whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// Who stands where.
#[derive(Debug, Default)]
pub(crate) struct Ladder(Mutex<Holders>);

#[derive(Debug, Default)]
struct Holders {
    /// Connections at `Shared` or above.
    readers: usize,
    /// The level of the one connection above `Shared`, or `None`.
    writer: Level,
}

impl Ladder {
    fn holders(&self) -> MutexGuard<'_, Holders> {
        // Two plain numbers, changed together at the end of each step: a panic leaves them whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place on the ladder; dropping it steps down.
#[derive(Debug)]
pub(crate) struct Rung {
    ladder: Arc<Ladder>,
    level: Level,
}

impl Rung {
    /// A place at the foot of the ladder.
    pub(crate) fn new(ladder: Arc<Ladder>) -> Self {
        let level = Level::None;
        Self { ladder, level }
    }

    /// Where this connection stands.
    pub(crate) fn level(&self) -> Level {
        self.level
    }

    /// Whether any connection, this one included, is above `Shared`.
    pub(crate) fn is_reserved(&self) -> bool {
        self.ladder.holders().writer > Level::None
    }

    /// Climbs to `wanted`; a no-op from there or above.
    ///
    /// A climb to `Exclusive` that finds readers stops at `Pending`, so that they run dry.
    pub(crate) fn climb(&mut self, wanted: Level) -> Result<(), Busy> {
        if self.level >= wanted {
            return Ok(());
        }
        let ladder = Arc::clone(&self.ladder);
        let mut holders = ladder.holders();
        if self.level == Level::None {
            self.enter(&mut holders)?;
        }
        if wanted > Level::Shared && self.level == Level::Shared {
            self.reserve(&mut holders)?;
        }
        if wanted > Level::Reserved {
            self.clear_out(&mut holders, wanted)?;
        }
        Ok(())
    }

    fn enter(&mut self, holders: &mut Holders) -> Result<(), Busy> {
        if holders.writer > Level::Reserved {
            return Err(Busy);
        }
        holders.readers += 1;
        self.level = Level::Shared;
        Ok(())
    }

    fn reserve(&mut self, holders: &mut Holders) -> Result<(), Busy> {
        if holders.writer > Level::None {
            return Err(Busy);
        }
        self.stand(holders, Level::Reserved);
        Ok(())
    }

    fn clear_out(&mut self, holders: &mut Holders, wanted: Level) -> Result<(), Busy> {
        self.stand(holders, Level::Pending);
        if wanted == Level::Pending {
            return Ok(());
        }
        if holders.readers > 1 {
            return Err(Busy);
        }
        self.stand(holders, Level::Exclusive);
        Ok(())
    }

    fn stand(&mut self, holders: &mut Holders, level: Level) {
        holders.writer = level;
        self.level = level;
    }

    /// Steps down to `Shared` or `None`; a no-op from there or below.
    pub(crate) fn descend(&mut self, wanted: Level) {
        debug_assert!(wanted <= Level::Shared, "SQLite never stops half-way down");
        if self.level <= wanted {
            return;
        }
        let mut holders = self.ladder.holders();
        if self.level > Level::Shared {
            holders.writer = Level::None;
        }
        if wanted == Level::None {
            holders.readers -= 1;
        }
        self.level = wanted;
    }
}

impl Drop for Rung {
    fn drop(&mut self) {
        self.descend(Level::None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rungs<const N: usize>() -> [Rung; N] {
        let ladder = Arc::new(Ladder::default());
        std::array::from_fn(|_| Rung::new(Arc::clone(&ladder)))
    }

    #[test]
    fn readers_share_and_one_of_them_may_mean_to_write() {
        let [mut a, mut b, mut c] = rungs();
        a.climb(Level::Shared).unwrap();
        b.climb(Level::Shared).unwrap();
        a.climb(Level::Reserved).unwrap();
        assert_eq!(b.climb(Level::Reserved), Err(Busy));
        assert!(b.is_reserved());
        c.climb(Level::Shared).unwrap();
        assert_eq!(
            (a.level(), b.level(), c.level()),
            (Level::Reserved, Level::Shared, Level::Shared)
        );
    }

    #[test]
    fn a_writer_that_waits_for_readers_lets_no_new_one_in() {
        let [mut writer, mut reader, mut late] = rungs();
        reader.climb(Level::Shared).unwrap();
        writer.climb(Level::Shared).unwrap();
        writer.climb(Level::Reserved).unwrap();
        assert_eq!(writer.climb(Level::Exclusive), Err(Busy));
        assert_eq!(writer.level(), Level::Pending);
        assert_eq!(late.climb(Level::Shared), Err(Busy));
        reader.descend(Level::None);
        writer.climb(Level::Exclusive).unwrap();
        assert_eq!(late.climb(Level::Shared), Err(Busy));
        writer.descend(Level::Shared);
        late.climb(Level::Shared).unwrap();
    }

    #[test]
    fn a_connection_that_goes_away_steps_down_from_wherever_it_stood() {
        let [mut writer, mut other] = rungs();
        writer.climb(Level::Exclusive).unwrap();
        drop(writer);
        other.climb(Level::Exclusive).unwrap();
    }

    /// A climb to EXCLUSIVE straight from SHARED is what SQLite does to roll back a hot journal.
    #[test]
    fn two_readers_that_both_want_everything_do_not_both_get_it() {
        let [mut a, mut b] = rungs();
        a.climb(Level::Shared).unwrap();
        b.climb(Level::Shared).unwrap();
        assert_eq!(a.climb(Level::Exclusive), Err(Busy));
        assert_eq!(b.climb(Level::Exclusive), Err(Busy));
        assert_eq!((a.level(), b.level()), (Level::Pending, Level::Shared));
        b.descend(Level::None);
        a.climb(Level::Exclusive).unwrap();
    }
}
