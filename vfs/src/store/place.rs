//! Placing a whole database by one commit: what an import does.

use super::codec::Fresh;
use super::history::{Aftermath, Former, Terms};
use super::owner::TAKE_TRIES_MAX;
use super::settle::{Leaves, Outcome};
use super::slot::{Slot, StoredHead};
use super::staging::Staging;
use super::{ActorInfo, Store, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Batch;
use crate::layout::{
    Checksum, CommitNo, Epoch, Head, Moment, PageKey, Retention, Token, Unswept,
    actor_of_aside_key, all_asides, all_pages, key_record_key,
};
use crate::page::{PageCount, PageNo, PageSize};

/// What to do when there is something already where something is to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfExists {
    /// Refuse, and leave it as it is.
    #[default]
    Refuse,
    /// Replace it.
    Replace,
}

/// A whole database, page by page.
pub(crate) trait Source {
    fn page_size(&self) -> PageSize;
    fn pages(&self) -> PageCount;
    /// Fills `out`, which is one page long. Asked for each page once, in order.
    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError>;
}

/// Commits that place a database use this number for its pages: no commit comes before it.
const FIRST_COMMIT: CommitNo = CommitNo::new(1);

impl Store {
    /// Makes the actor hold exactly the pages of `source`, by one commit. An owner that has it
    /// open is fenced.
    ///
    /// What does not fit a batch is staged beside the actor, under a head of its own: until the
    /// one batch that counts, nobody sees anything of it.
    pub(crate) fn place(
        &self,
        actor: &ActorId,
        if_exists: IfExists,
        source: &mut dyn Source,
    ) -> Result<ActorInfo, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        slot.check_quota(source.pages().bytes(source.page_size()), 0)?;
        refuse_existing(&slot, slot.load()?.as_ref(), if_exists)?;
        let aside = Slot::aside(&self.shared, actor);
        if let Some(left) = aside.load()? {
            clear(&aside, left)?;
        }
        let nobodys = Token::new([0; 16]);
        let fresh = self.shared.draw_image(actor)?;
        let mut head = Head {
            db: fresh.db,
            epoch: Epoch::default(),
            commit: CommitNo::default(),
            token: nobodys,
            committed: nobodys,
            page_size: source.page_size(),
            pages: source.pages(),
            encrypted: fresh.codec.is_encrypted(),
            checksum: Checksum::default(),
            time: Moment::default(),
            floor: CommitNo::default(),
            pinned: CommitNo::default(),
            unswept: Unswept::Nothing,
        };
        let announcement = Head {
            unswept: Unswept::Staging(head.db),
            ..head.clone()
        };
        let mut staging = Staging::new(&aside, None, announcement);
        let filled = fill(&mut staging, &fresh, &mut head, source);
        let placed = filled.and_then(|()| publish(&slot, &mut staging, &fresh, &head, if_exists));
        if placed.is_err()
            && let Some(left) = staging.guard().cloned()
        {
            // What cannot be removed now is removed by the next attempt.
            _ = clear(&aside, left);
        }
        Ok(ActorInfo::new(actor.clone(), &placed?))
    }

    /// Removes what attempts to place a database have left when they were cut short. Only for a
    /// store that nobody else has open.
    pub(crate) fn clear_asides(&self) -> Result<(), StoreError> {
        let range = all_asides();
        let snapshot = self.shared.engine.snapshot()?;
        for key in snapshot.scan_keys(&range.start..&range.end, usize::MAX)? {
            let Some(actor) = actor_of_aside_key(&key) else {
                continue;
            };
            let aside = Slot::aside(&self.shared, &actor);
            let cleared = aside
                .load()
                .and_then(|left| left.map_or(Ok(()), |left| clear(&aside, left)));
            // It is nobody's data, so it must not keep others from theirs.
            if let Err(error) = cleared {
                tracing::warn!(%actor, %error, "what an import left cannot be removed");
            }
        }
        Ok(())
    }
}

fn refuse_existing(
    slot: &Slot,
    found: Option<&StoredHead>,
    if_exists: IfExists,
) -> Result<(), StoreError> {
    match (found, if_exists) {
        (Some(_), IfExists::Refuse) => Err(StoreError::ActorExists {
            actor: slot.actor.clone(),
        }),
        _ => Ok(()),
    }
}

