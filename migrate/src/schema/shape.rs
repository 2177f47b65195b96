//! What must be known of a table to copy its rows into another form of it.

use super::model::{Column, Model, Scratch, Table};
use super::{Object, Schema};

/// A table as a container of rows.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    columns: Vec<Column>,
    /// The column that is the rowid, in lower case.
    alias: Option<String>,
    has_rowid: bool,
    pub(crate) autoincrement: bool,
}

impl Shape {
    /// The shape of a table on which all readings agree.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        match object.model(&mut Scratch::new()) {
            Model::Table(table) => Some(Self::new(table)),
            _ => None,
        }
    }

    fn new(table: &Table) -> Self {
        let key = table.primary_key.as_ref();
        let alias = key.filter(|key| key.rowid);
        Self {
            columns: table.columns.clone(),
            alias: alias.map(|key| key.parts[0].of.to_ascii_lowercase()),
            has_rowid: !table.without_rowid,
            autoincrement: key.is_some_and(|key| key.autoincrement),
        }
    }

    /// The column that is the rowid, in lower case.
    pub(crate) fn alias(&self) -> Option<&str> {
        self.alias.as_deref()
    }

    /// The columns that both hold values for, by the names they have here.
    pub(crate) fn shared<'a>(&'a self, other: &Self) -> Vec<&'a str> {
        let stored = |name: &str| other.stored().any(|own| own.eq_ignore_ascii_case(name));
        self.stored().filter(|name| stored(name)).collect()
    }

    /// The columns that hold values, which a generated one does not.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter();
        columns
            .filter(|column| column.generated.is_none())
            .map(|column| column.name.as_str())
    }

    /// Whether a column holds values that no other one can tell.
    pub(crate) fn stores(&self, column: &str) -> bool {
        self.stored().any(|own| own.eq_ignore_ascii_case(column))
    }

    /// Whether a row cannot be made without a value for this column.
    pub(crate) fn requires(&self, column: &str) -> bool {
        let found = self
            .columns
            .iter()
            .find(|own| own.name.eq_ignore_ascii_case(column));
        found.is_some_and(|own| {
            own.not_null.is_some() && own.default.is_none() && own.generated.is_none()
        })
    }

    /// A name by which the rowid can be copied; `None` where there is none, or a column copies it anyway.
    pub(crate) fn hidden_rowid(&self, target: &Self) -> Option<&'static str> {
        let is_column = |name: &str| {
            let both = self.columns.iter().chain(&target.columns);
            both.into_iter()
                .any(|column| column.name.eq_ignore_ascii_case(name))
        };
        let hidden = self.has_rowid && target.has_rowid && target.alias.is_none();
        let names = ["rowid", "_rowid_", "oid"];
        names.into_iter().find(|name| hidden && !is_column(name))
    }
}

impl Schema {
    /// The names of the triggers of each table in the order of creation, with their objects.
    pub(crate) fn triggers_of(&self, table: &str) -> Vec<&std::sync::Arc<Object>> {
        let mut entries: Vec<_> = self
            .entries()
            .map(|(_, entry)| entry)
            .filter(|entry| {
                entry.object.kind == super::Kind::Trigger
                    && entry.object.table.eq_ignore_ascii_case(table)
            })
            .collect();
        entries.sort_by_key(|entry| entry.row);
        entries.iter().map(|entry| &entry.object).collect()
    }

    /// Every object in the order of creation.
    pub(crate) fn in_order(&self) -> Vec<&std::sync::Arc<Object>> {
        let mut entries: Vec<_> = self.entries().map(|(_, entry)| entry).collect();
        entries.sort_by_key(|entry| entry.row);
        entries.iter().map(|entry| &entry.object).collect()
    }
}
