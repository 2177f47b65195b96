//! What encrypts the pages of one image: an AEAD for the records, keyed hashes for the checksums.

use std::fmt;
use std::hash::Hasher;

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use siphasher::sip::SipHasher24;
use zeroize::Zeroizing;

use super::Undecodable;
use super::numbers::Checksum;
use crate::keys::Key;
use crate::page::PageNo;

pub(crate) const NONCE_BYTES: usize = 24;
pub(super) const TAG_BYTES: usize = 16;

/// A number that is used once: 24 random bytes, enough that no two are ever equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// The nonce of these bytes, which are random.
    pub(crate) const fn new(bytes: [u8; NONCE_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(self) -> [u8; NONCE_BYTES] {
        self.0
    }
}

/// XChaCha20-Poly1305 under one key.
#[derive(Clone)]
pub(super) struct Aead(XChaCha20Poly1305);

impl Aead {
    pub(super) fn new(key: &Key) -> Self {
        Self(XChaCha20Poly1305::new(key.bytes().into()))
    }

    /// Encrypts what `record` holds from `plain` on, and appends the tag, which also vouches for
    /// `context`.
    pub(super) fn encrypt(&self, nonce: Nonce, context: &[u8], record: &mut Vec<u8>, plain: usize) {
        let text = record.split_at_mut(plain).1;
        let tag = self
            .0
            .encrypt_inout_detached(&nonce.0.into(), context, text.into());
        match tag {
            Ok(tag) => record.extend_from_slice(&tag),
            // Only 256 GiB are too much for one nonce. Nothing of the text may go out then.
            Err(_) => record.truncate(plain),
        }
    }

    /// What `sealed`, a ciphertext and its tag, holds. Whatever was altered of it, of the nonce
    /// or of the context, or another key, is one and the same failure.
    pub(super) fn decrypt(
        &self,
        nonce: Nonce,
        context: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Undecodable> {
        let (text, tag) = sealed
            .split_last_chunk::<TAG_BYTES>()
            .ok_or(Undecodable::Damaged("it is cut short"))?;
        let mut text = Zeroizing::new(text.to_vec());
        self.0
            .decrypt_inout_detached(
                &nonce.0.into(),
                context,
                text.as_mut_slice().into(),
                &(*tag).into(),
            )
            .map_err(|_| Undecodable::Damaged("its key does not open it, so it was altered"))?;
        Ok(text)
    }
}

/// The key of one image: its pages are encrypted with keys that follow from it.
#[derive(Clone)]
pub(crate) struct Cipher {
    pub(super) pages: Aead,
    content: Keyed,
    shape: Keyed,
}

impl Cipher {
    /// What the key of an image's data gives.
    pub(crate) fn new(data_key: &Key) -> Self {
        Self {
            pages: Aead::new(&data_key.derive("actor-vfs 1 pages", b"")),
            content: Keyed::new(data_key, b"actor-vfs 1 checksums"),
            shape: Keyed::new(data_key, b"actor-vfs 1 rolling checksum"),
        }
    }

    /// The checksum of `content` as that of `page`.
    pub(super) fn checksum(&self, page: PageNo, content: &[u8]) -> Checksum {
        self.content.hash(&[&page.get().to_be_bytes(), content])
    }

    /// What hides the rolling checksum of a head of that shape.
    pub(super) fn mask(&self, shape: &[u8]) -> Checksum {
        self.shape.hash(&[shape])
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(secret)")
    }
}

/// SipHash-2-4 under one key: to whoever has not the key, its values are random.
#[derive(Clone)]
struct Keyed(Zeroizing<[u8; 16]>);

impl Keyed {
    fn new(data_key: &Key, purpose: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 16]);
        data_key.expand(&[purpose], &mut *key);
        Self(key)
    }

    fn hash(&self, parts: &[&[u8]]) -> Checksum {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        parts.iter().for_each(|part| hasher.write(part));
        Checksum::new(hasher.finish())
    }
}
