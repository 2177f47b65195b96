//! The three readings watch over each other: each is led astray here, and the others must notice.

use proptest::prelude::*;
use rusqlite::Connection;

use super::{Column, Conflict, Generated, Part, Reaction, Scratch, Table, ast, ddl, settle};

const TABLE: &str = "CREATE TABLE t (id integer PRIMARY KEY, a text NOT NULL DEFAULT 'x' UNIQUE, \
     b int REFERENCES p (id) ON DELETE CASCADE, c AS (b + 1) STORED, UNIQUE (a, b))";

/// Whether the pragmas still confirm the table after `lie`.
fn confirms(lie: impl Fn(&mut Table)) -> bool {
    let mut table = ddl::table(TABLE).unwrap();
    lie(&mut table);
    Scratch::new().confirms(TABLE, &table)
}

#[test]
fn the_pragmas_confirm_the_truth_and_no_lie() {
    assert!(confirms(|_| {}));
    let generated = Generated {
        expr: "1".to_owned(),
        stored: false,
    };
    let part = |name: &str| Part::column(name, false);
    assert!(!confirms(|t| t.columns[1].name = "z".to_owned()));
    assert!(!confirms(|t| t.columns.swap(0, 1)));
    assert!(!confirms(|t| drop(t.columns.pop())));
    assert!(!confirms(|t| t.columns.push(Column::default())));
    assert!(!confirms(|t| t.columns[1].declared = "INT".to_owned()));
    assert!(!confirms(|t| t.columns[1].not_null = None));
    assert!(!confirms(|t| t.columns[2].not_null = Some(Conflict::Abort)));
    assert!(!confirms(|t| t.columns[1].default = None));
    assert!(!confirms(|t| t.columns[3].generated = None));
    assert!(!confirms(
        |t| t.columns[3].generated = Some(generated.clone())
    ));
    assert!(!confirms(|t| t.primary_key = None));
    assert!(!confirms(|t| t.strict = true));
    assert!(!confirms(|t| t.without_rowid = true));
    assert!(!confirms(|t| t.foreign_keys.clear()));
    assert!(!confirms(
        |t| t.foreign_keys[0].on_delete = Reaction::SetNull
    ));
    assert!(!confirms(|t| t.foreign_keys[0].parent = "q".to_owned()));
    assert!(!confirms(|t| t.foreign_keys[0].parent_columns = None));
    assert!(!confirms(|t| t.uniques.clear()));
    assert!(!confirms(|t| {
        let first = t.uniques.pop_first().unwrap();
        t.uniques.insert(super::Unique {
            parts: vec![part("b")],
            ..first
        });
    }));
}

#[test]
fn the_pragmas_confirm_an_index_and_no_lie_about_it() {
    let sql = "CREATE UNIQUE INDEX i ON t (a COLLATE nocase DESC, lower(a), c, id) WHERE b > 1";
    let table_sql = TABLE.replace("b int", "b int COLLATE rtrim");
    let table = settle::table(ddl::table(&table_sql).unwrap()).unwrap();
    let confirms = |lie: &dyn Fn(&mut super::Index)| {
        let mut index = ddl::index(sql).unwrap().settled(&table);
        lie(&mut index);
        Scratch::new().confirms_index((&table_sql, &table), sql, &index)
    };
    assert!(confirms(&|_| {}));
    assert!(!confirms(&|i| i.unique = false));
    assert!(!confirms(&|i| i.filter = None));
    assert!(!confirms(&|i| i.parts[0].descending = false));
    assert!(!confirms(&|i| i.parts[0].collation = None));
    assert!(!confirms(
        &|i| i.parts[2].collation = Some("RTRIM".to_owned())
    ));
    assert!(!confirms(&|i| i.parts[0].of = "\"b\"".to_owned()));
    assert!(!confirms(&|i| i.parts[1].of = "\"a\"".to_owned()));
    assert!(!confirms(&|i| i.parts.swap(0, 1)));
    assert!(!confirms(&|i| drop(i.parts.pop())));
    assert!(!confirms(&|i| i.parts.push(Part::column("a", false))));
}

