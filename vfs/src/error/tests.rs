//! Every error as a person reads it: one snapshot of all texts.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::StoreError;
use crate::keys::{KeyError, KeyId};
use crate::kv::{EngineError, EngineErrorKind, LimitExceeded};
use crate::layout::{CommitNo, Epoch};
use crate::page::PageNo;
use crate::{ActorId, ActorIdError};

fn actor() -> ActorId {
    ActorId::new("workspace/42").unwrap()
}

fn path() -> PathBuf {
    PathBuf::from("/data/actors")
}

fn engine() -> EngineError {
    EngineError::new(EngineErrorKind::Io, "reading the file", "the cause")
}

/// One of each, in the order of their codes.
fn all() -> Vec<StoreError> {
    [
        of_actors(),
        of_stores(),
        of_connections_and_files(),
        of_the_past(),
        of_keys(),
        of_names(),
    ]
    .concat()
}

fn of_keys() -> Vec<StoreError> {
    let (actor, key) = (actor(), KeyId::new("2026-11").unwrap());
    let source = Box::<dyn Error + Send + Sync>::from("the cause");
    let errors = [
        KeyError::Needed {
            actor: actor.clone(),
            key: key.clone(),
        },
        KeyError::Missing {
            actor: actor.clone(),
            key: key.clone(),
        },
        KeyError::Wrong {
            actor: actor.clone(),
            key,
        },
        KeyError::RecordDamaged {
            actor: actor.clone(),
            damage: "it is missing",
        },
        KeyError::Unreachable {
            actor: actor.clone(),
            source: Arc::from(source),
        },
        KeyError::NotEncrypted {
            actor: actor.clone(),
        },
        KeyError::NoneGiven { actor },
    ];
    errors.map(StoreError::from).into()
}

fn of_actors() -> Vec<StoreError> {
    let (page, commit) = (PageNo::FIRST, CommitNo::new(7));
    vec![
        ActorIdError::Empty.into(),
        StoreError::ActorMissing { actor: actor() },
        StoreError::ActorExists { actor: actor() },
        StoreError::Fenced {
            actor: actor(),
            held: Epoch::new(3),
            current: Epoch::new(4),
        },
        StoreError::Deleted { actor: actor() },
        StoreError::PageMissing {
            actor: actor(),
            page,
            commit,
        },
        StoreError::PageDamaged {
            actor: actor(),
            page,
            commit,
            damage: "it is cut short",
        },
        StoreError::HeadDamaged {
            actor: actor(),
            damage: "it is cut short",
        },
    ]
}

fn of_stores() -> Vec<StoreError> {
    vec![
        StoreError::newer("head record", 9),
        StoreError::NotAStore {
            place: "/data".into(),
            found: "it is a file".into(),
        },
        StoreError::StoreMissing { path: path() },
        StoreError::StoreInUse { path: path() },
        StoreError::StoreDamaged {
            place: "/data".into(),
            damage: "actors.redb: it is empty".into(),
        },
        StoreError::StoreReadOnly { path: path() },
        StoreError::EngineFull {
            actor: actor(),
            source: engine(),
        },
        StoreError::Quota {
            actor: actor(),
            wanted: 20_480,
            allowed: 16_384,
        },
        StoreError::TooLarge {
            actor: actor(),
            source: LimitExceeded {
                what: "value bytes",
                found: 5000,
                max: 1024,
            },
        },
        StoreError::OutcomeUnknown {
            actor: actor(),
            source: engine(),
        },
        engine().into(),
        StoreError::ReadOnly { actor: actor() },
        StoreError::File {
            doing: "creating",
            path: path(),
            source: Arc::new(io::ErrorKind::NotFound.into()),
        },
    ]
}

fn of_connections_and_files() -> Vec<StoreError> {
    let sqlite = || Arc::new(rusqlite::Error::InvalidQuery);
    vec![
        StoreError::WalImage { actor: actor() },
        StoreError::MultiFile { actor: actor() },
        StoreError::Sqlite {
            actor: actor(),
            source: sqlite(),
        },
        StoreError::Randomness {
            cause: "the cause".into(),
        },
        StoreError::Overtaken { actor: actor() },
        StoreError::Contended { actor: actor() },
        StoreError::NotADatabase {
            path: path(),
            found: "it is empty",
        },
        StoreError::DatabaseTruncated {
            path: path(),
            found: 4096,
            stated: 8192,
        },
        StoreError::DatabaseDamaged {
            path: path(),
            damage: "row 1 missing from index i".into(),
        },
        StoreError::DatabaseUnreadable {
            path: path(),
            source: sqlite(),
        },
        StoreError::FileExists { path: path() },
        StoreError::FileInUse {
            path: path(),
            companion: "/data/actors-wal".into(),
        },
        StoreError::TwoStores {
            actor: actor(),
            other: ActorId::new("workspace/7").unwrap(),
        },
        StoreError::Together {
            actor: actor(),
            cause: Arc::new(engine().into()),
        },
        StoreError::NotAnActors { actor: actor() },
    ]
}

fn of_the_past() -> Vec<StoreError> {
    vec![
        StoreError::NoPoint {
            actor: actor(),
            name: "before".into(),
        },
        StoreError::NotKept {
            actor: actor(),
            wanted: "commit 7".into(),
            oldest: CommitNo::new(9),
            last: CommitNo::new(12),
        },
        StoreError::PointExists {
            actor: actor(),
            name: "before".into(),
        },
        StoreError::PointName {
            actor: actor(),
            name: "a\nb".into(),
        },
        StoreError::HistoryDamaged {
            actor: actor(),
            record: "commit 7".into(),
            damage: "it is cut short",
        },
        StoreError::RetentionDamaged {
            damage: "it is cut short",
        },
    ]
}

fn of_names() -> Vec<StoreError> {
    vec![
        StoreError::StoreUnnamed {
            name: "workspace/42".into(),
        },
        StoreError::NotMounted {
            name: "workspace/42".into(),
        },
        StoreError::KeyFile {
            path: path(),
            line: 3,
            found: "a key is 64 hexadecimal digits, and this line has another length",
        },
        StoreError::StoreFull {
            path: path(),
            source: engine(),
        },
        StoreError::Bug {
            actor: actor(),
            what: "a dirty page beyond the end of the database",
        },
    ]
}

#[test]
fn every_error_says_what_is_so_where_and_what_to_do_next() {
    let line = |error: &StoreError| format!("{} {error}\n     {}\n", error.code(), error.hint());
    insta::assert_snapshot!(all().iter().map(line).collect::<String>());
}

#[test]
fn codes_are_given_once_and_in_order() {
    let codes: Vec<_> = all().iter().map(StoreError::code).collect();
    assert!(codes.is_sorted(), "{codes:?}");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
}
