//! A key that wraps others, and the name by which a record says which key that was.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::StoreError;

/// How long every key is, in bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// A secret of 32 bytes. It is never printed, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// The name of a key: what a store records, where everybody may read it.
///
/// 1 to 255 bytes of printable ASCII without spaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// Why a text is no name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key has 1 to 255 characters of printable ASCII, and no space")]
pub struct KeyIdError;

impl Key {
    /// The key of these bytes, which come from a random source and from nowhere else: a password
    /// is no key.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A fresh key.
    pub fn generate() -> Result<Self, StoreError> {
        let mut key = Self::new([0; KEY_BYTES]);
        getrandom::fill(&mut *key.0).map_err(|error| StoreError::Randomness {
            cause: error.to_string(),
        })?;
        Ok(key)
    }

    /// Another key that this one determines, by HKDF-SHA256 of RFC 5869: `purpose` and `subject`
    /// are its `info`, and it has no salt.
    ///
    /// No key can be computed from those derived from it, nor they from one another.
    #[must_use]
    pub fn derive(&self, purpose: &str, subject: &[u8]) -> Self {
        let mut derived = Self::new([0; KEY_BYTES]);
        self.expand(&[purpose.as_bytes(), subject], &mut *derived.0);
        derived
    }

    /// The name that this key gives itself: 16 hexadecimal digits, of which nobody can compute
    /// anything of the key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut name = [0; 8];
        self.expand(&[b"actor-vfs 1 key id"], &mut name);
        KeyId(format!("{:016x}", u64::from_be_bytes(name)))
    }

    /// Fills `out`, which is at most 8 KiB long, with what HKDF makes of this key and `info`.
    pub(crate) fn expand(&self, info: &[&[u8]], out: &mut [u8]) {
        let expanded = Hkdf::<Sha256>::new(None, self.bytes()).expand_multi_info(info, out);
        debug_assert!(expanded.is_ok(), "HKDF gives up to 8,160 bytes");
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

impl KeyId {
    /// The name `id`, if it is one.
    pub fn new(id: impl Into<String>) -> Result<Self, KeyIdError> {
        let id = id.into();
        let fits = (1..=255).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_graphic());
        fits.then_some(Self(id)).ok_or(KeyIdError)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `scripts/known-answers`, which computes it without this crate.
    #[test]
    fn derivation_gives_what_it_always_gave() {
        let key = Key::new(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let derived = key.derive("actor-vfs 1 actor", b"workspace/42");
        let hex: String = derived
            .bytes()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let wanted = "ea6c19bd3fee5ea1948275aaa074ca5b36980adb2d4e061ae643a2cc988cfd42";
        assert_eq!(hex, wanted);
        assert_eq!(key.id().as_str(), "495b0160b84a01aa");
    }

    #[test]
    fn keys_of_other_purposes_and_subjects_are_other_keys() {
        let key = Key::new([7; KEY_BYTES]);
        let derived = key.derive("one", b"a");
        assert_ne!(derived.bytes(), key.bytes());
        assert_ne!(derived.bytes(), key.derive("one", b"b").bytes());
        assert_ne!(derived.bytes(), key.derive("two", b"a").bytes());
        assert_eq!(derived.bytes(), key.derive("one", b"a").bytes());
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = Key::new(*b"an easily recognisable secret...");
        assert_eq!(format!("{key:?}"), "Key(secret)");
    }

    #[test]
    fn a_name_is_printable_and_neither_empty_nor_long() {
        for good in ["a", "2026-11", "projects/p/keys/k@3"] {
            assert_eq!(KeyId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "ü", "a\n", &"a".repeat(256)] {
            assert_eq!(KeyId::new(bad), Err(KeyIdError));
        }
    }
}
