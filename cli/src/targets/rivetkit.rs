//! RivetKit's files up to 2.2: a `kv` table that holds an actor's database page by page.
//!
//! The keys are those of `@rivetkit/sqlite-vfs` 2.2.1, `src/kv.ts`: `08 01 00 <file>` for a file's size and
//! `08 01 01 <file> <chunk>` for its content, four thousand and ninety-six bytes a chunk. File 0 is the
//! database, 1 its journal, 2 a WAL. Everything else in the table belongs to RivetKit and is left alone.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::error::CliError;

/// RivetKit maps one SQLite page to one chunk, and nothing in it can use another size.
const PAGE_BYTES: usize = 4096;
/// The most that a database in memory may hold. <https://www.sqlite.org/c3ref/deserialize.html>
const BYTES_MAX: u64 = 1 << 30;
/// `08 01 00 <file>`: a size.
const SIZE_KEY: [u8; 3] = [8, 1, 0];
/// `08 01 01 <file> <u32, big-endian>`: a chunk.
const CHUNK_KEY: [u8; 3] = [8, 1, 1];
/// How RivetKit's `FileMeta` begins: the version of its schema, little-endian.
const SIZE_VERSION: [u8; 2] = [1, 0];

/// One of the files that RivetKit's SQLite keeps for an actor.
#[derive(Clone, Copy)]
enum Kept {
    Database = 0,
    Journal = 1,
    Wal = 2,
}

/// Runs `work` on the database that is inside, where `outer` is RivetKit's, and else on `outer` itself.
pub(super) fn read<T>(
    path: &Path,
    outer: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, CliError>,
) -> Result<T, CliError> {
    match inside(path, outer)? {
        Some(inner) => work(&inner),
        None => work(outer),
    }
}

/// A copy in memory of the database that is inside, if `outer` is RivetKit's.
fn inside(path: &Path, outer: &Connection) -> Result<Option<Connection>, CliError> {
    let fail = |source| sqlite(path, source);
    // Size and chunks are of one moment.
    let _snapshot = outer.unchecked_transaction().map_err(fail)?;
    if !is_store(outer).map_err(fail)? {
        return Ok(None);
    }
    let pages = Pages::load(path, outer)?;
    pages.open(path).map(Some)
}

/// Whether this is a store of RivetKit's that holds a database. Other tables beside `kv` make it somebody else's.
pub(super) fn is_store(outer: &Connection) -> rusqlite::Result<bool> {
    let shape = "SELECT count(*) = 1 AND max(name) = 'kv' FROM sqlite_schema \
                 WHERE type <> 'index' AND name NOT GLOB 'sqlite_*'";
    let columns =
        "SELECT group_concat(lower(name || ' ' || type || ' ' || pk)) FROM pragma_table_info('kv')";
    let any = "SELECT EXISTS (SELECT 1 FROM kv WHERE key >= x'080100' AND key < x'080102')";
    if !outer
        .query_row(shape, [], |row| row.get::<_, Option<bool>>(0))?
        .unwrap_or_default()
    {
        return Ok(false);
    }
    let columns: String = outer.query_row(columns, [], |row| row.get(0))?;
    Ok(columns == "key blob 1,value blob 0"
        && outer.query_row(any, [], |row| row.get::<_, bool>(0))?)
}

/// Works on the database that is inside, and puts the pages that changed back.
///
/// `outer` is locked from before the first page is read until its COMMIT, which is the moment at which all
/// of the change becomes visible. A process that has the file open at all, as RivetKit has while the actor
/// is awake, keeps us out: its SQLite would not notice new pages.
pub(super) fn write<T>(
    path: &Path,
    outer: &Connection,
    work: impl FnOnce(&mut Connection) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let transaction = lock(path, outer)?;
    let before = Pages::load(path, outer)?;
    let mut inner = before.open(path)?;
    let answer = work(&mut inner)?;
    let after = Pages::of(path, &mut inner)?;
    let fail = |source| sqlite(path, source);
    after.store(&before, outer).map_err(fail)?;
    transaction.commit().map_err(fail)?;
    Ok(answer)
}

