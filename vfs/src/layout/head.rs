//! The head record: the one record that says all about an actor.

use super::numbers::{Checksum, CommitNo, DbId, Epoch, Moment, Token};
use super::{FORMAT, Reader, Undecodable, sealed, unsealed};
use crate::page::{PageCount, PageSize};

const HEAD_BYTES: usize = 128;

/// The state of an actor: who owns it, which pages it has, what is left to clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Under which name the pages are stored.
    pub(crate) db: DbId,
    pub(crate) epoch: Epoch,
    pub(crate) commit: CommitNo,
    /// Drawn anew for every write of the head.
    pub(crate) token: Token,
    /// Drawn anew for every commit, and kept when the head is written for another reason: it
    /// tells an owner in doubt that its last commit landed, even if it has lost the actor since.
    pub(crate) committed: Token,
    pub(crate) page_size: PageSize,
    pub(crate) pages: PageCount,
    /// Whether the pages are encrypted; then there is a key record under the name of the pages.
    pub(crate) encrypted: bool,
    /// The XOR of the checksums of all pages, under the mask of the head's
    /// [codec](super::PageCodec::mask).
    pub(crate) checksum: Checksum,
    /// When the last commit was made.
    pub(crate) time: Moment,
    /// The oldest commit that is still whole, without a gap up to `commit`. Without retention it
    /// is `commit` itself.
    pub(crate) floor: CommitNo,
    /// The commit of the newest restore point of this image, 0 if it has none: what a commit
    /// supersedes goes at once if it is newer.
    pub(crate) pinned: CommitNo,
    pub(crate) unswept: Unswept,
}

/// Records that nobody can see and that may be there nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unswept {
    /// None.
    Nothing,
    /// Page records of the next commit, under this name.
    Staging(DbId),
    /// Versions of pages, images and records of commits that nothing keeps any longer.
    Garbage,
}

impl Head {
    /// The record of this head under `key`.
    pub(crate) fn encode(&self, key: &[u8]) -> Vec<u8> {
        let (unswept, staging) = match self.unswept {
            Unswept::Nothing => (0, [0; 16]),
            Unswept::Staging(db) => (1, db.bytes()),
            Unswept::Garbage => (2, [0; 16]),
        };
        let mut record = Vec::with_capacity(HEAD_BYTES);
        record.extend_from_slice(&[
            FORMAT,
            exponent(self.page_size),
            unswept,
            self.encrypted.into(),
        ]);
        record.extend_from_slice(&self.pages.get().to_be_bytes());
        record.extend_from_slice(&self.epoch.get().to_be_bytes());
        record.extend_from_slice(&self.commit.get().to_be_bytes());
        record.extend_from_slice(&self.checksum.get().to_be_bytes());
        record.extend_from_slice(&self.db.bytes());
        record.extend_from_slice(&self.token.bytes());
        record.extend_from_slice(&self.committed.bytes());
        record.extend_from_slice(&staging);
        record.extend_from_slice(&self.time.get().to_be_bytes());
        record.extend_from_slice(&self.floor.get().to_be_bytes());
        record.extend_from_slice(&self.pinned.get().to_be_bytes());
        let record = sealed(key, record);
        debug_assert_eq!(Self::decode(key, &record).as_ref(), Ok(self));
        record
    }

    /// The head that `record` holds, if it was written under `key` and is whole.
    pub(crate) fn decode(key: &[u8], record: &[u8]) -> Result<Self, Undecodable> {
        let mut reader = Reader(unsealed(key, record)?);
        let (_version, exponent) = (reader.u8()?, reader.u8()?);
        let (unswept, encrypted) = (reader.u8()?, decode_flag(reader.u8()?)?);
        let head = Self {
            page_size: page_size(exponent)?,
            pages: PageCount::new(reader.u32()?),
            epoch: Epoch::new(reader.u64()?),
            commit: CommitNo::new(reader.u64()?),
            checksum: Checksum::new(reader.u64()?),
            encrypted,
            db: DbId::new(reader.bytes()?),
            token: Token::new(reader.bytes()?),
            committed: Token::new(reader.bytes()?),
            unswept: decode_unswept(unswept, reader.bytes()?)?,
            time: Moment::new(reader.u64()?),
            floor: CommitNo::new(reader.u64()?),
            pinned: CommitNo::new(reader.u64()?),
        };
        reader.end()?;
        if head.floor > head.commit || head.pinned > head.commit {
            return Err(Undecodable::Damaged(
                "it keeps a commit that comes after its last",
            ));
        }
        Ok(head)
    }

    /// What the pages are together, in bytes: which commit of which image, how many, how large.
    pub(super) fn shape(&self) -> [u8; 29] {
        let mut shape = [exponent(self.page_size); 29];
        shape[1..17].copy_from_slice(&self.db.bytes());
        shape[17..25].copy_from_slice(&self.commit.get().to_be_bytes());
        shape[25..].copy_from_slice(&self.pages.get().to_be_bytes());
        shape
    }
}

pub(super) fn decode_flag(flag: u8) -> Result<bool, Undecodable> {
    match flag {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Undecodable::Damaged(
            "it says neither that its pages are encrypted nor that they are not",
        )),
    }
}

