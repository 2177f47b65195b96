//! How actors come, are replaced, go, and leave as plain files.

use std::path::Path;

use actor_vfs::testing::Fault;
use actor_vfs::{ActorSnapshot, IfExists, StoreError};
use tempfile::TempDir;

use crate::model::{Effect, Fate};
use crate::tally::Event;
use crate::world::{World, arm, heard};

type Struck = Option<(u64, Fault, bool)>;

impl World {
    /// Replaces an actor that is there: by nothing, or by another database.
    pub(crate) fn replace(&mut self, p: usize, a: usize) -> Result<(), String> {
        if self.subjects[a].model.seen().is_none() {
            return self.import(p, a);
        }
        let found = self.processes[p].store.create(&self.subjects[a].id);
        if !matches!(found, Err(StoreError::ActorExists { .. })) {
            return Err(format!("what is there is created: {}", heard(&found)));
        }
        if self.rng.chance(30) {
            self.delete(p, a)
        } else {
            self.import(p, a)
        }
    }

    /// Has an actor that is not there come to be.
    pub(crate) fn found(&mut self, p: usize, a: usize) -> Result<(), String> {
        if self.rng.chance(50) {
            self.import(p, a)
        } else {
            self.create(p, a)
        }
    }

    fn delete(&mut self, p: usize, a: usize) -> Result<(), String> {
        let (number, fault) = self.announce(p, a, Effect::Delete);
        let deleted = self.processes[p].store.delete(&self.subjects[a].id);
        self.tell(|| format!("{p} deletes {a} with {fault:?}: {}", heard(&deleted)));
        self.conclude(p, a, number, fault, &deleted, Event::Deleted)
    }

    fn create(&mut self, p: usize, a: usize) -> Result<(), String> {
        let opened = self.processes[p].store.open(&self.subjects[a].id);
        if !matches!(opened, Err(StoreError::ActorMissing { .. })) {
            return Err(format!("an actor that is not there is opened: {opened:?}"));
        }
        let (number, fault) = self.announce(p, a, Effect::Create);
        let created = self.processes[p].store.create(&self.subjects[a].id);
        self.tell(|| format!("{p} creates {a} with {fault:?}: {}", heard(&created)));
        self.conclude(p, a, number, fault, &created, Event::Created)
    }

    /// Puts the file of a database that has gone through one more transaction in an actor's place.
    fn import(&mut self, p: usize, a: usize) -> Result<(), String> {
        let number = self.transactions + 1;
        let bytes = self.successor(a, number);
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let path = folder.path().join("file");
        std::fs::write(&path, &**bytes).map_err(|error| error.to_string())?;
        let is_there = self.subjects[a].model.seen().is_some();
        let if_exists = if self.rng.chance(70) {
            IfExists::Replace
        } else {
            IfExists::Refuse
        };
        let (number, fault) = self.announce(p, a, Effect::Import(bytes));
        let (store, id) = (&self.processes[p].store, &self.subjects[a].id);
        let imported = store.import(id, &path, if_exists);
        self.tell(|| {
            let heard = heard(&imported);
            format!("{p} imports {number} as {a} ({if_exists:?}) with {fault:?}: {heard}")
        });
        let refuses = is_there && if_exists == IfExists::Refuse;
        match &imported {
            Err(StoreError::ActorExists { .. }) if refuses => {
                self.processes[p].faults.heal();
                self.subjects[a].model.end(number, Fate::Refused);
                Ok(())
            }
            Ok(_) if refuses => Err("an import replaced what it was to refuse".into()),
            _ => self.conclude(p, a, number, fault, &imported, Event::Imported),
        }
    }

    /// Begins something that needs no owner, and perhaps has something go wrong with it.
    pub(crate) fn announce(&mut self, p: usize, a: usize, effect: Effect) -> (u64, Struck) {
        let fault = self.rng.chance(35).then(|| self.fault(6));
        let number = self.next_number();
        self.subjects[a].model.begin(number, u64::MAX, effect);
        // Whoever owns the actor may lose it.
        self.subjects[a].claims += 1;
        arm(&self.processes[p], fault);
        (number, fault)
    }

    pub(crate) fn conclude<T>(
        &mut self,
        p: usize,
        a: usize,
        number: u64,
        fault: Struck,
        result: &Result<T, StoreError>,
        event: Event,
    ) -> Result<(), String> {
        let faults = &self.processes[p].faults;
        let struck = fault.filter(|_| faults.has_struck());
        faults.heal();
        let crashed = matches!(struck, Some((_, Fault::CrashBefore | Fault::CrashAfter, _)));
        let fate = match result {
            Ok(_) => {
                self.tally.count(event);
                Fate::Acknowledged
            }
            Err(StoreError::Quota { .. }) if self.setup.quota_bytes.is_some() => Fate::Refused,
            Err(error) if struck.is_none() => {
                return Err(format!("refused for no reason: {error}"));
            }
            Err(StoreError::OutcomeUnknown { .. }) => Fate::Unknown,
            Err(_) if crashed => Fate::Unknown,
            Err(_) => Fate::Refused,
        };
        self.subjects[a].model.end(number, fate);
        self.bury(p, struck);
        Ok(())
    }

    /// Writes what a reader sees to a file, which must hold just that.
    pub(crate) fn export(&mut self, a: usize, snapshot: &ActorSnapshot) -> Result<(), String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let path = folder.path().join("file");
        export_twice(snapshot, &path).map_err(|error| error.to_string())?;
        let exported = std::fs::read(&path).map_err(|error| error.to_string())?;
        self.tally.count(Event::Exported);
        match self.subjects[a].model.seen() {
            Some(seen) if **seen == exported => Ok(()),
            _ => Err("an export is not what is stored".into()),
        }
    }
}

/// The second time there is a file already.
fn export_twice(snapshot: &ActorSnapshot, path: &Path) -> Result<(), StoreError> {
    snapshot.export(path, IfExists::Refuse)?;
    match snapshot.export(path, IfExists::Refuse) {
        Err(StoreError::FileExists { .. }) => snapshot.export(path, IfExists::Replace),
        other => other,
    }
}
