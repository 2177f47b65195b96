//! The schema every position of a folder should have, found by running the folder once in memory.

mod facts;
mod lineage;
mod sandbox;
mod watch;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::bundle::{Bundle, Migration, Position};
use crate::error::MigrateError;
use crate::limits::REPLAY_TIME_MAX;
use crate::schema::{self, Difference, Entry, Fingerprint, Key, Level, Schema};
use crate::sql::{Head, head};

pub(crate) use facts::MigrationFacts;
pub use lineage::History;
use lineage::Lineage;
pub(crate) use lineage::{Ancestor, Ancestors, is_same};
use sandbox::Notes;
pub(crate) use sandbox::{Sandbox, error_offset, refused, run_statement};
use watch::Watch;
pub(crate) use watch::{Answers, Seen, Walk, place_of_quoted};

/// Bounds of a replay.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// How long the whole folder may take.
    pub time_limit: Duration,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            time_limit: REPLAY_TIME_MAX,
        }
    }
}

/// A point in a folder: so many whole migrations and so many statements of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) position: Position,
    pub(crate) statements: usize,
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self {
            position,
            statements: 0,
        }
    }
}

/// What one statement did to the schema.
type Delta = Vec<(Key, Option<Entry>)>;

/// What a folder makes of an empty database, position by position. Computed once, shared by all actors.
#[derive(Debug)]
pub struct Expected {
    bundle_digest: String,
    /// The schema after the last migration.
    last: Schema,
    /// What each statement changed, in order.
    deltas: Vec<Delta>,
    /// How many statements each position has behind it; one more than there are migrations.
    ends: Vec<usize>,
    /// The fingerprint after each number of statements.
    fingerprints: Vec<Fingerprint>,
    /// After how many statements each fingerprint is seen.
    places: HashMap<Fingerprint, Vec<usize>>,
    facts: Vec<MigrationFacts>,
    /// Every table some position has, in lower case.
    tables: HashSet<String>,
    /// Every object some position has, in lower case.
    names: HashSet<String>,
    /// Comparisons made before: a fleet has few different schemas.
    compared: Mutex<Compared>,
    /// Orders that actors of this fleet ran the folder in, and what comes of them.
    orders: Mutex<HashMap<Vec<usize>, Option<Arc<Reordered>>>>,
    lineage: Lineage,
}

/// A folder and its replay: as they are, or in the order in which one actor ran it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) expected: &'a Expected,
}

/// A folder in the order in which some actor ran it.
#[derive(Debug)]
pub(crate) struct Reordered {
    pub(crate) bundle: Bundle,
    pub(crate) expected: Expected,
}

impl Reordered {
    pub(crate) fn view(&self) -> View<'_> {
        View {
            bundle: &self.bundle,
            expected: &self.expected,
        }
    }
}

/// By the number of statements behind the expected schema and the hash of the live one.
type Compared = HashMap<(usize, Fingerprint), Arc<[Difference]>>;

/// How many comparisons one replay remembers.
const COMPARISONS_MAX: usize = 10_000;

/// How many different orders one replay remembers: each costs a replay of the whole folder.
const ORDERS_MAX: usize = 64;

impl Expected {
    /// Replays a folder with the default bounds.
    ///
    /// # Errors
    /// M120 to M122: a statement fails on a fresh database, runs too long, or does what a migration may not.
    pub fn replay(bundle: &Bundle) -> Result<Self, MigrateError> {
        Self::replay_with(bundle, &ReplayOptions::default())
    }

    /// Replays a folder.
    ///
    /// # Errors
    /// As [`Expected::replay`].
    pub fn replay_with(bundle: &Bundle, options: &ReplayOptions) -> Result<Self, MigrateError> {
        let mut replay = Replay::start(bundle, options)?;
        for migration in &bundle.entries {
            replay.migration(migration, None)?;
        }
        tracing::debug!(
            dir = bundle.dir,
            migrations = bundle.entries.len(),
            "folder replayed"
        );
        Ok(replay.finish())
    }

    /// Adds old chains that a baseline of this folder replaced, beside those that [`crate::squash`] archived
    /// in it. They are read and replayed when an actor comes that the folder alone does not explain, once
    /// for all actors.
    #[must_use]
    pub fn with_history(mut self, histories: impl IntoIterator<Item = History>) -> Self {
        self.lineage.add(histories);
        self
    }

    /// Whether some actor needed the old chains.
    #[must_use]
    pub fn history_is_read(&self) -> bool {
        self.lineage.is_read()
    }

    /// The old chains that lead to this folder, which must be its own.
    pub(crate) fn ancestors(&self, bundle: &Bundle) -> &Ancestors {
        let expected = self;
        self.lineage.ancestors(View { bundle, expected })
    }

    /// The position after the last migration.
    #[must_use]
    pub fn end(&self) -> Position {
        Position(self.ends.len() - 1)
    }

    /// The fingerprint an actor at `position` should have; `None` beyond the end.
    #[must_use]
    pub fn fingerprint(&self, position: Position) -> Option<Fingerprint> {
        self.ends
            .get(position.0)
            .map(|steps| self.fingerprints[*steps])
    }

