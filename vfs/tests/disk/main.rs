//! A disk that holds a store of which a part is missing.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod half;
