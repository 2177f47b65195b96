//! The page record: one version of one page, compressed when that makes it smaller, and
//! encrypted if its image is.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::cipher::{Cipher, NONCE_BYTES, Nonce, TAG_BYTES};
use super::keys::PageKey;
use super::numbers::Checksum;
use super::{FORMAT, Head, Reader, SEAL_BYTES, Undecodable, sealed, unsealed};
use crate::page::{PageNo, PageSize};

const RAW: u8 = 0;
const LZ4: u8 = 1;
const HOLE: u8 = 2;
const ENCRYPTED: u8 = 3;

/// The version and the kind.
const PREFIX_BYTES: usize = 2;
/// What an encrypted record has before its ciphertext.
const NONCE_END: usize = PREFIX_BYTES + NONCE_BYTES;
const CHECKSUM_BYTES: usize = 8;
/// The most that a record has beside the content of its page.
const RECORD_BYTES_ASIDE_MAX: usize = NONCE_END + 1 + CHECKSUM_BYTES + TAG_BYTES + SEAL_BYTES;

/// Whether pages are stored compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compression {
    /// As LZ4 blocks, where that makes them smaller. Default: the file is a third to a half smaller
    /// (`scripts/long settings`, `vfs/measure/RESULTS.md`), for a third more time to read a database
    /// through, and the flush hides what it costs a small commit.
    #[default]
    Lz4,
    /// As they are. With encryption, the sizes of records then say nothing about their content.
    Off,
}

/// How the records of one image are written and read.
#[derive(Debug, Clone)]
pub(crate) struct PageCodec {
    cipher: Option<Cipher>,
    compression: Compression,
}

impl PageCodec {
    /// That of an image whose pages anybody may read.
    pub(crate) const fn plain(compression: Compression) -> Self {
        let cipher = None;
        Self {
            cipher,
            compression,
        }
    }

    /// That of an image whose pages are encrypted.
    pub(crate) const fn encrypted(cipher: Cipher, compression: Compression) -> Self {
        let cipher = Some(cipher);
        Self {
            cipher,
            compression,
        }
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }

    /// The checksum of `content` as that of `page`.
    pub(crate) fn checksum(&self, page: PageNo, content: &[u8]) -> Checksum {
        match &self.cipher {
            Some(cipher) => cipher.checksum(page, content),
            None => Checksum::of(page, content),
        }
    }

    /// What stands between the XOR of the checksums of all pages and the checksum that the head
    /// states: XORed to one it gives the other. Nothing, for an image that is not encrypted.
    pub(crate) fn mask(&self, head: &Head) -> Checksum {
        let cipher = self.cipher.as_ref();
        cipher.map_or_else(Checksum::default, |cipher| cipher.mask(&head.shape()))
    }

    /// The record of a page's content. `draw` is asked for a nonce if one is needed.
    pub(crate) fn encode<E>(
        &self,
        key: &PageKey,
        content: &[u8],
        checksum: Checksum,
        draw: impl FnOnce() -> Result<Nonce, E>,
    ) -> Result<Vec<u8>, E> {
        debug_assert_eq!(checksum, self.checksum(key.page(), content));
        let room = get_maximum_output_size(content.len());
        self.write(key, checksum, room, draw, |record| {
            self.pack(content, record)
        })
    }

    /// The record of a page of that size which SQLite never wrote, and which reads as zeros.
    pub(crate) fn encode_hole<E>(
        &self,
        key: &PageKey,
        page_size: PageSize,
        checksum: Checksum,
        draw: impl FnOnce() -> Result<Nonce, E>,
    ) -> Result<Vec<u8>, E> {
        if self.is_encrypted() && self.compression == Compression::Off {
            // Its size would tell that it is a hole.
            return self.encode(key, &vec![0; page_size.bytes()], checksum, draw);
        }
        self.write(key, checksum, 0, draw, |_| HOLE)
    }

