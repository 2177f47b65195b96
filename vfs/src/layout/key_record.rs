//! The key record: the key of one image's data, encrypted with a key that the host keeps.

use zeroize::Zeroizing;

use super::cipher::{Aead, NONCE_BYTES, Nonce, TAG_BYTES};
use super::keys::key_record_key;
use super::numbers::DbId;
use super::{FORMAT, Reader, Undecodable, sealed, unsealed};
use crate::actor_id::ActorId;
use crate::keys::{KEY_BYTES, Key, KeyId};

/// The key of an image's data as it is stored: wrapped, which is to say encrypted, by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    /// Which key wraps it.
    pub(crate) by: KeyId,
    nonce: [u8; NONCE_BYTES],
    /// The ciphertext and its tag.
    wrapped: [u8; KEY_BYTES + TAG_BYTES],
}

/// Whose data a key opens: a wrapped key is of no use anywhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyPlace<'a> {
    pub(crate) actor: &'a ActorId,
    pub(crate) db: DbId,
}

impl KeyPlace<'_> {
    fn context(self, by: &KeyId) -> Vec<u8> {
        let (by, actor) = (by.as_str().as_bytes(), self.actor.as_str().as_bytes());
        // A name of a key has no zero byte, so no two contexts are equal.
        [&[FORMAT][..], &key_record_key(self.db), by, &[0], actor].concat()
    }
}

impl WrappedKey {
    /// Wraps the key `data` of the image at `place` with the key `with`, whose name is `by`.
    pub(crate) fn wrap(
        place: KeyPlace<'_>,
        data: &Key,
        by: KeyId,
        with: &Key,
        nonce: Nonce,
    ) -> Self {
        let mut sealed = Vec::with_capacity(KEY_BYTES + TAG_BYTES);
        sealed.extend_from_slice(data.bytes());
        Aead::new(with).encrypt(nonce, &place.context(&by), &mut sealed, 0);
        let mut wrapped = [0; KEY_BYTES + TAG_BYTES];
        wrapped.copy_from_slice(&sealed);
        let nonce = nonce.bytes();
        Self { by, nonce, wrapped }
    }

    /// The key of the image at `place`, if `with` is the key that wrapped it there.
    pub(crate) fn unwrap(&self, place: KeyPlace<'_>, with: &Key) -> Option<Key> {
        let nonce = Nonce::new(self.nonce);
        let context = place.context(&self.by);
        let opened = Aead::new(with)
            .decrypt(nonce, &context, &self.wrapped)
            .ok()?;
        let mut data = Zeroizing::new([0; KEY_BYTES]);
        data.copy_from_slice(opened.get(..KEY_BYTES)?);
        Some(Key::new(*data))
    }

    /// The key record of the image `db`.
    pub(crate) fn encode(&self, db: DbId) -> Vec<u8> {
        let by = self.by.as_str().as_bytes();
        let length = u8::try_from(by.len()).unwrap_or(u8::MAX);
        let record = [&[FORMAT, length][..], by, &self.nonce, &self.wrapped].concat();
        sealed(&key_record_key(db), record)
    }

    /// What the key record of the image `db` holds, if it was written there and is whole.
    pub(crate) fn decode(db: DbId, record: &[u8]) -> Result<Self, Undecodable> {
        let mut reader = Reader(unsealed(&key_record_key(db), record)?);
        let (_version, length) = (reader.u8()?, reader.u8()?);
        let by = std::str::from_utf8(reader.take(length.into())?);
        let by = by.ok().and_then(|by| KeyId::new(by).ok());
        let key = Self {
            by: by.ok_or(Undecodable::Damaged("it names no key"))?,
            nonce: reader.bytes()?,
            wrapped: reader.bytes()?,
        };
        reader.end()?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONCE: Nonce = Nonce::new([3; NONCE_BYTES]);

    fn id(text: &str) -> KeyId {
        KeyId::new(text).unwrap()
    }

    fn actor(text: &str) -> ActorId {
        ActorId::new(text).unwrap()
    }

    proptest! {
        #[test]
        fn a_key_record_comes_back_and_every_flip_and_cut_is_noticed(
            db: [u8; 16], by in "[!-~]{1,255}", data: [u8; 32], with: [u8; 32],
        ) {
            let (db, actor, with) = (DbId::new(db), actor("a"), Key::new(with));
            let place = KeyPlace { actor: &actor, db };
            let wrapped = WrappedKey::wrap(place, &Key::new(data), id(&by), &with, NONCE);
            let record = wrapped.encode(db);
            prop_assert_eq!(WrappedKey::decode(db, &record), Ok(wrapped.clone()));
            prop_assert_eq!(wrapped.unwrap(place, &with).map(|key| *key.bytes()), Some(data));
            prop_assert!(!record.windows(32).any(|it| it == data));
            for bit in 0..record.len() * 8 {
                let mut flipped = record.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(WrappedKey::decode(db, &flipped).is_err());
            }
            for cut in 0..record.len() {
                prop_assert!(WrappedKey::decode(db, &record[..cut]).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_are_no_key_record_and_do_no_harm(mut bytes: Vec<u8>) {
            let db = DbId::new([1; 16]);
            prop_assert!(WrappedKey::decode(db, &bytes).is_err());
            bytes.insert(0, FORMAT);
            let record = sealed(&key_record_key(db), bytes);
            if let Ok(key) = WrappedKey::decode(db, &record) {
                prop_assert_eq!(key.encode(db), record);
            }
        }
    }

    #[test]
    fn a_wrapped_key_is_of_use_only_where_it_was_made_and_with_the_key_that_wrapped_it() {
        let (one, two) = (actor("one"), actor("two"));
        let (db, with) = (DbId::new([1; 16]), Key::new([2; 32]));
        let place = KeyPlace { actor: &one, db };
        let wrapped = WrappedKey::wrap(place, &Key::new([4; 32]), id("k"), &with, NONCE);
        assert!(wrapped.unwrap(place, &with).is_some());
        assert!(wrapped.unwrap(place, &Key::new([9; 32])).is_none());
        assert!(
            wrapped
                .unwrap(
                    KeyPlace {
                        actor: &two,
                        ..place
                    },
                    &with
                )
                .is_none()
        );
        let other = DbId::new([9; 16]);
        assert!(
            wrapped
                .unwrap(KeyPlace { db: other, ..place }, &with)
                .is_none()
        );
        let renamed = WrappedKey {
            by: id("l"),
            ..wrapped
        };
        assert!(renamed.unwrap(place, &with).is_none());
    }

    /// From `scripts/known-answers`, which computes it without this crate, and knows no seals.
    #[test]
    fn a_key_record_is_what_it_always_was() {
        let (actor, db) = (actor("workspace/42"), DbId::new([1; 16]));
        let bytes = |from: u8| std::array::from_fn(|at| from + u8::try_from(at).unwrap());
        let place = KeyPlace { actor: &actor, db };
        let (data, with) = (Key::new(bytes(0)), Key::new(bytes(32)));
        let record = WrappedKey::wrap(place, &data, id("2026-11"), &with, NONCE).encode(db);
        let opened = unsealed(&key_record_key(db), &record).unwrap();
        let hex: String = opened.iter().map(|it| format!("{it:02x}")).collect();
        let wanted = "0107323032362d313103030303030303030303030303030303030303030303\
                      0303de331f952643ae6bdb259ad70971c3b55c9ed3415f5eb9ed39628ebf\
                      cd2f3e6bed6f1d4379db3c61aad2f17d4ab8552e";
        assert_eq!(hex, wanted);
    }
}