/// Takes the file for ourselves alone.
///
/// In WAL mode every open connection holds a shared lock for as long as it is open, and the exclusive
/// locking mode needs them gone. <https://www.sqlite.org/wal.html#use_of_wal_without_shared_memory>
fn lock<'a>(path: &Path, outer: &'a Connection) -> Result<rusqlite::Transaction<'a>, CliError> {
    let locked = || {
        outer.pragma_update(None, "locking_mode", "exclusive")?;
        rusqlite::Transaction::new_unchecked(outer, rusqlite::TransactionBehavior::Exclusive)
    };
    locked().map_err(|source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => CliError::RivetAwake {
            path: path.to_owned(),
        },
        _ => sqlite(path, source),
    })
}

/// The bytes of the database that is inside.
struct Pages(Vec<u8>);

impl Pages {
    /// Reads every page, or says why they do not make a database.
    fn load(path: &Path, outer: &Connection) -> Result<Self, CliError> {
        refuse_unfinished(path, outer)?;
        let bad = |reason: String| CliError::RivetPages {
            path: path.to_owned(),
            reason,
        };
        let size = size_of(outer, Kept::Database).map_err(|source| sqlite(path, source))?;
        let size = match size {
            None => return Err(bad("no size is noted".into())),
            Some(Err(found)) => return Err(bad(format!("its size is noted as {found}"))),
            Some(Ok(size)) if size > BYTES_MAX => {
                return Err(bad(format!(
                    "it has {size} bytes, and {BYTES_MAX} is the limit here"
                )));
            }
            Some(Ok(size)) => size,
        };
        let bytes = usize::try_from(size).map_err(|error| bad(error.to_string()))?;
        if !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(bad(format!(
                "{bytes} bytes are no whole pages of {PAGE_BYTES}"
            )));
        }
        let pages = Self::collect(outer, bytes)
            .map_err(|source| sqlite(path, source))?
            .map_err(bad)?;
        pages.check_page_size().map_err(bad)?;
        Ok(pages)
    }

    /// The chunks in order. What RivetKit left behind the end when it truncated is no part of the database.
    fn collect(outer: &Connection, bytes: usize) -> rusqlite::Result<Result<Self, String>> {
        let mut content = Vec::with_capacity(bytes);
        let total = bytes / PAGE_BYTES;
        let mut select = outer.prepare(
            "SELECT key, value FROM kv WHERE key >= x'08010100' AND key < x'08010101' ORDER BY key",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if content.len() == bytes {
                break;
            }
            let number = content.len() / PAGE_BYTES;
            let (key, value) = (row.get_ref(0)?.as_bytes()?, row.get_ref(1)?.as_bytes()?);
            if key != chunk_key(number) {
                break;
            }
            if value.len() != PAGE_BYTES {
                let (page, found) = (number + 1, value.len());
                return Ok(Err(format!(
                    "page {page} of {total} has {found} bytes instead of {PAGE_BYTES}"
                )));
            }
            content.extend_from_slice(value);
        }
        if content.len() < bytes {
            let page = content.len() / PAGE_BYTES + 1;
            return Ok(Err(format!("page {page} of {total} is missing")));
        }
        Ok(Ok(Self(content)))
    }

    /// The page size that the database header gives. <https://www.sqlite.org/fileformat2.html#page_size>
    fn check_page_size(&self) -> Result<(), String> {
        let Some(&[high, low]) = self.0.get(16..18) else {
            return Ok(());
        };
        let found = match u16::from_be_bytes([high, low]) {
            1 => 65536,
            found => usize::from(found),
        };
        if found == PAGE_BYTES {
            return Ok(());
        }
        Err(format!(
            "its header speaks of pages of {found} bytes, and RivetKit keeps {PAGE_BYTES}"
        ))
    }

    /// The database in memory. Without a page it is an empty one.
    fn open(&self, path: &Path) -> Result<Connection, CliError> {
        let opened = || {
            let mut inner = Connection::open_in_memory()?;
            if self.0.is_empty() {
                inner.pragma_update(None, "page_size", PAGE_BYTES as i64)?;
            } else {
                inner.deserialize_read_exact("main", self.0.as_slice(), self.0.len(), false)?;
            }
            // SQLite has not looked at a byte yet: damage is told here and not as part of the work.
            inner.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
            Ok(inner)
        };
        opened().map_err(|source| sqlite(path, source))
    }

    /// The pages of a database in memory.
    fn of(path: &Path, inner: &mut Connection) -> Result<Self, CliError> {
        let data = inner
            .serialize("main")
            .map_err(|source| sqlite(path, source))?;
        let pages = Self(data.to_vec());
        let bad = |reason| CliError::RivetPages {
            path: path.to_owned(),
            reason,
        };
        pages.check_page_size().map_err(bad)?;
        Ok(pages)
    }

    /// Writes the pages that are not as they were `before`, and the size. Nothing changed is nothing written.
    fn store(&self, before: &Self, outer: &Connection) -> rusqlite::Result<()> {
        if self.0 == before.0 {
            return Ok(());
        }
        let mut put = outer.prepare("INSERT OR REPLACE INTO kv (key, value) VALUES (?1, ?2)")?;
        let mut were = before.0.chunks(PAGE_BYTES);
        for (number, page) in self.0.chunks(PAGE_BYTES).enumerate() {
            if were.next() != Some(page) {
                put.execute((chunk_key(number), page))?;
            }
        }
        let end = chunk_key(self.0.len() / PAGE_BYTES);
        outer.execute(
            "DELETE FROM kv WHERE key >= ?1 AND key < x'08010101'",
            [end],
        )?;
        if self.0.len() != before.0.len() {
            put.execute((size_key(Kept::Database), size_value(self.0.len())))?;
        }
        Ok(())
    }
}

