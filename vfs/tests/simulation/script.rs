//! What a seed may have happen: transactions, the same for every run.

/// A small generator of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
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
        usize::try_from(self.below(len as u64)).unwrap()
    }

    /// True in `percent` of cases.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }
}

/// What a transaction does to the log of a schema.
pub(crate) fn entry(schema: &str, txn: u64) -> String {
    format!("INSERT INTO {schema}.log SELECT coalesce(max(seq), 0) + 1, {txn} FROM {schema}.log")
}

/// Statements that write all pages anew, perhaps of another size. They always say which: the
/// connection remembers what another VACUUM, which failed, was to make of them.
pub(crate) fn vacuum(rng: &mut Rng, page_bytes: usize) -> String {
    let page_bytes = *rng.pick(&[page_bytes, page_bytes, page_bytes, 512, 1024, 4096]);
    format!("PRAGMA page_size = {page_bytes}; VACUUM")
}

/// The statements of the transaction number `txn`, without its end. None of them can fail.
pub(crate) fn transaction(rng: &mut Rng, txn: u64) -> Vec<String> {
    let begin = rng.pick(&["BEGIN", "BEGIN IMMEDIATE"]);
    let mut statements = vec![(*begin).to_owned(), entry("main", txn)];
    for _ in 0..=rng.below(3) {
        statements.push(statement(rng));
    }
    statements
}

fn statement(rng: &mut Rng) -> String {
    let (id, letter) = (rng.below(40), *rng.pick(&["a", "b", "c"]));
    match rng.below(12) {
        0..=3 => {
            let bytes = rng.below(400);
            format!("INSERT OR REPLACE INTO t VALUES({id}, printf('%.{bytes}c', '{letter}'), {id})")
        }
        4 | 5 => {
            let (rows, bytes) = *rng.pick(&[(8, 60), (20, 200), (30, 500)]);
            format!(
                "WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < {rows}) \
                 INSERT OR REPLACE INTO t SELECT x + {id}, printf('%.{bytes}c', '{letter}') || x, x FROM c"
            )
        }
        6 => format!(
            "UPDATE t SET v = v || '{letter}', n = n + 1 WHERE id % 3 = {}",
            id % 3
        ),
        7 => format!("DELETE FROM t WHERE id % 4 = {}", id % 4),
        8 => "DELETE FROM t WHERE id > 10".to_owned(),
        9 => "DELETE FROM t".to_owned(),
        10 => format!("PRAGMA incremental_vacuum({})", rng.below(9)),
        _ => format!("UPDATE t SET n = {id} WHERE id < {id}"),
    }
}
