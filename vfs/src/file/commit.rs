//! What a complete transaction amounts to: from the overlay to the change that the store takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::StoreError;
use crate::file::header::{HEADER_BYTES, Header};
use crate::file::joint::{Fate, Member};
use crate::file::main_file::MainFile;
use crate::file::overlay::{Cover, pieces};
use crate::file::{Code, FileNo, Joint};
use crate::page::{PageCount, PageSize};
use crate::store::{Change, Part};

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

    /// Hands the change in to be published together with those of other files, and shows it until
    /// that has happened.
    pub(super) fn hand_in(&mut self, joint: &Arc<Joint>, file: FileNo) -> Result<(), StoreError> {
        let Some(stake) = self.image.stake() else {
            let actor = self.actor.clone();
            return Err(StoreError::MultiFile { actor });
        };
        let shown = self.overlay.clone();
        let change = self.change();
        self.overlay = shown;
        let part = Part {
            stake,
            change: change?,
        };
        joint.enter(Member {
            file,
            part,
            last_error: Arc::clone(&self.last_error),
        })?;
        self.joint = Some((Arc::clone(joint), file));
        self.unwinding = false;
        Ok(())
    }

    /// Looks what has become of the joint that has our change, if it is decided.
    pub(super) fn see_joint(&mut self) {
        if self
            .joint
            .as_ref()
            .is_some_and(|(joint, _)| !joint.is_open())
        {
            self.part_from_joint();
        }
    }

    /// Looks what has become of the joint that has our change. Whoever calls this while nothing
    /// is decided has turned away from the commit, so nothing comes of it.
    pub(super) fn part_from_joint(&mut self) {
        let Some((joint, file)) = self.joint.take() else {
            return;
        };
        match joint.leave(file) {
            Fate::Published => self.take_in_published(),
            Fate::Refused(error) => {
                if let Some(error) = error.filter(StoreError::ends_tenure) {
                    self.give_up(&error);
                }
                let has_journal = self.savepoint.is_none();
                self.discard();
                self.unwinding = has_journal;
            }
        }
    }

    fn take_in_published(&mut self) {
        let scratch = self.scratch.take();
        let scratch = scratch.and_then(|(page, old)| match self.overlay.cover(page) {
            Cover::Ours(new) => Some((page, Arc::clone(new))),
            Cover::Base => Some((page, old)),
            Cover::Hole => None,
        });
        match self.image.refresh() {
            Ok(now) => {
                self.scratch = scratch.filter(|_| now.page_size == self.base.page_size);
                self.base = now;
                self.known_bytes = now.bytes();
            }
            Err(error) => _ = self.fail(&error, Code::IOERR),
        }
        self.discard();
        self.unwinding = false;
    }
}
