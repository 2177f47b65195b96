//! The one place where the store draws random bytes.

use crate::error::StoreError;

/// Sixteen bytes that nobody has drawn before.
pub(super) fn bytes() -> Result<[u8; 16], StoreError> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => Err(StoreError::Randomness {
            cause: error.to_string(),
        }),
    }
}
