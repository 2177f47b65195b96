//! Two schemas made comparable: models where there are any, and tokens with their names resolved where not.

use std::collections::{BTreeMap, HashSet};

use super::model::{Index, Model, Scratch, Table};
use super::{Key, Kind, Object, Schema, tokens};

/// What one object means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Table(Box<Table>),
    Index(Index),
    Text(String),
}

/// What every object of a schema means.
pub(super) struct Meanings(BTreeMap<Key, Meaning>);

impl Meanings {
    pub(super) fn of(schema: &Schema) -> Self {
        let mut scratch = Scratch::new();
        let models: Vec<_> = schema
            .objects()
            .map(|object| (object.key(), object, object.model(&mut scratch).clone()))
            .collect();
        let tables: BTreeMap<_, _> = models
            .iter()
            .filter_map(|(key, _, model)| match model {
                Model::Table(table) => Some((key.name.clone(), table.as_ref().clone())),
                _ => None,
            })
            .collect();
        let names = names(schema, &tables);
        let meanings = models.into_iter().map(|(key, object, model)| {
            let meaning = match model {
                Model::Table(table) => {
                    Some(Meaning::Table(Box::new(with_parents(*table, &tables))))
                }
                Model::Index(index) => {
                    let settled = indexed(schema, &tables, &index);
                    settled
                        .filter(|(table, index)| scratch.confirms_index(*table, &object.sql, index))
                        .map(|(_, index)| Meaning::Index(index))
                }
                Model::Text => None,
            };
            (key, meaning.unwrap_or_else(|| text(object, &names)))
        });
        Self(meanings.collect())
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Meaning> {
        self.0.get(key)
    }

    pub(super) fn index(&self, key: &Key) -> Option<&Index> {
        match self.get(key) {
            Some(Meaning::Index(index)) => Some(index),
            _ => None,
        }
    }
}

/// The table of an index with its text, and the index read in its scope.
fn indexed<'a>(
    schema: &'a Schema,
    tables: &'a BTreeMap<String, Table>,
    index: &Index,
) -> Option<((&'a str, &'a Table), Index)> {
    let table = tables.get(&index.table.to_ascii_lowercase())?;
    let object = schema.get(&Key::new(Kind::Table, &index.table))?;
    Some(((object.sql.as_str(), table), index.settled(table)))
}

/// `REFERENCES parent` without columns means the parent's primary key.
fn with_parents(mut table: Table, tables: &BTreeMap<String, Table>) -> Table {
    for key in &mut table.foreign_keys {
        let parent = tables.get(&key.parent).map(Table::key_columns);
        if key.parent_columns.is_none() {
            key.parent_columns = parent.filter(|columns| columns.len() == key.columns.len());
        }
    }
    table.foreign_keys.sort();
    table
}

/// Every name that a word in double quotes can be taken for.
fn names(schema: &Schema, tables: &BTreeMap<String, Table>) -> HashSet<String> {
    let columns = tables.values().flat_map(|table| &table.columns);
    let columns = columns.map(|column| column.name.to_ascii_lowercase());
    schema
        .objects()
        .map(|object| object.name.to_ascii_lowercase())
        .chain(columns)
        .collect()
}

fn text(object: &Object, names: &HashSet<String>) -> Meaning {
    let is_name = |name: &str| names.contains(&name.to_ascii_lowercase());
    Meaning::Text(match object.kind {
        Kind::View | Kind::Trigger => tokens::normalised(&object.sql, is_name),
        Kind::Table | Kind::Index => tokens::normalised(&object.sql, |_| true),
    })
}
