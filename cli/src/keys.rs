//! The keys of encrypted actors: which the user named, and the stores that are opened with them.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use actor_vfs::keys::KeyFolder;
use actor_vfs::{StoreError, StoreOptions, keys};

use crate::error::CliError;
use crate::output::Printer;

/// Which keys, if no option says.
const VARIABLE: &str = "ACTOR_VFS_KEY_FILE";

/// What the user named. Every store of a run is opened with the same keys.
static KEYS: OnceLock<PathBuf> = OnceLock::new();

/// Takes in the option `--key-file`, or what the environment says instead. A key is never an argument:
/// every user of the machine can read those.
pub(crate) fn install(option: Option<&Path>, printer: &Printer) {
    let from_environment = || env::var_os(VARIABLE).filter(|it| !it.is_empty());
    let named = option.map(Path::to_owned);
    let Some(path) = named.or_else(|| from_environment().map(PathBuf::from)) else {
        return;
    };
    if path.is_file() && keys::is_exposed(&path) {
        let path = path.display();
        printer.note(format_args!(
            "other users can read the key file {path}: chmod 600 {path}"
        ));
    }
    // Only main installs, and once.
    _ = KEYS.set(path);
}

/// Options with the keys that the user named.
pub(crate) fn options() -> Result<StoreOptions, CliError> {
    let mut options = StoreOptions::default();
    if let Some(path) = KEYS.get() {
        let ring = keys::open(path).map_err(|error| in_file(path, error))?;
        options.keys = Some(ring);
    }
    Ok(options)
}

/// The folder that the user named, if it is one: it has a key for each actor.
pub(crate) fn folder() -> Option<KeyFolder> {
    KEYS.get().filter(|path| path.is_dir()).map(KeyFolder::new)
}

fn in_file(path: &Path, error: StoreError) -> CliError {
    CliError::store(path.display(), error)
}
