//! Laws of comparing: whatever two tables are, and however they are written.

use proptest::prelude::*;
use rusqlite::Connection;

use super::model::tests::table_sql;
use super::{Level, Schema, diff, read};

/// The schema that SQLite keeps of `sql`, if it takes it.
fn kept(sql: &str) -> Option<Schema> {
    let conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(sql).ok()?;
    Some(read(&conn, "", &Schema::default()).unwrap())
}

/// The same tokens, written otherwise.
fn respelled(sql: &str) -> String {
    sql.replace(" (", "\n(/* ( */ ")
        .replace(", ", " ,\t-- a note\n")
        .replace("CREATE TABLE", "create table")
        .replace("NOT NULL", "not  null")
}

/// The same meaning in other tokens.
fn reworded(sql: &str) -> String {
    sql.replace("text", "TEXT")
        .replace("integer", "INTEGER")
        .replace("DEFAULT 1 ", "DEFAULT (1) ")
}

/// An index that may follow a table.
fn index_sql() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "; CREATE INDEX i ON t (a)",
        "; CREATE INDEX i ON t (a DESC)",
        "; CREATE UNIQUE INDEX i ON t (a, \"b\" COLLATE nocase)",
        "; CREATE INDEX i ON t (lower(a)) WHERE \"b\" > 1",
    ])
}

fn schema_sql() -> impl Strategy<Value = String> {
    (table_sql(), index_sql()).prop_map(|(table, index)| table + index)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_differs_from_itself_however_it_is_written(sql in schema_sql()) {
        if let Some(schema) = kept(&sql) {
            prop_assert_eq!(diff(&schema, &schema), vec![]);
            prop_assert_eq!(Level::of(&schema, &schema), Level::E0);
            let other = kept(&respelled(&sql)).unwrap();
            prop_assert_eq!(diff(&schema, &other), vec![]);
            prop_assert_eq!(Level::of(&schema, &other), Level::E1);
            let third = kept(&reworded(&sql)).unwrap();
            prop_assert_eq!(diff(&schema, &third), vec![]);
            prop_assert!(Level::of(&schema, &third) <= Level::E2);
        }
    }

    #[test]
    fn fingerprints_are_equal_exactly_at_e0_and_e1_and_no_difference_hides_from_one_side(
        one in schema_sql(), other in schema_sql(),
    ) {
        if let (Some(one), Some(other)) = (kept(&one), kept(&other)) {
            let level = Level::of(&one, &other);
            prop_assert_eq!(one.fingerprint() == other.fingerprint(), level <= Level::E1);
            prop_assert_eq!(level, Level::of(&other, &one));
            let differences = diff(&one, &other);
            prop_assert_eq!(differences.is_empty(), level <= Level::E2);
            prop_assert_eq!(differences.len(), diff(&one, &other).len());
        }
    }
}
