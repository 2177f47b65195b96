//! What a publish has to write: facts in, a decision out, no I/O.

use std::collections::BTreeMap;

use super::image::Change;
use super::pages::Stored;
use crate::layout::{
    Checksum, DbId, Head, KeyRange, PageKey, all_pages, encode_hole, encode_page, pages_from,
};
use crate::page::{PageCount, PageNo};

/// One page record to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Write<'c> {
    pub(super) page: PageNo,
    pub(super) checksum: Checksum,
    /// A hole has none.
    pub(super) content: Option<&'c [u8]>,
}

/// All that one commit writes and removes.
#[derive(Debug)]
pub(super) struct Plan<'c> {
    /// The head that the commit leaves, but for its token.
    pub(super) head: Head,
    pub(super) writes: Vec<Write<'c>>,
    /// Versions that the writes replace.
    pub(super) superseded: Vec<PageKey>,
    /// Pages that are no more.
    pub(super) cut: Option<KeyRange>,
}

/// Whether the change replaces all pages by those of another size.
pub(super) fn resizes_pages(head: &Head, change: &Change) -> bool {
    head.pages > PageCount::ZERO && head.page_size != change.page_size
}

/// The stored pages that the change removes or replaces: their checksums leave the rolling one.
pub(super) fn replaced<'c>(
    head: &Head,
    change: &'c Change,
) -> impl Iterator<Item = PageNo> + use<'c> {
    let old = head.pages;
    let rewritten = change
        .dirty
        .keys()
        .copied()
        .filter(move |page| old.contains(*page));
    rewritten.chain(old.pages_after(change.pages))
}

/// The dirty pages of a change, with their checksums.
pub(super) fn dirty(change: &Change) -> Vec<Write<'_>> {
    let pages = change.dirty.iter();
    pages
        .map(|(&page, content)| Write {
            page,
            checksum: Checksum::of(page, content),
            content: Some(content),
        })
        .collect()
}

impl<'c> Plan<'c> {
    /// The plan that turns `head` into `change`, given what is `stored` of the pages that it
    /// replaces (and of none that `head` has not), and `writes`, the dirty pages that differ from what is stored.
    pub(super) fn update(
        head: &Head,
        stored: &BTreeMap<PageNo, Stored>,
        change: &Change,
        writes: Vec<Write<'c>>,
    ) -> Self {
        let mut plan = Self::on(head.clone(), change, writes);
        for write in &plan.writes {
            if let Some(former) = stored.get(&write.page) {
                plan.head.checksum ^= former.checksum;
                plan.superseded
                    .push(PageKey::new(head.db, write.page, former.version));
            }
        }
        let gone = head.pages.pages_after(change.pages);
        for former in gone.filter_map(|page| stored.get(&page)) {
            plan.head.checksum ^= former.checksum;
        }
        let first_gone = change
            .pages
            .beyond()
            .filter(|first| head.pages.contains(*first));
        plan.cut = first_gone.map(|first| pages_from(head.db, first));
        plan
    }

    /// The plan that replaces all pages of `head` by those of `change`, which have another size.
    pub(super) fn replacement(
        head: &Head,
        fresh: DbId,
        change: &Change,
        writes: Vec<Write<'c>>,
    ) -> Self {
        let (pages, checksum) = (PageCount::ZERO, Checksum::default());
        let empty = Head {
            db: fresh,
            pages,
            checksum,
            ..head.clone()
        };
        let cut = Some(all_pages(head.db));
        Self {
            cut,
            ..Self::on(empty, change, writes)
        }
    }

    /// The plan that writes `writes` on top of `base`, and a hole for each page that is new and
    /// that nobody wrote.
    fn on(base: Head, change: &Change, mut writes: Vec<Write<'c>>) -> Self {
        let unwritten = change.pages.pages_after(base.pages);
        let mut unwritten = unwritten
            .filter(|page| !change.dirty.contains_key(page))
            .peekable();
        if unwritten.peek().is_some() {
            let zeros = vec![0; change.page_size.bytes()];
            let checksum = |page| Checksum::of(page, &zeros);
            writes.extend(unwritten.map(|page| Write {
                page,
                checksum: checksum(page),
                content: None,
            }));
        }
        let added = writes
            .iter()
            .fold(base.checksum, |sum, write| sum ^ write.checksum);
        let head = Head {
            commit: base.commit.next(),
            page_size: change.page_size,
            pages: change.pages,
            checksum: added,
            ..base
        };
        Self {
            head,
            writes,
            superseded: Vec::new(),
            cut: None,
        }
    }

    /// Whether the change leaves everything as it is.
    pub(super) fn is_idle(&self, head: &Head) -> bool {
        self.writes.is_empty()
            && (self.head.pages, self.head.page_size) == (head.pages, head.page_size)
    }

    /// The key and record of one of the writes.
    pub(super) fn encode(&self, write: &Write<'_>) -> (Vec<u8>, Vec<u8>) {
        let key = PageKey::new(self.head.db, write.page, self.head.commit);
        let record = match write.content {
            Some(content) => encode_page(&key, content, write.checksum),
            None => encode_hole(&key, write.checksum),
        };
        (key.to_vec(), record)
    }
}
