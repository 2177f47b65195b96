//! What one transaction has written and not yet published, over the blocks of the base image.
//!
//! Blocks are as long as the pages of the base, whatever page size SQLite writes in: when VACUUM
//! changes the page size, it writes the new image in pieces of the old size
//! (`sqlite3_backup_step`), and what SQLite means is known only at the end, from the header.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::page::{PageCount, PageNo, PageSize};
use crate::store::Geometry;

/// The state of a file between two publishes. Cloning it costs one reference a block.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    block: PageSize,
    blocks: BTreeMap<PageNo, Arc<[u8]>>,
    /// The size of the file.
    bytes: u64,
    /// The leading blocks of the base that still show through where nothing was written.
    visible: PageCount,
    changed: bool,
}

/// Who has a block.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cover<'a> {
    /// This transaction wrote it.
    Ours(&'a Arc<[u8]>),
    /// It is as in the base.
    Base,
    /// Nobody has written it, or not since it was cut off: zeros.
    Hole,
}

impl Overlay {
    /// Nothing written over a base of this shape.
    pub(crate) fn over(base: Geometry) -> Self {
        Self {
            block: base.page_size,
            blocks: BTreeMap::new(),
            bytes: base.bytes(),
            visible: base.pages,
            changed: false,
        }
    }

    pub(crate) fn block(&self) -> PageSize {
        self.block
    }

    /// The size of the file in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether anything was written or cut since the last publish.
    pub(crate) fn is_changed(&self) -> bool {
        self.changed
    }

    /// How much of the base shows through.
    pub(crate) fn visible(&self) -> PageCount {
        self.visible
    }

    pub(crate) fn cover(&self, block: PageNo) -> Cover<'_> {
        match self.blocks.get(&block) {
            Some(bytes) => Cover::Ours(bytes),
            None if self.visible.contains(block) => Cover::Base,
            None => Cover::Hole,
        }
    }

    /// Gives up the blocks. What is left is good for nothing but to be replaced.
    pub(crate) fn take_blocks(&mut self) -> BTreeMap<PageNo, Arc<[u8]>> {
        std::mem::take(&mut self.blocks)
    }

    /// Takes a written block out, to be changed and [`put`](Self::put) back.
    pub(crate) fn take(&mut self, block: PageNo) -> Option<Arc<[u8]>> {
        self.blocks.remove(&block)
    }

    /// Puts a whole block.
    pub(crate) fn put(&mut self, block: PageNo, bytes: Arc<[u8]>) {
        debug_assert_eq!(bytes.len(), self.block.bytes());
        self.changed = true;
        self.blocks.insert(block, bytes);
    }

    /// Says that a write reached to `end`.
    pub(crate) fn reach(&mut self, end: u64) {
        self.bytes = self.bytes.max(end);
    }

    /// Cuts or lengthens to `bytes`. Of the block that the cut goes through, the caller has put a
    /// version that ends in zeros.
    pub(crate) fn resize(&mut self, bytes: u64) {
        self.changed = true;
        if bytes < self.bytes {
            let size = u64::from(self.block.get());
            let whole = u32::try_from(bytes / size).unwrap_or(u32::MAX);
            self.visible = self.visible.min(PageCount::new(whole));
            let kept = u32::try_from(bytes.div_ceil(size)).unwrap_or(u32::MAX);
            self.blocks
                .retain(|page, _| PageCount::new(kept).contains(*page));
        }
        self.bytes = bytes;
    }
}

/// A part of a read or write that lies within one block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) block: PageNo,
    /// Where in the block.
    pub(crate) within: Range<usize>,
    /// Where in the caller's buffer.
    pub(crate) buffer: Range<usize>,
}

/// Cuts `len` bytes from `offset` at the borders of blocks. Ends early where block numbers do.
pub(crate) fn pieces(offset: u64, len: usize, size: PageSize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset.checked_add(done as u64)?;
        let start = usize::try_from(at % u64::from(size.get())).ok()?;
        let step = (len - done).min(size.bytes() - start);
        if step == 0 {
            return None;
        }
        let piece = Piece {
            block: PageNo::at_offset(at, size)?,
            within: start..start + step,
            buffer: done..done + step,
        };
        done += step;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommitNo;

    fn overlay(pages: u32) -> Overlay {
        Overlay::over(Geometry {
            page_size: PageSize::new(512).unwrap(),
            pages: PageCount::new(pages),
            version: CommitNo::new(1),
        })
    }

    fn page(number: u32) -> PageNo {
        PageNo::new(number).unwrap()
    }

    #[test]
    fn a_block_that_was_cut_off_is_a_hole_when_the_file_grows_again() {
        let mut overlay = overlay(4);
        overlay.resize(512);
        overlay.resize(4 * 512);
        assert!(matches!(overlay.cover(page(1)), Cover::Base));
        for number in 2..=4 {
            assert!(matches!(overlay.cover(page(number)), Cover::Hole));
        }
    }

    #[test]
    fn pieces_tile_the_buffer_and_never_cross_a_block() {
        let size = PageSize::new(512).unwrap();
        for (offset, len) in [(0, 512), (24, 16), (500, 1536), (1024, 4096), (511, 2)] {
            let mut next = 0;
            for piece in pieces(offset, len, size) {
                assert_eq!(piece.buffer.start, next);
                assert_eq!(piece.buffer.len(), piece.within.len());
                assert!(piece.within.end <= 512);
                assert_eq!(
                    piece.block.offset(size) + piece.within.start as u64,
                    offset + next as u64
                );
                next = piece.buffer.end;
            }
            assert_eq!(next, len);
        }
        assert_eq!(pieces(0, 0, size).next(), None);
    }
}
