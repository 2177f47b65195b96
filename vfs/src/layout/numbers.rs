//! The counters, names and checksums that the records hold.

use std::fmt;
use std::ops::{BitXor, BitXorAssign};

use crate::page::PageNo;

/// The number of an actor's commit: 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CommitNo(u64);

/// The number of an actor's owner: each claim takes the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(u64);

macro_rules! counter {
    ($name:ident) => {
        impl $name {
            /// The counter that stands at `value`.
            #[must_use]
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one after. The counter saturates after 2^64 steps, which no store lives to see.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter!(CommitNo);
counter!(Epoch);

macro_rules! random_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name([u8; 16]);

        impl $name {
            pub(crate) const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            pub(crate) const fn bytes(self) -> [u8; 16] {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }
    };
}

random_name!(
    /// The name of one page image: a page-size change writes the new image under a fresh one.
    DbId
);
random_name!(
    /// Tells a writer of a head whether it was its own write that landed.
    Token
);
random_name!(
    /// The name of one store.
    StoreId
);

/// A moment as the host's clock showed it: milliseconds since 1970, 0 if nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) const fn new(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

/// The hash of a page's content, seeded by its number; XORed over all pages, that of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checksum(u64);

impl Checksum {
    pub(crate) const fn new(value: u64) -> Self {
        Self(value)
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// The checksum of `content` as that of `page`.
    pub(crate) fn of(page: PageNo, content: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64_with_seed(
            content,
            u64::from(page.get()),
        ))
    }
}

impl BitXor for Checksum {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Checksum {
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}
