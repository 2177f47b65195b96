//! What a statement begins with: enough to know its sort without parsing it.

use super::tokens::{Kind, Token, tokens};
use super::unquote;

/// What a statement is about, told from its first words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Head {
    /// `PRAGMA foreign_keys = …`: it does nothing inside a transaction, so it is hoisted out of it.
    ForeignKeys,
    /// `BEGIN`, `COMMIT`, `SAVEPOINT` and the like: the transaction is ours.
    Transaction,
    /// `ATTACH`, `DETACH`, `VACUUM`: cannot run inside a transaction, or reach beyond the actor.
    Outside(&'static str),
    /// Creates a table, index, view or trigger: adds rows to the schema and changes none.
    Creates,
    /// `DROP TABLE name`
    DropTable(String),
    /// `DROP TRIGGER name`
    DropTrigger(String),
    /// `DROP INDEX name`
    DropIndex(String),
    /// `ALTER TABLE name ADD …`
    AddColumn(String),
    /// `ALTER TABLE table DROP column`
    DropColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// `ALTER TABLE from RENAME TO to`
    Rename {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// Any other change of the schema.
    Schema,
    /// Reads or writes rows.
    Rows,
}

/// The head of one statement.
pub(crate) fn head(sql: &str) -> Head {
    let mut words = tokens(sql).filter(|token| token.kind != Kind::Blank);
    let Some(first) = words.next() else {
        return Head::Rows;
    };
    let is = |word| first.is_word(word);
    if is("CREATE") {
        let mut rest = words.skip_while(|token| {
            ["TEMP", "TEMPORARY", "UNIQUE"]
                .iter()
                .any(|word| token.is_word(word))
        });
        let plain = rest.next().is_some_and(|token| !token.is_word("VIRTUAL"));
        return if plain { Head::Creates } else { Head::Schema };
    }
    if is("DROP") {
        return drop_head(words);
    }
    if is("ALTER") {
        return alter_head(words).unwrap_or(Head::Schema);
    }
    if is("PRAGMA") {
        let names_it = object_name(&mut words.peekable()).eq_ignore_ascii_case("foreign_keys");
        return if names_it {
            Head::ForeignKeys
        } else {
            Head::Rows
        };
    }
    if ["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"]
        .into_iter()
        .any(is)
    {
        return Head::Transaction;
    }
    ["ATTACH", "DETACH", "VACUUM"]
        .into_iter()
        .find(|word| is(word))
        .map_or(Head::Rows, Head::Outside)
}

fn drop_head<'a>(mut words: impl Iterator<Item = Token<'a>>) -> Head {
    let what = words.next();
    let mut rest = words.peekable();
    while rest
        .next_if(|token| token.is_word("IF") || token.is_word("EXISTS"))
        .is_some()
    {}
    let is = |word| what.is_some_and(|token| token.is_word(word));
    if is("TABLE") {
        Head::DropTable(object_name(&mut rest))
    } else if is("TRIGGER") {
        Head::DropTrigger(object_name(&mut rest))
    } else if is("INDEX") {
        Head::DropIndex(object_name(&mut rest))
    } else {
        Head::Schema
    }
}

fn alter_head<'a>(mut words: impl Iterator<Item = Token<'a>>) -> Option<Head> {
    words.next().filter(|token| token.is_word("TABLE"))?;
    let mut rest = words.peekable();
    let table = object_name(&mut rest);
    let what = rest.next()?;
    if what.is_word("ADD") {
        return Some(Head::AddColumn(table));
    }
    if what.is_word("DROP") {
        rest.next_if(|token| token.is_word("COLUMN"));
        let column = object_name(&mut rest);
        return Some(Head::DropColumn { table, column });
    }
    rest.next()
        .filter(|token| what.is_word("RENAME") && token.is_word("TO"))?;
    Some(Head::Rename {
        from: table,
        to: object_name(&mut rest),
    })
}

/// The name that follows, without the database it may be qualified with.
fn object_name<'a>(rest: &mut std::iter::Peekable<impl Iterator<Item = Token<'a>>>) -> String {
    let first = rest
        .next()
        .map(|token| unquote(token.text))
        .unwrap_or_default();
    if rest.next_if(|token| token.is_operator(".")).is_some() {
        return rest
            .next()
            .map(|token| unquote(token.text))
            .unwrap_or_default();
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_behind_qualifiers_quotes_and_if_exists() {
        assert_eq!(
            head("/* x */ drop table if exists main.`a b`"),
            Head::DropTable("a b".into())
        );
        let rename = Head::Rename {
            from: "__new_t".into(),
            to: "t".into(),
        };
        assert_eq!(head("ALTER TABLE \"__new_t\" RENAME TO [t];"), rename);
        assert_eq!(head("ALTER TABLE t RENAME a TO b"), Head::Schema);
        assert_eq!(
            head("ALTER TABLE t ADD COLUMN c"),
            Head::AddColumn("t".into())
        );
        let dropped = |sql| match head(sql) {
            Head::DropColumn { table, column } => format!("{table}.{column}"),
            other => format!("{other:?}"),
        };
        assert_eq!(dropped("ALTER TABLE `t` DROP COLUMN `a b`;"), "t.a b");
        assert_eq!(dropped("ALTER TABLE t DROP c"), "t.c");
        assert_eq!(head("DROP INDEX i"), Head::DropIndex("i".into()));
        assert_eq!(head("PRAGMA main.foreign_keys=OFF;"), Head::ForeignKeys);
    }

    #[test]
    fn a_virtual_table_is_more_than_one_row_in_the_schema() {
        assert_eq!(head("CREATE VIRTUAL TABLE f USING fts5(a)"), Head::Schema);
        assert_eq!(head("create unique index i on t(a)"), Head::Creates);
    }
}
