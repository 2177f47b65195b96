//! The one place where the store draws random bytes.

use crate::error::StoreError;
use crate::layout::Nonce;

/// Bytes that nobody has drawn before; sixteen are enough for that.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(StoreError::Randomness {
            cause: error.to_string(),
        }),
    }
}

/// A number that is used once.
pub(super) fn nonce() -> Result<Nonce, StoreError> {
    bytes().map(Nonce::new)
}
