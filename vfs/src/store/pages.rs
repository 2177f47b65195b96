//! Reading one version of one page out of a snapshot.

use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::{EngineError, Snapshot};
use crate::layout::{
    Checksum, CommitNo, DbId, Head, PageCodec, PageKey, Undecodable, versions_up_to,
};
use crate::page::PageNo;

/// What is known of a stored page without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) version: CommitNo,
    pub(super) checksum: Checksum,
}

/// The state of an actor at which pages are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) db: DbId,
    pub(super) commit: CommitNo,
}

impl View {
    pub(super) fn of(head: &Head) -> Self {
        Self {
            db: head.db,
            commit: head.commit,
        }
    }

    /// Fills `out` with `page` as this view sees it. `None`: there is no record of it.
    ///
    /// A page whose version is known costs a look-up of one key, any other a scan to the first.
    pub(super) fn read(
        self,
        snapshot: &dyn Snapshot,
        codec: &PageCodec,
        actor: &ActorId,
        page: PageNo,
        known: Option<Stored>,
        out: &mut [u8],
    ) -> Result<Option<Stored>, StoreError> {
        let Some((key, record)) = self.record(snapshot, page, known)? else {
            return Ok(None);
        };
        let checksum = codec
            .decode(&key, &record, out)
            .map_err(|error| self.undecodable(actor, page, error))?;
        if known.is_some_and(|known| known.checksum != checksum) {
            let error = Undecodable::Damaged("it is not the content that was committed");
            return Err(self.undecodable(actor, page, error));
        }
        Ok(Some(Stored {
            version: key.commit(),
            checksum,
        }))
    }

    fn record(
        self,
        snapshot: &dyn Snapshot,
        page: PageNo,
        known: Option<Stored>,
    ) -> Result<Option<(PageKey, Vec<u8>)>, EngineError> {
        if let Some(known) = known {
            let key = PageKey::new(self.db, page, known.version);
            return Ok(snapshot.get(key.as_bytes())?.map(|record| (key, record)));
        }
        let range = versions_up_to(self.db, page, self.commit);
        let newest = snapshot
            .scan(range.start.as_bytes()..range.end.as_bytes(), 1)?
            .pop();
        Ok(newest.and_then(|(key, record)| Some((PageKey::parse(self.db, &key)?, record))))
    }

    fn undecodable(self, actor: &ActorId, page: PageNo, error: Undecodable) -> StoreError {
        match error {
            Undecodable::Newer { found } => StoreError::newer("page record", found),
            Undecodable::Damaged(damage) => StoreError::PageDamaged {
                actor: actor.clone(),
                page,
                commit: self.commit,
                damage,
            },
        }
    }

    pub(super) fn missing(self, actor: &ActorId, page: PageNo) -> StoreError {
        StoreError::PageMissing {
            actor: actor.clone(),
            page,
            commit: self.commit,
        }
    }
}
