//! The store record: by it a store of ours is told from everything else.

use super::numbers::StoreId;
use super::{FORMAT, Reader, Undecodable, sealed, unsealed};

/// The key of the store record.
pub(crate) const STORE_KEY: &[u8] = b"S";

const MAGIC: [u8; 15] = *b"actor-vfs store";

/// The record that makes an engine a store.
pub(crate) fn encode_store(id: StoreId) -> Vec<u8> {
    sealed(STORE_KEY, [&[FORMAT][..], &MAGIC, &id.bytes()].concat())
}

/// The store whose record that is.
pub(crate) fn decode_store(record: &[u8]) -> Result<StoreId, Undecodable> {
    if record.get(1..16) != Some(&MAGIC) {
        return Err(Undecodable::Damaged("it does not begin as ours do"));
    }
    let mut reader = Reader(unsealed(STORE_KEY, record)?);
    let (_version, _magic) = (reader.u8()?, reader.bytes::<{ MAGIC.len() }>()?);
    let id = StoreId::new(reader.bytes()?);
    reader.end()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_record_comes_back_and_every_flip_and_cut_is_noticed() {
        let id = StoreId::new(*b"0123456789abcdef");
        let record = encode_store(id);
        assert_eq!(decode_store(&record), Ok(id));
        for bit in 0..record.len() * 8 {
            let mut flipped = record.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_store(&flipped).is_err(), "bit {bit}");
        }
        for cut in 0..record.len() {
            assert!(decode_store(&record[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_a_foreign_record() {
        let mut later = encode_store(StoreId::new([0; 16]));
        later[0] = 9;
        assert_eq!(decode_store(&later), Err(Undecodable::Newer { found: 9 }));
        assert!(matches!(
            decode_store(b"\x09something else entirely"),
            Err(Undecodable::Damaged(_))
        ));
    }
}
