//! Page records on their way into the engine: what fits no batch goes ahead, guarded by a head.

use super::settle::{Leaves, Outcome};
use super::slot::{Slot, StoredHead};
use crate::error::StoreError;
use crate::kv::{Batch, Entry, Limits};
use crate::layout::Head;

/// Collects page records for one batch. When they exceed it, the head first announces them, and
/// they become durable in batches that each require that very head: whoever takes over finds the
/// announcement and sweeps, and nothing of what is still under way can land after that.
pub(super) struct Staging<'s> {
    slot: &'s Slot,
    /// The head that the next batch requires.
    guard: Option<StoredHead>,
    /// The head that announces, until it is needed.
    announcement: Option<Head>,
    limits: Limits,
    entries: Vec<Entry>,
    bytes: usize,
}

/// Room for what goes with the pages: two heads, each required and written, and ranges.
const ASIDE_BYTES: usize = 8 * 1024;
const ASIDE_OPS: usize = 8;

impl<'s> Staging<'s> {
    /// Nothing yet, on top of `guard`; `announcement` will replace it if need be.
    pub(super) fn new(slot: &'s Slot, guard: Option<StoredHead>, announcement: Head) -> Self {
        let limits = slot.engine().limits();
        let announcement = Some(announcement);
        Self {
            slot,
            guard,
            announcement,
            limits,
            entries: Vec::new(),
            bytes: ASIDE_BYTES,
        }
    }

    /// Leaves room in the last batch for those of other `parties`, each with as much as this one.
    pub(super) fn among(mut self, parties: usize) -> Self {
        self.limits = self.limits.among(parties);
        self
    }

    /// Whether some of the records are durable already, where nobody can see them.
    pub(super) fn has_spilled(&self) -> bool {
        self.announcement.is_none()
    }

    /// The head that is stored now, as far as this staging has changed it.
    pub(super) fn guard(&self) -> Option<&StoredHead> {
        self.guard.as_ref()
    }

    /// Adds a record, after those before have gone ahead if they leave it no room.
    pub(super) fn push(&mut self, (key, record): Entry) -> Result<(), StoreError> {
        self.make_room(key.len() + record.len(), 1)?;
        self.bytes += key.len() + record.len();
        self.entries.push((key, record));
        Ok(())
    }

    /// Sends what is collected ahead unless so much more fits into its batch. An empty batch
    /// takes anything: what is too large for a batch of its own, the engine refuses.
    pub(super) fn make_room(&mut self, bytes: usize, ops: usize) -> Result<(), StoreError> {
        let fits = self.bytes + bytes <= self.limits.batch_bytes_max
            && self.entries.len() + ops + ASIDE_OPS <= self.limits.batch_ops_max;
        if fits || self.entries.is_empty() {
            Ok(())
        } else {
            self.spill()
        }
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        if let Some(announcement) = self.announcement.clone() {
            let announced = self.slot.stamp(announcement)?;
            self.check(self.slot.replace(self.guard.as_ref(), &announced)?)?;
            self.guard = Some(announced);
            self.announcement = None;
        }
        let batch = self.drain();
        let outcome = self
            .slot
            .settle(&batch, self.guard.as_ref(), Leaves::Same)?;
        self.check(outcome)
    }

    fn check(&self, outcome: Outcome) -> Result<(), StoreError> {
        match outcome {
            Outcome::Landed => Ok(()),
            Outcome::Lost(now) => Err(self.slot.lost(self.guard.as_ref(), now.as_ref())),
        }
    }

    /// A batch on the guard that holds what is collected and has not gone ahead.
    pub(super) fn drain(&mut self) -> Batch {
        let mut batch = self.slot.batch_on(self.guard.as_ref());
        self.entries
            .drain(..)
            .for_each(|(key, record)| batch.put(key, record));
        self.bytes = ASIDE_BYTES;
        batch
    }
}
