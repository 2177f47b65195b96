//! The boundary between a SQLite main file and where its pages are: what is read and published.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::joint::Stake;
use crate::StoreError;
use crate::layout::CommitNo;
use crate::page::{PageCount, PageNo, PageSize};

/// What a main file reads from and publishes to.
pub(crate) trait Image: Send {
    /// The shape of the database as of the last [`refresh`](Image::refresh) or publish.
    fn geometry(&self) -> Geometry;

    /// Takes in what other connections of this process have published. Called at a SHARED lock.
    fn refresh(&mut self) -> Result<Geometry, StoreError>;

    /// Fills `out`, which is one page long, with a page that the geometry has. A page that SQLite
    /// never wrote reads as zeros; a page that is missing or damaged is an error, never zeros.
    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError>;

    /// Makes the whole change visible and durable, or none of it.
    fn publish(&mut self, change: Change) -> Result<(), StoreError>;

    /// Who publishes here, to do so together with others.
    fn stake(&self) -> Option<Stake> {
        None
    }

    /// Whether every publish will be refused.
    fn read_only(&self) -> bool;
}

/// The shape of a database at one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) page_size: PageSize,
    pub(crate) pages: PageCount,
    /// The commit that made this shape: another one, another content.
    pub(crate) version: CommitNo,
}

impl Geometry {
    /// The size of the file.
    pub(crate) fn bytes(self) -> u64 {
        self.pages.bytes(self.page_size)
    }
}

/// The whole effect of one SQLite transaction.
///
/// Pages within `pages` that are neither in `dirty` nor stored already become holes. When
/// `page_size` differs from the stored one, nothing stored carries over: `dirty` is all there is.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) page_size: PageSize,
    pub(crate) pages: PageCount,
    /// New contents, each one page long, each within `pages`.
    pub(crate) dirty: BTreeMap<PageNo, Arc<[u8]>>,
}
