//! Actors grouped by cause: what a thousand actors have in common is said once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// How many actors of a cohort are named unless all are asked for.
const EXAMPLES_MAX: usize = 3;

/// Actors with the same cause.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cohort<C> {
    #[serde(flatten)]
    pub cause: C,
    pub count: usize,
    /// The first names in order, whatever order the actors came in.
    pub examples: BTreeSet<String>,
}

/// Collects actors into cohorts. Causes that serialise equally are equal.
#[derive(Clone, Debug)]
pub(crate) struct Cohorts<C> {
    examples_max: usize,
    by_cause: BTreeMap<String, Cohort<C>>,
}

impl<C: Serialize> Cohorts<C> {
    /// `name_all`: every actor is an example.
    pub(crate) fn new(name_all: bool) -> Self {
        let examples_max = if name_all { usize::MAX } else { EXAMPLES_MAX };
        Self {
            examples_max,
            by_cause: BTreeMap::new(),
        }
    }

    /// Counts one actor.
    pub(crate) fn add(&mut self, name: String, cause: C) {
        // Causes are strings, numbers and enums, which always serialise; the key never reaches a user.
        let key = serde_json::to_string(&cause).unwrap_or_default();
        let new = || Cohort {
            cause,
            count: 0,
            examples: BTreeSet::new(),
        };
        let cohort = self.by_cause.entry(key).or_insert_with(new);
        cohort.count += 1;
        cohort.examples.insert(name);
        if cohort.examples.len() > self.examples_max {
            cohort.examples.pop_last();
        }
    }

    /// The cohorts, in the order of `rank`, then the largest first.
    pub(crate) fn finish<R: Ord>(self, rank: impl Fn(&C) -> R) -> Vec<Cohort<C>> {
        let mut cohorts: Vec<_> = self.by_cause.into_values().collect();
        cohorts.sort_by_key(|cohort| (rank(&cohort.cause), usize::MAX - cohort.count));
        cohorts
    }
}

/// How many actors there are in all.
pub(crate) fn actors<'a, C: 'a>(cohorts: impl IntoIterator<Item = &'a Cohort<C>>) -> usize {
    cohorts.into_iter().map(|cohort| cohort.count).sum()
}

impl<C> Cohort<C> {
    /// Its names as far as they are known: "a, b, c and 37 more".
    pub(crate) fn names(&self) -> String {
        let names = self
            .examples
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        match self.count - self.examples.len() {
            0 => names,
            more => format!("{names} and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_the_first_names_whatever_the_order_of_arrival() {
        let cohorts = |names: &mut dyn Iterator<Item = u32>| {
            let mut cohorts = Cohorts::new(false);
            names.for_each(|n| cohorts.add(format!("a{n}"), n % 2));
            cohorts
                .finish(|cause| *cause)
                .iter()
                .map(Cohort::names)
                .collect::<Vec<_>>()
        };
        let forward = cohorts(&mut (0..9));
        assert_eq!(forward, ["a0, a2, a4 and 2 more", "a1, a3, a5 and 1 more"]);
        assert_eq!(cohorts(&mut (0..9).rev()), forward);
    }
}