/// Refuses a database whose last transaction only RivetKit can finish or undo.
fn refuse_unfinished(path: &Path, outer: &Connection) -> Result<(), CliError> {
    let fail = |source| sqlite(path, source);
    for (kept, what) in [(Kept::Journal, "a journal"), (Kept::Wal, "a WAL")] {
        let size = size_of(outer, kept).map_err(fail)?;
        let first = first_byte(outer, kept).map_err(fail)?;
        let holds = match kept {
            // A journal whose header is zeroed is over. <https://www.sqlite.org/lockingv3.html#hot_journals>
            Kept::Journal => first.is_some_and(|byte| byte != 0),
            _ => first.is_some(),
        };
        if holds && size != Some(Ok(0)) {
            return Err(CliError::RivetUnfinished {
                path: path.to_owned(),
                what,
            });
        }
    }
    Ok(())
}

/// The size that is noted for a file, or what stands there instead of one.
fn size_of(outer: &Connection, kept: Kept) -> rusqlite::Result<Option<Result<u64, String>>> {
    let value: Option<Vec<u8>> = outer
        .query_row(
            "SELECT value FROM kv WHERE key = ?1",
            [size_key(kept)],
            |row| row.get(0),
        )
        .optional()?;
    Ok(value.map(|value| {
        let size = value.strip_prefix(&SIZE_VERSION);
        let size = size.and_then(|size| Some(u64::from_le_bytes(size.try_into().ok()?)));
        size.ok_or_else(|| format!("{value:02x?}"))
    }))
}

/// How a file begins, if it has content.
fn first_byte(outer: &Connection, kept: Kept) -> rusqlite::Result<Option<u8>> {
    let (from, to) = (
        file_key(CHUNK_KEY, kept as u8),
        file_key(CHUNK_KEY, kept as u8 + 1),
    );
    let value: Option<Vec<u8>> = outer
        .query_row(
            "SELECT substr(value, 1, 1) FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT 1",
            [from, to],
            |row| row.get(0),
        )
        .optional()?;
    Ok(value.and_then(|value| value.first().copied()))
}

