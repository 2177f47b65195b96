//! Every bound of this crate, by name: what is larger is refused with an error that says so.

use std::time::Duration;

/// The largest migration file that is read. Drizzle's own files are a few KiB; seeds rarely pass a MiB.
pub const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// The largest `meta/_journal.json` that is read.
pub const JOURNAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most migrations a folder may hold.
pub const ENTRIES_MAX: usize = 100_000;
/// The most ledger rows that are read from one actor.
pub const LEDGER_ROWS_MAX: usize = 100_000;
/// The longest hash, name or time that is kept from a ledger row.
pub const LEDGER_TEXT_BYTES_MAX: usize = 4096;
/// The longest piece of a statement that an error shows.
pub const SQL_SHOWN_BYTES_MAX: usize = 2000;
/// The largest database that replay may build in memory.
pub const REPLAY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most chains that are made of a folder and its histories.
pub const ANCESTORS_MAX: usize = 256;
/// How long replay of a whole folder may take unless told otherwise.
pub const REPLAY_TIME_MAX: Duration = Duration::from_secs(60);
/// How long one `execute` may run unless told otherwise: RivetKit's own bound for a migration.
pub const APPLY_TIME_MAX: Duration = Duration::from_secs(300);
/// How long a locked database is waited for unless told otherwise.
pub const BUSY_WAIT_MAX: Duration = Duration::from_secs(5);
/// How many foreign key violations an error lists.
pub const VIOLATIONS_SHOWN_MAX: usize = 20;
/// How many plans one wake tries to run: it needs two, and more where others change the actor meanwhile.
pub const WAKE_PLANS_MAX: usize = 16;
/// How long a wake pauses before it looks again.
pub const WAKE_PAUSE: Duration = Duration::from_millis(2);
/// The largest certificate or archive of a squashed chain that is read, as it lies on disk.
pub const ARCHIVE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most that an archive may unpack to: what lies beyond is never held.
pub const ARCHIVE_UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The most files an archive may hold: each migration has its SQL and its snapshot.
pub const ARCHIVE_FILES_MAX: usize = 3 * ENTRIES_MAX;
