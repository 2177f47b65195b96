//! The history that a database tells, read from its bytes: opening SQLite for it costs a hundred
//! times as much, and every step of a seed asks.

/// The transactions that the table `log` of a database lists, in their order.
/// <https://www.sqlite.org/fileformat2.html#b_tree_pages>
pub(crate) fn log_in(database: &[u8]) -> Result<Vec<u64>, String> {
    let mut log = Vec::new();
    match read(database, &mut log) {
        Some(()) => Ok(log),
        None => Err("the log cannot be read".into()),
    }
}

fn read(database: &[u8], log: &mut Vec<u64>) -> Option<()> {
    let page_bytes = page_bytes(database)?;
    // The log is the first table; an auto-vacuum database keeps a page of pointers before it.
    let root = if number(database, 52, 4)? == 0 { 2 } else { 3 };
    let tree = Tree {
        database,
        page_bytes,
    };
    tree.walk(root, 0, log)
}

/// The size of its pages. <https://www.sqlite.org/fileformat2.html#page_size>
pub(crate) fn page_bytes(database: &[u8]) -> Option<usize> {
    match number(database, 16, 2)? {
        0 => None,
        1 => Some(65_536),
        bytes => Some(bytes),
    }
}

struct Tree<'d> {
    database: &'d [u8],
    page_bytes: usize,
}

/// No log of a seed is that deep: a tree that is, is none.
const DEPTH_MAX: u32 = 8;

impl Tree<'_> {
    fn walk(&self, page: usize, depth: u32, log: &mut Vec<u64>) -> Option<()> {
        let start = page.checked_sub(1)?.checked_mul(self.page_bytes)?;
        let page = self.database.get(start..start + self.page_bytes)?;
        let (kind, cells) = (*page.first()?, number(page, 3, 2)?);
        let children = match kind {
            13 => false,
            5 if depth < DEPTH_MAX => true,
            _ => return None,
        };
        let pointers = if children { 12 } else { 8 };
        for cell in 0..cells {
            let at = number(page, pointers + 2 * cell, 2)?;
            if children {
                self.walk(number(page, at, 4)?, depth + 1, log)?;
            } else {
                log.push(entry(page.get(at..)?)?);
            }
        }
        if children {
            self.walk(number(page, 8, 4)?, depth + 1, log)?;
        }
        Some(())
    }
}

/// The number of the transaction in a row: its second column. The first is the key of the row.
fn entry(cell: &[u8]) -> Option<u64> {
    let (_, cell) = varint(cell)?;
    let (_, record) = varint(cell)?;
    let kind = *record.get(2)?;
    let bytes = match (*record.first()?, *record.get(1)?, kind) {
        (3, 0, 1..=4) => usize::from(kind),
        (3, 0, 5) => 6,
        (3, 0, 8 | 9) => return Some(u64::from(kind - 8)),
        _ => return None,
    };
    number(record, 3, bytes).map(|number| number as u64)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let last = bytes.iter().take(8).position(|byte| *byte < 0x80)?;
    let (number, rest) = bytes.split_at(last + 1);
    let value = number
        .iter()
        .fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    Some((value, rest))
}

/// The number of `len` bytes at some place.
pub(crate) fn number(bytes: &[u8], at: usize, len: usize) -> Option<usize> {
    let bytes = bytes.get(at..at.checked_add(len)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
    )
}

/// How often the schema of a database has changed.
pub(crate) fn cookie(database: &[u8]) -> u64 {
    number(database, 40, 4).unwrap_or_default() as u64
}
