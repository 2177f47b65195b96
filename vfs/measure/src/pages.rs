//! Database pages as SQLite writes them, and the record in which the store keeps one.

use rusqlite::{Connection, MAIN_DB, params};

pub(crate) const PAGE_BYTES: usize = 4096;
pub(crate) const PAGES: usize = 60;
/// Version, codec, checksum, seal.
const HEADER_BYTES: usize = 18;

const WORDS: &str = "the agent reads a file and writes what it found into the task so that the next step \
    may start where this one ended error warning commit branch merge test build deploy review request \
    answer user system message token budget workspace history sandbox snapshot of to in for with from";

/// The pages of one database of a coding agent: messages, files, steps.
pub(crate) fn database(seed: u64) -> Vec<Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut connection = Connection::open_in_memory().expect("SQLite opens");
    connection
        .execute_batch(
            "CREATE TABLE message (id INTEGER PRIMARY KEY, role TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL);
             CREATE TABLE file (path TEXT PRIMARY KEY, hash TEXT NOT NULL, bytes INTEGER NOT NULL);
             CREATE TABLE step (id TEXT PRIMARY KEY, task INTEGER NOT NULL, state TEXT NOT NULL, output BLOB);
             CREATE INDEX message_at ON message (at);
             CREATE INDEX step_task ON step (task, state);",
        )
        .expect("the schema is right");
    while (page_count(&connection) as usize) < PAGES {
        insert_some(&connection, &mut random);
    }
    let bytes = connection
        .serialize(MAIN_DB)
        .expect("SQLite gives its bytes");
    bytes
        .chunks(PAGE_BYTES)
        .take(PAGES)
        .map(<[u8]>::to_vec)
        .collect()
}

fn page_count(connection: &Connection) -> u32 {
    connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .expect("a number of pages")
}

fn insert_some(connection: &Connection, random: &mut fastrand::Rng) {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = |count: usize| {
        let picked: Vec<&str> = (0..count)
            .map(|_| words[random.usize(..words.len())])
            .collect();
        picked.join(" ")
    };
    let (body, path) = (text(60), text(4).replace(' ', "/"));
    let mut hex = |bytes: usize| {
        (0..bytes)
            .map(|_| format!("{:02x}", random.u8(..)))
            .collect::<String>()
    };
    let (hash, id) = (hex(32), hex(16));
    let output: Vec<u8> = (0..random.usize(20..200)).map(|_| random.u8(..)).collect();
    let statements: [(&str, &[&dyn rusqlite::ToSql]); 3] = [
        (
            "INSERT INTO message (role, body, at) VALUES ('assistant', ?1, ?2)",
            params![body, 1_770_000_000_000i64 + random.i64(..1 << 32)],
        ),
        (
            "INSERT OR IGNORE INTO file VALUES (?1, ?2, ?3)",
            params![path, hash, random.u32(..100_000)],
        ),
        (
            "INSERT INTO step VALUES (?1, ?2, 'done', ?3)",
            params![id, random.u8(..20), output],
        ),
    ];
    for (sql, values) in statements {
        connection
            .execute(sql, values)
            .expect("the row fits the schema");
    }
}

/// The value under which a page is kept.
pub(crate) fn record(page: &[u8], compresses: bool) -> Vec<u8> {
    let mut record = vec![0x5a; HEADER_BYTES];
    let compressed = compresses.then(|| lz4_flex::block::compress(page));
    match compressed.filter(|it| it.len() < page.len()) {
        Some(compressed) => record.extend(compressed),
        None => record.extend(page),
    }
    record
}

/// The page inside a record.
pub(crate) fn page(record: &[u8]) -> Vec<u8> {
    let payload = &record[HEADER_BYTES..];
    if payload.len() == PAGE_BYTES {
        return payload.to_vec();
    }
    lz4_flex::block::decompress(payload, PAGE_BYTES).expect("what we compressed")
}
