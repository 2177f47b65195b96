//! What tables and indexes mean, apart from how they are written.
//!
//! A definition is read by two parsers that share nothing but the model they fill, and checked
//! against what SQLite's own pragmas say of it. Where the three do not agree the object has no
//! model, and then only the same tokens are the same object.

mod ast;
mod cursor;
mod ddl;
mod expr;
mod pragmas;
mod settle;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeSet;

use super::{Kind, Object};

pub(super) use expr::Scope;
pub(super) use pragmas::Scratch;

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    pub(super) primary_key: Option<PrimaryKey>,
    pub(super) uniques: BTreeSet<Unique>,
    pub(super) checks: Vec<Check>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) strict: bool,
    pub(super) without_rowid: bool,
}

/// A column. Its name keeps its case, because queries return it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// In upper case, with single blanks.
    pub(super) declared: String,
    /// The conflict clause of NOT NULL, where there is one.
    pub(super) not_null: Option<Conflict>,
    pub(super) default: Option<String>,
    /// In upper case.
    pub(super) collation: Option<String>,
    pub(super) generated: Option<Generated>,
}

/// What happens on a conflict; ABORT unless something else is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Conflict {
    #[default]
    Abort,
    Rollback,
    Fail,
    Ignore,
    Replace,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generated {
    pub(super) expr: String,
    pub(super) stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrimaryKey {
    pub(super) parts: Vec<Part>,
    pub(super) conflict: Conflict,
    pub(super) autoincrement: bool,
    /// Written with its column: there, and only there, DESC takes the rowid alias away.
    pub(super) inline: bool,
    /// The column is the rowid.
    pub(super) rowid: bool,
}

/// One column of a key, or one term of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// A column in lower case, or for an index any expression in canonical form.
    pub(super) of: String,
    /// In upper case.
    pub(super) collation: Option<String>,
    pub(super) descending: bool,
}

impl Part {
    fn column(name: &str, descending: bool) -> Self {
        Self {
            of: name.to_owned(),
            collation: None,
            descending,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unique {
    pub(super) parts: Vec<Part>,
    pub(super) conflict: Conflict,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check {
    pub(super) expr: String,
    pub(super) name: Option<String>,
}

/// A foreign key. Names in lower case; MATCH is kept although SQLite does not look at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<String>,
    pub(super) parent: String,
    /// `None`: the parent's primary key.
    pub(super) parent_columns: Option<Vec<String>>,
    pub(super) on_delete: Reaction,
    pub(super) on_update: Reaction,
    pub(super) matching: Option<String>,
    pub(super) deferred: bool,
}

/// What a foreign key does when its parent changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reaction {
    #[default]
    NoAction,
    Restrict,
    SetNull,
    SetDefault,
    Cascade,
}

impl Reaction {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoAction => "NO ACTION",
            Self::Restrict => "RESTRICT",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
            Self::Cascade => "CASCADE",
        }
    }
}

/// An index that somebody named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Index {
    pub(super) unique: bool,
    /// In lower case.
    pub(super) table: String,
    pub(super) parts: Vec<Part>,
    pub(super) filter: Option<String>,
}

/// What is known of an object beyond its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Model {
    Table(Box<Table>),
    /// As written: its expressions need the columns of its table.
    Index(Index),
    /// Views, triggers, virtual tables, and whatever the parsers do not agree on.
    Text,
}

impl Model {
    /// The model of an object on which all readings agree.
    pub(super) fn of(object: &Object, scratch: &mut Scratch) -> Self {
        let model = match object.kind {
            Kind::Table if !object.is_virtual() => {
                table(object, scratch).map(|t| Self::Table(Box::new(t)))
            }
            Kind::Index => index(object).map(Self::Index),
            _ => None,
        };
        model.unwrap_or(Self::Text)
    }
}

fn table(object: &Object, scratch: &mut Scratch) -> Option<Table> {
    let first = ddl::table(&object.sql)?;
    let agreed = scratch.confirms(&object.sql, &first);
    let first = settle::table(first)?;
    let second = settle::table(ast::table(&object.sql)?)?;
    (agreed && first == second).then_some(first)
}

fn index(object: &Object) -> Option<Index> {
    let first = ddl::index(&object.sql)?;
    (settle::index(first.clone(), None) == settle::index(ast::index(&object.sql)?, None))
        .then_some(first)
}

impl Table {
    /// The names that expressions of this table may use.
    pub(super) fn scope(&self) -> Scope {
        let columns = self
            .columns
            .iter()
            .map(|column| column.name.to_ascii_lowercase())
            .collect();
        Scope {
            table: self.name.to_ascii_lowercase(),
            columns,
        }
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The columns of its primary key, in lower case.
    pub(super) fn key_columns(&self) -> Vec<String> {
        let parts = self.primary_key.iter().flat_map(|key| &key.parts);
        parts.map(|part| part.of.clone()).collect()
    }
}

impl Index {
    /// The index with its expressions read in the scope of its table.
    pub(super) fn settled(&self, table: &Table) -> Self {
        settle::index(self.clone(), Some(&table.scope()))
    }
}
