//! Reads one actor and says where it stands; changes nothing.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;
use serde::Serialize;

use crate::apply::audit;
use crate::bundle::{Bundle, Layout, Position};
use crate::error::{HistoryError, MigrateError};
use crate::ledger::{self, DEFAULT_TABLE, Ledger, LedgerFormat, LedgerRow, Matching};
use crate::replay::{Ancestor, Expected, Reordered, View};
use crate::schema::{self, Difference, Fingerprint, Schema, starts_with};
use crate::verdict::{
    Accepted, Adoption, Descent, Facts, Hazard, Judgement, Need, OldChain, OnFolder, Partial,
    Verdict, advice, classify, descend, hazards,
};

/// The version of the JSON that [`Standing`] and reports serialise to.
pub const SCHEMA_VERSION: u32 = 1;

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InspectOptions {
    /// The ledger table.
    pub table: String,
    /// Beginnings of table names that are nobody's drift, beside the runtime tables known anyway.
    pub ignore: Vec<String>,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self {
            table: DEFAULT_TABLE.to_owned(),
            ignore: Vec::new(),
        }
    }
}

/// The ledger in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LedgerSummary {
    /// The table.
    pub table: String,
    /// Who wrote it.
    pub format: LedgerFormat,
    /// How many rows it has.
    pub rows: usize,
    /// The rows, oldest first.
    pub entries: Vec<LedgerRow>,
}

/// The folder in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundleSummary {
    /// The folder as named.
    pub dir: String,
    /// Its layout.
    pub layout: Layout,
    /// How many migrations it has.
    pub migrations: usize,
}

/// Where one actor stands: the answer of `inspect`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Standing {
    /// The version of this object's JSON.
    pub schema_version: u32,
    /// Where it stands.
    pub verdict: Verdict,
    /// Whether its ledger may be rewritten.
    pub adoption: Adoption,
    /// The tags or folder names of the migrations that are not in effect, in order.
    pub pending: Vec<String>,
    /// What it says it has applied.
    pub ledger: LedgerSummary,
    /// How its schema differs from the one it should have.
    pub differences: Vec<Difference>,
    /// What stock runners would do in silence.
    pub hazards: Vec<Hazard>,
    /// What a person must accept before it is adopted.
    pub needs: Vec<Need>,
    /// What the verdict rests on, where that is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How far a migration came whose runner died inside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<Partial>,
    /// The chain it ran before a baseline of the folder replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_chain: Option<OldChain>,
    /// What to do next.
    pub advice: String,
    /// How many migrations its schema shows, if it shows that.
    pub position: Option<Position>,
    /// The hash of its schema.
    pub fingerprint: Fingerprint,
    /// The hash its schema should have at its position.
    pub expected_fingerprint: Option<Fingerprint>,
    /// The folder it was judged by.
    pub bundle: BundleSummary,
    /// The positions between which the schema cannot tell, where there are several.
    #[serde(skip)]
    pub(crate) candidates: Vec<Position>,
    /// What its ledger does not vouch for up to its position, whether it is adopted or mended.
    #[serde(skip)]
    pub(crate) unproven: Vec<Need>,
    /// Its schema, where it is not the one it should have.
    #[serde(skip)]
    pub(crate) live: Option<Arc<Schema>>,
    #[serde(skip)]
    pub(crate) options: InspectOptions,
    /// The order in which this actor ran the folder, where that is not the folder's own.
    #[serde(skip)]
    pub(crate) reordered: Option<Arc<Reordered>>,
    /// Where it stands on an ancestor of the folder.
    #[serde(skip)]
    pub(crate) ancestry: Option<Ancestry>,
    /// Why no history of the folder is of help, where one says something.
    #[serde(skip)]
    pub(crate) lost: Option<HistoryError>,
}

/// Where an actor stands on a chain that a baseline has replaced.
#[derive(Debug, Clone)]
pub(crate) struct Ancestry {
    ancestor: Arc<Ancestor>,
    reordered: Option<Arc<Reordered>>,
    pub(crate) descent: Descent,
}

impl Ancestry {
    /// The chain as this actor ran it.
    pub(crate) fn view(&self) -> View<'_> {
        match &self.reordered {
            Some(other) => other.view(),
            None => self.ancestor.view(),
        }
    }
}

