//! The page record: one version of one page, compressed when that makes it smaller.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::keys::PageKey;
use super::numbers::Checksum;
use super::{FORMAT, Reader, SEAL_BYTES, Undecodable, sealed, unsealed};

const HEADER_BYTES: usize = 10;
const RAW: u8 = 0;
const LZ4: u8 = 1;
const HOLE: u8 = 2;

/// The record of a page's content.
pub(crate) fn encode_page(key: &PageKey, content: &[u8], checksum: Checksum) -> Vec<u8> {
    debug_assert_eq!(checksum, Checksum::of(key.page(), content));
    let mut record = header(
        LZ4,
        checksum,
        get_maximum_output_size(content.len()) + SEAL_BYTES,
    );
    record.resize(HEADER_BYTES + get_maximum_output_size(content.len()), 0);
    match compress_into(content, &mut record[HEADER_BYTES..]) {
        Ok(compressed) if compressed < content.len() => record.truncate(HEADER_BYTES + compressed),
        _ => {
            record.truncate(HEADER_BYTES);
            record[1] = RAW;
            record.extend_from_slice(content);
        }
    }
    sealed(key.as_bytes(), record)
}

/// The record of a page that SQLite never wrote, which reads as zeros.
pub(crate) fn encode_hole(key: &PageKey, checksum: Checksum) -> Vec<u8> {
    sealed(key.as_bytes(), header(HOLE, checksum, SEAL_BYTES))
}

fn header(kind: u8, checksum: Checksum, room: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES + room);
    record.extend_from_slice(&[FORMAT, kind]);
    record.extend_from_slice(&checksum.get().to_be_bytes());
    record
}

/// Fills `out`, which is one page long, with the content that `record` holds under `key`.
///
/// Returns the content's checksum, which it has verified. When it fails, `out` holds anything.
pub(crate) fn decode_page(
    key: &PageKey,
    record: &[u8],
    out: &mut [u8],
) -> Result<Checksum, Undecodable> {
    let mut reader = Reader(unsealed(key.as_bytes(), record)?);
    let (_version, kind, checksum) = (reader.u8()?, reader.u8()?, Checksum::new(reader.u64()?));
    unpack(kind, reader.rest(), out)?;
    if checksum != Checksum::of(key.page(), out) {
        return Err(Undecodable::Damaged(
            "its content does not match its checksum",
        ));
    }
    Ok(checksum)
}

