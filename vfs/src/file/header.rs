//! What page 1 says about the whole database (<https://www.sqlite.org/fileformat2.html#the_database_header>).

use crate::page::{PageCount, PageSize};

/// The length of the database header.
pub(crate) const HEADER_BYTES: usize = 100;

/// How every SQLite file begins.
pub(crate) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The facts of a database header that a commit depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) page_size: PageSize,
    /// The size in pages, unless a version of SQLite before 3.7.0 wrote last and left it stale.
    pub(crate) pages: Option<PageCount>,
    /// Whether any reader or writer must look into a write-ahead log.
    pub(crate) wal: bool,
}

impl Header {
    /// Reads a header, unless these bytes are none.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        let page_size = match u32::from(u16::from_be_bytes([bytes[16], bytes[17]])) {
            1 => PageSize::MAX,
            size => PageSize::new(size)?,
        };
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let (change_counter, size, valid_for) = (word(24), word(28), word(92));
        Some(Self {
            page_size,
            pages: (change_counter == valid_for && size > 0).then_some(PageCount::new(size)),
            wal: bytes[18] == 2 || bytes[19] == 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(change: impl FnOnce(&mut [u8; HEADER_BYTES])) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&[0x10, 0, 1, 1]);
        bytes[28..32].copy_from_slice(&7_u32.to_be_bytes());
        change(&mut bytes);
        Header::parse(&bytes)
    }

    #[test]
    fn the_size_counts_only_while_the_change_counter_vouches_for_it() {
        let pages = |header: Option<Header>| header.unwrap().pages;
        assert_eq!(pages(header(|_| ())), Some(PageCount::new(7)));
        assert_eq!(pages(header(|bytes| bytes[27] = 1)), None);
        assert_eq!(pages(header(|bytes| bytes[28..32].fill(0))), None);
    }

    #[test]
    fn a_page_size_of_one_means_65536() {
        let size = |bytes: [u8; 2]| header(|it| it[16..18].copy_from_slice(&bytes));
        assert_eq!(size([0, 1]).unwrap().page_size, PageSize::MAX);
        assert_eq!(size([2, 0]).unwrap().page_size.get(), 512);
        assert_eq!(size([0, 3]), None);
    }

    #[test]
    fn either_version_byte_says_wal() {
        assert!(!header(|_| ()).unwrap().wal);
        assert!(header(|bytes| bytes[18] = 2).unwrap().wal);
        assert!(header(|bytes| bytes[19] = 2).unwrap().wal);
    }

    #[test]
    fn what_lacks_the_magic_is_no_header() {
        assert_eq!(header(|bytes| bytes[0] = b's'), None);
    }
}
