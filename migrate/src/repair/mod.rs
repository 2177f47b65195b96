//! The statements that make one schema another and keep every row. Takes two schemas, returns statements.
//!
//! A changed table is rebuilt by [SQLite's procedure](https://sqlite.org/lang_altertable.html#otheralter)
//! with one turn: not the new table but the rows go through a table of another name, in the temporary
//! database. The new table is then made from the target's text as it stands. Nothing is renamed, so no
//! view is in the way, no reference of another table can follow the name, and the file does not grow.
//! A table that only lacks its last columns gets them by `ALTER TABLE`, where that writes the target's text.

mod full_text;
mod rebuild;
mod refusal;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::schema::{Difference, DifferenceKind, Kind, Object, Schema, diff, grown};
use crate::sql::quote_name;
use crate::verdict::Need;
pub(crate) use refusal::Refused;

/// One statement of a repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepairStatement {
    /// What it is about: `table users`.
    pub(crate) object: String,
    pub(crate) sql: String,
    /// It changes nothing and counts the rows that are not as they were: none may be.
    pub(crate) is_check: bool,
}

/// What makes the live schema the target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repair {
    pub(crate) statements: Vec<RepairStatement>,
    /// Extra objects that stay, because nobody consented to drop them.
    pub(crate) kept: Vec<Difference>,
    /// A table is dropped, which foreign keys must not notice.
    pub(crate) drops_tables: bool,
}

/// What the caller knows beside the two schemas.
pub(crate) struct Terms<'a> {
    /// The consents given, by name or by the part before the colon.
    pub(crate) allow: &'a BTreeSet<String>,
    /// Whether some migration makes an object of this name: then it is no stranger that may stay.
    pub(crate) made: &'a dyn Fn(&str) -> bool,
}

impl Terms<'_> {
    fn allows(&self, need: &Need) -> bool {
        need.is_met_by(self.allow.iter())
    }
}

/// Plans the repair. What would lose something that SQL cannot tell again needs consent by name.
///
/// # Errors
/// The consents that are lacking, or an object that is not understood.
pub(crate) fn repair(live: &Schema, target: &Schema, terms: &Terms<'_>) -> Result<Repair, Refused> {
    let mut work = Work::new(live, target);
    work.weigh(terms)?;
    work.drops();
    work.tables()?;
    work.creates()?;
    Ok(work.repair)
}

struct Work<'a> {
    live: &'a Schema,
    target: &'a Schema,
    differences: Vec<Difference>,
    /// Tables of both schemas that are written otherwise in any other way.
    rebuilt: Vec<(&'a Arc<Object>, &'a Arc<Object>)>,
    /// Tables that only lack their last columns, and the statements that add those.
    grown: Vec<(&'a Arc<Object>, Vec<String>)>,
    /// Live objects that go: extra with consent, or written otherwise.
    dropped: Vec<&'a Arc<Object>>,
    /// Columns whose values may be converted, as `table.column`.
    converted: BTreeSet<String>,
    repair: Repair,
}

impl<'a> Work<'a> {
    fn new(live: &'a Schema, target: &'a Schema) -> Self {
        let of_both = |object: &'a Arc<Object>| Some((live.get(&object.key())?, object));
        let changed = target.in_order().into_iter().filter_map(of_both);
        let changed = changed.filter(|(old, new)| !old.same_tokens(new));
        let (tables, others): (Vec<_>, Vec<_>) =
            changed.partition(|(old, _)| old.kind == Kind::Table);
        let (mut rebuilt, mut grows) = (Vec::new(), Vec::new());
        for (old, new) in tables {
            match grown(old, new) {
                Some(statements) => grows.push((new, statements)),
                None => rebuilt.push((old, new)),
            }
        }
        let others = others
            .into_iter()
            .filter(|(old, _)| old.kind != Kind::Trigger);
        Self {
            live,
            target,
            differences: diff(target, live),
            rebuilt,
            grown: grows,
            dropped: others.map(|(old, _)| old).collect(),
            converted: BTreeSet::new(),
            repair: Repair::default(),
        }
    }

    fn push(&mut self, object: &Object, sql: String) {
        let object = format!("{} {}", object.kind, object.name);
        self.repair.statements.push(RepairStatement {
            object,
            sql,
            is_check: false,
        });
    }

    fn is_rebuilt(&self, table: &str) -> bool {
        let named = |(_, new): &(_, &Arc<Object>)| new.name.eq_ignore_ascii_case(table);
        self.rebuilt.iter().any(named)
    }

    fn is_dropped(&self, kind: Kind, name: &str) -> bool {
        let named = |object: &&Arc<Object>| object.name.eq_ignore_ascii_case(name);
        let mut dropped = self.dropped.iter();
        dropped.any(|object| object.kind == kind && named(object))
    }

