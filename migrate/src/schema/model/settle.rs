//! Brings a definition as written into the one form in which equal things are equal.

use std::collections::BTreeSet;

use super::expr::{Scope, canonical, canonical_default};
use super::{Conflict, ForeignKey, Index, Part, Table, Unique};

/// `None` where a key names a column that the table does not have.
pub(super) fn table(mut table: Table) -> Option<Table> {
    let scope = table.scope();
    for column in &mut table.columns {
        column.default = column.default.as_deref().and_then(canonical_default);
        column.collation = column
            .collation
            .take()
            .map(|name| name.to_ascii_uppercase());
        // BINARY is what a column has anyway.
        column.collation.take_if(|name| name == "BINARY");
        if let Some(generated) = &mut column.generated {
            generated.expr = canonical(&generated.expr, &scope);
        }
    }
    for check in &mut table.checks {
        check.expr = canonical(&check.expr, &scope);
        check.name = check.name.take().map(|name| name.to_ascii_lowercase());
    }
    table.checks.sort();
    table.foreign_keys = table.foreign_keys.into_iter().map(foreign_key).collect();
    table.foreign_keys.sort();
    table.uniques = std::mem::take(&mut table.uniques)
        .into_iter()
        .map(unique)
        .collect::<BTreeSet<_>>();
    primary_key(&mut table);
    let known = |part: &Part| scope.columns.contains(&part.of);
    let keys = table.primary_key.iter().flat_map(|key| &key.parts);
    keys.chain(table.uniques.iter().flat_map(|unique| &unique.parts))
        .all(known)
        .then_some(table)
}

fn primary_key(table: &mut Table) {
    let Some(mut key) = table.primary_key.take() else {
        return;
    };
    key.parts = key.parts.into_iter().map(part).collect();
    if let [only] = key.parts.as_mut_slice()
        && let Some(column) = table
            .columns
            .iter_mut()
            .find(|c| c.name.eq_ignore_ascii_case(&only.of))
    {
        let integer = column.declared == "INTEGER" && !table.without_rowid;
        key.rowid = integer && !(key.inline && only.descending);
        if key.rowid {
            // A rowid is never NULL and has one order, whatever is written.
            column.not_null = None;
            only.descending = false;
            only.collation = None;
        }
    }
    // Where it is written matters only for DESC, which is decided.
    key.inline = false;
    table.primary_key = Some(key);
}

fn part(mut part: Part) -> Part {
    part.of = part.of.to_ascii_lowercase();
    part.collation = part.collation.map(|name| name.to_ascii_uppercase());
    part
}

fn unique(unique: Unique) -> Unique {
    Unique {
        parts: unique.parts.into_iter().map(part).collect(),
        ..unique
    }
}

fn foreign_key(key: ForeignKey) -> ForeignKey {
    let lower = |names: Vec<String>| {
        names
            .into_iter()
            .map(|name| name.to_ascii_lowercase())
            .collect()
    };
    ForeignKey {
        columns: lower(key.columns),
        parent: key.parent.to_ascii_lowercase(),
        parent_columns: key.parent_columns.map(lower),
        ..key
    }
}

/// Without a scope only what needs none is settled: enough to compare two readings of one text.
pub(super) fn index(index: Index, scope: Option<&Scope>) -> Index {
    let empty = Scope::default();
    let scope = scope.unwrap_or(&empty);
    let parts = index.parts.into_iter().map(|term| Part {
        of: canonical(&term.of, scope),
        collation: term.collation.map(|name| name.to_ascii_uppercase()),
        descending: term.descending,
    });
    Index {
        unique: index.unique,
        table: index.table.to_ascii_lowercase(),
        parts: parts.collect(),
        filter: index.filter.map(|filter| canonical(&filter, scope)),
    }
}

impl Index {
    /// The UNIQUE constraint that does the same, if one does.
    pub(in crate::schema) fn as_constraint(&self) -> Option<Unique> {
        let plain = self.unique && self.filter.is_none();
        let column = |part: &Part| {
            let name = part.of.strip_prefix('"')?.strip_suffix('"')?;
            (!name.contains('"')).then(|| Part {
                of: name.to_owned(),
                ..part.clone()
            })
        };
        let parts: Option<Vec<_>> = self.parts.iter().map(column).collect();
        parts.filter(|_| plain).map(|parts| Unique {
            parts,
            conflict: Conflict::Abort,
        })
    }
}
