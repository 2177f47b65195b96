//! Random transactions, the same for every run of a seed.

use rusqlite::Connection;

use crate::oracle;

/// A small generator of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A place in something of `len` elements.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        let place = self.below(len as u64);
        usize::try_from(place).unwrap()
    }

    /// True in `percent` of cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }
}

/// Statements with at most one commit among them, at the end.
pub(crate) type Step = Vec<String>;

/// The next thing to do to a database like `oracle`.
pub(crate) fn step(rng: &mut Rng, oracle: &Connection) -> Step {
    let tables = oracle::tables(oracle).unwrap();
    if tables.is_empty() {
        return vec![create(rng)];
    }
    match rng.below(20) {
        0..3 => vacuum(rng, oracle),
        3 => vec![format!("PRAGMA incremental_vacuum({})", rng.below(20))],
        4..8 => vec![statement(rng, &tables)],
        _ => transaction(rng, &tables),
    }
}

/// Both settings each time: a VACUUM that fails leaves them pending in its connection.
fn vacuum(rng: &mut Rng, oracle: &Connection) -> Step {
    let setting = |name| oracle.pragma_query_value(None, name, |row| row.get(0));
    let (mut size, mut mode): (i64, i64) = (
        setting("page_size").unwrap(),
        setting("auto_vacuum").unwrap(),
    );
    if rng.chance(50) {
        size = *rng.pick(&[512, 1024, 4096, 8192, 65_536]);
    }
    if rng.chance(30) {
        // From FULL to INCREMENTAL and back is a commit of its own.
        mode = if mode == 0 { *rng.pick(&[1, 2]) } else { 0 };
    }
    let pragmas = [
        format!("PRAGMA page_size = {size}"),
        format!("PRAGMA auto_vacuum = {mode}"),
    ];
    pragmas.into_iter().chain(["VACUUM".to_owned()]).collect()
}

fn transaction(rng: &mut Rng, tables: &[String]) -> Step {
    let begin = rng.pick(&["BEGIN", "BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"]);
    let mut step = vec![(*begin).to_owned()];
    let mut open = 0;
    for _ in 0..=rng.below(6) {
        match rng.below(10) {
            0 | 1 => {
                step.push(format!("SAVEPOINT s{open}"));
                open += 1;
            }
            2 if open > 0 => {
                open = rng.below(open);
                step.push(format!("ROLLBACK TO s{open}"));
                open += 1;
            }
            3 if open > 0 => {
                open = rng.below(open);
                step.push(format!("RELEASE s{open}"));
            }
            _ => step.push(statement(rng, tables)),
        }
    }
    let end = if rng.chance(75) { "COMMIT" } else { "ROLLBACK" };
    step.push(end.to_owned());
    step
}

/// One statement. It may fail, and then fails everywhere.
fn statement(rng: &mut Rng, tables: &[String]) -> String {
    if tables.is_empty() || rng.chance(8) {
        return create(rng);
    }
    let table = rng.pick(tables).clone();
    match rng.below(12) {
        0..=3 => insert_one(rng, &table),
        4 | 5 => insert_many(rng, &table),
        6 | 7 => update(rng, &table),
        8 | 9 => format!(
            "DELETE FROM {table} WHERE id % {} = {}",
            2 + rng.below(6),
            rng.below(2)
        ),
        10 => match rng.below(3) {
            0 => format!("CREATE INDEX IF NOT EXISTS {table}_n ON {table}(n, k)"),
            1 => format!("DROP INDEX IF EXISTS {table}_n"),
            _ => format!(
                "ALTER TABLE {table} ADD COLUMN c{} TEXT DEFAULT 'x'",
                rng.below(3)
            ),
        },
        _ => match rng.below(4) {
            0 => format!("DROP TABLE {table}"),
            _ => format!("DELETE FROM {table}"),
        },
    }
}

fn create(rng: &mut Rng) -> String {
    let columns = "k TEXT, v BLOB, n INTEGER UNIQUE";
    match rng.below(3) {
        0 => format!(
            "CREATE TABLE w{}(id INTEGER PRIMARY KEY, {columns}) WITHOUT ROWID",
            rng.below(3)
        ),
        1 => format!(
            "CREATE TABLE a{}(id INTEGER PRIMARY KEY AUTOINCREMENT, {columns})",
            rng.below(3)
        ),
        _ => format!(
            "CREATE TABLE t{}(id INTEGER PRIMARY KEY, {columns})",
            rng.below(3)
        ),
    }
}

fn insert_one(rng: &mut Rng, table: &str) -> String {
    let len = match rng.below(10) {
        0 => 20_000 + rng.below(60_000),
        1..4 => 500 + rng.below(5_000),
        _ => rng.below(200),
    };
    let (id, n) = (rng.below(500), rng.below(2_000));
    let or = rng.pick(&["OR REPLACE", "OR IGNORE", "OR ROLLBACK", ""]);
    let value = text(rng, len);
    format!("INSERT {or} INTO {table}(id, k, v, n) VALUES({id}, 'k{id}', {value}, {n})")
}

fn insert_many(rng: &mut Rng, table: &str) -> String {
    let (rows, len) = *rng.pick(&[(10, 100), (50, 300), (120, 900), (30, 4_000)]);
    let value = text(rng, len);
    format!(
        "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < {rows}) \
         INSERT OR REPLACE INTO {table}(id, k, v, n) SELECT x * 3, 'm' || x, {value} || x, x + {} FROM c",
        rng.below(1_000)
    )
}

fn update(rng: &mut Rng, table: &str) -> String {
    let (every, len) = (1 + rng.below(6), rng.below(2_000));
    match rng.chance(50) {
        true => format!(
            "UPDATE {table} SET v = {} WHERE id % {every} = 0",
            text(rng, len)
        ),
        false => {
            format!("UPDATE OR IGNORE {table} SET n = n + 1, k = k || 'u' WHERE id % {every} = 0")
        }
    }
}

/// A text of `len` bytes that is not like others.
fn text(rng: &mut Rng, len: u64) -> String {
    let seed = rng.below(1 << 30);
    format!(
        "substr(replace(hex(zeroblob({})), '00', 'v{seed}'), 1, {len})",
        len / 4 + 1
    )
}
