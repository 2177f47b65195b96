//! The retention record: how much of the past the actors of a store keep.

use core::time::Duration;

use super::{FORMAT, Reader, Undecodable, sealed, unsealed};

/// The key of the retention record.
pub(crate) const RETENTION_KEY: &[u8] = b"T";

const OFF: u8 = 0;
const COMMITS: u8 = 1;
const AGE: u8 = 2;

/// How much of its past each actor of a store keeps. Restore points are kept whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Retention {
    /// Nothing: what a commit replaces goes with it.
    #[default]
    Off,
    /// The last commit and at least so many before it.
    Commits(u64),
    /// At least all that was current within so much time before the last commit. Kept to the
    /// millisecond.
    Age(Duration),
}

/// The record of how much is kept.
pub(crate) fn encode_retention(retention: Retention) -> Vec<u8> {
    let (kind, number) = match retention {
        Retention::Off => (OFF, 0),
        Retention::Commits(commits) => (COMMITS, commits),
        Retention::Age(age) => (AGE, u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
    };
    sealed(
        RETENTION_KEY,
        [&[FORMAT, kind][..], &number.to_be_bytes()].concat(),
    )
}

/// How much is kept, as `record` says.
pub(crate) fn decode_retention(record: &[u8]) -> Result<Retention, Undecodable> {
    let mut reader = Reader(unsealed(RETENTION_KEY, record)?);
    let (_version, kind, number) = (reader.u8()?, reader.u8()?, reader.u64()?);
    reader.end()?;
    match (kind, number) {
        (OFF, 0) => Ok(Retention::Off),
        (COMMITS, commits) => Ok(Retention::Commits(commits)),
        (AGE, milliseconds) => Ok(Retention::Age(Duration::from_millis(milliseconds))),
        _ => Err(Undecodable::Damaged("it is of no kind that we know")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_record_comes_back_and_every_flip_and_cut_is_noticed() {
        let age = Retention::Age(Duration::from_secs(7 * 24 * 60 * 60));
        for retention in [Retention::Off, Retention::Commits(100), age] {
            let record = encode_retention(retention);
            assert_eq!(decode_retention(&record), Ok(retention));
            for bit in 0..record.len() * 8 {
                let mut flipped = record.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(decode_retention(&flipped).is_err(), "bit {bit}");
            }
            for cut in 0..record.len() {
                assert!(decode_retention(&record[..cut]).is_err(), "cut at {cut}");
            }
        }
        let odd = sealed(RETENTION_KEY, vec![FORMAT, OFF, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(decode_retention(&odd).is_err());
    }
}
