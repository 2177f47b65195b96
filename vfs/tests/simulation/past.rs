//! Restore points: what one shows is what was stored when it was made, for as long as it is kept,
//! whatever crashes.

use std::sync::Arc;

use actor_vfs::testing::Fault;
use actor_vfs::{Point, StoreError};

use crate::plain::bytes_at;
use crate::tally::Event;
use crate::world::{World, arm, heard};

/// A restore point that somebody asked for.
pub(crate) struct Kept {
    name: String,
    bytes: Arc<Vec<u8>>,
    /// It is certain that it was made.
    sure: bool,
}

impl Kept {
    /// What it leads back to, if it is certain that it does.
    pub(crate) fn target(&self) -> Option<(Point, Arc<Vec<u8>>)> {
        let point = Point::RestorePoint(self.name.clone());
        self.sure.then(|| (point, Arc::clone(&self.bytes)))
    }
}

impl World {
    /// An owner between two transactions makes a restore point, or drops the oldest.
    pub(crate) fn mark(&mut self, p: usize, a: usize) -> Result<(), String> {
        let claims = self.subjects[a].claims;
        let Some(owned) = self.processes[p].owned[a].as_ref() else {
            return Ok(());
        };
        let Some(seen) = self.subjects[a]
            .model
            .seen()
            .filter(|seen| !seen.is_empty())
        else {
            return Ok(());
        };
        if owned.running.is_some() || owned.shaken || owned.claim != claims {
            return Ok(());
        }
        if self.rng.chance(20) && !self.subjects[a].kept.is_empty() {
            let kept = self.subjects[a].kept.remove(0);
            // One that is in doubt may not be there.
            let dropped = owned.actor.drop_restore_point(&kept.name);
            self.tell(|| format!("{p} drops a point of {a}: {}", heard(&dropped)));
            return Ok(());
        }
        let (actor, bytes) = (owned.actor.clone(), Arc::clone(seen));
        let fault = self.rng.chance(30).then(|| self.fault(4));
        let name = format!("point {}", self.next_number());
        arm(&self.processes[p], fault);
        let made = actor.restore_point(&name);
        let faults = &self.processes[p].faults;
        let struck = fault.filter(|_| faults.has_struck());
        faults.heal();
        self.tell(|| format!("{p} makes {name} of {a} with {fault:?}: {}", heard(&made)));
        let crashed = matches!(struck, Some((_, Fault::CrashBefore | Fault::CrashAfter, _)));
        let in_doubt = crashed || matches!(made, Err(StoreError::OutcomeUnknown { .. }));
        match &made {
            Ok(_) => self.tally.count(Event::Marked),
            Err(error) if struck.is_none() => return Err(format!("no restore point: {error}")),
            Err(_) => {}
        }
        if made.is_ok() || in_doubt {
            let sure = made.is_ok();
            self.subjects[a].kept.push(Kept { name, bytes, sure });
        }
        if in_doubt {
            self.forget(p, a);
        }
        self.bury(p, struck);
        Ok(())
    }

    /// Every restore point shows what was stored when it was made, and so does each commit that is kept.
    pub(crate) fn look_back(&mut self, a: usize) -> Result<(), String> {
        let subject = &mut self.subjects[a];
        if subject.model.seen().is_none() {
            return Ok(());
        }
        let expired = subject.past.check(&self.truth, &subject.id)?;
        self.tally.count_many(Event::Expired, expired);
        for kept in &subject.kept {
            let point = Point::RestorePoint(kept.name.clone());
            let snapshot = self.truth.snapshot_at(&subject.id, &point);
            match snapshot.and_then(|snapshot| bytes_at(&snapshot)) {
                Ok(bytes) if bytes == *kept.bytes => {}
                Ok(_) => return Err(format!("{} shows something else", kept.name)),
                Err(_) if !kept.sure => {}
                Err(error) => return Err(format!("{} is lost: {error}", kept.name)),
            }
        }
        Ok(())
    }
}