fn file_key([a, b, c]: [u8; 3], file: u8) -> [u8; 4] {
    [a, b, c, file]
}

fn size_key(kept: Kept) -> [u8; 4] {
    file_key(SIZE_KEY, kept as u8)
}

/// `FileMeta` as RivetKit encodes it: the version, then the size, little-endian.
fn size_value(bytes: usize) -> Vec<u8> {
    [SIZE_VERSION.as_slice(), &(bytes as u64).to_le_bytes()].concat()
}

/// The key of one page of the database, counted from zero.
fn chunk_key(number: usize) -> Vec<u8> {
    // BYTES_MAX and SQLite's own limit for a database in memory keep the number far below this.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    [
        file_key(CHUNK_KEY, Kept::Database as u8),
        number.to_be_bytes(),
    ]
    .concat()
}

fn sqlite(path: &Path, source: rusqlite::Error) -> CliError {
    CliError::Sqlite {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    /// A copy of the store that RivetKit 2.2.1 wrote.
    struct Store {
        folder: TempDir,
        path: PathBuf,
    }

    impl Store {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("actor.db");
            let fixture = "../fixtures/rivetkit-2.2/databases/d26b78e6f4a1cb86.db";
            fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(fixture), &path).unwrap();
            Self { folder, path }
        }

        fn open(&self) -> Connection {
            Connection::open(&self.path).unwrap()
        }

        fn write(&self, sql: &str) -> Result<(), CliError> {
            write(&self.path, &self.open(), |inner| {
                inner
                    .execute_batch(sql)
                    .map_err(|source| sqlite(&self.path, source))
            })
        }

        fn notes(&self) -> i64 {
            notes(&self.path)
        }
    }

    fn notes(path: &Path) -> i64 {
        let count = |inner: &Connection| {
            Ok(inner
                .query_row("SELECT count(*) FROM notes", [], |row| row.get(0))
                .unwrap())
        };
        read(path, &Connection::open(path).unwrap(), count).unwrap()
    }

    type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

    fn rows(outer: &Connection) -> Rows {
        let mut select = outer.prepare("SELECT key, value FROM kv").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn pages(rows: &Rows) -> usize {
        let is_page = |key: &&Vec<u8>| key.starts_with(&[8, 1, 1, 0]);
        rows.keys().filter(is_page).count()
    }

    const GROW: &str = "CREATE TABLE big (b); INSERT INTO big VALUES (zeroblob(300000));";

    #[test]
    fn a_change_touches_only_the_pages_that_changed() {
        let store = Store::new();
        let before = rows(&store.open());
        store
            .write("UPDATE notes SET body = 'another' WHERE id = 3")
            .unwrap();
        let after = rows(&store.open());
        let changed = |(key, value): &(&Vec<u8>, &Vec<u8>)| before.get(*key) != Some(value);
        let changed: Vec<_> = after
            .iter()
            .filter(changed)
            .map(|(key, _)| key.clone())
            .collect();
        // The header, which counts changes, and the one page that holds the rows.
        assert_eq!(changed, [chunk_key(0), chunk_key(3)]);
        assert_eq!(before.len(), after.len());
    }

    #[test]
    fn a_database_that_grows_and_shrinks_has_its_size_noted_as_rivetkit_notes_it() {
        let store = Store::new();
        let before = rows(&store.open());
        store.write(GROW).unwrap();
        let grown = rows(&store.open());
        assert!(pages(&grown) > 70, "{}", pages(&grown));
        let noted = |rows: &Rows| rows[size_key(Kept::Database).as_slice()].clone();
        assert_eq!(noted(&grown), size_value(pages(&grown) * PAGE_BYTES));
        store.write("DROP TABLE big; VACUUM;").unwrap();
        let shrunk = rows(&store.open());
        assert_eq!(
            (pages(&shrunk), noted(&shrunk)),
            (pages(&before), noted(&before))
        );
        assert_eq!(store.notes(), 12);
    }

    #[test]
    fn nothing_is_written_where_nothing_changed_or_the_work_failed() {
        let store = Store::new();
        let before = fs::read(&store.path).unwrap();
        store.write("SELECT 1").unwrap();
        assert_eq!(fs::read(&store.path).unwrap(), before);
        store
            .write("DELETE FROM notes; SELECT nonsense")
            .unwrap_err();
        assert_eq!(fs::read(&store.path).unwrap(), before);
    }

    /// A copy of all files at some moment is what a process that is killed then leaves behind.
    #[test]
    fn a_process_that_dies_anywhere_leaves_before_or_after() {
        for mode in ["delete", "wal"] {
            let store = Store::new();
            let outer = store.open();
            outer.pragma_update(None, "journal_mode", mode).unwrap();
            // With no room in its cache SQLite writes pages long before the COMMIT.
            outer.pragma_update(None, "cache_size", 1).unwrap();
            let before = Pages::load(&store.path, &outer).unwrap();
            let mut inner = before.open(&store.path).unwrap();
            inner.execute_batch(GROW).unwrap();
            inner
                .execute_batch("DELETE FROM notes WHERE id > 5")
                .unwrap();
            let after = Pages::of(&store.path, &mut inner).unwrap();
            outer.execute_batch("BEGIN EXCLUSIVE").unwrap();
            after.store(&before, &outer).unwrap();
            let (_folder, killed) = as_killed(&store);
            assert!(
                killed.parent().unwrap().read_dir().unwrap().count() > 1,
                "{mode}: nothing spilled"
            );
            assert_eq!(notes(&killed), 12, "{mode}");
            outer.execute_batch("COMMIT").unwrap();
            let (_folder, killed) = as_killed(&store);
            assert_eq!(notes(&killed), 5, "{mode}");
        }
    }

    fn as_killed(store: &Store) -> (TempDir, PathBuf) {
        let to = TempDir::new().unwrap();
        for entry in fs::read_dir(store.folder.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
        }
        let path = to.path().join("actor.db");
        (to, path)
    }

    #[test]
    fn what_rivetkit_left_behind_the_end_is_no_part_of_the_database() {
        let store = Store::new();
        let orphan = "INSERT INTO kv VALUES (x'0801010000000004', zeroblob(4096))";
        store.open().execute_batch(orphan).unwrap();
        assert_eq!(store.notes(), 12);
        store.write("DELETE FROM notes WHERE id = 1").unwrap();
        assert_eq!((store.notes(), pages(&rows(&store.open()))), (11, 4));
    }

    #[test]
    fn a_journal_that_is_over_stands_in_nobodys_way() {
        let store = Store::new();
        // What the exclusive locking mode leaves: the header in zeros, the rest as it was.
        let over = "INSERT INTO kv VALUES (x'08010001', x'01000010000000000000'), \
                    (x'0801010100000000', CAST(zeroblob(28) || randomblob(4068) AS BLOB))";
        store.open().execute_batch(over).unwrap();
        assert_eq!(store.notes(), 12);
    }

    #[test]
    fn a_table_named_kv_beside_others_is_somebody_elses() {
        let store = Store::new();
        let outer = store.open();
        assert!(is_store(&outer).unwrap());
        outer.execute_batch("CREATE TABLE mine (x)").unwrap();
        assert!(!is_store(&outer).unwrap());
        let text = Connection::open_in_memory().unwrap();
        text.execute_batch("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT)")
            .unwrap();
        assert!(!is_store(&text).unwrap());
        text.execute_batch("DROP TABLE kv; CREATE TABLE other (x)")
            .unwrap();
        assert!(!is_store(&text).unwrap());
    }
}
