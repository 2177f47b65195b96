//! Puts a generated file in place whole, or leaves the old one.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::{Action, Stale};
use crate::error::CliError;

/// Does what one stale file needs.
pub(super) fn carry_out(stale: &Stale) -> Result<(), CliError> {
    match stale.action {
        Action::Delete => fs::remove_file(&stale.path),
        Action::Create | Action::Update => replace(&stale.path, stale.content.as_bytes()),
    }
    .map_err(|error| CliError::write(&stale.path, error))
}

/// The bytes of a file, or nothing if there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, CliError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::read(path, error)),
    }
}

/// Writes beside the file and renames over it, so that a reader sees the old or the new file.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = builder().tempfile_in(folder)?;
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions())?;
    }
    file.write_all(content)?;
    file.as_file().sync_all()?;
    persist(file, path)
}

fn persist(file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

/// Source files are for everyone to read; a temporary file alone would be private.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".actor-migrate.");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o644));
    }
    builder
}
