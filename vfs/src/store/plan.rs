//! What a publish has to write: facts in, a decision out, no I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::codec::Fresh;
use super::history::Former;
use super::image::Change;
use super::pages::Stored;
use crate::kv::Entry;
use crate::layout::{Checksum, Head, KeyRange, Nonce, PageCodec, PageKey, pages_from};
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
    /// Versions of pages that are no more.
    pub(super) gone: Vec<PageKey>,
    /// The range of the pages that are no more.
    pub(super) cut: Option<KeyRange>,
    /// The image that takes the place of the former one, if the commit writes all pages anew.
    pub(super) fresh: Option<Fresh>,
    /// How the pages are written.
    pub(super) codec: Arc<PageCodec>,
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
pub(super) fn dirty<'c>(codec: &PageCodec, change: &'c Change) -> Vec<Write<'c>> {
    let pages = change.dirty.iter();
    pages
        .map(|(&page, content)| Write {
            page,
            checksum: codec.checksum(page, content),
            content: Some(content),
        })
        .collect()
}

impl<'c> Plan<'c> {
    /// The plan that turns `head` into `change`, given what is `stored` of the pages that it
    /// replaces (and of none that `head` has not), and `writes`, the dirty pages that differ from what is stored.
    pub(super) fn update(
        head: &Head,
        codec: Arc<PageCodec>,
        stored: &BTreeMap<PageNo, Stored>,
        change: &Change,
        writes: Vec<Write<'c>>,
    ) -> Self {
        let mut plan = Self::on(head.clone(), codec, change, writes);
        for write in &plan.writes {
            if let Some(former) = stored.get(&write.page) {
                plan.head.checksum ^= former.checksum;
                plan.superseded
                    .push(PageKey::new(head.db, write.page, former.version));
            }
        }
        let gone = head.pages.pages_after(change.pages);
        for (page, former) in gone.filter_map(|page| Some((page, stored.get(&page)?))) {
            plan.head.checksum ^= former.checksum;
            plan.gone.push(PageKey::new(head.db, page, former.version));
        }
        let first_gone = change
            .pages
            .beyond()
            .filter(|first| head.pages.contains(*first));
        plan.cut = first_gone.map(|first| pages_from(head.db, first));
        plan
    }

    /// The plan that replaces all pages of `head` by those of `change`, which have another size.
    pub(super) fn replacement(head: &Head, fresh: Fresh, change: &'c Change) -> Self {
        let codec = Arc::clone(&fresh.codec);
        let mut empty = Head {
            db: fresh.db,
            encrypted: codec.is_encrypted(),
            pages: PageCount::ZERO,
            ..head.clone()
        };
        empty.checksum = codec.mask(&empty);
        let writes = dirty(&codec, change);
        Self {
            fresh: Some(fresh),
            ..Self::on(empty, codec, change, writes)
        }
    }

    /// What the commit takes away from the state before it.
    pub(super) fn former(&self) -> Former<'_> {
        if self.fresh.is_some() {
            return Former::Image;
        }
        Former::Pages {
            superseded: &self.superseded,
            gone: &self.gone,
            cut: self.cut.as_ref(),
        }
    }

    /// The plan that writes `writes` on top of `base`, and a hole for each page that is new and
    /// that nobody wrote.
    fn on(base: Head, codec: Arc<PageCodec>, change: &Change, mut writes: Vec<Write<'c>>) -> Self {
        let unwritten = change.pages.pages_after(base.pages);
        let mut unwritten = unwritten
            .filter(|page| !change.dirty.contains_key(page))
            .peekable();
        if unwritten.peek().is_some() {
            let zeros = vec![0; change.page_size.bytes()];
            let checksum = |page| codec.checksum(page, &zeros);
            writes.extend(unwritten.map(|page| Write {
                page,
                checksum: checksum(page),
                content: None,
            }));
        }
        let added = writes
            .iter()
            .fold(base.checksum, |sum, write| sum ^ write.checksum);
        let former_mask = codec.mask(&base);
        let mut head = Head {
            commit: base.commit.next(),
            page_size: change.page_size,
            pages: change.pages,
            checksum: added,
            ..base
        };
        head.checksum ^= former_mask ^ codec.mask(&head);
        Self {
            head,
            writes,
            superseded: Vec::new(),
            gone: Vec::new(),
            cut: None,
            fresh: None,
            codec,
        }
    }

    /// Whether the change leaves everything as it is.
    pub(super) fn is_idle(&self, head: &Head) -> bool {
        self.writes.is_empty()
            && (self.head.pages, self.head.page_size) == (head.pages, head.page_size)
    }

    /// The key and record of one of the writes. `draw` is asked for a nonce if one is needed.
    pub(super) fn encode<E>(
        &self,
        write: &Write<'_>,
        draw: impl FnOnce() -> Result<Nonce, E>,
    ) -> Result<Entry, E> {
        let key = PageKey::new(self.head.db, write.page, self.head.commit);
        let (codec, checksum) = (&self.codec, write.checksum);
        let record = match write.content {
            Some(content) => codec.encode(&key, content, checksum, draw)?,
            None => codec.encode_hole(&key, self.head.page_size, checksum, draw)?,
        };
        Ok((key.to_vec(), record))
    }
}
