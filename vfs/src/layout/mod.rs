//! The bytes of the store as drawn in `FORMAT.md`: pure codecs, no I/O.

mod cipher;
mod head;
mod history;
mod key_record;
mod keys;
mod numbers;
mod record;
mod retention;
mod store_record;

pub(crate) use cipher::{Cipher, Nonce};
pub(crate) use head::{Head, Unswept};
pub(crate) use history::{Commit, State, Superseded};
pub(crate) use key_record::{KeyPlace, WrappedKey};
pub(crate) use keys::{
    KeyRange, PageKey, actor_of_aside_key, actor_of_head_key, all_asides, all_commits, all_heads,
    all_images, all_key_records, all_of_image, all_pages, all_points, aside_key, commit_key,
    commits_of, commits_up_to, db_of_key_record_key, db_of_page_key, head_key, key_record_key,
    pages_from, point_key, points_of, versions_up_to,
};
pub(crate) use numbers::{Checksum, DbId, Moment, StoreId, Token};
pub use numbers::{CommitNo, Epoch};
pub use record::Compression;
pub(crate) use record::PageCodec;
pub use retention::Retention;
pub(crate) use retention::{RETENTION_KEY, decode_retention, encode_retention};
pub(crate) use store_record::{STORE_KEY, decode_store, encode_store};

/// The format version that this crate writes, and the newest that it reads.
pub(crate) const FORMAT: u8 = 1;

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// A later version of this crate wrote them.
    Newer { found: u8 },
    /// They are not what was written.
    Damaged(&'static str),
}

/// The hash that ends every record: of all that precedes it, seeded by the hash of its key, so
/// that a record moved to another key does not pass.
fn seal(key: &[u8], before: &[u8]) -> [u8; SEAL_BYTES] {
    use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};
    xxh3_64_with_seed(before, xxh3_64(key)).to_be_bytes()
}

const SEAL_BYTES: usize = 8;

/// Whether a record was written under `key`, whatever it holds.
pub(crate) fn is_sealed_for(key: &[u8], record: &[u8]) -> bool {
    unsealed(key, record).is_ok()
}

/// The record of which this one differs by a single bit and which is sealed for `key`, if there
/// is one.
///
/// As many records are tried as it has bits, at most 2^20 for the largest page, against a seal of
/// 64: that a wrong one passes happens once in 2^44. Whoever writes it back holds it against more.
pub(crate) fn without_a_flipped_bit(key: &[u8], record: &[u8]) -> Option<Vec<u8>> {
    let mut tried = record.to_vec();
    for at in 0..tried.len() {
        for bit in 0..u8::BITS {
            tried[at] ^= 1 << bit;
            if is_sealed_for(key, &tried) {
                return Some(tried);
            }
            tried[at] ^= 1 << bit;
        }
    }
    None
}

/// Ends a record with its seal.
pub(crate) fn sealed(key: &[u8], mut record: Vec<u8>) -> Vec<u8> {
    let seal = seal(key, &record);
    record.extend_from_slice(&seal);
    record
}

/// What precedes the seal of a record that has our version and is sealed for `key`.
fn unsealed<'r>(key: &[u8], record: &'r [u8]) -> Result<&'r [u8], Undecodable> {
    let (&version, _) = record
        .split_first()
        .ok_or(Undecodable::Damaged("it is empty"))?;
    if version > FORMAT {
        return Err(Undecodable::Newer { found: version });
    }
    if version == 0 {
        return Err(Undecodable::Damaged(
            "it has format version 0, which never was",
        ));
    }
    match record.split_last_chunk::<SEAL_BYTES>() {
        Some((before, found)) if *found == seal(key, before) => Ok(before),
        Some(_) => Err(Undecodable::Damaged(
            "its seal does not match its bytes and its place",
        )),
        None => Err(Undecodable::Damaged("it is cut short")),
    }
}

/// Takes big-endian numbers and byte strings off the front of a record.
struct Reader<'r>(&'r [u8]);

impl<'r> Reader<'r> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Undecodable> {
        let (taken, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(Undecodable::Damaged("it is cut short"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn take(&mut self, bytes: usize) -> Result<&'r [u8], Undecodable> {
        let (taken, rest) = self
            .0
            .split_at_checked(bytes)
            .ok_or(Undecodable::Damaged("it is cut short"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Undecodable> {
        self.bytes().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, Undecodable> {
        self.bytes().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Undecodable> {
        self.bytes().map(u64::from_be_bytes)
    }

    fn rest(self) -> &'r [u8] {
        self.0
    }

    fn end(self) -> Result<(), Undecodable> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Undecodable::Damaged("it is too long"))
        }
    }
}