    /// A record that says to hold a payload of that kind, whether or not it does: what somebody
    /// who has the key may write.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn encode_any<E>(
        &self,
        key: &PageKey,
        (kind, payload): (u8, &[u8]),
        checksum: Checksum,
        draw: impl FnOnce() -> Result<Nonce, E>,
    ) -> Result<Vec<u8>, E> {
        self.write(key, checksum, payload.len(), draw, |record| {
            record.extend_from_slice(payload);
            kind
        })
    }

    /// Appends what is stored of the content, and tells its kind.
    fn pack(&self, content: &[u8], record: &mut Vec<u8>) -> u8 {
        let start = record.len();
        if self.compression == Compression::Lz4 {
            record.resize(start + get_maximum_output_size(content.len()), 0);
            match compress_into(content, &mut record[start..]) {
                Ok(compressed) if compressed < content.len() => {
                    record.truncate(start + compressed);
                    return LZ4;
                }
                _ => record.truncate(start),
            }
        }
        record.extend_from_slice(content);
        RAW
    }

    /// A record whose payload `pack` appends, and whose kind it tells.
    fn write<E>(
        &self,
        key: &PageKey,
        checksum: Checksum,
        room: usize,
        draw: impl FnOnce() -> Result<Nonce, E>,
        pack: impl FnOnce(&mut Vec<u8>) -> u8,
    ) -> Result<Vec<u8>, E> {
        let mut record = Vec::with_capacity(RECORD_BYTES_ASIDE_MAX + room);
        record.push(FORMAT);
        let nonce = match &self.cipher {
            Some(_) => Some(draw()?),
            None => None,
        };
        if let Some(nonce) = nonce {
            record.push(ENCRYPTED);
            record.extend_from_slice(&nonce.bytes());
        }
        let start = record.len();
        record.push(RAW);
        record.extend_from_slice(&checksum.get().to_be_bytes());
        record[start] = pack(&mut record);
        if let (Some(cipher), Some(nonce)) = (&self.cipher, nonce) {
            cipher
                .pages
                .encrypt(nonce, key.as_bytes(), &mut record, start);
        }
        Ok(sealed(key.as_bytes(), record))
    }

    /// Fills `out`, which is one page long, with the content that `record` holds under `key`.
    ///
    /// Returns the content's checksum, which it has verified. When it fails, `out` holds anything.
    pub(crate) fn decode(
        &self,
        key: &PageKey,
        record: &[u8],
        out: &mut [u8],
    ) -> Result<Checksum, Undecodable> {
        let mut reader = Reader(unsealed(key.as_bytes(), record)?);
        let _version = reader.u8()?;
        let Some(cipher) = &self.cipher else {
            return self.unpack(key, reader.rest(), out);
        };
        if reader.u8()? != ENCRYPTED {
            return Err(Undecodable::Damaged("it is not encrypted, as its actor is"));
        }
        let nonce = Nonce::new(reader.bytes()?);
        let opened = cipher.pages.decrypt(nonce, key.as_bytes(), reader.rest())?;
        self.unpack(key, &opened, out)
    }

    /// Fills `out` with the content of a damaged record whose damage lies beside the content, in
    /// the seal or in the checksum, and returns the checksum of what it took for it.
    ///
    /// It proves nothing: the content must be held against a checksum that stands elsewhere.
    pub(crate) fn salvage(&self, key: &PageKey, record: &[u8], out: &mut [u8]) -> Option<Checksum> {
        let (body, _seal) = record.split_last_chunk::<SEAL_BYTES>()?;
        let rest = body.get(1..)?;
        match &self.cipher {
            None => _ = fill(rest, out).ok()?,
            Some(cipher) => {
                let mut reader = Reader(rest.get(1..)?);
                let nonce = Nonce::new(reader.bytes().ok()?);
                let opened = cipher.pages.decrypt(nonce, key.as_bytes(), reader.rest());
                fill(&opened.ok()?, out).ok()?;
            }
        }
        Some(self.checksum(key.page(), out))
    }

    /// Takes apart a kind, a checksum and a payload.
    fn unpack(&self, key: &PageKey, found: &[u8], out: &mut [u8]) -> Result<Checksum, Undecodable> {
        let checksum = fill(found, out)?;
        if checksum != self.checksum(key.page(), out) {
            return Err(Undecodable::Damaged(
                "its content does not match its checksum",
            ));
        }
        Ok(checksum)
    }
}

