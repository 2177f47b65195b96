//! fjall: a journal and a log-structured merge tree, with threads that compact.

use std::path::Path;
use std::sync::Mutex;

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable,
};

use super::{Batch, Engine, Entry, Outcome, refuse_unless};

struct Fjall {
    database: Database,
    space: Keyspace,
    /// fjall's batches have no condition: only one writer may look at the head and write.
    writer: Mutex<()>,
}

pub(super) fn tree(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open(folder, KeyspaceCreateOptions::default())
}

/// Values of a page's size go into files of their own, where fjall compresses them.
pub(super) fn blobs(folder: &Path) -> Outcome<Box<dyn Engine>> {
    let apart = KvSeparationOptions::default();
    open(
        folder,
        KeyspaceCreateOptions::default().with_kv_separation(Some(apart)),
    )
}

fn open(folder: &Path, options: KeyspaceCreateOptions) -> Outcome<Box<dyn Engine>> {
    let database = Database::builder(folder).cache_size(32 << 20).open()?;
    let space = database.keyspace("kv", || options)?;
    Ok(Box::new(Fjall {
        database,
        space,
        writer: Mutex::new(()),
    }))
}

impl Engine for Fjall {
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Outcome<Vec<Entry>> {
        let entries = self
            .database
            .snapshot()
            .range(&self.space, from..to)
            .take(limit);
        entries
            .map(|entry| {
                entry
                    .into_inner()
                    .map(|(key, value)| (key.to_vec(), value.to_vec()))
            })
            .collect::<Result<_, _>>()
            .map_err(Into::into)
    }

    fn floors(&self, ranges: &[(Vec<u8>, Vec<u8>)]) -> Outcome<Vec<Option<Entry>>> {
        let snapshot = self.database.snapshot();
        let floor = |(from, to): &(Vec<u8>, Vec<u8>)| {
            let entry = snapshot
                .range(&self.space, from.as_slice()..to.as_slice())
                .next();
            let entry = entry.map(fjall::Guard::into_inner).transpose()?;
            Ok(entry.map(|(key, value)| (key.to_vec(), value.to_vec())))
        };
        ranges.iter().map(floor).collect()
    }

    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        Ok(self.space.get(key)?.map(|value| value.to_vec()))
    }

    fn commit(&self, batch: &Batch) -> Outcome<()> {
        let _writer = self.writer.lock().map_err(|_| "a writer panicked")?;
        let found = self.get(&batch.head)?;
        refuse_unless(batch.expected.as_deref(), found.as_deref())?;
        let mut writes = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for key in &batch.deletes {
            writes.remove(&self.space, key.as_slice());
        }
        for (key, value) in &batch.puts {
            writes.insert(&self.space, key.as_slice(), value.as_slice());
        }
        Ok(writes.commit()?)
    }
}