impl Standing {
    /// The folder as this actor sees it.
    pub(crate) fn view<'a>(&'a self, bundle: &'a Bundle, expected: &'a Expected) -> View<'a> {
        match &self.reordered {
            Some(other) => other.view(),
            None => View { bundle, expected },
        }
    }

    /// The chain whose statements this actor lacks.
    pub(crate) fn ran<'a>(&'a self, bundle: &'a Bundle) -> &'a Bundle {
        match (&self.ancestry, &self.reordered) {
            (Some(ancestry), _) => ancestry.view().bundle,
            (None, Some(other)) => &other.bundle,
            (None, None) => bundle,
        }
    }

    /// The same actor where a history that says something of it is no help.
    fn without_history(self, lost: HistoryError) -> Self {
        let several = matches!(lost, HistoryError::Several { .. });
        let mut needs = self.needs;
        if let Some(partial) = self.partial.as_ref().filter(|_| several) {
            needs.push(Need::new(
                format!("partial:{}", partial.migration),
                format!("{partial}, unless {lost}"),
            ));
        }
        // How a complete actor drifted is told by its differences.
        let says = match (self.verdict, &lost) {
            (Verdict::SquashedBehind, _) => true,
            (_, HistoryError::Astray { .. }) | (Verdict::Drifted, HistoryError::Pruned { .. }) => {
                false
            }
            _ => true,
        };
        Self {
            reason: self.reason.or_else(|| says.then(|| lost.to_string())),
            needs,
            lost: Some(lost),
            ..self
        }
    }

    /// Whether the folder alone says all. What it says of a squashed actor only the old chain can vouch for.
    fn is_explained(&self) -> bool {
        let open = matches!(self.adoption, Adoption::NeedsAck | Adoption::Refuse);
        self.verdict == Verdict::Unreadable || self.verdict != Verdict::Squashed && !open
    }

    fn on_folder(&self) -> OnFolder<'_> {
        match (&self.partial, self.verdict) {
            (Some(partial), _) if self.ledger.rows == 0 => OnFolder::Begun(partial),
            (Some(_), _) => OnFolder::Known,
            (None, Verdict::SquashedBehind | Verdict::Foreign) => OnFolder::Strange,
            (None, _) if self.differences.is_empty() => OnFolder::Known,
            (None, _) => OnFolder::Strange,
        }
    }
}

/// Says where the database behind `conn` stands. Reads only, in one read transaction. A lock is waited for
/// as long as the connection's own busy timeout says.
///
/// # Errors
/// The database cannot be read: M130 to M133. `expected` must come from `bundle`: M199.
pub fn inspect(
    conn: &Connection,
    bundle: &Bundle,
    expected: &Expected,
    options: &InspectOptions,
) -> Result<Standing, MigrateError> {
    if !expected.belongs_to(bundle) {
        return Err(MigrateError::Bug {
            what: "the replay is of another folder".to_owned(),
        });
    }
    let started = Instant::now();
    let actor = Actor::read_at_once(conn, expected, options);
    let actor = actor.map_err(|error| error.after_waiting(started.elapsed()))?;
    Ok(actor.stand(bundle, expected, options))
}

/// One consistent view of the database; ends with nothing written. Inside a caller's transaction it is that one.
struct ReadTransaction<'a>(Option<&'a Connection>);

impl<'a> ReadTransaction<'a> {
    fn begin(conn: &'a Connection) -> Result<Self, MigrateError> {
        if !conn.is_autocommit() {
            return Ok(Self(None));
        }
        conn.execute_batch("BEGIN")
            .map_err(MigrateError::sqlite("begin reading"))?;
        Ok(Self(Some(conn)))
    }
}

impl Drop for ReadTransaction<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.0 {
            // Nothing was written, so a failure to end it loses nothing; the connection reports it on its next use.
            let _ = conn.execute_batch("COMMIT");
        }
    }
}

/// What was read of one actor.
pub(crate) struct Actor {
    pub(crate) schema: Schema,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) ledger: Ledger,
    accepted: Vec<Accepted>,
}

impl Actor {
    fn read_at_once(
        conn: &Connection,
        expected: &Expected,
        options: &InspectOptions,
    ) -> Result<Self, MigrateError> {
        let _snapshot = ReadTransaction::begin(conn)?;
        Self::read(conn, expected, options)
    }

    pub(crate) fn read(
        conn: &Connection,
        expected: &Expected,
        options: &InspectOptions,
    ) -> Result<Self, MigrateError> {
        let mut schema = schema::read(conn, &options.table, expected.last())?;
        // What the folder makes is its own, whatever it is called and whoever shares the file.
        let shared = schema.other_ledgers(&options.table).next().is_some();
        let ignored = |table: &str| options.ignore.iter().any(|start| starts_with(table, start));
        if shared || !options.ignore.is_empty() {
            schema.set_aside(|table| !expected.knows_table(table) && (shared || ignored(table)));
        }
        let mut ledger = ledger::read(conn, &schema, &options.table)?;
        if ledger.format.has_names() {
            ledger.archived = audit::archived(conn, &schema, &ledger.table)?;
        }
        let fingerprint = schema.fingerprint();
        // Only a schema that is not exactly right can be right by what somebody accepted.
        let accepted = match expected.positions_of(fingerprint).is_empty() {
            true => audit::accepted(conn, &schema, &ledger.table)?,
            false => Vec::new(),
        };
        Ok(Self {
            schema,
            fingerprint,
            ledger,
            accepted,
        })
    }

