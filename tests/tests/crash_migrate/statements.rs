//! The process dies before each statement in turn, while one actor of a store is changed.

use std::sync::{Arc, Mutex};

use actor_vfs::kv::{Engine, Snapshot};
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::calls::{Change, SPILL, Stage, changes, open};

/// What the engine held before each statement of a change: all that a crash there would leave.
fn left_at_every_statement(change: &Change, stage: &Stage) -> Vec<Box<dyn Snapshot>> {
    let left = Arc::new(Mutex::new(Vec::new()));
    let engine = Stage::fork(&stage.engine);
    let mut conn: Connection = open(&engine);
    conn.execute_batch(SPILL).unwrap();
    let keep = {
        let (left, engine) = (Arc::clone(&left), Arc::clone(&engine));
        move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(..) = event {
                left.lock().unwrap().push(engine.snapshot().unwrap());
            }
        }
    };
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(keep))
        .unwrap();
    change.run(&mut conn).unwrap();
    drop(conn);
    std::mem::take(&mut left.lock().unwrap())
}

#[test]
fn a_crash_before_any_statement_of_any_change_leaves_the_actor_before_and_able_to_go_on() {
    for change in changes() {
        let stage = Stage::set(&change);
        let left = left_at_every_statement(&change, &stage);
        assert!(left.len() > 15, "{}: {}", change.name, left.len());
        let mut committed = false;
        for (number, snapshot) in left.into_iter().enumerate() {
            let engine = Stage::fork_of(snapshot, &stage.engine);
            let mut conn = open(&engine);
            let seen = change.seen(&conn);
            let context = format!("{} before statement {number}", change.name);
            // What follows COMMIT, such as foreign keys that are switched on again, finds the actor changed.
            committed |= seen == stage.after;
            let whole = if committed {
                &stage.after
            } else {
                &stage.before
            };
            assert_eq!(&seen, whole, "{context}");
            if !committed && number % 5 == 0 {
                change.run(&mut conn).unwrap();
                assert_eq!(change.seen(&conn), stage.after, "{context}");
            }
        }
    }
}
