//! Connections on the same actors, attached in opposite orders.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::{Actor, ActorId, ConnectOptions, Locking, Store};
use rusqlite::{Connection, ffi};

use crate::machine::code;

const TRANSFERS: usize = 40;

fn connect(main: &Actor, other: &Actor) -> Connection {
    let options = ConnectOptions::default().locking(Locking::Normal);
    let connection = main.connect_with(&options).unwrap();
    other.attach(&connection, "other").unwrap();
    connection
}

fn pair() -> [Actor; 2] {
    let store = Store::with_engine(Arc::new(MemoryEngine::new())).unwrap();
    ["a", "b"].map(|id| {
        let actor = store.create(&ActorId::new(id).unwrap()).unwrap();
        let made = "CREATE TABLE account(cents); INSERT INTO account VALUES(1000)";
        actor.connect().unwrap().execute_batch(made).unwrap();
        actor
    })
}

/// Moves a cent, as often as it takes. Gives how often it was busy.
fn transfer(connection: &Connection) -> usize {
    let moved = "BEGIN IMMEDIATE; UPDATE main.account SET cents = cents - 1; \
                 UPDATE other.account SET cents = cents + 1; COMMIT";
    for busy in 0.. {
        match code(connection.execute_batch(moved)) {
            ffi::SQLITE_OK => return busy,
            ffi::SQLITE_BUSY => {}
            other => panic!("{other}"),
        }
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK").unwrap();
        }
        thread::sleep(Duration::from_micros(200));
    }
    unreachable!("it goes on for ever")
}

#[test]
fn opposite_orders_of_attaching_wait_as_sqlite_waits_and_lose_nothing() {
    let [a, b] = pair();
    thread::scope(|scope| {
        for (main, other) in [(&a, &b), (&b, &a)] {
            scope.spawn(move || {
                let connection = connect(main, other);
                connection.busy_timeout(Duration::from_millis(1)).unwrap();
                (0..TRANSFERS).for_each(|_| _ = transfer(&connection));
            });
        }
        scope.spawn(|| {
            let reader = connect(&a, &b);
            reader.busy_timeout(Duration::from_secs(60)).unwrap();
            for _ in 0..TRANSFERS {
                let sum = "SELECT (SELECT cents FROM main.account) + (SELECT cents FROM account)";
                let sum: i64 = reader.query_row(sum, [], |row| row.get(0)).unwrap();
                assert!(sum > 0);
            }
        });
    });
    let connection = connect(&a, &b);
    let read = "SELECT main.account.cents, other.account.cents FROM main.account, other.account";
    let cents: (i64, i64) = connection
        .query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!(cents, (1000, 1000));
    assert_eq!(a.commit(), b.commit());
}

/// A connection that moves to another thread takes along what it has begun.
#[test]
fn a_transaction_may_be_committed_by_another_thread_than_began_it() {
    let [a, b] = pair();
    let mut connection = connect(&a, &b);
    for mode in ["MEMORY", "DELETE"] {
        let begun = format!(
            "PRAGMA main.journal_mode={mode}; PRAGMA other.journal_mode={mode};
             BEGIN; UPDATE main.account SET cents = 1; UPDATE other.account SET cents = '{mode}'"
        );
        connection.execute_batch(&begun).unwrap();
        let committed = thread::spawn(move || {
            connection.execute_batch("COMMIT").unwrap();
            connection
        });
        connection = committed.join().unwrap();
        let query = "SELECT cents FROM other.account";
        let found: String = connection.query_row(query, [], |row| row.get(0)).unwrap();
        assert_eq!(found, mode);
    }
}
