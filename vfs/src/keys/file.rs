//! Key files: a key a line, the current one first. Made here, and read strictly.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{KEY_BYTES, Key, KeyId};
use crate::error::StoreError;
use crate::transfer::failed;
use crate::unfinished::Unfinished;

/// More than any key file has, and little enough to read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Makes a key file with one fresh key, which only its owner may read, and tells the key's name.
///
/// A file that exists is never replaced: what is encrypted under its keys would be lost.
pub fn create(path: impl AsRef<Path>) -> Result<KeyId, StoreError> {
    let path = path.as_ref();
    let key = Key::generate()?;
    write(
        path,
        &key,
        "# A key of actor-vfs: whoever has it can read what is encrypted under it, and nobody else can.\n",
    )?;
    Ok(key.id())
}

/// Writes a file of one key, which appears whole or not at all.
pub(super) fn write(path: &Path, key: &Key, comment: &str) -> Result<(), StoreError> {
    let creating = failed("creating", path);
    let mut file = Unfinished::secret_beside(path).map_err(&creating)?;
    let mut text = Zeroizing::new(format!("{comment}# name: {}\n", key.id()));
    // Room first: a text that grows leaves copies of the key behind.
    text.reserve(KEY_BYTES * 2 + 1);
    for byte in key.bytes() {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text.push('\n');
    file.file().write_all(text.as_bytes()).map_err(&creating)?;
    file.appear(false).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => StoreError::FileExists {
            path: path.to_owned(),
        },
        _ => creating(error),
    })
}

/// The keys of a file: at least one, the current one first. `None`: there is no file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<Key>>, StoreError> {
    let reading = failed("reading", path);
    let length = match fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(reading(error)),
    };
    let refused = |line: usize, found: &'static str| StoreError::KeyFile {
        path: path.to_owned(),
        line,
        found,
    };
    if length > FILE_BYTES_MAX {
        return Err(refused(1, "the file is too large to be one of keys"));
    }
    if is_exposed(path) {
        tracing::warn!(path = %path.display(), "other users can read this key file");
    }
    let bytes = Zeroizing::new(fs::read(path).map_err(reading)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| refused(1, "the file is no text"))?;
    let mut keys = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if !line.is_empty() && !line.starts_with('#') {
            keys.push(parse(line).map_err(|found| refused(number, found))?);
        }
    }
    if keys.is_empty() {
        return Err(refused(1, "the file has no key"));
    }
    Ok(Some(keys))
}

/// Whether other users of this machine can read the file.
#[must_use]
pub fn is_exposed(path: impl AsRef<Path>) -> bool {
    exposed(path.as_ref())
}

#[cfg(unix)]
fn exposed(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map(|it| it.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o077 != 0)
}

#[cfg(not(unix))]
fn exposed(_: &Path) -> bool {
    false
}

/// The key that a line of 64 hexadecimal digits is.
fn parse(line: &str) -> Result<Key, &'static str> {
    if line.len() != KEY_BYTES * 2 {
        return Err("a key is 64 hexadecimal digits, and this line has another length");
    }
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    for (byte, pair) in key.iter_mut().zip(line.as_bytes().chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        let (Some(high), Some(low)) = (value(pair[0]), value(pair[1])) else {
            return Err("a key is 64 hexadecimal digits, and this line has others");
        };
        *byte = u8::try_from(high << 4 | low).unwrap_or_default();
    }
    if *key == [0; KEY_BYTES] {
        return Err("a key of zeros is no secret");
    }
    Ok(Key::new(*key))
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or_default()
}

/// The key ring that `path` holds: keys derived from those of a file, or a folder of a key for
/// each actor.
pub fn open(path: impl AsRef<Path>) -> Result<Arc<dyn super::KeyRing>, StoreError> {
    let path = path.as_ref();
    if path.is_dir() {
        return Ok(Arc::new(super::KeyFolder::new(path)));
    }
    Ok(Arc::new(super::DerivedKeys::read(path)?))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::ActorId;
    use crate::keys::{DerivedKeys, KeyRing};

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_key_file_that_was_made_is_private_and_reads_as_the_key_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        let name = create(&path).unwrap();
        assert!(!is_exposed(&path));
        let keys = read(&path).unwrap().unwrap();
        assert!(keys.iter().map(Key::id).eq([name.clone()]));
        assert!(fs::read_to_string(&path).unwrap().contains(name.as_str()));
        let other = folder.path().join("other");
        assert_ne!(create(&other).unwrap(), name);
        assert_eq!(create(&path).unwrap_err().code(), "S132");
        assert_eq!(
            read(&path).unwrap().unwrap()[0].id(),
            name,
            "it is never replaced"
        );
    }

    #[test]
    fn the_first_key_of_a_file_is_current_and_all_are_known() {
        let (one, two) = ("11".repeat(32), "Aa".repeat(32));
        let (_folder, path) = file(&format!("# new\n{one}\n\n  {two}\r\n"));
        let ring = DerivedKeys::read(&path).unwrap();
        let actor = ActorId::new("a").unwrap();
        let names = [Key::new([0x11; 32]).id(), Key::new([0xaa; 32]).id()];
        assert_eq!(ring.current(&actor).unwrap(), names[0]);
        assert!(
            names
                .iter()
                .all(|name| ring.key(&actor, name).unwrap().is_some())
        );
    }

    #[test]
    fn what_is_no_key_file_is_refused_with_the_line_that_is_wrong() {
        let key = "1f".repeat(32);
        let zeros = "0".repeat(64);
        let cases = [
            (String::new(), 1),
            ("# nothing\n".into(), 1),
            (format!("{key}\n{key}1\n"), 2),
            (format!("{key}\n\n# x\npassword\n"), 4),
            (format!("{}g", &key[1..]), 1),
            (format!("+{}", &key[1..]), 1),
            (zeros, 1),
            ("x".repeat(70_000), 1),
        ];
        for (text, wanted) in cases {
            let (_folder, path) = file(&text);
            match read(&path) {
                Err(StoreError::KeyFile { line, .. }) => assert_eq!(line, wanted, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        let nowhere = Path::new("/nowhere/at/all");
        assert_eq!(DerivedKeys::read(nowhere).unwrap_err().code(), "S121");
    }
}
