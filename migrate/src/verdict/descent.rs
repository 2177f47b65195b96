//! Whether an actor stands on a chain that a baseline has replaced. Takes facts, returns a verdict.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use super::case::{Case, Facts};
use super::needs::difference_needs;
use super::{Adoption, Judgement, Need, Partial, Verdict, classify};
use crate::bundle::{Migration, Position};
use crate::error::HistoryError;
use crate::ledger::Matching;
use crate::replay::{Ancestor, Ancestors, Reordered, View};
use crate::schema::Difference;
use crate::sql::{Kind, tokens};

/// How many migrations a reason names.
const NAMED_MAX: usize = 4;

/// The chain that an actor ran before a baseline replaced it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OldChain {
    /// The archive, folder or revision that holds it.
    pub history: String,
    /// The migration of the folder that replaced it.
    pub baseline: String,
    /// How many migrations it has.
    pub migrations: usize,
    /// Those that are not in effect, in order.
    pub remaining: Vec<String>,
    /// The archives without which the actor would not be explained so, by path.
    #[serde(skip)]
    pub archives: BTreeSet<String>,
}

/// Where an actor stands on an ancestor of its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descent {
    /// Which of the ancestors.
    pub(crate) ancestor: usize,
    /// The order in which it ran that, where it is another.
    pub(crate) order: Option<Vec<usize>>,
    /// How many of the ancestor's migrations are in effect.
    pub(crate) position: Position,
    /// How many of them must be before only the folder's own are pending.
    pub(crate) goal: Position,
    /// How many of the folder's are in effect then.
    pub(crate) target: Position,
    pub(crate) old_chain: OldChain,
}

/// What ties an actor to an ancestor, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Proof {
    /// Every ledger row is right, and so is the schema.
    Ledger,
    /// The rows are known, but not all as they should be.
    Rows,
    /// The schema alone.
    Schema,
}

/// What the folder itself makes of the schema of an actor that it does not explain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OnFolder<'a> {
    /// It is that of some position, or the rows say so: the schema of an ancestor proves nothing more.
    Known,
    /// It is what the folder's first migration leaves that stopped half-way, and there are no rows.
    Begun(&'a Partial),
    Strange,
}

/// Judges an actor that its folder does not explain by what the folder was before.
///
/// `None` if no history says anything of this actor; the error if one does and that is no help.
pub(crate) fn descend(
    facts: Facts<'_>,
    ancestors: &Ancestors,
    on_folder: OnFolder<'_>,
) -> Option<Result<Judgement, HistoryError>> {
    let mut places = Vec::new();
    let mut lost = Vec::new();
    for (number, ancestor) in ancestors.fit.iter().enumerate() {
        match Place::find(number, ancestor, facts) {
            Ok(place) => places.extend(place.filter(|it| it.tells_more_than(on_folder))),
            Err(error) => lost.push(error),
        }
    }
    lost.extend(ancestors.unfit.iter().cloned());
    places.sort_by_key(Place::rank);
    let Some(best) = places.first() else {
        return lost.into_iter().next().map(Err);
    };
    let rivals = || places.iter().filter(|it| it.rank() == best.rank());
    let mut fits: Vec<_> = rivals().map(Place::describe).collect();
    let mut one = rivals().all(|it| it.outcome() == best.outcome());
    if let (OnFolder::Begun(partial), Proof::Schema) = (on_folder, best.proof) {
        fits.insert(0, format!("{} in part", partial.migration));
        one = false;
    }
    if !one {
        return Some(Err(HistoryError::Several { places: fits }));
    }
    // Chains that leave the same to do may have different pasts to vouch for.
    let needs: BTreeSet<_> = rivals().flat_map(Place::needs).collect();
    let mut judgement = best.judge(needs.into_iter().collect());
    if let Some(descent) = &mut judgement.descent {
        let archives = rivals().flat_map(|it| it.ancestor.archives.clone());
        descent.old_chain.archives.extend(archives);
    }
    Some(Ok(judgement))
}

/// An actor on one ancestor.
struct Place<'a> {
    number: usize,
    ancestor: &'a Ancestor,
    /// The ancestor in the order in which this actor ran it, where that is another.
    reordered: Option<(Vec<usize>, Arc<Reordered>)>,
    folder: Case<'a>,
    /// The verdict in the ancestor's own terms.
    own: Judgement,
    proof: Proof,
    position: Position,
    /// The position at which nothing is left to run but what the folder itself has pending.
    goal: Position,
    /// How the folder's schema differs from its own: now if it is there, or once it is.
    gap: Vec<Difference>,
}

