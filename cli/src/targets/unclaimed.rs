//! Actors that no fleet speaks of: a glob with a typing error must not pass for a clean fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use actor_vfs::Store;

use super::actors::list;
use super::{Fleet, Target};
use crate::error::CliError;

/// The actors of the fleets' stores that belong to none of the fleets.
pub(crate) fn unclaimed(fleets: &[Fleet]) -> Result<Vec<String>, CliError> {
    let mut stores: BTreeMap<&Path, (&Store, BTreeSet<String>)> = BTreeMap::new();
    for fleet in fleets {
        let Some((path, store)) = &fleet.store else {
            continue;
        };
        let (_, claimed) = stores
            .entry(path)
            .or_insert_with(|| (store, BTreeSet::new()));
        claimed.extend(fleet.targets.iter().map(Target::name));
    }
    let mut unclaimed = Vec::new();
    for (store, claimed) in stores.into_values() {
        let ids = list(store, "")?.into_iter().map(|id| id.to_string());
        unclaimed.extend(ids.filter(|id| !claimed.contains(id)));
    }
    Ok(unclaimed)
}
