//! What proves a repair. Facts in, a verdict out: no engine, no clock.
//!
//! The checksum that a head, a commit record or a restore point states is the XOR of those of all
//! pages of its state. So what the damaged pages of a state must add up to is known: that, and all
//! others. A page's checksum is seeded with its number (and keyed, if the image is encrypted), so
//! content of another page does not pass for it.

use std::collections::BTreeMap;

use crate::layout::{Checksum, CommitNo, State};
use crate::page::PageNo;

/// How many damaged pages of one state are mended.
pub(super) const GAPS_MAX: usize = 64;
/// How many choices of content for the damaged pages of a state are held against its checksum.
///
/// A checksum has 64 bits, so a wrong choice fits by accident once in 2^64, and one of 2^16 of them
/// once in 2^48. That is less than the odds that a sound-looking record is none, so a fit is a
/// proof. Beyond that many nothing is tried.
const CHOICES_MAX: usize = 1 << 16;

/// A version of a page: the commit that wrote it and the checksum of its content, if it is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) commit: CommitNo,
    pub(super) sum: Option<Checksum>,
}

/// A page of a state that is not there as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) page: PageNo,
    /// The commit under which its damaged record stands, if there is one.
    pub(super) broken: Option<CommitNo>,
}

/// The versions of an image's pages, those of each page from the newest on.
#[derive(Debug, Default)]
pub(super) struct Versions(BTreeMap<PageNo, Vec<Version>>);

/// What of a state is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Weighed {
    /// The sum of the pages that are whole.
    pub(super) sum: Checksum,
    pub(super) gaps: Vec<Gap>,
}

impl Versions {
    pub(super) fn of(&self, page: PageNo) -> &[Version] {
        self.0.get(&page).map_or(&[], Vec::as_slice)
    }

    /// Puts a version where it belongs, in the place of one of the same commit.
    pub(super) fn put(&mut self, page: PageNo, version: Version) {
        let versions = self.0.entry(page).or_default();
        match versions.binary_search_by(|other| version.commit.cmp(&other.commit)) {
            Ok(at) => versions[at] = version,
            Err(at) => versions.insert(at, version),
        }
    }

    /// Adds up what a state shows, or nothing if more of it is damaged than is ever mended.
    pub(super) fn weigh(&self, state: &State) -> Option<Weighed> {
        let (mut sum, mut gaps) = (Checksum::default(), Vec::new());
        for page in state.pages.pages() {
            let mut versions = self.of(page).iter();
            let shown = versions.find(|version| version.commit <= state.commit);
            match shown.and_then(|version| version.sum) {
                Some(whole) => sum ^= whole,
                None if gaps.len() == GAPS_MAX => return None,
                None => gaps.push(Gap {
                    page,
                    broken: shown.map(|version| version.commit),
                }),
            }
        }
        Some(Weighed { sum, gaps })
    }
}

/// The one choice of a checksum from each of `offered` that adds up to `wanted`, by its places.
///
/// None if nothing fits, if two choices do, or if there are more than can be told apart.
pub(super) fn prove(wanted: Checksum, offered: &[Vec<Checksum>]) -> Option<Vec<usize>> {
    let choices = offered
        .iter()
        .try_fold(1_usize, |all, one| all.checked_mul(one.len()))?;
    if choices > CHOICES_MAX {
        return None;
    }
    let mut fits = (0..choices).filter_map(|choice| {
        let places = places(choice, offered);
        let picked = places.iter().zip(offered).map(|(at, one)| one[*at]);
        let sum = picked.fold(Checksum::default(), |sum, one| sum ^ one);
        (sum == wanted).then_some(places)
    });
    let proved = fits.next()?;
    fits.next().is_none().then_some(proved)
}

/// The choice of that number: one place in each of the lists.
fn places(choice: usize, offered: &[Vec<Checksum>]) -> Vec<usize> {
    let mut rest = choice;
    let place = |one: &Vec<Checksum>| {
        let at = rest % one.len();
        rest /= one.len();
        at
    };
    offered.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(of: &[u64]) -> Vec<Checksum> {
        of.iter().copied().map(Checksum::new).collect()
    }

    #[test]
    fn the_one_choice_that_adds_up_is_proved() {
        let offered = [sums(&[1, 2, 4]), sums(&[8, 16])];
        assert_eq!(prove(Checksum::new(20), &offered), Some(vec![2, 1]));
        assert_eq!(prove(Checksum::new(3), &offered), None);
        assert_eq!(prove(Checksum::new(8), &[sums(&[]), sums(&[8])]), None);
    }

    #[test]
    fn of_two_choices_that_add_up_neither_is_proved() {
        let offered = [sums(&[1, 2]), sums(&[2, 1])];
        assert_eq!(prove(Checksum::new(3), &offered), None);
    }

    #[test]
    fn more_choices_than_the_checksum_tells_apart_are_not_tried() {
        let many: Vec<_> = (0..41).map(Checksum::new).collect();
        assert_eq!(
            prove(Checksum::default(), &[many.clone(), many.clone(), many]),
            None
        );
    }
}
