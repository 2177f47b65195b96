//! Page numbers, page counts and page sizes: three numbers that never meet as bare integers.

use std::fmt;
use std::num::NonZeroU32;

/// A SQLite page number. Page 1 holds the header, so zero is not a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(NonZeroU32);

impl PageNo {
    /// The page that holds the database header.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The page of that number; zero is not a page.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The byte offset of this page in a plain SQLite file.
    #[must_use]
    pub const fn offset(self, size: PageSize) -> u64 {
        (self.get() as u64 - 1) * size.get() as u64
    }

    /// The page that holds byte `offset` of a plain SQLite file, if such a page can exist.
    #[must_use]
    pub fn at_offset(offset: u64, size: PageSize) -> Option<Self> {
        let number = u32::try_from(offset / u64::from(size.get()))
            .ok()?
            .checked_add(1)?;
        Self::new(number)
    }
}

impl fmt::Display for PageNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many pages the database has: a count, not the number of the last page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PageCount(u32);

impl PageCount {
    /// No pages: SQLite's view of an empty file.
    pub const ZERO: Self = Self(0);

    /// A count of `pages`.
    #[must_use]
    pub const fn new(pages: u32) -> Self {
        Self(pages)
    }

    /// The bare count.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether a database of this many pages has that page.
    #[must_use]
    pub const fn contains(self, page: PageNo) -> bool {
        page.get() <= self.0
    }

    /// The number of the last page, unless there is none.
    #[must_use]
    pub const fn last(self) -> Option<PageNo> {
        PageNo::new(self.0)
    }

    /// The first page beyond, unless every page number is in use.
    #[must_use]
    pub const fn beyond(self) -> Option<PageNo> {
        match self.0.checked_add(1) {
            Some(number) => PageNo::new(number),
            None => None,
        }
    }

    /// The size in bytes of a plain SQLite file of this many pages.
    #[must_use]
    pub const fn bytes(self, size: PageSize) -> u64 {
        self.0 as u64 * size.get() as u64
    }

    /// Every page number in order.
    pub fn pages(self) -> impl DoubleEndedIterator<Item = PageNo> {
        self.pages_after(Self::ZERO)
    }

    /// The page numbers that this count has and a smaller one has not, in order.
    pub fn pages_after(self, smaller: Self) -> impl DoubleEndedIterator<Item = PageNo> {
        (smaller.0..self.0).filter_map(|before| PageNo::new(before + 1))
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A page size that SQLite knows: a power of two from 512 to 65,536 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageSize(u32);

impl PageSize {
    /// SQLite's own default, and that of a new actor.
    pub const DEFAULT: Self = Self(4096);
    /// The largest page that SQLite knows.
    pub const MAX: Self = Self(65_536);

    /// A page size of `bytes`, unless SQLite knows no such size.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= 512 && bytes <= 65_536 {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The size in bytes, for slices.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for PageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sizes_that_sqlite_knows_are_page_sizes() {
        let known = (0..=200_000).filter_map(PageSize::new).map(PageSize::get);
        assert_eq!(
            known.collect::<Vec<_>>(),
            [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]
        );
    }

    #[test]
    fn page_and_offset_are_inverse_up_to_the_last_page() {
        let size = PageSize::MAX;
        for number in [1, 2, 3, u32::MAX - 1, u32::MAX] {
            let page = PageNo::new(number).unwrap();
            assert_eq!(PageNo::at_offset(page.offset(size), size), Some(page));
            assert_eq!(
                PageNo::at_offset(page.offset(size) + 65_535, size),
                Some(page)
            );
        }
        assert_eq!(
            PageNo::at_offset(PageCount::new(u32::MAX).bytes(size), size),
            None
        );
    }

    #[test]
    fn a_count_has_exactly_its_pages() {
        let count = PageCount::new(3);
        let numbers = |pages: Vec<PageNo>| pages.into_iter().map(PageNo::get).collect::<Vec<_>>();
        assert_eq!(numbers(count.pages().collect()), [1, 2, 3]);
        assert_eq!(
            numbers(count.pages_after(PageCount::new(1)).collect()),
            [2, 3]
        );
        assert_eq!(numbers(PageCount::ZERO.pages().collect()), [0u32; 0]);
        assert!(count.pages().all(|page| count.contains(page)));
        assert!(!count.contains(count.beyond().unwrap()));
        assert_eq!(PageCount::new(u32::MAX).beyond(), None);
        assert_eq!(
            PageCount::new(u32::MAX)
                .pages_after(PageCount::new(u32::MAX))
                .count(),
            0
        );
    }
}
