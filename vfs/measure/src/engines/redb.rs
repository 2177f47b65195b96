//! redb: one file, a copy-on-write B-tree.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::{Batch, Engine, Entry, Outcome, refuse_unless};

const TABLE: TableDefinition<&[u8], &[u8]> = TableDefinition::new("kv");

struct Redb {
    database: Database,
    quick_repair: bool,
}

pub(super) fn plain(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open(folder, false)
}

/// Saves the allocator's state in each commit, so that opening after a crash need not walk the file.
pub(super) fn quick_repair(folder: &Path) -> Outcome<Box<dyn Engine>> {
    open(folder, true)
}

fn open(folder: &Path, quick_repair: bool) -> Outcome<Box<dyn Engine>> {
    std::fs::create_dir_all(folder)?;
    let file = folder.join("store.redb");
    let is_new = !file.exists();
    let database = Database::builder().set_cache_size(32 << 20).create(file)?;
    if is_new {
        let txn = database.begin_write()?;
        txn.open_table(TABLE)?;
        txn.commit()?;
    }
    Ok(Box::new(Redb {
        database,
        quick_repair,
    }))
}

impl Engine for Redb {
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Outcome<Vec<Entry>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let entries = table.range(from..to)?.take(limit);
        entries
            .map(|entry| entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
            .collect::<Result<_, _>>()
            .map_err(Into::into)
    }

    fn floors(&self, ranges: &[(Vec<u8>, Vec<u8>)]) -> Outcome<Vec<Option<Entry>>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let floor = |(from, to): &(Vec<u8>, Vec<u8>)| {
            let entry = table
                .range(from.as_slice()..to.as_slice())?
                .next()
                .transpose()?;
            Ok(entry.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())))
        };
        ranges.iter().map(floor).collect()
    }

    fn get(&self, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        Ok(table.get(key)?.map(|value| value.value().to_vec()))
    }

    fn commit(&self, batch: &Batch) -> Outcome<()> {
        let mut txn = self.database.begin_write()?;
        txn.set_quick_repair(self.quick_repair);
        {
            let mut table = txn.open_table(TABLE)?;
            let found = table
                .get(batch.head.as_slice())?
                .map(|value| value.value().to_vec());
            refuse_unless(batch.expected.as_deref(), found.as_deref())?;
            for key in &batch.deletes {
                table.remove(key.as_slice())?;
            }
            for (key, value) in &batch.puts {
                table.insert(key.as_slice(), value.as_slice())?;
            }
        }
        txn.commit()?;
        Ok(())
    }
}
