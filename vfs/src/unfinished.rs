//! A file that appears at its place whole, or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file under way, beside the place where it will appear. Dropping it removes it.
pub(crate) struct Unfinished {
    file: NamedTempFile,
    place: PathBuf,
    folder: PathBuf,
}

impl Unfinished {
    /// An empty file that is to appear at `place`.
    pub(crate) fn beside(place: &Path) -> io::Result<Self> {
        Self::beside_as(place, as_the_user_creates_files)
    }

    /// The same for a secret: nobody but the user may read it.
    pub(crate) fn secret_beside(place: &Path) -> io::Result<Self> {
        Self::beside_as(place, |_| {})
    }

    fn beside_as(
        place: &Path,
        permit: impl FnOnce(&mut tempfile::Builder<'_, '_>),
    ) -> io::Result<Self> {
        let folder = match place.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".unfinished-");
        permit(&mut builder);
        let file = builder.tempfile_in(folder)?;
        Ok(Self {
            file,
            place: place.to_owned(),
            folder: folder.to_owned(),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Makes it durable and puts it at its place. Unless it may `replace` what is there, it is
    /// an error of kind `AlreadyExists` if there is something.
    pub(crate) fn appear(self, replace: bool) -> io::Result<()> {
        self.file.as_file().sync_all()?;
        let appeared = if replace {
            self.file.persist(&self.place)
        } else {
            self.file.persist_noclobber(&self.place)
        };
        appeared.map_err(|error| error.error)?;
        File::open(&self.folder)?.sync_all()
    }
}

/// Temporary files are private by default; what appears in the end is for whomever the umask lets.
#[cfg(unix)]
fn as_the_user_creates_files(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn as_the_user_creates_files(_: &mut tempfile::Builder<'_, '_>) {}