    /// How much alike its schema at `position` is to that of another replay; `None` beyond an end.
    #[must_use]
    pub fn level(&self, position: Position, other: &Self, there: Position) -> Option<Level> {
        let found = other.schema_at(there)?;
        Some(Level::of(&self.schema_at(position)?, &found))
    }

    /// The schema an actor at `position` should have; `None` beyond the end.
    pub(crate) fn schema_at(&self, position: Position) -> Option<Schema> {
        let steps = self.ends.get(position.0)?;
        Some(self.schema_after(*steps))
    }

    /// Whether this was replayed from `bundle` as it is now.
    pub(crate) fn belongs_to(&self, bundle: &Bundle) -> bool {
        self.bundle_digest == bundle.digest
    }

    /// The positions whose schema has this fingerprint, lowest first.
    pub(crate) fn positions_of(&self, live: Fingerprint) -> Vec<Position> {
        let steps = self.places.get(&live).into_iter().flatten();
        let places = steps.flat_map(|steps| self.places_after(*steps));
        places
            .filter(|place| place.statements == 0)
            .map(|place| place.position)
            .collect()
    }

    /// The schema after the last migration: most actors share their objects with it.
    pub(crate) fn last(&self) -> &Schema {
        &self.last
    }

    /// How `live` differs from what is expected at `place`.
    pub(crate) fn compare(
        &self,
        place: Place,
        live: &Schema,
        hash: Fingerprint,
    ) -> Arc<[Difference]> {
        let steps = self.steps(place);
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compared.get(&(steps, hash)) {
            return Arc::clone(known);
        }
        let differences: Arc<[Difference]> = schema::diff(&self.schema_after(steps), live).into();
        if compared.len() < COMPARISONS_MAX {
            compared.insert((steps, hash), Arc::clone(&differences));
        }
        differences
    }

    /// How many statements lie behind `place`, or behind the end if it lies beyond.
    fn steps(&self, place: Place) -> usize {
        let end = self.ends.len() - 1;
        let whole = self.ends[place.position.0.min(end)];
        (whole + place.statements).min(self.deltas.len())
    }

    /// Migrations without statements make several positions of one step.
    fn places_after(&self, steps: usize) -> impl Iterator<Item = Place> {
        let first = self.ends.partition_point(|end| *end < steps);
        let whole = (first..self.ends.len())
            .take_while(move |at| self.ends[*at] == steps)
            .map(|at| Place {
                position: Position(at),
                statements: 0,
            });
        let inside = (self.ends.get(first) != Some(&steps)).then(|| Place {
            position: Position(first - 1),
            statements: steps - self.ends[first - 1],
        });
        whole.chain(inside)
    }

    fn schema_after(&self, steps: usize) -> Schema {
        let mut schema = Schema::default();
        for delta in &self.deltas[..steps] {
            apply_delta(&mut schema, delta);
        }
        schema
    }

    /// The folder run in another order; `None` if it cannot run in that order.
    pub(crate) fn reordered(&self, bundle: &Bundle, order: &[usize]) -> Option<Arc<Reordered>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = orders.get(order) {
            return known.clone();
        }
        let entries = order
            .iter()
            .map(|entry| bundle.entries[*entry].clone())
            .collect();
        let bundle = Bundle::new(bundle.dir.clone(), bundle.layout, entries);
        let expected = Self::replay(&bundle).ok();
        let reordered = expected.map(|expected| Arc::new(Reordered { bundle, expected }));
        if orders.len() < ORDERS_MAX {
            orders.insert(order.to_vec(), reordered.clone());
        }
        reordered
    }

    pub(crate) fn facts(&self, entry: usize) -> &MigrationFacts {
        &self.facts[entry]
    }

    /// Whether any position has a table of this name (in lower case).
    pub(crate) fn knows_table(&self, table: &str) -> bool {
        self.tables.contains(table)
    }

    /// Whether any position has an object of this name.
    pub(crate) fn knows(&self, object: &str) -> bool {
        self.names.contains(&object.to_ascii_lowercase())
    }

    /// The position whose objects are most like those of `live`, and the lowest of several.
    pub(crate) fn nearest(&self, live: &Schema) -> Position {
        let mut schema = Schema::default();
        let is_shared = |entry: &Entry| {
            live.get(&entry.object.key())
                .is_some_and(|object| object.same_tokens(&entry.object))
        };
        // A delta changes the likeness by what it adds and takes away, so no position is compared in full.
        let (mut own, mut shared) = (0, 0);
        let (mut best, mut steps) = ((0, Position(0)), 0);
        for (position, end) in self.ends.iter().enumerate() {
            for (key, new) in self.deltas[steps..*end].iter().flatten() {
                let old = schema.entry(key);
                own = own + isize::from(new.is_some()) - isize::from(old.is_some());
                shared += isize::from(new.as_ref().is_some_and(is_shared))
                    - isize::from(old.is_some_and(is_shared));
                apply_change(&mut schema, key, new.as_ref());
            }
            steps = *end;
            let likeness = 2 * shared - own;
            if position == 0 || likeness > best.0 {
                best = (likeness, Position(position));
            }
        }
        best.1
    }
}

