//! What a complete transaction amounts to: from the overlay to the change that the store takes.

use std::collections::BTreeMap;

use crate::StoreError;
use crate::file::header::{HEADER_BYTES, Header};
use crate::file::main_file::MainFile;
use crate::file::overlay::{Cover, pieces};
use crate::page::{PageCount, PageSize};
use crate::store::Change;

impl MainFile {
    /// What this transaction changes, as the store takes it.
    ///
    /// The size comes from the header, as SQLite itself takes it from there (`lockBtree`): a
    /// commit that shrinks the file cuts it only after the commit (`pager_end_transaction`). The
    /// header may shorten the file and never lengthens it.
    pub(super) fn change(&mut self) -> Result<Change, StoreError> {
        let header = self.header()?;
        if header.is_some_and(|header| header.wal) {
            let actor = self.actor.clone();
            return Err(StoreError::WalImage { actor });
        }
        let page_size = header.map_or(self.base.page_size, |header| header.page_size);
        let bytes = self.overlay.bytes();
        let written = u32::try_from(bytes.div_ceil(u64::from(page_size.get())));
        let written = PageCount::new(written.unwrap_or(u32::MAX));
        let pages = header
            .and_then(|header| header.pages)
            .map_or(written, |pages| pages.min(written));
        if page_size == self.base.page_size {
            Ok(self.change_of_pages(pages))
        } else {
            self.change_of_page_size(page_size, pages)
        }
    }

    fn header(&mut self) -> Result<Option<Header>, StoreError> {
        let mut bytes = [0; HEADER_BYTES];
        if self.overlay.bytes() < bytes.len() as u64 {
            return Ok(None);
        }
        self.read_all(0, &mut bytes)?;
        Ok(Header::parse(&bytes))
    }

    fn change_of_pages(&mut self, pages: PageCount) -> Change {
        let base = self.base;
        let mut dirty = self.overlay.take_blocks();
        // Pages cut off and back in range are holes now, although the store still has them.
        let hidden = pages.min(base.pages).pages_after(self.overlay.visible());
        if let Some(beyond) = pages.beyond() {
            dirty.split_off(&beyond);
        }
        for page in hidden {
            let zeros = || vec![0; base.page_size.bytes()].into();
            dirty.entry(page).or_insert_with(zeros);
        }
        Change {
            page_size: base.page_size,
            pages,
            dirty,
        }
    }

    /// The whole database in pages of another size. SQLite has rewritten all of it.
    fn change_of_page_size(
        &mut self,
        page_size: PageSize,
        pages: PageCount,
    ) -> Result<Change, StoreError> {
        let mut change = Change {
            page_size,
            pages,
            dirty: BTreeMap::new(),
        };
        for page in pages.pages() {
            let mut bytes = vec![0; page_size.bytes()];
            let is_hole = self.is_hole(page.offset(page_size), bytes.len());
            if !is_hole {
                self.read_all(page.offset(page_size), &mut bytes)?;
                change.dirty.insert(page, bytes.into());
            }
        }
        Ok(change)
    }

    fn is_hole(&self, offset: u64, len: usize) -> bool {
        pieces(offset, len, self.overlay.block())
            .all(|piece| matches!(self.overlay.cover(piece.block), Cover::Hole))
    }
}
