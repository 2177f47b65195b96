//! Journals and temporary files: private memory of the one connection that opened them.
//!
//! A journal may vanish with its connection because the database never needs one after a crash:
//! until the store publishes, a transaction exists in memory only. It must vanish: a journal that
//! another connection could find would be rolled back over commits made since.

use crate::file::{Code, File};

/// A file that lives as long as its handle.
#[derive(Debug, Default)]
pub(crate) struct VolatileFile {
    bytes: Vec<u8>,
}

impl VolatileFile {
    /// Lengthens with zeros, or says that memory is short.
    fn reach(&mut self, end: usize) -> Result<(), Code> {
        if let Some(more) = end.checked_sub(self.bytes.len()) {
            self.bytes
                .try_reserve(more)
                .map_err(|_| Code::IOERR_NOMEM)?;
            self.bytes.resize(end, 0);
        }
        Ok(())
    }
}

impl File for VolatileFile {
    fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Code> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let have = rest.len().min(out.len());
        let (filled, missing) = out.split_at_mut(have);
        filled.copy_from_slice(&rest[..have]);
        if missing.is_empty() {
            return Ok(());
        }
        missing.fill(0);
        Err(Code::SHORT_READ)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        let start = usize::try_from(offset).map_err(|_| Code::FULL)?;
        let end = start.checked_add(bytes.len()).ok_or(Code::FULL)?;
        self.reach(end)?;
        self.bytes[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        let size = usize::try_from(size).map_err(|_| Code::FULL)?;
        self.reach(size)?;
        self.bytes.truncate(size);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Code> {
        Ok(())
    }

    fn size(&mut self) -> Result<u64, Code> {
        Ok(self.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_written_reads_as_zeros_and_beyond_the_end_is_a_short_read() {
        let mut file = VolatileFile::default();
        file.write(4, b"tail").unwrap();
        let mut out = [1; 10];
        assert_eq!(file.read(2, &mut out), Err(Code::SHORT_READ));
        assert_eq!(&out, b"\0\0tail\0\0\0\0");
        assert_eq!(file.read(u64::MAX, &mut out), Err(Code::SHORT_READ));
        assert_eq!(out, [0; 10]);
    }

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut file = VolatileFile::default();
        file.write(0, b"journal").unwrap();
        file.truncate(3).unwrap();
        file.truncate(5).unwrap();
        let mut out = [1; 5];
        file.read(0, &mut out).unwrap();
        assert_eq!((&out, file.size()), (b"jou\0\0", Ok(5)));
    }

    #[test]
    fn an_absurd_offset_is_an_error_and_not_a_crash() {
        let mut file = VolatileFile::default();
        assert_eq!(file.write(u64::MAX, b"x"), Err(Code::FULL));
        assert_eq!(file.write(1 << 60, b"x"), Err(Code::IOERR_NOMEM));
        assert_eq!(file.size(), Ok(0));
    }
}
