//! What a publish has to write: facts in, a decision out, no I/O.

use std::collections::{BTreeMap, BTreeSet};

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
    /// In the order of their pages.
    pub(super) writes: Vec<Write<'c>>,
    /// Versions that the writes replace.
    pub(super) superseded: Vec<PageKey>,
    /// Pages that are no more.
    pub(super) cut: Option<KeyRange>,
    /// Whether nothing that was stored before remains.
    pub(super) replaces_all: bool,
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
    /// The plan that turns `head` into `change`, given what is `stored` of each page that it
    /// replaces, and `writes`, the dirty pages that differ from what is stored.
    pub(super) fn update(
        head: &Head,
        stored: &BTreeMap<PageNo, Stored>,
        change: &Change,
        writes: Vec<Write<'c>>,
    ) -> Self {
        let gone = head.pages.pages_after(change.pages);
        let rewritten = writes
            .iter()
            .map(|write| write.page)
            .filter(|page| head.pages.contains(*page));
        let rewritten: Vec<_> = rewritten
            .filter_map(|page| Some((page, stored.get(&page)?)))
            .collect();
        let mut checksum = head.checksum;
        rewritten
            .iter()
            .for_each(|(_, stored)| checksum ^= stored.checksum);
        gone.filter_map(|page| stored.get(&page))
            .for_each(|stored| checksum ^= stored.checksum);
        let superseded = rewritten
            .iter()
            .map(|(page, stored)| PageKey::new(head.db, *page, stored.version))
            .collect();
        let cut = change
            .pages
            .beyond()
            .filter(|first| head.pages.contains(*first));
        Self {
            superseded,
            cut: cut.map(|first| pages_from(head.db, first)),
            ..Self::with_holes(head, head.pages, checksum, change, writes)
        }
    }

    /// The plan that replaces all pages of `head` by those of `change`, which have another size.
    pub(super) fn replacement(
        head: &Head,
        fresh: DbId,
        change: &Change,
        writes: Vec<Write<'c>>,
    ) -> Self {
        let plan = Self::with_holes(head, PageCount::ZERO, Checksum::default(), change, writes);
        Self {
            head: Head {
                db: fresh,
                ..plan.head
            },
            cut: Some(all_pages(head.db)),
            replaces_all: true,
            ..plan
        }
    }

    /// Adds a hole for each page after `old` that nobody wrote, and sums up.
    fn with_holes(
        head: &Head,
        old: PageCount,
        mut checksum: Checksum,
        change: &Change,
        mut writes: Vec<Write<'c>>,
    ) -> Self {
        let written: BTreeSet<_> = writes.iter().map(|write| write.page).collect();
        let zeros = vec![0; change.page_size.bytes()];
        let holes = change
            .pages
            .pages_after(old)
            .filter(|page| !written.contains(page));
        writes.extend(holes.map(|page| Write {
            page,
            checksum: Checksum::of(page, &zeros),
            content: None,
        }));
        writes.sort_unstable_by_key(|write| write.page);
        writes.iter().for_each(|write| checksum ^= write.checksum);
        Self {
            head: Head {
                commit: head.commit.next(),
                page_size: change.page_size,
                pages: change.pages,
                checksum,
                ..head.clone()
            },
            writes,
            superseded: Vec::new(),
            cut: None,
            replaces_all: false,
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