/// Puts the pages where they will be found, and their checksums together in the head: without a
/// mask, since the head is not yet that of a commit.
fn fill(
    staging: &mut Staging<'_>,
    fresh: &Fresh,
    head: &mut Head,
    source: &mut dyn Source,
) -> Result<(), StoreError> {
    let mut content = vec![0; head.page_size.bytes()];
    for page in head.pages.pages() {
        source.read(page, &mut content)?;
        let checksum = fresh.codec.checksum(page, &content);
        head.checksum ^= checksum;
        let key = PageKey::new(head.db, page, FIRST_COMMIT);
        let record = fresh
            .codec
            .encode(&key, &content, checksum, random::nonce)?;
        staging.push((key.to_vec(), record))?;
    }
    Ok(())
}

/// Puts the head of what was staged in the place of whatever head the actor has.
fn publish(
    slot: &Slot,
    staging: &mut Staging<'_>,
    fresh: &Fresh,
    head: &Head,
    if_exists: IfExists,
) -> Result<Head, StoreError> {
    let aside = Slot::aside(&slot.shared, &slot.actor);
    let rest = staging.drain();
    let (mut before, retention) = (slot.load()?, slot.retention()?);
    for _ in 0..TAKE_TRIES_MAX {
        refuse_existing(slot, before.as_ref(), if_exists)?;
        let former = before.as_ref().map(|before| &before.head);
        let aftermath = replace(slot, fresh, former, head, retention);
        let next = slot.stamp_commit(aftermath.head.clone())?;
        let mut batch = rest.clone();
        batch.require(
            slot.key.clone(),
            before.as_ref().map(|before| before.record.clone()),
        );
        batch.put(slot.key.clone(), next.record.clone());
        batch.delete(aside.key.clone());
        aftermath.apply(&mut batch);
        fresh.seal(&mut batch);
        match slot.settle(&batch, before.as_ref(), Leaves::Other(&next))? {
            Outcome::Landed => return Ok(next.head),
            Outcome::Lost(now) if now == before => {
                return Err(StoreError::Overtaken {
                    actor: slot.actor.clone(),
                });
            }
            Outcome::Lost(now) => before = now,
        }
    }
    Err(slot.contended())
}

/// What becomes of the former head, if there is one, when `placed` takes its place.
fn replace(
    slot: &Slot,
    fresh: &Fresh,
    former: Option<&Head>,
    placed: &Head,
    retention: Retention,
) -> Aftermath {
    let (epoch, commit) = former.map_or_else(Default::default, |it| (it.epoch, it.commit));
    let mut after = Head {
        epoch: epoch.next(),
        commit: commit.next(),
        floor: commit.next(),
        time: slot.shared.now(),
        ..placed.clone()
    };
    after.checksum ^= fresh.codec.mask(&after);
    let Some(former) = former else {
        return Aftermath::none(after);
    };
    let terms = Terms {
        retention,
        limits: slot.engine().limits(),
        spilled: false,
    };
    let mut aftermath = Aftermath::new(&slot.actor, former, &after, Former::Image, terms);
    match former.unswept {
        Unswept::Staging(db) if db != former.db => aftermath.ranges.push(all_pages(db)),
        // The former image may stay, and then what was staged in it must go.
        Unswept::Staging(_) => aftermath.head.unswept = Unswept::Garbage,
        Unswept::Nothing | Unswept::Garbage => {}
    }
    aftermath
}

/// Removes every page of an actor with that head and their key, and what a staged commit may have
/// left.
pub(super) fn remove_pages(batch: &mut Batch, head: &Head) {
    let staged = match head.unswept {
        Unswept::Staging(db) if db != head.db => Some(db),
        _ => None,
    };
    for db in staged.into_iter().chain([head.db]) {
        let pages = all_pages(db);
        batch.delete_range(pages.start, pages.end);
    }
    if head.encrypted {
        batch.delete(key_record_key(head.db));
    }
}

/// Removes what an attempt has left aside. Somebody may have done so already.
fn clear(aside: &Slot, left: StoredHead) -> Result<(), StoreError> {
    let slot = Slot::new(&aside.shared, &aside.actor);
    let actor = slot.load()?;
    if actor
        .as_ref()
        .is_some_and(|actor| actor.head.db == left.head.db)
    {
        return Err(slot.bug("what is staged beside the actor is what the actor holds"));
    }
    let mut batch = aside.batch_on(Some(&left));
    batch.require(slot.key, actor.map(|actor| actor.record));
    batch.delete(aside.key.clone());
    remove_pages(&mut batch, &left.head);
    aside.settle(&batch, Some(&left), Leaves::None)?;
    Ok(())
}
