//! Which actors of a store were asked for.

use std::collections::BTreeSet;
use std::ffi::OsString;

use actor_vfs::{ActorId, ListOptions, Store, StoreError};
use globset::{Glob, GlobMatcher};

use super::Target;
use super::wanted::Wanted;
use crate::error::CliError;

/// Every actor of a store.
pub(crate) fn every_actor(store: &Store) -> Result<Vec<Target>, CliError> {
    Ok(targets(store, list(store, "")?))
}

/// The actors that some words name; without any, all of them. Every word names at least one.
pub(crate) fn actors_named(store: &Store, words: &[OsString]) -> Result<Vec<ActorId>, CliError> {
    let mut wanted = Wanted::new(words);
    let ids = select_ids(store, None, &mut wanted)?;
    wanted.all_found()?;
    Ok(ids.into_iter().collect())
}

/// The actors that belong to the fleet and were asked for.
pub(super) fn select(
    store: &Store,
    fleet: Option<&Glob>,
    wanted: &mut Wanted,
) -> Result<Vec<Target>, CliError> {
    Ok(targets(store, select_ids(store, fleet, wanted)?))
}

fn targets(store: &Store, ids: impl IntoIterator<Item = ActorId>) -> Vec<Target> {
    ids.into_iter()
        .map(|id| Target::Actor {
            store: store.clone(),
            id,
        })
        .collect()
}

fn select_ids(
    store: &Store,
    fleet: Option<&Glob>,
    wanted: &mut Wanted,
) -> Result<BTreeSet<ActorId>, CliError> {
    let fleet = fleet.map(Glob::compile_matcher);
    let belongs = |id: &ActorId| {
        fleet
            .as_ref()
            .is_none_or(|fleet| fleet.is_match(id.as_str()))
    };
    let mut ids = BTreeSet::new();
    if wanted.everything() {
        let prefix = fleet
            .as_ref()
            .map_or("", |fleet| prefix(fleet.glob().glob()));
        ids.extend(list(store, prefix)?.into_iter().filter(belongs));
    }
    wanted.each_id(|word, glob| {
        let mut found = lookup(store, word, glob)?;
        found.retain(belongs);
        let any = !found.is_empty();
        ids.extend(found);
        Ok(any)
    })?;
    Ok(ids)
}

/// The actor of this very id, else those that the glob matches.
fn lookup(store: &Store, word: &str, glob: Option<&GlobMatcher>) -> Result<Vec<ActorId>, CliError> {
    if let Ok(id) = ActorId::new(word) {
        match store.info(&id) {
            // It is there, and whoever reads it hears what is wrong with it.
            Ok(_) | Err(StoreError::HeadDamaged { .. }) => return Ok(vec![id]),
            Err(StoreError::ActorMissing { .. }) => {}
            Err(error) => return Err(CliError::store(id, error)),
        }
    }
    let Some(glob) = glob else {
        return Ok(Vec::new());
    };
    let mut found = list(store, prefix(word))?;
    found.retain(|id| glob.is_match(id.as_str()));
    Ok(found)
}

/// All actors whose id begins with `prefix`.
pub(super) fn list(store: &Store, prefix: &str) -> Result<Vec<ActorId>, CliError> {
    let mut options = ListOptions::default();
    prefix.clone_into(&mut options.prefix);
    store
        .ids(&options)
        .map_err(|error| CliError::store("the list of actors", error))
}

/// The part of a glob that every match begins with.
fn prefix(glob: &str) -> &str {
    glob.split(['*', '?', '[', '{', '\\'])
        .next()
        .unwrap_or_default()
}