fn decode_unswept(tag: u8, staging: [u8; 16]) -> Result<Unswept, Undecodable> {
    match (tag, staging) {
        (0, [0, ..]) if staging == [0; 16] => Ok(Unswept::Nothing),
        (1, db) => Ok(Unswept::Staging(DbId::new(db))),
        (2, _) if staging == [0; 16] => Ok(Unswept::Garbage),
        _ => Err(Undecodable::Damaged(
            "its marker of what is left to sweep is none that we know",
        )),
    }
}

/// The page size as a power of two, which a byte can hold.
pub(super) fn exponent(size: PageSize) -> u8 {
    u8::try_from(size.get().trailing_zeros()).unwrap_or(u8::MAX)
}

pub(super) fn page_size(exponent: u8) -> Result<PageSize, Undecodable> {
    1u32.checked_shl(u32::from(exponent))
        .and_then(PageSize::new)
        .ok_or(Undecodable::Damaged(
            "its page size is none that SQLite knows",
        ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::Key;
    use crate::layout::{Cipher, Compression, PageCodec};

    fn head() -> impl Strategy<Value = Head> {
        let unswept = prop_oneof![
            Just(Unswept::Nothing),
            any::<[u8; 16]>().prop_map(|db| Unswept::Staging(DbId::new(db))),
            Just(Unswept::Garbage),
        ];
        let names = any::<([u8; 16], [u8; 16], [u8; 16])>();
        let numbers = any::<(u64, u64, u64, u32, u64, u64, u64, bool)>();
        (names, numbers, 9u8..=16, unswept).prop_map(|(names, numbers, exponent, unswept)| Head {
            db: DbId::new(names.0),
            token: Token::new(names.1),
            committed: Token::new(names.2),
            epoch: Epoch::new(numbers.0),
            commit: CommitNo::new(numbers.1),
            checksum: Checksum::new(numbers.2),
            pages: PageCount::new(numbers.3),
            encrypted: numbers.7,
            page_size: page_size(exponent).unwrap(),
            floor: CommitNo::new(numbers.4.min(numbers.1)),
            pinned: CommitNo::new(numbers.5.min(numbers.1)),
            time: Moment::new(numbers.6),
            unswept,
        })
    }

    proptest! {
        #[test]
        fn a_head_comes_back_as_it_was_written(head in head(), key: Vec<u8>) {
            let record = head.encode(&key);
            prop_assert_eq!(record.len(), HEAD_BYTES);
            prop_assert_eq!(Head::decode(&key, &record), Ok(head));
        }

        #[test]
        fn every_flipped_bit_and_every_cut_of_a_head_is_noticed(head in head(), key: Vec<u8>) {
            let record = head.encode(&key);
            for bit in 0..record.len() * 8 {
                let mut flipped = record.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(Head::decode(&key, &flipped).is_err());
            }
            for cut in 0..record.len() {
                prop_assert!(Head::decode(&key, &record[..cut]).is_err());
            }
        }

        #[test]
        fn a_head_under_another_key_is_noticed(head in head(), key: Vec<u8>, other: Vec<u8>) {
            prop_assume!(key != other);
            prop_assert!(Head::decode(&other, &head.encode(&key)).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_no_head_and_do_no_harm(bytes: Vec<u8>, key: Vec<u8>) {
            prop_assert!(Head::decode(&key, &bytes).is_err());
        }

        #[test]
        fn a_sealed_head_of_impossible_content_is_refused(
            mut content in prop::collection::vec(any::<u8>(), 0..144), key: Vec<u8>,
        ) {
            content.insert(0, FORMAT);
            if let Ok(head) = Head::decode(&key, &sealed(&key, content.clone())) {
                prop_assert_eq!(head.encode(&key), sealed(&key, content));
            }
        }
    }

    /// From `scripts/known-answers`, which computes it without this crate.
    #[test]
    fn the_mask_of_a_rolling_checksum_is_what_it_always_was() {
        let key = Key::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let codec = PageCodec::encrypted(Cipher::new(&key), Compression::Lz4);
        let head = Head {
            db: DbId::new([1; 16]),
            epoch: Epoch::new(3),
            commit: CommitNo::new(7),
            token: Token::new([2; 16]),
            committed: Token::new([4; 16]),
            page_size: PageSize::DEFAULT,
            pages: PageCount::new(3),
            encrypted: true,
            checksum: Checksum::default(),
            time: Moment::default(),
            floor: CommitNo::default(),
            pinned: CommitNo::default(),
            unswept: Unswept::Nothing,
        };
        assert_eq!(codec.mask(&head).get(), 0xe492_836a_6f9b_4067);
        let later = Head {
            commit: CommitNo::new(8),
            ..head.clone()
        };
        assert_ne!(codec.mask(&later), codec.mask(&head));
        let plain = PageCodec::plain(Compression::Lz4);
        assert_eq!(plain.mask(&head), Checksum::default());
    }

    #[test]
    fn a_head_of_a_later_version_is_told_from_damage() {
        assert_eq!(
            Head::decode(b"k", &[2, 1, 2, 3]),
            Err(Undecodable::Newer { found: 2 })
        );
    }
}
