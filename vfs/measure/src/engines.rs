//! What is measured: each engine, each way to lay pages into it.

mod fjall;
mod redb;

use std::path::Path;

pub(crate) type Entry = (Vec<u8>, Vec<u8>);
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The part of the store's engine trait that the measurements need.
pub(crate) trait Engine: Send + Sync {
    /// The first entries from `from` on and before `to`, in order, of one snapshot.
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Outcome<Vec<Entry>>;
    /// The first entry of each range, all of one snapshot.
    fn floors(&self, ranges: &[(Vec<u8>, Vec<u8>)]) -> Outcome<Vec<Option<Entry>>>;
    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>>;
    /// All or nothing, durable when it returns; refused unless the head is as expected.
    fn commit(&self, batch: &Batch) -> Outcome<()>;
}

/// One transaction of one actor.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) head: Vec<u8>,
    pub(crate) expected: Option<Vec<u8>>,
    pub(crate) puts: Vec<Entry>,
    pub(crate) deletes: Vec<Vec<u8>>,
}

/// An engine and how it is set up.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    /// Whether the store compresses pages before the engine sees them.
    pub(crate) compresses: bool,
    open: fn(&Path) -> Outcome<Box<dyn Engine>>,
}

pub(crate) const SETUPS: &[Setup] = &[
    Setup {
        name: "redb",
        compresses: false,
        open: redb::plain,
    },
    Setup {
        name: "redb, lz4 pages",
        compresses: true,
        open: redb::plain,
    },
    Setup {
        name: "redb, lz4 pages, quick repair",
        compresses: true,
        open: redb::quick_repair,
    },
    Setup {
        name: "fjall",
        compresses: false,
        open: fjall::tree,
    },
    Setup {
        name: "fjall, lz4 pages",
        compresses: true,
        open: fjall::tree,
    },
    Setup {
        name: "fjall, blobs",
        compresses: false,
        open: fjall::blobs,
    },
];

impl Setup {
    pub(crate) fn named(name: &str) -> Setup {
        *SETUPS
            .iter()
            .find(|setup| setup.name == name)
            .expect("a known setup")
    }

    pub(crate) fn open(self, folder: &Path) -> Box<dyn Engine> {
        (self.open)(folder).expect("the engine opens")
    }
}

fn refuse_unless(expected: Option<&[u8]>, found: Option<&[u8]>) -> Outcome<()> {
    if expected == found {
        Ok(())
    } else {
        Err("conflict".into())
    }
}