fn unpack(kind: u8, payload: &[u8], out: &mut [u8]) -> Result<(), Undecodable> {
    let fits = match kind {
        RAW if payload.len() == out.len() => {
            out.copy_from_slice(payload);
            true
        }
        RAW => false,
        LZ4 => decompress_into(payload, out).is_ok_and(|bytes| bytes == out.len()),
        HOLE => {
            out.fill(0);
            payload.is_empty()
        }
        _ => return Err(Undecodable::Damaged("it is of a kind that we do not know")),
    };
    if fits {
        Ok(())
    } else {
        Err(Undecodable::Damaged("it does not hold one page"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::{CommitNo, DbId};
    use crate::page::PageNo;

    fn key() -> impl Strategy<Value = PageKey> {
        (any::<[u8; 16]>(), 1..=u32::MAX, any::<u64>()).prop_map(|(db, page, commit)| {
            PageKey::new(
                DbId::new(db),
                PageNo::new(page).unwrap(),
                CommitNo::new(commit),
            )
        })
    }

    /// Pages between random, which do not compress, and empty, which do.
    fn content() -> impl Strategy<Value = Vec<u8>> {
        (9u32..=13, any::<u64>(), 0u8..=100).prop_map(|(exponent, seed, zeros)| {
            let mut state = seed | 1;
            let mut byte = || {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                state.to_be_bytes()
            };
            let random = byte_source(&mut byte, zeros);
            random.take(1 << exponent).collect()
        })
    }

    fn byte_source(next: &mut impl FnMut() -> [u8; 8], zeros: u8) -> impl Iterator<Item = u8> {
        std::iter::repeat_with(move || {
            let [chance, byte, ..] = next();
            if chance % 101 < zeros { 0 } else { byte }
        })
    }

    fn decoded(key: &PageKey, record: &[u8], bytes: usize) -> Result<Vec<u8>, Undecodable> {
        let mut out = vec![0xaa; bytes];
        decode_page(key, record, &mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn a_page_comes_back_as_it_was_written(key in key(), content in content()) {
            let checksum = Checksum::of(key.page(), &content);
            let record = encode_page(&key, &content, checksum);
            prop_assert!(record.len() <= HEADER_BYTES + content.len() + SEAL_BYTES);
            prop_assert_eq!(decoded(&key, &record, content.len()), Ok(content));
        }

        #[test]
        fn a_hole_reads_as_zeros(key in key(), exponent in 9u32..=16) {
            let zeros = vec![0; 1 << exponent];
            let record = encode_hole(&key, Checksum::of(key.page(), &zeros));
            prop_assert_eq!(decoded(&key, &record, zeros.len()), Ok(zeros));
        }

        #[test]
        fn every_flipped_bit_of_a_page_is_noticed(key in key(), content in content(), bit: prop::sample::Index) {
            let mut record = encode_page(&key, &content, Checksum::of(key.page(), &content));
            let bit = bit.index(record.len() * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decoded(&key, &record, content.len()).is_err());
        }

        #[test]
        fn a_page_cut_moved_or_of_another_size_is_noticed(
            key in key(), other in key(), content in content(), cut: prop::sample::Index,
        ) {
            let record = encode_page(&key, &content, Checksum::of(key.page(), &content));
            prop_assert!(decoded(&key, &record[..cut.index(record.len())], content.len()).is_err());
            prop_assert!(decoded(&other, &record, content.len()).is_err());
            prop_assert!(decoded(&key, &record, content.len() * 2).is_err());
            prop_assert!(decoded(&key, &record, content.len() / 2).is_err());
        }

        #[test]
        fn a_sealed_page_whose_content_is_not_what_its_checksum_says_is_noticed(
            key in key(), content in content(), other: u64,
        ) {
            let checksum = Checksum::of(key.page(), &content);
            prop_assume!(other != checksum.get());
            let mut record = encode_page(&key, &content, checksum);
            record.truncate(record.len() - SEAL_BYTES);
            record[2..HEADER_BYTES].copy_from_slice(&other.to_be_bytes());
            let record = sealed(key.as_bytes(), record);
            prop_assert!(decoded(&key, &record, content.len()).is_err());
        }

        #[test]
        fn arbitrary_bytes_are_no_page_and_do_no_harm(key in key(), mut bytes: Vec<u8>) {
            prop_assert!(decoded(&key, &bytes, 512).is_err());
            bytes.insert(0, FORMAT);
            prop_assert!(decoded(&key, &sealed(key.as_bytes(), bytes), 512).is_err());
        }
    }

    #[test]
    fn a_page_is_compressed_only_when_that_makes_it_smaller() {
        let key = PageKey::new(DbId::new([1; 16]), PageNo::FIRST, CommitNo::new(1));
        let random: Vec<u8> = byte_source(&mut lcg(), 0).take(4096).collect();
        let raw = encode_page(&key, &random, Checksum::of(PageNo::FIRST, &random));
        assert_eq!((raw.len(), raw[1]), (HEADER_BYTES + 4096 + SEAL_BYTES, RAW));
        let empty = encode_page(&key, &[0; 4096], Checksum::of(PageNo::FIRST, &[0; 4096]));
        assert_eq!(empty[1], LZ4);
        assert!(empty.len() < 64);
    }

    fn lcg() -> impl FnMut() -> [u8; 8] {
        let mut state = 42u64;
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()
        }
    }
}