/// Fills `out` from a kind, a checksum and a payload, and returns the checksum as it stands there.
fn fill(found: &[u8], out: &mut [u8]) -> Result<Checksum, Undecodable> {
    let mut reader = Reader(found);
    let (kind, checksum) = (reader.u8()?, Checksum::new(reader.u64()?));
    unpack(kind, reader.rest(), out)?;
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
        ENCRYPTED => return Err(Undecodable::Damaged("it is encrypted, as its actor is not")),
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
    use std::convert::Infallible;

    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::keys::Key;
    use crate::layout::{CommitNo, DbId};

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

    /// Plain and encrypted, compressed and not.
    fn codec() -> impl Strategy<Value = PageCodec> {
        let compression = prop_oneof![Just(Compression::Lz4), Just(Compression::Off)];
        (any::<Option<[u8; 32]>>(), compression).prop_map(|(key, compression)| {
            key.map_or(PageCodec::plain(compression), |key| {
                secret(key, compression)
            })
        })
    }

    fn secret(key: [u8; 32], compression: Compression) -> PageCodec {
        PageCodec::encrypted(Cipher::new(&Key::new(key)), compression)
    }

    fn encoded(codec: &PageCodec, key: &PageKey, content: &[u8]) -> Vec<u8> {
        let draw = || Ok::<_, Infallible>(Nonce::new([5; NONCE_BYTES]));
        let checksum = codec.checksum(key.page(), content);
        codec.encode(key, content, checksum, draw).unwrap()
    }

    fn decoded(
        codec: &PageCodec,
        key: &PageKey,
        record: &[u8],
        bytes: usize,
    ) -> Result<Vec<u8>, Undecodable> {
        let mut out = vec![0xaa; bytes];
        codec.decode(key, record, &mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn a_page_comes_back_as_it_was_written(codec in codec(), key in key(), content in content()) {
            let record = encoded(&codec, &key, &content);
            prop_assert!(record.len() <= content.len() + RECORD_BYTES_ASIDE_MAX);
            prop_assert_eq!(decoded(&codec, &key, &record, content.len()), Ok(content));
        }

        #[test]
        fn a_hole_reads_as_zeros(codec in codec(), key in key(), exponent in 9u32..=16) {
            let size = PageSize::new(1 << exponent).unwrap();
            let zeros = vec![0; size.bytes()];
            let draw = || Ok::<_, Infallible>(Nonce::new([5; NONCE_BYTES]));
            let checksum = codec.checksum(key.page(), &zeros);
            let record = codec.encode_hole(&key, size, checksum, draw).unwrap();
            prop_assert_eq!(decoded(&codec, &key, &record, zeros.len()), Ok(zeros));
        }

        #[test]
        fn every_flipped_bit_of_a_page_is_noticed(
            codec in codec(), key in key(), content in content(), bit: prop::sample::Index,
        ) {
            let mut record = encoded(&codec, &key, &content);
            let bit = bit.index(record.len() * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decoded(&codec, &key, &record, content.len()).is_err());
        }

        #[test]
        fn a_page_cut_moved_or_of_another_size_is_noticed(
            codec in codec(), key in key(), other in key(), content in content(), cut: prop::sample::Index,
        ) {
            let record = encoded(&codec, &key, &content);
            let cut = &record[..cut.index(record.len())];
            prop_assert!(decoded(&codec, &key, cut, content.len()).is_err());
            prop_assert!(decoded(&codec, &other, &record, content.len()).is_err());
            prop_assert!(decoded(&codec, &key, &record, content.len() * 2).is_err());
            prop_assert!(decoded(&codec, &key, &record, content.len() / 2).is_err());
        }

        #[test]
        fn a_sealed_page_whose_content_is_not_what_its_checksum_says_is_noticed(
            key in key(), content in content(), other: u64,
        ) {
            let codec = PageCodec::plain(Compression::Lz4);
            prop_assume!(other != codec.checksum(key.page(), &content).get());
            let mut record = encoded(&codec, &key, &content);
            record.truncate(record.len() - SEAL_BYTES);
            record[PREFIX_BYTES..][..CHECKSUM_BYTES].copy_from_slice(&other.to_be_bytes());
            let record = sealed(key.as_bytes(), record);
            prop_assert!(decoded(&codec, &key, &record, content.len()).is_err());
        }

        /// Whoever can compute seals, and has not the key.
        #[test]
        fn an_encrypted_page_that_was_altered_moved_or_copied_and_sealed_anew_is_noticed(
            codec in any::<[u8; 32]>(), key in key(), other in key(), content in content(), bit: prop::sample::Index,
        ) {
            let (codec, plain) = (secret(codec, Compression::Lz4), PageCodec::plain(Compression::Lz4));
            let whole = encoded(&codec, &key, &content);
            let opened = &whole[..whole.len() - SEAL_BYTES];
            let mut flipped = opened.to_vec();
            let bit = bit.index(opened.len() * 8 - 8) + 8;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = sealed(key.as_bytes(), flipped);
            prop_assert!(decoded(&codec, &key, &flipped, content.len()).is_err());
            let moved = sealed(other.as_bytes(), opened.to_vec());
            prop_assert!(decoded(&codec, &other, &moved, content.len()).is_err());
            let readable = encoded(&plain, &key, &content);
            prop_assert!(decoded(&codec, &key, &readable, content.len()).is_err());
            prop_assert!(decoded(&plain, &key, &whole, content.len()).is_err());
        }

        #[test]
        fn another_key_opens_no_page(
            one: [u8; 32], two: [u8; 32], key in key(), content in content(),
        ) {
            prop_assume!(one != two);
            let record = encoded(&secret(one, Compression::Off), &key, &content);
            let other = secret(two, Compression::Off);
            prop_assert!(decoded(&other, &key, &record, content.len()).is_err());
        }

        #[test]
        fn without_compression_every_encrypted_record_has_one_length(
            one in key(), two in key(), content in content(),
        ) {
            let codec = secret([1; 32], Compression::Off);
            let size = PageSize::new(u32::try_from(content.len()).unwrap()).unwrap();
            let zeros = vec![0; content.len()];
            let checksum = codec.checksum(two.page(), &zeros);
            let draw = || Ok::<_, Infallible>(Nonce::new([5; NONCE_BYTES]));
            let hole = codec.encode_hole(&two, size, checksum, draw).unwrap();
            prop_assert_eq!(encoded(&codec, &one, &content).len(), hole.len());
        }

        #[test]
        fn arbitrary_bytes_are_no_page_and_do_no_harm(
            codec in codec(), key in key(), mut bytes: Vec<u8>,
        ) {
            prop_assert!(decoded(&codec, &key, &bytes, 512).is_err());
            bytes.insert(0, FORMAT);
            prop_assert!(decoded(&codec, &key, &sealed(key.as_bytes(), bytes), 512).is_err());
        }
    }

    #[test]
    fn a_page_is_compressed_only_when_that_makes_it_smaller() {
        let key = PageKey::new(DbId::new([1; 16]), PageNo::FIRST, CommitNo::new(1));
        let codec = PageCodec::plain(Compression::Lz4);
        let random: Vec<u8> = byte_source(&mut lcg(), 0).take(4096).collect();
        let raw = encoded(&codec, &key, &random);
        let around = PREFIX_BYTES + CHECKSUM_BYTES + SEAL_BYTES;
        assert_eq!((raw.len(), raw[1]), (around + 4096, RAW));
        let empty = encoded(&codec, &key, &[0; 4096]);
        assert_eq!(empty[1], LZ4);
        assert!(empty.len() < 64);
    }

    /// From `scripts/known-answers`, which computes it without this crate, and knows no seals.
    #[test]
    fn an_encrypted_record_is_what_it_always_was() {
        let key = PageKey::new(DbId::new([1; 16]), PageNo::FIRST, CommitNo::new(7));
        let secret_key = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let codec = secret(secret_key, Compression::Off);
        let checksum = codec.checksum(PageNo::FIRST, &[b'x'; 512]);
        assert_eq!(checksum.get(), 0x3110_5809_31a1_a554);
        let record = encoded(&codec, &key, &[b'x'; 512]);
        assert_eq!(record.len(), 512 + RECORD_BYTES_ASIDE_MAX);
        let hash = Sha256::digest(unsealed(key.as_bytes(), &record).unwrap());
        let hash: String = hash.iter().map(|it| format!("{it:02x}")).collect();
        let wanted = "0e62e769bb396332b4f3144ab7b606cd171c475b18c54d8fac4d8d7c8db9ab36";
        assert_eq!(hash, wanted);
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
