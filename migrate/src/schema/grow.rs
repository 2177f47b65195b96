//! Columns that a table lacks at its end, where `ALTER TABLE` gives it exactly those without touching a row.

use super::model::{Model, Scratch};
use super::{Kind, Object};
use crate::sql::{Kind as Sort, Token, quote_name, tokens};

/// Words of a column that SQLite does not add to a table with rows, or whose value may differ from row to row.
const NOT_AT_ONCE: [&str; 8] = [
    "PRIMARY",
    "UNIQUE",
    "CHECK",
    "GENERATED",
    "AS",
    "CURRENT_TIME",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
];

/// The statements that make `old` to `new`, tried on an empty table: SQLite must write the same tokens then.
pub(crate) fn grown(old: &Object, new: &Object) -> Option<Vec<String>> {
    let mut scratch = Scratch::new();
    let mut count = |object: &Object| match object.model(&mut scratch) {
        Model::Table(table) => Some(table.columns.len()),
        _ => None,
    };
    let (before, after) = (count(old)?, count(new)?);
    let written = columns(&new.sql);
    let added = written
        .get(before..after)
        .filter(|added| !added.is_empty())?;
    added
        .iter()
        .all(|column| is_added_at_once(column))
        .then_some(())?;
    let table = quote_name(&old.name);
    let alter = |column: &&str| format!("ALTER TABLE main.{table} ADD COLUMN {column}");
    let alters: Vec<_> = added.iter().map(alter).collect();
    let sql = scratch.altered(&old.sql, &old.name, &alters)?;
    let grown = Object::new(Kind::Table, old.name.clone(), old.table.clone(), sql);
    grown.same_tokens(new).then_some(alters)
}

/// The items between the outer parentheses of a definition, of which the columns are the first.
fn columns(sql: &str) -> Vec<&str> {
    let mut items: Vec<(usize, usize)> = Vec::new();
    let (mut depth, mut begins) = (0_usize, true);
    for token in tokens(sql).filter(|token| token.kind != Sort::Blank) {
        depth = depth.saturating_sub(usize::from(token.is_operator(")")));
        let ends = depth == 0 || (depth == 1 && token.is_operator(","));
        if !ends {
            match items.last_mut().filter(|_| !begins) {
                Some((_, end)) => *end = token.end(),
                None => items.push((token.start, token.end())),
            }
        }
        begins = ends;
        depth += usize::from(token.is_operator("("));
    }
    items
        .iter()
        .map(|(start, end)| &sql[*start..*end])
        .collect()
}

/// Whether all rows that are there get one value that SQLite need not store.
fn is_added_at_once(column: &str) -> bool {
    let tokens: Vec<_> = tokens(column)
        .filter(|token| token.kind != Sort::Blank)
        .collect();
    let word = |word: &str| tokens.iter().position(|token| token.is_word(word));
    let value = word("DEFAULT").and_then(|at| tokens.get(at + 1));
    let is_constant = |value: &Token<'_>| !value.is_operator("(");
    let has_value = value.is_some_and(|value| !value.is_word("NULL"));
    let may_be_null = word("NOT").is_none();
    NOT_AT_ONCE.iter().all(|never| word(never).is_none())
        && value.is_none_or(is_constant)
        && (may_be_null || has_value)
        && (word("REFERENCES").is_none() || value.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(sql: &str) -> Object {
        Object::new(Kind::Table, "t".to_owned(), "t".to_owned(), sql.to_owned())
    }

    /// What is added, without the words that are always the same.
    fn added(old: &str, new: &str) -> Option<Vec<String>> {
        let alters = grown(&table(old), &table(new))?;
        let words = "ALTER TABLE main.\"t\" ADD COLUMN ";
        Some(alters.iter().map(|sql| sql.replace(words, "")).collect())
    }

    #[test]
    fn a_table_that_lacks_only_its_last_columns_gets_them() {
        let old = "CREATE TABLE t (a, b varchar(2, 3) DEFAULT (1 + (2)))";
        let new =
            |more: &str| format!("CREATE TABLE t (a, b varchar(2, 3) DEFAULT (1 + (2)), {more})");
        for one in [
            "c",
            "\"c d\" int -- note\n",
            "c text DEFAULT 'a,b)' NOT NULL",
            "c REFERENCES p(x) ON DELETE CASCADE",
        ] {
            assert_eq!(added(old, &new(one)).unwrap().len(), 1, "{one}");
        }
        let two = added(old, &new("c numeric(4, 5) COLLATE nocase, d DEFAULT -1")).unwrap();
        assert_eq!(two, ["c numeric(4, 5) COLLATE nocase", "d DEFAULT -1"]);
    }

    #[test]
    fn what_alter_table_does_otherwise_is_left_to_a_rebuild() {
        let old = "CREATE TABLE t (a, b)";
        for other in [
            "CREATE TABLE t (a, b)",
            "CREATE TABLE t (a)",
            "CREATE TABLE t (a, c, b)",
            "CREATE TABLE t (a int, b, c)",
            "CREATE TABLE t (a, b, c) STRICT",
            "CREATE TABLE t (a, b, c, UNIQUE (a))",
        ] {
            assert_eq!(added(old, other), None, "{other}");
        }
        for column in [
            "UNIQUE",
            "PRIMARY KEY",
            "NOT NULL",
            "NOT NULL DEFAULT NULL",
            "DEFAULT (unixepoch())",
            "DEFAULT CURRENT_TIMESTAMP",
            "CHECK (c > 0)",
            "AS (a) STORED",
            "AS (a)",
            "DEFAULT 1 REFERENCES p(x)",
        ] {
            assert_eq!(
                added(old, &format!("CREATE TABLE t (a, b, c {column})")),
                None,
                "{column}"
            );
        }
    }
}
