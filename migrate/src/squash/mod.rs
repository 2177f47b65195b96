//! Squashing a folder: the baseline, the certificate that says what it replaced, and the archive of that.

mod archive;
mod baseline;
mod certificate;
mod certify;
mod folder;
mod made;
mod plan;
mod prune;
mod render;
#[cfg(test)]
mod tests;
mod verify;
mod write;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, read_limited, sha256_hex};
use crate::error::{MigrateError, SquashError};
use crate::limits::ARCHIVE_BYTES_MAX;

pub use certificate::{Baseline, Carried, Certificate, Replaced};
pub use certify::{CertifyPlan, OldFolder, certify};
pub use plan::{Change, FileChange, SquashOptions, SquashPlan, plan};
pub use prune::Pruned;
pub use verify::verify_certificates;
pub use write::{Recovery, recover};

/// The subfolder of a migrations folder in which certificates and archives lie. Neither Drizzle line looks
/// into it: it is in no journal, and there is no `migration.sql` in it.
pub const FOLDER: &str = "squashed";

const CERTIFICATE: &str = ".json";
const ARCHIVE: &str = ".tar.gz";

/// A chain that a squash replaced: its certificate, and the way to its archive.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Archived {
    /// What was replaced by what.
    pub certificate: Certificate,
    archive: PathBuf,
}

impl Archived {
    /// Reads the certificate of the baseline `tag` in a folder of certificates.
    fn read(folder: &Path, tag: &str) -> Result<Self, MigrateError> {
        let archive = folder.join(format!("{tag}{ARCHIVE}"));
        let path = folder.join(format!("{tag}{CERTIFICATE}"));
        let certificate = Certificate::read(&path, tag)?;
        Ok(Self {
            certificate,
            archive,
        })
    }

    /// Where the archive lies, whether it does or not.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.archive
    }

    /// Reads the folder as it was before it was squashed: what the baseline replaced, and what came after that.
    ///
    /// # Errors
    /// M161 if the archive is missing, is not the one of the certificate, or is not what we write; else as
    /// [`Bundle::read`].
    pub fn bundle(&self) -> Result<Bundle, MigrateError> {
        let name = self.archive.display().to_string();
        Bundle::from_memory(&name, self.certificate.layout, &self.files()?)
    }

    fn files(&self) -> Result<archive::Files, MigrateError> {
        let bad = |reason: String| SquashError::BadArchive {
            path: self.archive.display().to_string(),
            reason,
        };
        let bytes = match read_limited(&self.archive, ARCHIVE_BYTES_MAX) {
            Err(MigrateError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let reason = match &self.certificate.pruned {
                    Some(_) => "it was pruned when no actor needed it; version control has it",
                    None => "there is no such file",
                };
                return Err(bad(reason.to_owned()).into());
            }
            other => other?,
        };
        if sha256_hex(&bytes) != self.certificate.archive_sha256 {
            return Err(bad("its sha256 is not the one in the certificate".to_owned()).into());
        }
        Ok(archive::unpack(&bytes).map_err(bad)?)
    }
}

/// The chains that squashes of `dir` replaced, oldest first; none for a folder that was never squashed.
///
/// Reads the certificates only. An archive is read when [`Archived::bundle`] asks for it.
///
/// # Errors
/// M160 if a certificate is not one; M109 if it cannot be read.
pub fn archives(dir: impl AsRef<Path>) -> Result<Vec<Archived>, MigrateError> {
    let folder = dir.as_ref().join(FOLDER);
    let mut archived = Vec::new();
    for tag in stems(&folder, CERTIFICATE)? {
        archived.push(Archived::read(&folder, &tag)?);
    }
    let age = |it: &Archived| {
        (
            it.certificate.baseline.when,
            it.certificate.baseline.tag.clone(),
        )
    };
    archived.sort_by_key(age);
    Ok(archived)
}

/// The names in `folder` that end in `suffix`, without it, sorted.
fn stems(folder: &Path, suffix: &str) -> Result<Vec<String>, MigrateError> {
    let failed = |source| MigrateError::Io {
        path: folder.display().to_string(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut tags = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let tag = name.to_str().and_then(|name| name.strip_suffix(suffix));
        tags.extend(tag.map(str::to_owned));
    }
    tags.sort();
    Ok(tags)
}