    /// Whether the triggers of this table or view are made anew: it is, or they differ, or their order does.
    fn renews_triggers(&self, table: &str) -> bool {
        let (old, new) = (self.live.triggers_of(table), self.target.triggers_of(table));
        let same = old.len() == new.len()
            && old
                .iter()
                .zip(&new)
                .all(|(old, new)| old.name.eq_ignore_ascii_case(&new.name) && old.same_tokens(new));
        !same || self.is_rebuilt(table) || self.is_dropped(Kind::View, table)
    }

    /// What is not the target's goes, what depends on it first.
    fn drops(&mut self) {
        let triggers: Vec<_> = of_kind(self.live, Kind::Trigger)
            .filter(|trigger| self.is_dropped(Kind::Trigger, &trigger.name) || self.renews(trigger))
            .collect();
        for trigger in triggers {
            self.push(
                trigger,
                format!("DROP TRIGGER main.{}", quote_name(&trigger.name)),
            );
        }
        for kind in [Kind::View, Kind::Index, Kind::Table] {
            let gone = self.dropped.clone().into_iter();
            for object in gone.filter(|object| object.kind == kind) {
                let goes_with_table = kind == Kind::Index && self.is_rebuilt(&object.table);
                if !goes_with_table {
                    let word = kind.as_str().to_ascii_uppercase();
                    self.push(
                        object,
                        format!("DROP {word} main.{}", quote_name(&object.name)),
                    );
                }
                self.repair.drops_tables |= kind == Kind::Table;
            }
        }
    }

    /// Whether a live trigger of something that the target has is in the way. Those of strangers stay.
    fn renews(&self, trigger: &Object) -> bool {
        let has = |kind| {
            self.target.objects().any(|object| {
                object.kind == kind && object.name.eq_ignore_ascii_case(&trigger.table)
            })
        };
        (has(Kind::Table) || has(Kind::View)) && self.renews_triggers(&trigger.table)
    }

    fn tables(&mut self) -> Result<(), Refused> {
        for table in of_kind(self.target, Kind::Table) {
            if self.live.get(&table.key()).is_none() {
                self.push(table, table.sql.clone());
            }
        }
        for (table, statements) in self.grown.clone() {
            for sql in statements {
                self.push(table, sql);
            }
        }
        for (old, new) in self.rebuilt.clone() {
            let statements = rebuild::rebuild(old, new, &self.converted)?;
            self.repair.statements.extend(statements);
            self.repair.drops_tables = true;
        }
        Ok(())
    }

    /// Indexes, views and triggers, each in the target's order.
    fn creates(&mut self) -> Result<(), Refused> {
        for index in of_kind(self.target, Kind::Index) {
            let stands = self.live.get(&index.key()).is_some()
                && !self.is_dropped(Kind::Index, &index.name)
                && !self.is_rebuilt(&index.table);
            if !stands {
                self.push(index, index.sql.clone());
            }
        }
        for index in of_kind(self.live, Kind::Index) {
            let stranger = self.target.get(&index.key()).is_none();
            let kept = stranger && !self.is_dropped(Kind::Index, &index.name);
            if kept && self.is_rebuilt(&index.table) {
                self.push(index, index.sql.clone());
            }
        }
        for view in of_kind(self.target, Kind::View) {
            let stands = self.live.get(&view.key()).is_some();
            if !stands || self.is_dropped(Kind::View, &view.name) {
                self.push(view, view.sql.clone());
            }
        }
        self.refills()?;
        for trigger in of_kind(self.target, Kind::Trigger) {
            if self.renews_triggers(&trigger.table) {
                self.push(trigger, trigger.sql.clone());
            }
        }
        Ok(())
    }
}

impl Work<'_> {
    /// Full-text indexes that were made anew find what the tables hold, which are all there by now.
    fn refills(&mut self) -> Result<(), Refused> {
        for table in of_kind(self.target, Kind::Table) {
            if table.is_virtual()
                && self.live.get(&table.key()).is_none()
                && let Some(sql) = full_text::refill(table)?
            {
                self.push(table, sql);
            }
        }
        Ok(())
    }
}

/// The objects of one kind in the order of creation.
fn of_kind(schema: &Schema, kind: Kind) -> impl Iterator<Item = &Arc<Object>> {
    let all = schema.in_order().into_iter();
    all.filter(move |object| object.kind == kind)
}

/// Whether a difference names a live object that another difference accounts for.
fn stands_in(difference: &Difference, object: &Object) -> bool {
    let found = difference.found.as_deref();
    match difference.kind {
        DifferenceKind::IndexName => found == Some(object.sql.as_str()),
        DifferenceKind::UniqueForm => {
            let words = format!("unique index {}", object.name.to_ascii_lowercase());
            found == Some(words.as_str())
        }
        _ => false,
    }
}
