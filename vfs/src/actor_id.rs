//! The name of an actor, as the host gives it.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The name of an actor: UTF-8, 1 to 512 bytes, no control characters.
///
/// Ids are compared byte by byte; no normalisation takes place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(Box<str>);

impl ActorId {
    /// The longest id in bytes: with its tag it fits the keys of every engine.
    pub const BYTES_MAX: usize = 512;

    /// Takes `id` as an actor id if it may be one.
    pub fn new(id: impl Into<Box<str>>) -> Result<Self, ActorIdError> {
        let id = id.into();
        if id.is_empty() {
            return Err(ActorIdError::Empty);
        }
        if id.len() > Self::BYTES_MAX {
            return Err(ActorIdError::TooLong { bytes: id.len() });
        }
        match id.char_indices().find(|(_, c)| c.is_control()) {
            Some((offset, character)) => Err(ActorIdError::Control { character, offset }),
            None => Ok(Self(id)),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ActorId {
    type Err = ActorIdError;

    fn from_str(id: &str) -> Result<Self, ActorIdError> {
        Self::new(id)
    }
}

impl AsRef<str> for ActorId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ActorId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is not an actor id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ActorIdError {
    /// The text has no characters.
    #[error("an actor id may not be empty")]
    Empty,
    /// The text has more bytes than [`ActorId::BYTES_MAX`].
    #[error(
        "an actor id has at most {} bytes, this one has {bytes}",
        ActorId::BYTES_MAX
    )]
    TooLong {
        /// The length of the text.
        bytes: usize,
    },
    /// The text holds a control character.
    #[error(
        "an actor id may not hold control characters, this one has {character:?} at byte {offset}"
    )]
    Control {
        /// The first control character.
        character: char,
        /// Where it stands, in bytes.
        offset: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_people_use_are_taken_as_they_are() {
        let longest = "x".repeat(ActorId::BYTES_MAX);
        for id in [
            "a",
            "workspace/42",
            "työtila ü 🦀",
            "../etc/passwd",
            "a b",
            "'; --",
            &longest,
        ] {
            assert_eq!(ActorId::new(id).unwrap().as_str(), id);
        }
    }

    #[test]
    fn what_cannot_be_an_id_is_refused_with_its_reason() {
        assert_eq!(ActorId::new(""), Err(ActorIdError::Empty));
        assert_eq!(
            ActorId::new("x".repeat(4096)),
            Err(ActorIdError::TooLong { bytes: 4096 })
        );
        for (id, character, offset) in
            [("a\0b", '\0', 1), ("ä\n", '\n', 2), ("\u{85}", '\u{85}', 0)]
        {
            assert_eq!(
                ActorId::new(id),
                Err(ActorIdError::Control { character, offset })
            );
        }
    }
}
