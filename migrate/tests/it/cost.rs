//! What a look at a healthy actor costs: a fleet has a hundred thousand of them.

use std::sync::{Arc, Mutex};

use actor_migrate::{InspectOptions, PlanOptions, execute, inspect, plan_apply};
use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};

use crate::common::{Folder, actor};

/// The statements that `work` runs on `conn`, by their first word.
pub(crate) fn statements(conn: &mut Connection, work: impl FnOnce(&mut Connection)) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let note = move |event: TraceEvent<'_>| {
        if let TraceEvent::Stmt(_, sql) = event {
            let word = sql.split_whitespace().next().unwrap_or_default().to_owned();
            sink.lock().unwrap().push(word);
        }
    };
    conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(note))
        .unwrap();
    work(conn);
    conn.trace_v2(TraceEventCodes::empty(), None::<fn(TraceEvent<'_>)>)
        .unwrap();
    seen.lock().unwrap().clone()
}

#[test]
fn a_healthy_actor_costs_three_reads_and_no_write() {
    let folder = Folder::new(&[
        ("0000_a", "CREATE TABLE a (b);"),
        ("0001_b", "CREATE TABLE b (c);"),
    ]);
    let (bundle, expected) = folder.read();
    let options = InspectOptions::default();
    let reads = ["BEGIN", "SELECT", "PRAGMA", "SELECT", "COMMIT"];
    let mut conn = actor(&folder, 1);
    for verdict in ["behind", "current"] {
        let seen = statements(&mut conn, |conn| {
            let standing = inspect(conn, &bundle, &expected, &options).unwrap();
            assert_eq!(standing.verdict.as_str(), verdict);
        });
        assert_eq!(seen, reads);
        let standing = inspect(&conn, &bundle, &expected, &options).unwrap();
        let plan = plan_apply(&bundle, &expected, &standing, &PlanOptions::default()).unwrap();
        execute(&mut conn, &bundle, &expected, &plan).unwrap();
    }
}
