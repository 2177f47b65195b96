//! The records of the past: what a database was at a commit, and what that commit superseded.

use super::head::{decode_flag, exponent, page_size};
use super::numbers::{Checksum, CommitNo, DbId, Epoch, Moment};
use super::{FORMAT, Reader, SEAL_BYTES, Undecodable, sealed, unsealed};
use crate::page::{PageCount, PageNo, PageSize};

const STATE_BYTES: usize = 56;
const ENTRY_BYTES: usize = 12;

const NONE: u8 = 0;
const LISTED: u8 = 1;
const UNLISTED: u8 = 2;

/// What a database was at one commit, as its head said then. A restore point is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    /// Under which name its pages are stored.
    pub(crate) db: DbId,
    pub(crate) commit: CommitNo,
    /// The owner that made the commit.
    pub(crate) epoch: Epoch,
    pub(crate) page_size: PageSize,
    pub(crate) pages: PageCount,
    /// Whether its pages are encrypted.
    pub(crate) encrypted: bool,
    /// The XOR of the checksums of all pages.
    pub(crate) checksum: Checksum,
    /// When it was written.
    pub(crate) time: Moment,
}

/// A commit that is kept: what it made of the database, and what it took away from the one
/// before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) state: State,
    pub(crate) superseded: Superseded,
}

/// The versions that the commit before shows and that this one does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Superseded {
    /// All of them: pages of the same image, with the commit that wrote each.
    Listed(Vec<(PageNo, CommitNo)>),
    /// They are too many to list, or the whole former image.
    Unlisted,
}

impl Superseded {
    /// The most versions that a record lists when values may be `value_bytes_max` long.
    pub(crate) fn listed_max(value_bytes_max: usize) -> usize {
        /// Enough for what an actor writes in a batch, and a record of a few pages' length.
        const LISTED_MAX: usize = 2048;
        let room = value_bytes_max.saturating_sub(STATE_BYTES + SEAL_BYTES);
        LISTED_MAX.min(room / ENTRY_BYTES)
    }
}

impl State {
    /// The record of a restore point.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let record = sealed(key, self.header(NONE, 0));
        debug_assert_eq!(Self::decode(key, &record).as_ref(), Ok(self));
        record
    }

    /// The restore point that `record` holds, if it was written under `key` and is whole.
    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Undecodable> {
        let mut reader = Reader(unsealed(key, record)?);
        let (state, NONE) = Self::read(&mut reader)? else {
            return Err(Undecodable::Damaged("it is no restore point"));
        };
        reader.end()?;
        Ok(state)
    }

    fn header(&self, list: u8, entries: usize) -> Vec<u8> {
        let room = STATE_BYTES + entries * ENTRY_BYTES + SEAL_BYTES;
        let mut record = Vec::with_capacity(room);
        record.extend_from_slice(&[
            FORMAT,
            exponent(self.page_size),
            list,
            self.encrypted.into(),
        ]);
        record.extend_from_slice(&self.pages.get().to_be_bytes());
        record.extend_from_slice(&self.epoch.get().to_be_bytes());
        record.extend_from_slice(&self.commit.get().to_be_bytes());
        record.extend_from_slice(&self.checksum.get().to_be_bytes());
        record.extend_from_slice(&self.db.bytes());
        record.extend_from_slice(&self.time.get().to_be_bytes());
        record
    }

    /// The state, and how what was superseded is told.
    fn read(reader: &mut Reader<'_>) -> Result<(Self, u8), Undecodable> {
        let (_version, exponent) = (reader.u8()?, reader.u8()?);
        let (list, encrypted) = (reader.u8()?, decode_flag(reader.u8()?)?);
        let state = Self {
            encrypted,
            page_size: page_size(exponent)?,
            pages: PageCount::new(reader.u32()?),
            epoch: Epoch::new(reader.u64()?),
            commit: CommitNo::new(reader.u64()?),
            checksum: Checksum::new(reader.u64()?),
            db: DbId::new(reader.bytes()?),
            time: Moment::new(reader.u64()?),
        };
        Ok((state, list))
    }
}

