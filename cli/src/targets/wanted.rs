//! The targets that the command line names, and which of them were found.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use actor_vfs::ActorId;
use globset::GlobMatcher;

use crate::config::actor_glob;
use crate::error::CliError;

/// The words of the command line. Without any, everything is wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    words: Vec<Word>,
    /// Whether words were looked up as actor ids, which have rules of their own.
    as_ids: bool,
}

/// One word: an exact name, or a glob where no name is equal to it.
#[derive(Debug)]
pub(super) struct Word {
    text: OsString,
    glob: Option<GlobMatcher>,
    found: bool,
}

impl Wanted {
    pub(super) fn new(words: &[OsString]) -> Self {
        Self {
            words: words.iter().map(Word::new).collect(),
            as_ids: false,
        }
    }

    pub(super) fn everything(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a file was asked for, by its path or by its name in the fleet.
    pub(super) fn takes_file(&mut self, path: &Path, name: &Path) -> bool {
        let mut takes = self.words.is_empty();
        for word in &mut self.words {
            if word.is_path(path) || word.is_path(name) || word.matches(name) {
                word.found = true;
                takes = true;
            }
        }
        takes
    }

    /// Looks every word up; `look` says whether it found something.
    pub(super) fn each(
        &mut self,
        mut look: impl FnMut(&OsStr) -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        for word in &mut self.words {
            word.found |= look(&word.text)?;
        }
        Ok(())
    }

    /// Looks every word up as an actor id or a glob over ids.
    pub(super) fn each_id(
        &mut self,
        mut look: impl FnMut(&str, Option<&GlobMatcher>) -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        self.as_ids = true;
        for word in &mut self.words {
            let Some(text) = word.text.to_str() else {
                continue;
            };
            word.found |= look(text, word.glob.as_ref())?;
        }
        Ok(())
    }

    /// Complains about the first word that nothing was found for.
    pub(super) fn all_found(&self) -> Result<(), CliError> {
        let Some(word) = self.words.iter().find(|word| !word.found) else {
            return Ok(());
        };
        let name = word.text.to_string_lossy().into_owned();
        match ActorId::new(name.as_str()) {
            Err(error) if self.as_ids => Err(CliError::store(shorten(&name), error.into())),
            _ => Err(CliError::NoSuchTarget {
                name,
                in_store: self.as_ids,
            }),
        }
    }
}

impl Word {
    fn new(text: &OsString) -> Self {
        let glob = text
            .to_str()
            .filter(|text| text.contains(['*', '?', '[', '{']));
        let glob = glob
            .and_then(|text| actor_glob(text).ok())
            .map(|glob| glob.compile_matcher());
        Self {
            text: text.clone(),
            glob,
            found: false,
        }
    }

    fn is_path(&self, path: &Path) -> bool {
        Path::new(&self.text) == path
    }

    fn matches(&self, name: &Path) -> bool {
        self.glob.as_ref().is_some_and(|glob| glob.is_match(name))
    }
}

/// A name that fits on a line, whatever was typed.
fn shorten(name: &str) -> String {
    const CHARS_MAX: usize = 60;
    let told = name.escape_debug().to_string();
    match told.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    }
}