#[test]
fn what_sqlite_refuses_is_not_confirmed() {
    let sql = "CREATE TABLE t (a int CHECK (no_such_function(a)))";
    let table = ddl::table(sql).unwrap();
    assert!(!Scratch::new().confirms("CREATE TABLE t (a int, a int)", &table));
    assert!(!Scratch::new().confirms("nonsense", &table));
}

/// One of these, or nothing.
fn perhaps(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just(""), 1 => prop::sample::select(choices)]
}

/// A column's type and constraints, no property said twice.
fn column() -> impl Strategy<Value = String> {
    let types = [
        "",
        "integer",
        "TEXT",
        "varchar(20)",
        "decimal(10, 2)",
        "unsigned big int",
        "blob",
    ];
    let property = (
        perhaps(&["NOT NULL", "NULL", "CONSTRAINT n NOT NULL ON CONFLICT FAIL"]),
        perhaps(&["UNIQUE", "UNIQUE ON CONFLICT REPLACE"]),
        perhaps(&[
            "DEFAULT 1",
            "DEFAULT -1.5e3",
            "DEFAULT 'it''s'",
            "DEFAULT (1 + 2)",
            "DEFAULT word",
        ]),
        perhaps(&[
            "DEFAULT CURRENT_TIMESTAMP",
            "AS (1 + 1)",
            "GENERATED ALWAYS AS (2) STORED",
        ]),
        perhaps(&["COLLATE nocase"]),
        perhaps(&[
            "CHECK (a IS NOT NULL)",
            "CONSTRAINT named CHECK (\"b\" != 'x')",
        ]),
        perhaps(&[
            "REFERENCES p",
            "REFERENCES p (id) ON DELETE SET NULL ON UPDATE CASCADE",
            "REFERENCES p (id) MATCH SIMPLE NOT DEFERRABLE INITIALLY IMMEDIATE",
            "REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
        ]),
        perhaps(&[
            "PRIMARY KEY",
            "PRIMARY KEY DESC ON CONFLICT IGNORE",
            "PRIMARY KEY AUTOINCREMENT",
        ]),
    );
    (prop::sample::select(types.to_vec()), property).prop_map(
        |(declared, (a, b, c, d, e, f, g, h))| {
            // Of a default and a generated value a column has one.
            let value = if c.is_empty() { d } else { c };
            [declared, a, b, value, e, f, g, h].join(" ")
        },
    )
}

/// A table `t` with a column `a` and a column `b`, which SQLite may or may not take.
pub(in crate::schema) fn table_sql() -> impl Strategy<Value = String> {
    let names = ["a", "\"b\"", "`c d`", "[key]"];
    let constraints = [
        "PRIMARY KEY (a, \"b\" DESC)",
        "UNIQUE (\"b\" COLLATE nocase, a)",
        "CONSTRAINT u UNIQUE (a) ON CONFLICT FAIL",
        "CHECK ((a > 1) AND length(\"b\") < 10)",
        "CONSTRAINT f FOREIGN KEY (a, \"b\") REFERENCES p (x, y) ON UPDATE NO ACTION",
    ];
    let columns = prop::collection::vec(column(), 2..=names.len());
    let chosen = prop::sample::subsequence(constraints.to_vec(), 0..3);
    let options =
        prop::sample::select(vec!["", "WITHOUT ROWID", "STRICT", "STRICT, WITHOUT ROWID"]);
    (columns, chosen, options).prop_map(move |(columns, constraints, options)| {
        let columns = columns
            .iter()
            .zip(names)
            .map(|(column, name)| format!("{name} {column}"));
        let all: Vec<_> = columns
            .chain(constraints.iter().map(|text| (*text).to_owned()))
            .collect();
        format!("CREATE TABLE t ({}) {options}", all.join(", "))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    /// Whatever SQLite accepts of what we can think of, all three read alike.
    #[test]
    fn all_three_readings_agree_on_whatever_sqlite_accepts(sql in table_sql()) {
        let conn = Connection::open_in_memory().unwrap();
        if conn.execute_batch(&sql).is_ok() {
            let first = ddl::table(&sql);
            prop_assert!(first.is_some(), "not understood: {}", sql);
            let first = first.unwrap();
            prop_assert!(Scratch::new().confirms(&sql, &first), "not confirmed: {}\n{:?}", sql, first);
            prop_assert_eq!(settle::table(first), settle::table(ast::table(&sql).unwrap()), "{}", sql);
        }
    }
}