impl<'a> Place<'a> {
    /// `None` if the actor does not stand there.
    ///
    /// # Errors
    /// Its ledger says that it stands there, and its schema does not.
    fn find(
        number: usize,
        ancestor: &'a Ancestor,
        facts: Facts<'a>,
    ) -> Result<Option<Self>, HistoryError> {
        let (mut own, mut has_rows) = judged(ancestor.view(), facts);
        let order = own.ran_in_order.take();
        let reordered = order.and_then(|order| {
            let other = ancestor.expected.reordered(&ancestor.bundle, &order)?;
            Some((order, other))
        });
        if let Some((_, other)) = &reordered {
            (own, has_rows) = judged(other.view(), facts);
        }
        let Some(proof) = proof(&own, has_rows) else {
            return match off_its_chain(ancestor, &own).filter(|_| has_rows) {
                Some(astray) => Err(astray),
                None => Ok(None),
            };
        };
        let position = own.position.unwrap_or(Position(0));
        let permuted = reordered.as_ref().map_or(0, |(order, _)| permuted(order));
        let begun = position.0 + usize::from(own.partial.is_some());
        let place = Self {
            number,
            ancestor,
            reordered,
            folder: Case::new(facts),
            own,
            proof,
            position,
            goal: ancestor.replaced().max(Position(begun.max(permuted))),
            gap: Vec::new(),
        };
        Ok(place.measured())
    }

    /// `None` if nobody may accept how the folder differs from where it stands or goes.
    fn measured(self) -> Option<Self> {
        let there = self.folder.facts.expected.fingerprint(self.arrival());
        let fit = if self.is_complete() {
            self.folder.fit(self.arrival())
        } else if self.view().expected.fingerprint(self.goal) == there {
            return Some(self);
        } else {
            let end = self.view().expected.schema_at(self.goal)?;
            let facts = Facts {
                live: &end,
                fingerprint: end.fingerprint(),
                accepted: &[],
                ..self.folder.facts
            };
            Case::new(facts).fit(self.arrival())
        };
        let gap = fit.differences.clone();
        fit.is_acceptable().then_some(Self { gap, ..self })
    }

    fn view(&self) -> View<'_> {
        match &self.reordered {
            Some((_, other)) => other.view(),
            None => self.ancestor.view(),
        }
    }

    fn tells_more_than(&self, on_folder: OnFolder<'_>) -> bool {
        match on_folder {
            OnFolder::Strange => true,
            OnFolder::Known => self.proof < Proof::Schema,
            // Both were begun: then to finish the folder's own leads to the same schema.
            OnFolder::Begun(_) => self.proof < Proof::Schema || self.own.partial.is_none(),
        }
    }

    fn is_complete(&self) -> bool {
        self.own.partial.is_none() && self.position >= self.goal
    }

    /// Where the actor stands in the folder, or will once it is at its goal.
    fn arrival(&self) -> Position {
        let there = self.position.max(self.goal);
        self.ancestor.in_folder(self.folder.facts.bundle, there)
    }

    /// Which migration of the folder replaced the old chain.
    fn baseline(&self) -> Option<usize> {
        let folder = self.folder.facts.bundle;
        self.ancestor
            .in_folder(folder, Position(0))
            .0
            .checked_sub(1)
    }

    fn rank(&self) -> (Proof, bool, bool) {
        (self.proof, self.own.partial.is_some(), !self.is_complete())
    }

    /// The migrations that must still run before the folder's own are next.
    fn remaining(&self) -> &[Migration] {
        let goal = self.goal.0;
        &self.view().bundle.entries[self.position.0.min(goal)..goal]
    }

    /// What would come of it.
    fn outcome(&self) -> (Position, Vec<&str>) {
        let hashes = self.remaining().iter().map(|it| it.hash.as_str());
        (self.arrival(), hashes.collect())
    }

    fn describe(&self) -> String {
        let last = self.position.0.checked_sub(1);
        let last = last.and_then(|at| self.view().bundle.entries.get(at));
        let history = &self.ancestor.history;
        match last {
            Some(last) => format!("{history} up to {}", last.tag),
            None => format!("the beginning of {history}"),
        }
    }

    /// What a person must accept: of the old chain, and of what the baseline is beyond it.
    fn needs(&self) -> Vec<Need> {
        let mut needs = self.own.needs.clone();
        let gap = difference_needs(&self.gap).into_iter();
        needs.extend(gap.filter(|need| !self.ancestor.waivers.contains(&need.name)));
        needs.extend(self.seed_need());
        needs
    }

    /// Rows that the baseline writes and the old chain did not, unless a certificate says otherwise.
    fn seed_need(&self) -> Option<Need> {
        if self.ancestor.certified {
            return None;
        }
        let baseline = self.baseline()?;
        let known: BTreeSet<_> = (0..self.ancestor.replaced().0)
            .flat_map(|entry| data_statements(self.ancestor.view(), entry))
            .map(|(_, words)| words)
            .collect();
        let folder = View {
            bundle: self.folder.facts.bundle,
            expected: self.folder.facts.expected,
        };
        let new = data_statements(folder, baseline).into_iter();
        let new = new.filter(|(_, words)| !known.contains(words));
        let numbers: Vec<_> = new.map(|(number, _)| number.to_string()).collect();
        if numbers.is_empty() {
            return None;
        }
        let (tag, numbers) = (&folder.bundle.entries[baseline].tag, numbers.join(", "));
        let message = format!("{tag} writes rows (statement {numbers}) that its old chain did not");
        Some(Need::new(format!("data:{tag}"), message))
    }

    fn judge(&self, needs: Vec<Need>) -> Judgement {
        let arrival = self.arrival();
        let judgement = match self.is_complete() {
            true => Judgement {
                differences: self.gap.clone(),
                ..self
                    .folder
                    .judge(Verdict::Squashed, Adoption::Safe, arrival)
            },
            false => Judgement {
                partial: self.own.partial.clone(),
                reason: Some(self.reason()),
                candidates: self.own.candidates.clone(),
                differences: [&self.own.differences[..], &self.gap].concat(),
                ..self
                    .folder
                    .judge(Verdict::SquashedBehind, Adoption::Refuse, arrival)
            },
        };
        Judgement {
            needs,
            descent: Some(self.descent()),
            ..judgement
        }
        .weighed()
    }

    fn reason(&self) -> String {
        let tags: Vec<_> = self.remaining().iter().map(|it| it.tag.as_str()).collect();
        let named = tags[..tags.len().min(NAMED_MAX)].join(", ");
        let more = match tags.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let (history, all) = (&self.ancestor.history, self.ancestor.replaced());
        let partial = self.own.partial.iter();
        let partial: String = partial.map(|it| format!("{it}; ")).collect();
        format!(
            "{partial}{} of {all} migrations of {history} remain: {named}{more}",
            tags.len()
        )
    }

    fn descent(&self) -> Descent {
        let entries = &self.folder.facts.bundle.entries;
        let baseline = self.baseline().and_then(|at| entries.get(at));
        Descent {
            ancestor: self.number,
            order: self.reordered.as_ref().map(|(order, _)| order.clone()),
            position: self.position,
            goal: self.goal,
            target: self.arrival(),
            old_chain: OldChain {
                history: self.ancestor.history.clone(),
                baseline: baseline.map_or_else(String::new, |it| it.tag.clone()),
                migrations: self.ancestor.replaced().0,
                remaining: self.remaining().iter().map(|it| it.tag.clone()).collect(),
                archives: BTreeSet::new(),
            },
        }
    }
}