impl Commit {
    /// The record of this commit under `key`.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let (list, entries) = match &self.superseded {
            Superseded::Listed(entries) => (LISTED, &entries[..]),
            Superseded::Unlisted => (UNLISTED, &[][..]),
        };
        let mut record = self.state.header(list, entries.len());
        for (page, commit) in entries {
            record.extend_from_slice(&page.get().to_be_bytes());
            record.extend_from_slice(&commit.get().to_be_bytes());
        }
        let record = sealed(key, record);
        debug_assert_eq!(Self::decode(key, &record).as_ref(), Ok(self));
        record
    }

    /// The commit that `record` holds, if it was written under `key` and is whole.
    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Undecodable> {
        let mut reader = Reader(unsealed(key, record)?);
        let (state, list) = State::read(&mut reader)?;
        if !key.ends_with(&state.commit.get().to_be_bytes()) {
            return Err(Undecodable::Damaged("it is that of another commit"));
        }
        let superseded = match list {
            LISTED => Superseded::Listed(entries(&mut reader)?),
            UNLISTED => Superseded::Unlisted,
            _ => return Err(Undecodable::Damaged("its list is of no kind that we know")),
        };
        reader.end()?;
        Ok(Self { state, superseded })
    }
}

fn entries(reader: &mut Reader<'_>) -> Result<Vec<(PageNo, CommitNo)>, Undecodable> {
    let mut entries = Vec::with_capacity(reader.0.len() / ENTRY_BYTES);
    while !reader.0.is_empty() {
        let page = PageNo::new(reader.u32()?);
        let page = page.ok_or(Undecodable::Damaged("it lists a page 0"))?;
        entries.push((page, CommitNo::new(reader.u64()?)));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = State> {
        let numbers = any::<(u64, u64, u64, u32, u64, bool)>();
        (any::<[u8; 16]>(), numbers, 9u8..=16).prop_map(|(db, numbers, exponent)| State {
            db: DbId::new(db),
            commit: CommitNo::new(numbers.0),
            epoch: Epoch::new(numbers.1),
            page_size: page_size(exponent).unwrap(),
            pages: PageCount::new(numbers.3),
            checksum: Checksum::new(numbers.2),
            time: Moment::new(numbers.4),
            encrypted: numbers.5,
        })
    }

    fn commit() -> impl Strategy<Value = Commit> {
        let entry = (1..=u32::MAX, any::<u64>())
            .prop_map(|(page, commit)| (PageNo::new(page).unwrap(), CommitNo::new(commit)));
        let superseded = prop_oneof![
            prop::collection::vec(entry, 0..20).prop_map(Superseded::Listed),
            Just(Superseded::Unlisted),
        ];
        (state(), superseded).prop_map(|(state, superseded)| Commit { state, superseded })
    }

    fn key_of(commit: &Commit, mut prefix: Vec<u8>) -> Vec<u8> {
        prefix.extend_from_slice(&commit.state.commit.get().to_be_bytes());
        prefix
    }

    proptest! {
        #[test]
        fn records_of_the_past_come_back_as_they_were_written(commit in commit(), prefix: Vec<u8>) {
            let key = key_of(&commit, prefix);
            let record = commit.encode(&key);
            prop_assert_eq!(State::decode(&key, &record).is_err(), true);
            let point = commit.state.encode(&key);
            prop_assert_eq!(State::decode(&key, &point), Ok(commit.state));
            prop_assert!(Commit::decode(&key, &point).is_err());
            prop_assert_eq!(Commit::decode(&key, &record), Ok(commit));
        }

        #[test]
        fn every_flipped_bit_cut_and_move_of_such_a_record_is_noticed(
            commit in commit(), prefix: Vec<u8>, bit: prop::sample::Index,
        ) {
            let key = key_of(&commit, prefix);
            for record in [commit.encode(&key), commit.state.encode(&key)] {
                let mut flipped = record.clone();
                let bit = bit.index(record.len() * 8);
                flipped[bit / 8] ^= 1 << (bit % 8);
                let refused = |key: &[u8], record: &[u8]| {
                    Commit::decode(key, record).is_err() && State::decode(key, record).is_err()
                };
                prop_assert!(refused(&key, &flipped));
                prop_assert!(refused(&key, &record[..bit / 8]));
                prop_assert!(refused(&[&key[..], b"x"].concat(), &record));
            }
        }

        #[test]
        fn a_sealed_record_of_impossible_content_is_refused(
            mut content in prop::collection::vec(any::<u8>(), 0..120), key: Vec<u8>,
        ) {
            content.insert(0, FORMAT);
            let record = sealed(&key, content);
            if let Ok(commit) = Commit::decode(&key, &record) {
                prop_assert_eq!(commit.encode(&key), record.clone());
            }
            if let Ok(state) = State::decode(&key, &record) {
                prop_assert_eq!(state.encode(&key), record);
            }
        }

        #[test]
        fn the_longest_list_fits_a_value(value_bytes_max in 64usize..100_000) {
            let entries = Superseded::listed_max(value_bytes_max);
            prop_assert!(STATE_BYTES + entries * ENTRY_BYTES + SEAL_BYTES <= value_bytes_max);
        }
    }
}
