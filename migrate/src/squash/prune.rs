//! Removes an archive that no actor needs any more. Its certificate stays and says so.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::certificate::TOOL;
use super::write::{cannot_write, put, sync};
use super::{Archived, CERTIFICATE};
use crate::error::MigrateError;

/// That the archive of a certificate was removed, and on what grounds.
///
/// Without a date: the same prune of the same folder gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pruned {
    /// How many actors were asked. None of them needed the archive.
    pub actors_checked: usize,
    /// The tool that removed it.
    pub tool: String,
}

/// An archived chain, and what its certificate is to say.
struct Pruning {
    folder: PathBuf,
    /// The name of the certificate.
    certificate: String,
    text: String,
    archive: PathBuf,
}

type Step = fn(&Pruning) -> io::Result<()>;

/// The steps of a prune, in order. A test interrupts it between any two.
const STEPS: [Step; 2] = [note, remove];

impl Archived {
    /// Whether the archive was removed because no actor needed it. One that lies there still is of use, whatever
    /// the certificate says: a prune was interrupted, or somebody brought it back.
    #[must_use]
    pub fn is_pruned(&self) -> bool {
        self.certificate.pruned.is_some() && !self.is_there()
    }

    /// Whether the archive lies there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.archive.exists()
    }

    /// Removes the archive and notes in the certificate that it is gone. The certificate is durable before the
    /// archive goes, so a crash leaves a folder that is whole, and the next prune finishes it.
    ///
    /// Whether an actor needs the archive is for the caller to find out; `actors_checked` is how many it asked.
    ///
    /// # Errors
    /// M169 if the system refuses.
    pub fn prune(&self, actors_checked: usize) -> Result<(), MigrateError> {
        let pruning = self.pruning(actors_checked)?;
        let pruned = STEPS.iter().try_for_each(|step| step(&pruning));
        pruned.map_err(|error| cannot_write(&pruning.archive, &error))
    }

    fn pruning(&self, actors_checked: usize) -> Result<Pruning, MigrateError> {
        let mut certificate = self.certificate.clone();
        certificate.pruned = Some(Pruned {
            actors_checked,
            tool: TOOL.to_owned(),
        });
        let folder = self.archive.parent().map_or_else(PathBuf::new, Into::into);
        Ok(Pruning {
            folder,
            text: certificate.to_json()?,
            certificate: format!("{}{CERTIFICATE}", certificate.baseline.tag),
            archive: self.archive.clone(),
        })
    }
}

fn note(pruning: &Pruning) -> io::Result<()> {
    put(
        &pruning.folder,
        &pruning.certificate,
        pruning.text.as_bytes(),
    )
}

fn remove(pruning: &Pruning) -> io::Result<()> {
    fs::remove_file(&pruning.archive)?;
    sync(&pruning.folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::squash::tests::squashed;
    use crate::squash::{archives, verify_certificates};

    fn only(dir: &std::path::Path) -> Archived {
        archives(dir).unwrap().remove(0)
    }

    #[test]
    fn a_crash_after_any_step_leaves_a_folder_that_is_right_and_the_next_prune_finishes() {
        for steps in 0..=STEPS.len() {
            let dir = squashed();
            let pruning = only(dir.path()).pruning(7).unwrap();
            STEPS[..steps]
                .iter()
                .for_each(|step| step(&pruning).unwrap());
            let found = only(dir.path());
            assert_eq!(found.is_pruned(), steps == STEPS.len(), "{steps} steps");
            assert_eq!(found.bundle().is_ok(), found.is_there(), "{steps} steps");
            let bundle = Bundle::read(dir.path()).unwrap();
            assert_eq!(verify_certificates(&bundle).unwrap(), [], "{steps} steps");
            if found.is_there() {
                found.prune(7).unwrap();
            }
            let files = fs::read_dir(dir.path().join("squashed")).unwrap();
            assert_eq!(files.count(), 1, "after {steps} steps");
            let pruned = only(dir.path()).certificate.pruned.unwrap();
            assert_eq!(pruned.actors_checked, 7);
        }
    }

    #[test]
    fn an_archive_that_is_gone_is_told_as_pruned_only_where_it_was() {
        let dir = squashed();
        only(dir.path()).prune(1).unwrap();
        let error = only(dir.path()).bundle().unwrap_err();
        assert!(error.to_string().contains("pruned"), "{error}");
        let dir = squashed();
        fs::remove_file(only(dir.path()).path()).unwrap();
        assert!(!only(dir.path()).is_pruned());
    }

    #[test]
    fn a_prune_that_the_system_refuses_keeps_the_archive_and_its_certificate() {
        let dir = squashed();
        let found = only(dir.path());
        let pruning = found.pruning(1).unwrap();
        let in_the_way = format!(".{}.new", pruning.certificate);
        fs::create_dir(pruning.folder.join(in_the_way)).unwrap();
        let error = found.prune(1).unwrap_err();
        assert_eq!(error.code(), "M169", "{error}");
        assert_eq!(only(dir.path()).certificate, found.certificate);
        assert!(found.is_there());
    }
}
