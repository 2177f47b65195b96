//! From the change of a SQLite transaction to a plan: what is known, unchanged, too much.

use std::sync::Arc;

use super::image::{Change, Geometry};
use super::owner::{Owner, Tenure};
use super::pages::View;
use super::plan::{self, Plan, Write};
use super::txn::Txn;
use crate::error::StoreError;
use crate::layout::{Retention, Unswept};
use crate::page::PageNo;

/// How many pages are looked up at a time: a damaged head may claim four billion, of which the
/// first that is missing ends the matter.
const LOOK_UP_STEP: usize = 4096;

impl Owner {
    /// Makes the whole change visible and durable, or none of it.
    ///
    /// Pages that are stored already as they are in the change are not written again; so the
    /// publish with which SQLite restores what a transaction had spilled writes nothing.
    pub(super) fn publish(&self, change: &Change) -> Result<Geometry, StoreError> {
        match self.prepare(change)? {
            Some(txn) => txn.stage(1)?.publish(),
            None => self.geometry(),
        }
    }

    /// Plans the commit of a change, if it changes anything. Until it is published or dropped, no
    /// other begins.
    pub(super) fn prepare<'o, 'c>(
        &'o self,
        change: &'c Change,
    ) -> Result<Option<Txn<'o, 'c>>, StoreError> {
        self.admit(change)?;
        let mut tenure = self.tenure()?;
        let present = &tenure.stored.head;
        let wanted = change.pages.bytes(change.page_size);
        self.slot
            .check_quota(wanted, present.pages.bytes(present.page_size))?;
        // The publish that ends a rollback changes nothing, so it must not fail at what it does not
        // need: SQLite would keep that to itself, and the next transaction would meet it.
        if tenure.stored.head.unswept != Unswept::Nothing {
            if self.plan(&mut tenure, change)?.is_idle(&tenure.stored.head) {
                return Ok(None);
            }
            self.sweep(&mut tenure)?;
        }
        let plan = self.plan(&mut tenure, change)?;
        if plan.is_idle(&tenure.stored.head) {
            return Ok(None);
        }
        let retention = self.retention(&mut tenure)?;
        Ok(Some(Txn::new(self, tenure, plan, retention)))
    }

    /// How much of the past is kept. An owner that claimed its actor knows.
    pub(super) fn retention(&self, tenure: &mut Tenure) -> Result<Retention, StoreError> {
        match tenure.retention {
            Some(retention) => Ok(retention),
            None => Ok(*tenure.retention.insert(self.slot.retention()?)),
        }
    }

    /// Refuses what the file layer may not send.
    fn admit(&self, change: &Change) -> Result<(), StoreError> {
        let one_page = |content: &Arc<[u8]>| content.len() == change.page_size.bytes();
        if !change.dirty.values().all(one_page) {
            return Err(self.slot.bug("a dirty page that is not one page long"));
        }
        if change
            .dirty
            .keys()
            .next_back()
            .is_some_and(|last| !change.pages.contains(*last))
        {
            return Err(self.slot.bug("a dirty page beyond the end of the database"));
        }
        Ok(())
    }

    fn plan<'c>(&self, tenure: &mut Tenure, change: &'c Change) -> Result<Plan<'c>, StoreError> {
        if plan::resizes_pages(&tenure.stored.head, change) {
            let fresh = self.slot.shared.draw_image(&self.slot.actor)?;
            return Ok(Plan::replacement(&tenure.stored.head, fresh, change));
        }
        let codec = Arc::clone(&tenure.codec);
        let writes = plan::dirty(&codec, change);
        self.learn_replaced(tenure, change)?;
        let writes = self.differing(tenure, writes)?;
        Ok(Plan::update(
            &tenure.stored.head,
            codec,
            &tenure.pages,
            change,
            writes,
        ))
    }

    /// Looks up the pages that the change replaces and that nobody has read: SQLite does not read
    /// a page that it takes from its list of free ones.
    fn learn_replaced(&self, tenure: &mut Tenure, change: &Change) -> Result<(), StoreError> {
        let mut replaced = plan::replaced(&tenure.stored.head, change);
        loop {
            let unknown = replaced
                .by_ref()
                .filter(|page| !tenure.pages.contains_key(page));
            let unknown: Vec<_> = unknown.take(LOOK_UP_STEP).collect();
            if unknown.is_empty() {
                return Ok(());
            }
            self.look_up(tenure, &unknown, |_, _| {})?;
        }
    }

    /// The writes that differ from what is stored. Equal checksums are only a reason to compare.
    fn differing<'c>(
        &self,
        tenure: &mut Tenure,
        mut writes: Vec<Write<'c>>,
    ) -> Result<Vec<Write<'c>>, StoreError> {
        let same_checksum = |write: &&Write<'_>| {
            tenure
                .pages
                .get(&write.page)
                .is_some_and(|stored| stored.checksum == write.checksum)
        };
        let suspects: Vec<_> = writes
            .iter()
            .filter(same_checksum)
            .map(|write| write.page)
            .collect();
        self.look_up(tenure, &suspects, |page, stored| {
            writes.retain(|write| write.page != page || write.content != Some(stored));
        })?;
        Ok(writes)
    }

    /// Shows `see` the stored content of each of `pages`, and remembers what was found.
    fn look_up(
        &self,
        tenure: &mut Tenure,
        pages: &[PageNo],
        mut see: impl FnMut(PageNo, &[u8]),
    ) -> Result<(), StoreError> {
        if pages.is_empty() {
            return Ok(());
        }
        let view = View::of(&tenure.stored.head);
        let snapshot = self.slot.engine().snapshot()?;
        let mut content = vec![0; tenure.stored.head.page_size.bytes()];
        for &page in pages {
            let known = tenure.pages.get(&page).copied();
            let (codec, actor) = (&tenure.codec, &self.slot.actor);
            match view.read(&*snapshot, codec, actor, page, known, &mut content)? {
                Some(found) => _ = tenure.pages.insert(page, found),
                None => return Err(self.lost_or_missing(tenure, page)),
            }
            see(page, &content);
        }
        Ok(())
    }
}
