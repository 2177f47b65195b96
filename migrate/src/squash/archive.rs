//! The archive of an old chain: the files of a folder as they were, in one compressed file, written the
//! same every time and read within limits, in memory.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use crate::limits::{ARCHIVE_FILES_MAX, ARCHIVE_UNPACKED_BYTES_MAX, FILE_BYTES_MAX};

/// Files by their path inside the folder, with `/` between the parts.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Packs files: sorted, without owner or time, so that the same files give the same bytes.
pub(super) fn pack(files: &Files) -> std::io::Result<Vec<u8>> {
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::best());
    let mut tar = tar::Builder::new(gzip);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content.as_slice())?;
    }
    let mut gzip = tar.into_inner()?;
    gzip.flush()?;
    gzip.finish()
}

/// Unpacks an archive into memory.
///
/// # Errors
/// Says what is wrong with an archive that is damaged or that [`pack`] never writes.
pub(super) fn unpack(bytes: &[u8]) -> Result<Files, String> {
    let words = |error: std::io::Error| error.to_string();
    // Two blocks of tar around each file, and what is beyond is not unpacked at all.
    let unpacked = GzDecoder::new(bytes).take(2 * ARCHIVE_UNPACKED_BYTES_MAX);
    let mut tar = tar::Archive::new(unpacked);
    let (mut files, mut total) = (Files::new(), 0_u64);
    for entry in tar.entries().map_err(words)? {
        let mut entry = entry.map_err(words)?;
        let path = path_of(&entry)?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("{path} in it is not a plain file"));
        }
        let size = entry.size();
        total = total.saturating_add(size);
        check(&path, size, total, files.len())?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(words)?;
        if content.len() as u64 != size {
            return Err(format!("{path} in it is cut off"));
        }
        if files.insert(path.clone(), content).is_some() {
            return Err(format!("{path} stands in it twice"));
        }
    }
    Ok(files)
}

fn check(path: &str, size: u64, total: u64, files: usize) -> Result<(), String> {
    if size > FILE_BYTES_MAX {
        return Err(format!(
            "{path} in it has {size} bytes; the limit is {FILE_BYTES_MAX}"
        ));
    }
    if total > ARCHIVE_UNPACKED_BYTES_MAX {
        return Err(format!(
            "it unpacks to more than {ARCHIVE_UNPACKED_BYTES_MAX} bytes"
        ));
    }
    if files >= ARCHIVE_FILES_MAX {
        return Err(format!("it holds more than {ARCHIVE_FILES_MAX} files"));
    }
    Ok(())
}

/// The path of an entry, which may not lead out of the folder.
fn path_of<R: Read>(entry: &tar::Entry<'_, R>) -> Result<String, String> {
    let bytes = entry.path_bytes();
    let path = String::from_utf8_lossy(&bytes).into_owned();
    let inside = |part: &str| !part.is_empty() && part != "." && part != "..";
    if path.contains(['\\', '\0']) || !path.split('/').all(inside) {
        return Err(format!("the path {path:?} in it leads elsewhere"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of one entry that says what we never write.
    fn hostile(path: &str, kind: tar::EntryType, size: u64, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_cksum();
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(content).unwrap();
        gzip.write_all(&vec![0; 512 - content.len() % 512 + 1024])
            .unwrap();
        gzip.finish().unwrap()
    }

    fn refusal(path: &str, kind: tar::EntryType, size: u64, content: &[u8]) -> String {
        unpack(&hostile(path, kind, size, content)).unwrap_err()
    }

    #[test]
    fn what_was_packed_comes_out_and_packs_to_the_same_bytes() {
        let long = format!("{}/migration.sql", "a".repeat(150));
        let files = Files::from([
            ("meta/_journal.json".to_owned(), b"{}".to_vec()),
            (long, vec![b'x'; 5000]),
            ("empty.sql".to_owned(), Vec::new()),
        ]);
        let packed = pack(&files).unwrap();
        assert_eq!(unpack(&packed).unwrap(), files);
        assert_eq!(pack(&files).unwrap(), packed);
    }

    #[test]
    fn a_hostile_archive_is_refused_before_it_does_anything() {
        use tar::EntryType::{GNUSparse, Regular, Symlink};
        let plain = |path| refusal(path, Regular, 1, b"x");
        assert!(plain("../evil.sql").contains("leads elsewhere"));
        assert!(plain("/etc/evil.sql").contains("leads elsewhere"));
        assert!(plain("a\\..\\evil.sql").contains("leads elsewhere"));
        assert!(refusal("link", Symlink, 0, b"").contains("not a plain file"));
        assert!(!unpack(&hostile("hole", GNUSparse, 0, b"")).is_ok_and(|files| !files.is_empty()));
        let huge = refusal("huge.sql", Regular, FILE_BYTES_MAX + 1, b"x");
        assert!(huge.contains("the limit is"), "{huge}");
        assert!(unpack(b"not a gzip file").is_err());
    }

    #[test]
    fn an_archive_cut_anywhere_is_an_error_and_never_a_part_of_the_folder() {
        let files = Files::from([("0000_a.sql".to_owned(), b"CREATE TABLE a (b);".to_vec())]);
        let packed = pack(&files).unwrap();
        for end in 0..packed.len() {
            // The last bytes are gzip's checksum, which nobody asks for after tar's end.
            if let Ok(found) = unpack(&packed[..end]) {
                assert_eq!(found, files, "cut at {end}");
            }
        }
    }
}