/// The verdict by one chain, and whether the ledger has rows of it.
fn judged(chain: View<'_>, facts: Facts<'_>) -> (Judgement, bool) {
    let matching = Matching::new(chain.bundle, facts.ledger);
    let own = classify(Facts {
        bundle: chain.bundle,
        expected: chain.expected,
        matching: &matching,
        ..facts
    });
    (own, matching.entries.iter().any(Option::is_some))
}

/// How many of the first entries an order moves about.
fn permuted(order: &[usize]) -> usize {
    let moved = order
        .iter()
        .enumerate()
        .rposition(|(at, entry)| at != *entry);
    moved.map_or(0, |last| last + 1)
}

/// What ties an actor to an ancestor by whose verdict it stands so.
fn proof(own: &Judgement, has_rows: bool) -> Option<Proof> {
    let begun = own.position > Some(Position(0)) || own.partial.is_some();
    let by_rows = if has_rows { Proof::Rows } else { Proof::Schema };
    match own.verdict {
        Verdict::Current | Verdict::Behind | Verdict::Skipped => Some(Proof::Ledger),
        Verdict::Partial => Some(by_rows),
        _ if own.adoption == Adoption::Refuse || own.position.is_none() => None,
        // Strange rows and a schema that is only alike prove nothing.
        _ if !has_rows && own.differences.iter().any(|it| !it.acknowledged) => None,
        _ => Some(by_rows),
    }
    .filter(|_| begun)
}

fn off_its_chain(ancestor: &Ancestor, own: &Judgement) -> Option<HistoryError> {
    let drifted = matches!(
        own.verdict,
        Verdict::Drifted | Verdict::Edited | Verdict::Deleted
    );
    let last = own.position.filter(|_| drifted)?.0.checked_sub(1)?;
    Some(HistoryError::Astray {
        history: ancestor.history.clone(),
        migration: ancestor.bundle.entries.get(last)?.tag.clone(),
        differences: own.differences.clone(),
    })
}

/// The statements of a migration that write rows: their numbers, and their tokens.
fn data_statements(view: View<'_>, entry: usize) -> Vec<(usize, Vec<&str>)> {
    let migration = &view.bundle.entries[entry];
    let numbers = &view.expected.facts(entry).data_statements;
    let statements = migration.statements.iter();
    let statements = statements.filter(|statement| numbers.contains(&statement.number));
    let words = |sql| {
        let tokens = tokens(sql);
        let tokens = tokens.filter(|token| !matches!(token.kind, Kind::Blank | Kind::Semicolon));
        tokens.map(|token| token.text).collect()
    };
    statements
        .map(|it| (it.number, words(migration.sql(it))))
        .collect()
}