fn apply_delta(schema: &mut Schema, delta: &Delta) {
    for (key, entry) in delta {
        apply_change(schema, key, entry.as_ref());
    }
}

fn apply_change(schema: &mut Schema, key: &Key, entry: Option<&Entry>) {
    match entry {
        Some(entry) => schema.insert(entry.clone()),
        None => schema.remove(key),
    }
}

/// A replay under way.
struct Replay {
    sandbox: Sandbox,
    schema: Schema,
    /// The greatest row of `sqlite_schema` so far.
    last_row: i64,
    expected: Expected,
}

impl Replay {
    fn start(bundle: &Bundle, options: &ReplayOptions) -> Result<Self, MigrateError> {
        let schema = Schema::default();
        let empty = schema.fingerprint();
        let expected = Expected {
            bundle_digest: bundle.digest.clone(),
            last: Schema::default(),
            deltas: Vec::new(),
            ends: vec![0],
            fingerprints: vec![empty],
            places: HashMap::from([(empty, vec![0])]),
            facts: Vec::new(),
            tables: HashSet::new(),
            names: HashSet::new(),
            compared: Mutex::default(),
            orders: Mutex::default(),
            lineage: Lineage::default(),
        };
        Ok(Self {
            sandbox: Sandbox::open(options.time_limit)?,
            schema,
            last_row: 0,
            expected,
        })
    }

    fn migration(
        &mut self,
        migration: &Migration,
        mut watch: Option<&mut Watch>,
    ) -> Result<(), MigrateError> {
        let heads: Vec<_> = migration
            .statements
            .iter()
            .map(|statement| head(migration.sql(statement)))
            .collect();
        // Only a dropped table takes triggers with it, and a copy for every migration would cost too much.
        let drops = heads.iter().any(|head| matches!(head, Head::DropTable(_)));
        let before = if drops {
            self.schema.clone()
        } else {
            Schema::default()
        };
        let mut facts = facts::Collector::new(migration);
        for (statement, head) in migration.statements.iter().zip(&heads) {
            facts.before(statement, head, &self.sandbox.conn)?;
            let sql = migration.sql(statement);
            if let Some(watch) = &mut watch {
                watch.before(sql, head, &self.sandbox.conn)?;
            }
            let notes = match head {
                Head::ForeignKeys => Notes::default(),
                _ => self.sandbox.run(migration, statement)?,
            };
            if let Some(watch) = &mut watch {
                watch.after(sql, head, &notes, &self.sandbox.conn)?;
            }
            facts.after(statement, head, notes);
            self.step(head)?;
        }
        self.expected.ends.push(self.expected.deltas.len());
        self.expected
            .facts
            .push(facts.finish(&before, &self.schema));
        Ok(())
    }

    /// Records what the last statement did to the schema.
    fn step(&mut self, head: &Head) -> Result<(), MigrateError> {
        let delta = match head {
            Head::Creates => self.created()?,
            Head::Rows | Head::ForeignKeys => Vec::new(),
            _ => self.changed()?,
        };
        let fingerprint = if delta.is_empty() {
            self.expected.fingerprints[self.expected.deltas.len()]
        } else {
            apply_delta(&mut self.schema, &delta);
            self.schema.fingerprint()
        };
        for entry in delta.iter().filter_map(|(_, entry)| entry.as_ref()) {
            self.expected
                .tables
                .insert(entry.object.table.to_ascii_lowercase());
            self.expected
                .names
                .insert(entry.object.name.to_ascii_lowercase());
        }
        self.expected.deltas.push(delta);
        self.expected.fingerprints.push(fingerprint);
        self.expected
            .places
            .entry(fingerprint)
            .or_default()
            .push(self.expected.deltas.len());
        Ok(())
    }

    /// What a CREATE added. New rows of `sqlite_schema` come last, so a long folder is not read again and again.
    fn created(&mut self) -> Result<Delta, MigrateError> {
        let added = schema::read_since(&self.sandbox.conn, self.last_row, &self.schema)?;
        self.last_row = added.last().map_or(self.last_row, |entry| entry.row);
        let ours = added
            .into_iter()
            .filter(|entry| !schema::is_runtime(&entry.object, ""));
        Ok(ours
            .map(|entry| (entry.object.key(), Some(entry)))
            .collect())
    }

    fn changed(&mut self) -> Result<Delta, MigrateError> {
        self.last_row = schema::last_row(&self.sandbox.conn)?;
        let now = schema::read(&self.sandbox.conn, "", &self.schema)?;
        let gone = self
            .schema
            .entries()
            .filter(|(key, _)| now.get(key).is_none());
        let mut delta: Delta = gone.map(|(key, _)| (key.clone(), None)).collect();
        let new = now
            .entries()
            .filter(|(key, entry)| self.schema.entry(key) != Some(entry));
        delta.extend(new.map(|(key, entry)| (key.clone(), Some(entry.clone()))));
        Ok(delta)
    }

    fn finish(self) -> Expected {
        Expected {
            last: self.schema,
            ..self.expected
        }
    }
}