    /// The verdict: by the folder, and where that does not explain the actor by what the folder was before.
    pub(crate) fn stand(
        &self,
        bundle: &Bundle,
        expected: &Expected,
        options: &InspectOptions,
    ) -> Standing {
        let view = View { bundle, expected };
        let standing = self.stand_on_folder(view, options);
        if standing.is_explained() {
            return standing;
        }
        self.stand_on_old_chain(view, standing)
    }

    fn stand_on_old_chain(&self, view: View<'_>, standing: Standing) -> Standing {
        let ancestors = view.expected.ancestors(view.bundle);
        let matching = Matching::new(view.bundle, &self.ledger);
        let facts = self.facts(view, &matching);
        match descend(facts, ancestors, standing.on_folder()) {
            None => standing,
            Some(Err(lost)) => standing.without_history(lost),
            Some(Ok(judgement)) => {
                let ancestry = judgement.descent.clone().map(|descent| {
                    let ancestor = Arc::clone(&ancestors.fit[descent.ancestor]);
                    let order = descent.order.as_ref();
                    Ancestry {
                        reordered: order
                            .and_then(|it| ancestor.expected.reordered(&ancestor.bundle, it)),
                        ancestor,
                        descent,
                    }
                });
                Standing {
                    old_chain: ancestry.as_ref().map(|it| it.descent.old_chain.clone()),
                    ancestry,
                    ..self.standing(&facts, judgement, &standing.options)
                }
            }
        }
    }

    /// A folder that the actor ran in another order is judged in that order.
    fn stand_on_folder(&self, view: View<'_>, options: &InspectOptions) -> Standing {
        let View { bundle, expected } = view;
        let matching = Matching::new(bundle, &self.ledger);
        let facts = self.facts(view, &matching);
        let judgement = classify(facts);
        if let Some(order) = &judgement.ran_in_order
            && let Some(other) = expected.reordered(bundle, order)
        {
            let matching = Matching::new(&other.bundle, &self.ledger);
            let facts = self.facts(other.view(), &matching);
            let standing = self.standing(&facts, classify(facts), options);
            return Standing {
                reordered: Some(other),
                ..standing
            };
        }
        self.standing(&facts, judgement, options)
    }

    fn facts<'a>(&'a self, view: View<'a>, matching: &'a Matching) -> Facts<'a> {
        Facts {
            bundle: view.bundle,
            expected: view.expected,
            ledger: &self.ledger,
            matching,
            live: &self.schema,
            fingerprint: self.fingerprint,
            accepted: &self.accepted,
        }
    }

    fn standing(
        &self,
        facts: &Facts<'_>,
        judgement: Judgement,
        options: &InspectOptions,
    ) -> Standing {
        let bundle = facts.bundle;
        let tag = |entry: &usize| bundle.entries[*entry].tag.clone();
        Standing {
            schema_version: SCHEMA_VERSION,
            verdict: judgement.verdict,
            adoption: judgement.adoption,
            pending: judgement.pending.iter().map(tag).collect(),
            ledger: self.ledger_summary(),
            hazards: hazards(facts, &judgement),
            advice: advice(&judgement).to_owned(),
            position: judgement.position,
            fingerprint: self.fingerprint,
            expected_fingerprint: judgement
                .position
                .and_then(|at| facts.expected.fingerprint(at)),
            bundle: BundleSummary {
                dir: bundle.dir.clone(),
                layout: bundle.layout,
                migrations: bundle.entries.len(),
            },
            live: (!judgement.differences.is_empty()).then(|| Arc::new(self.schema.clone())),
            unproven: judgement.unproven,
            differences: judgement.differences,
            needs: judgement.needs,
            reason: judgement
                .reason
                .or_else(|| self.other_ledgers(judgement.verdict)),
            partial: judgement.partial,
            candidates: judgement.candidates,
            options: options.clone(),
            reordered: None,
            ancestry: None,
            old_chain: None,
            lost: None,
        }
    }

    /// An actor without rows may have them in another table.
    fn other_ledgers(&self, verdict: Verdict) -> Option<String> {
        let rowless = matches!(
            verdict,
            Verdict::Fresh | Verdict::Unjournaled | Verdict::Foreign
        );
        // Wrangler's table has a name only: its shape says nothing.
        let wranglers = self.schema.ledger_object("d1_migrations");
        let wranglers = wranglers.map(|object| object.name.as_str());
        let others = self.schema.other_ledgers(&self.ledger.table);
        let others: Vec<_> = others
            .chain(wranglers.filter(|name| *name != self.ledger.table))
            .collect();
        (rowless && !others.is_empty())
            .then(|| format!("the database has other ledgers: {}", others.join(", ")))
    }

    fn ledger_summary(&self) -> LedgerSummary {
        LedgerSummary {
            table: self.ledger.table.clone(),
            format: self.ledger.format,
            rows: self.ledger.rows.len(),
            entries: self.ledger.rows.clone(),
        }
    }
}
