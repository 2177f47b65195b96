//! What a repair may not do unasked.

use std::sync::Arc;

use super::{Terms, Work, of_kind, stands_in};
use crate::schema::{Difference, DifferenceKind, Key, Kind, Object, Shape};
use crate::verdict::Need;

/// Why there is no repair.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    /// A person must consent.
    Needs(Vec<Need>),
    /// No consent makes it possible.
    Impossible {
        object: String,
        reason: &'static str,
    },
}

impl Work<'_> {
    /// Decides for every difference whether it may be mended, and whether what is extra stays or goes.
    pub(super) fn weigh(&mut self, terms: &Terms<'_>) -> Result<(), Refused> {
        let mut needs = Vec::new();
        for difference in self.differences.clone() {
            match difference.kind {
                kind if kind.is_extra() => needs.extend(self.extra(difference, terms)),
                DifferenceKind::ColumnType if is_allowed(&difference, terms) => {
                    self.converted
                        .insert(difference.object.to_ascii_lowercase());
                }
                _ => needs.extend(self.loss(&difference)),
            }
        }
        needs.retain(|need| !terms.allows(need));
        let stand_ins = of_kind(self.live, Kind::Index).filter(|index| {
            let mut differences = self.differences.iter();
            self.target.get(&index.key()).is_none()
                && differences.any(|difference| stands_in(difference, index))
        });
        let stand_ins: Vec<_> = stand_ins.collect();
        self.dropped.extend(stand_ins);
        if needs.is_empty() {
            Ok(())
        } else {
            Err(Refused::Needs(needs))
        }
    }

    /// What is extra stays if it may, and goes with consent.
    fn extra(&mut self, difference: Difference, terms: &Terms<'_>) -> Option<Need> {
        let object = self.live_extra(&difference)?;
        let need = Need::new(
            format!("drop-{}:{}", object.kind, object.name),
            format!("the {} {} would be dropped", object.kind, object.name),
        );
        if terms.allows(&need) {
            self.dropped.push(object);
            return None;
        }
        let in_the_way = self
            .target
            .objects()
            .any(|wanted| wanted.name.eq_ignore_ascii_case(&object.name));
        if !difference.kind.acceptable() || (terms.made)(&object.name) || in_the_way {
            return Some(need);
        }
        self.repair.kept.push(difference);
        None
    }

    /// What mending this would lose, if it would.
    fn loss(&self, difference: &Difference) -> Option<Need> {
        let object = &difference.object;
        let message = match difference.kind {
            DifferenceKind::ColumnExtra => {
                let (table, column) = self.column(object)?;
                let stores = |live: &Arc<Object>| Shape::of(live)?.stores(&column).then_some(());
                self.live.get(&table).and_then(stores)?;
                let message = format!("the values of {object} would be lost");
                return Some(Need::new(format!("drop-column:{object}"), message));
            }
            DifferenceKind::ColumnMissing => {
                let (table, column) = self.column(object)?;
                let requires = |new: &Arc<Object>| Shape::of(new)?.requires(&column).then_some(());
                self.target.get(&table).and_then(requires)?;
                format!(
                    "{object} is NOT NULL without a default: only a table without rows can get it"
                )
            }
            DifferenceKind::PrimaryKey => {
                let text = |side: &Option<String>| side.clone().unwrap_or_default();
                let (expected, found) = (text(&difference.expected), text(&difference.found));
                format!("the primary key of {object} would change from {found} to {expected}")
            }
            DifferenceKind::AutoincrementExtra => {
                let message = format!(
                    "the watermark of {object} would be lost: ids that were given away could be given again"
                );
                return Some(Need::new(format!("drop-autoincrement:{object}"), message));
            }
            _ => return None,
        };
        Some(Need::new(format!("{}:{object}", difference.kind), message))
    }

    /// The table of both schemas, and the column, that `table.column` names.
    fn column(&self, path: &str) -> Option<(Key, String)> {
        let tables = of_kind(self.target, Kind::Table);
        let split = |table: &Arc<Object>| {
            let rest = path.strip_prefix(&table.name)?.strip_prefix('.')?;
            Some((table.key(), rest.to_owned()))
        };
        tables.into_iter().find_map(split)
    }
}

impl<'a> Work<'a> {
    fn live_extra(&self, difference: &Difference) -> Option<&'a Arc<Object>> {
        let kind = match difference.kind {
            DifferenceKind::TableExtra => Kind::Table,
            DifferenceKind::IndexExtra | DifferenceKind::UniqueIndexExtra => Kind::Index,
            DifferenceKind::ViewExtra => Kind::View,
            _ => Kind::Trigger,
        };
        let live = self.live;
        of_kind(live, kind).find(|object| object.name == difference.object)
    }
}

fn is_allowed(difference: &Difference, terms: &Terms<'_>) -> bool {
    let name = format!("{}:{}", difference.kind, difference.object);
    terms.allows(&Need::new(name, String::new()))
}
