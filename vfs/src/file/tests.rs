//! The main file alone: what SQLite's calls do to an image that remembers what was published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::file::{Code, Company, File, MainFile, Step};
use crate::ladder::{Ladder, Level};
use crate::last_error::LastError;
use crate::page::{PageCount, PageNo, PageSize};
use crate::store::{Change, Geometry, Image};
use crate::{ActorId, CommitNo, StoreError};

/// What was published last, and what the next publish shall answer.
#[derive(Debug)]
struct Published {
    geometry: Geometry,
    pages: BTreeMap<PageNo, Arc<[u8]>>,
    refusal: Option<StoreError>,
    reads: usize,
}

#[derive(Debug, Clone)]
struct TestImage(Arc<Mutex<Published>>);

impl TestImage {
    /// Pages of 512 bytes, each filled with its own number; the first is a header.
    fn of(pages: u32) -> Self {
        let geometry = Geometry {
            page_size: PageSize::new(512).unwrap(),
            pages: PageCount::new(pages),
            version: CommitNo::new(1),
        };
        let fill = |page: PageNo| match page.get() {
            1 => header(512, pages),
            number => vec![u8::try_from(number).unwrap(); 512].into(),
        };
        let pages = geometry.pages.pages().map(|page| (page, fill(page)));
        Self(Arc::new(Mutex::new(Published {
            geometry,
            pages: pages.collect(),
            refusal: None,
            reads: 0,
        })))
    }

    fn open_on(&self, ladder: &Arc<Ladder>) -> MainFile {
        let actor = ActorId::new("test").unwrap();
        let last_error = Arc::<LastError>::default();
        MainFile::new(
            actor,
            Box::new(self.clone()),
            Arc::clone(ladder),
            last_error,
        )
    }

    /// Alone, with the lock that SQLite writes under.
    fn open(&self) -> MainFile {
        let mut file = self.open_on(&Arc::default());
        file.lock(Level::Shared).unwrap();
        file.lock(Level::Reserved).unwrap();
        file.lock(Level::Exclusive).unwrap();
        file
    }

    fn refuse(&self, error: StoreError) {
        self.0.lock().unwrap().refusal = Some(error);
    }

    fn commits(&self) -> u64 {
        self.0.lock().unwrap().geometry.version.get() - 1
    }

    /// All bytes, as a plain file would have them.
    fn bytes(&self) -> Vec<u8> {
        let published = self.0.lock().unwrap();
        let geometry = published.geometry;
        let hole: Arc<[u8]> = vec![0; geometry.page_size.bytes()].into();
        let page = |page| published.pages.get(&page).unwrap_or(&hole).to_vec();
        geometry.pages.pages().flat_map(page).collect()
    }
}

impl Image for TestImage {
    fn geometry(&self) -> Geometry {
        self.0.lock().unwrap().geometry
    }

    fn refresh(&mut self) -> Result<Geometry, StoreError> {
        Ok(self.geometry())
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        let mut published = self.0.lock().unwrap();
        published.reads += 1;
        match published.pages.get(&page) {
            Some(bytes) => out.copy_from_slice(bytes),
            None => out.fill(0),
        }
        Ok(())
    }

    fn publish(&mut self, change: Change) -> Result<(), StoreError> {
        let mut published = self.0.lock().unwrap();
        if let Some(refusal) = published.refusal.take() {
            return Err(refusal);
        }
        let page_bytes = change.page_size.bytes();
        assert!(change.dirty.values().all(|page| page.len() == page_bytes));
        assert!(change.dirty.keys().all(|page| change.pages.contains(*page)));
        if change.page_size != published.geometry.page_size {
            published.pages.clear();
        }
        published.pages.extend(change.dirty);
        published
            .pages
            .retain(|page, _| change.pages.contains(*page));
        published.geometry = Geometry {
            page_size: change.page_size,
            pages: change.pages,
            version: published.geometry.version.next(),
        };
        Ok(())
    }

    fn read_only(&self) -> bool {
        false
    }
}

/// A first page of a database of that shape.
fn header(page_size: u16, pages: u32) -> Arc<[u8]> {
    let mut bytes = vec![0; usize::from(page_size)];
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    bytes[16..18].copy_from_slice(&page_size.to_be_bytes());
    bytes[18..20].fill(1);
    bytes[28..32].copy_from_slice(&pages.to_be_bytes());
    bytes.into()
}

const PHASE_TWO: Step = Step::CommitPhaseTwo { strangers: false };

fn sync(file: &mut MainFile) -> Result<(), Code> {
    file.control(Step::Sync(Company::Alone))
}

fn damaged() -> StoreError {
    StoreError::PageDamaged {
        actor: ActorId::new("test").unwrap(),
        page: PageNo::FIRST,
        commit: CommitNo::new(1),
        damage: "on purpose",
    }
}

#[test]
fn nothing_is_published_before_sync_and_everything_at_it() {
    let image = TestImage::of(3);
    let mut file = image.open();
    let before = image.bytes();
    file.write(512, &[7; 512]).unwrap();
    file.control(Step::BeginAtomic).unwrap();
    file.write(1024, &[8; 512]).unwrap();
    file.control(Step::CommitAtomic).unwrap();
    assert_eq!(image.bytes(), before);
    sync(&mut file).unwrap();
    assert_eq!(image.bytes()[512..1536], [[7; 512], [8; 512]].concat());
    file.sync().unwrap();
    file.control(PHASE_TWO).unwrap();
    assert_eq!(image.commits(), 1);
}

#[test]
fn pages_spilled_before_an_atomic_window_outlive_its_rollback() {
    let image = TestImage::of(3);
    let mut file = image.open();
    file.write(512, &[7; 512]).unwrap();
    file.control(Step::BeginAtomic).unwrap();
    file.write(512, &[9; 512]).unwrap();
    file.write(1024, &[9; 512]).unwrap();
    file.control(Step::RollbackAtomic).unwrap();
    let mut out = [0; 1024];
    file.read(512, &mut out).unwrap();
    assert_eq!(out[..], [[7; 512], [3; 512]].concat());
}

/// `pager_end_transaction` cuts the file after the commit; the commit must know the size before.
#[test]
fn a_commit_that_shrinks_takes_its_size_from_the_header() {
    let image = TestImage::of(5);
    let mut file = image.open();
    file.write(0, &header(512, 2)).unwrap();
    sync(&mut file).unwrap();
    assert_eq!(image.bytes().len(), 1024);
    file.truncate(1024).unwrap();
    file.control(PHASE_TWO).unwrap();
    assert_eq!(image.commits(), 1);
}

/// SQLite's test `btreefault` lets an allocation fail between `SYNC` and `xSync`. SQLite then wrote
/// back what was in its journal, and that became a commit: without the pages that the one before
/// had cut off, which a journal does not have.
#[test]
fn a_commit_that_has_shrunk_the_file_is_not_undone_by_half() {
    let image = TestImage::of(5);
    let mut file = image.open();
    file.write(0, &header(512, 2)).unwrap();
    sync(&mut file).unwrap();
    for _ in 0..2 {
        assert_eq!(file.write(2048, &[5; 512]), Err(Code::IOERR_WRITE));
    }
    sync(&mut file).unwrap();
    assert_eq!(file.write(2048, &[5; 512]), Err(Code::IOERR_WRITE));
    file.unlock(Level::Shared);
    assert_eq!((image.commits(), image.bytes().len()), (1, 1024));
    file.write(512, &[7; 512]).unwrap();
    sync(&mut file).unwrap();
    assert_eq!(image.bytes()[512..1024], [7; 512]);
}

/// SQLite undoes a commit that grew the file by another that shrinks it again, and never says that
/// it knows of that one.
#[test]
fn a_commit_that_was_undone_leaves_the_file_to_be_written_without_another_lock() {
    let image = TestImage::of(2);
    let mut file = image.open();
    for _ in 0..2 {
        file.write(1024, &[3; 512]).unwrap();
        file.write(0, &header(512, 3)).unwrap();
        sync(&mut file).unwrap();
        assert_eq!(image.bytes().len(), 1536);
        file.write(0, &header(512, 2)).unwrap();
        file.truncate(1024).unwrap();
        sync(&mut file).unwrap();
        assert_eq!(image.bytes().len(), 1024);
    }
    assert_eq!(image.commits(), 4);
}

#[test]
fn a_header_never_lengthens_the_file() {
    let image = TestImage::of(2);
    let mut file = image.open();
    file.write(0, &header(512, 9)).unwrap();
    sync(&mut file).unwrap();
    assert_eq!(image.bytes().len(), 1024);
}

#[test]
fn after_a_refusal_the_file_is_as_it_was_and_the_next_commit_succeeds() {
    let image = TestImage::of(3);
    let mut file = image.open();
    image.refuse(damaged());
    file.write(512, &[7; 512]).unwrap();
    file.write(1536, &[7; 512]).unwrap();
    assert_eq!(sync(&mut file), Err(Code::CORRUPT));
    assert_eq!(file.size(), Ok(1536));
    assert_eq!(image.commits(), 0);
    file.write(512, &[8; 512]).unwrap();
    sync(&mut file).unwrap();
    assert_eq!(image.bytes()[512..1024], [8; 512]);
}

#[test]
fn what_was_not_published_is_gone_when_the_lock_is() {
    let image = TestImage::of(3);
    let mut file = image.open();
    file.write(512, &[7; 512]).unwrap();
    file.unlock(Level::Shared);
    sync(&mut file).unwrap();
    let mut out = [0; 512];
    file.read(512, &mut out).unwrap();
    assert_eq!((out, image.commits()), ([2; 512], 0));
}

#[test]
fn a_page_cut_off_and_back_in_range_is_zeros_and_not_what_it_was() {
    let image = TestImage::of(4);
    let mut file = image.open();
    file.truncate(700).unwrap();
    file.write(0, &header(512, 4)).unwrap();
    file.truncate(2048).unwrap();
    sync(&mut file).unwrap();
    let bytes = image.bytes();
    assert_eq!(bytes[512..700], [2; 188]);
    assert_eq!(bytes[700..], [0; 2048 - 700]);
}

#[test]
fn growth_without_a_write_is_a_hole() {
    let image = TestImage::of(1);
    let mut file = image.open();
    file.write(0, &header(512, 4)).unwrap();
    file.write(1536, &[4; 512]).unwrap();
    sync(&mut file).unwrap();
    let pages: Vec<u32> = image
        .0
        .lock()
        .unwrap()
        .pages
        .keys()
        .map(|p| p.get())
        .collect();
    assert_eq!(pages, [1, 4]);
    assert_eq!(image.bytes()[512..1536], [0; 1024]);
}

/// VACUUM into larger pages writes them in pieces of the old size.
#[test]
fn the_page_size_is_what_the_header_says_at_the_end() {
    let image = TestImage::of(4);
    let mut file = image.open();
    let mut bytes = header(1024, 2).to_vec();
    bytes.extend([9; 1024]);
    for (piece, at) in bytes.chunks(512).zip([0, 512, 1024, 1536]) {
        file.write(at, piece).unwrap();
    }
    sync(&mut file).unwrap();
    assert_eq!(image.bytes(), bytes);
    assert_eq!(image.0.lock().unwrap().geometry.page_size.get(), 1024);
    file.write(1024, &[8; 1024]).unwrap();
    sync(&mut file).unwrap();
    assert_eq!(image.bytes()[1024..], [8; 1024]);
}

#[test]
fn an_image_that_asks_for_a_log_is_refused() {
    let image = TestImage::of(2);
    let mut file = image.open();
    let mut bytes = header(512, 2).to_vec();
    bytes[18..20].fill(2);
    file.write(0, &bytes).unwrap();
    assert_eq!(sync(&mut file), Err(Code::IOERR_FSYNC));
    assert_eq!(image.commits(), 0);
}

#[test]
fn company_that_is_no_actor_is_refused_and_nothing_comes_of_it() {
    let image = TestImage::of(2);
    let mut file = image.open();
    file.write(512, &[7; 512]).unwrap();
    let step = Step::Sync(Company::Strangers);
    assert_eq!(file.control(step), Err(Code::IOERR_FSYNC));
    assert_eq!(sync(&mut file), Ok(()));
    assert_eq!(image.commits(), 0);
}

/// An error other than `IOERR` or `FULL` at the end of a rollback leaves SQLite with a cache full
/// of what was never committed (`pager_error`).
#[test]
fn a_rollback_that_fails_too_ends_in_an_ioerr() {
    let image = TestImage::of(3);
    let mut file = image.open();
    for (locked, second) in [(false, Code::IOERR_FSYNC), (true, Code::CORRUPT)] {
        file.write(512, &[7; 512]).unwrap();
        image.refuse(damaged());
        assert_eq!(sync(&mut file), Err(Code::CORRUPT));
        if locked {
            file.unlock(Level::Shared);
        }
        file.write(512, &[2; 512]).unwrap();
        image.refuse(damaged());
        assert_eq!(sync(&mut file), Err(second));
        file.unlock(Level::Shared);
    }
}

/// With the atomic window there is nothing to roll back from: SQLite drops its cache by itself.
#[test]
fn a_fenced_owner_hears_an_ioerr_while_it_rolls_back_and_dbmoved_ever_after() {
    for window in [false, true] {
        let image = TestImage::of(2);
        let mut file = image.open();
        let actor = ActorId::new("test").unwrap();
        image.refuse(StoreError::Deleted { actor });
        if window {
            file.control(Step::BeginAtomic).unwrap();
        }
        file.write(512, &[7; 512]).unwrap();
        assert_eq!(sync(&mut file), Err(Code::READONLY_DBMOVED));
        assert!(file.has_moved());
        if !window {
            assert_eq!(file.size(), Err(Code::IOERR_FSTAT));
        }
        let mut out = [0; 512];
        for _ in 0..2 {
            assert_eq!(file.read(0, &mut out), Err(Code::READONLY_DBMOVED));
            assert_eq!(file.write(0, &out), Err(Code::READONLY_DBMOVED));
            assert_eq!(sync(&mut file), Err(Code::READONLY_DBMOVED));
        }
    }
}

#[test]
fn page_1_is_read_once_however_often_sqlite_looks_at_the_header() {
    let image = TestImage::of(2);
    let mut file = image.open();
    let mut page = [0; 512];
    file.read(0, &mut page[..100]).unwrap();
    file.read(24, &mut page[..16]).unwrap();
    file.read(0, &mut page).unwrap();
    assert_eq!(page[..], header(512, 2)[..]);
    file.write(0, &header(512, 2)).unwrap();
    sync(&mut file).unwrap();
    file.read(24, &mut page[..16]).unwrap();
    assert_eq!(image.0.lock().unwrap().reads, 1);
}

/// Another connection may change the page size before the first lock.
#[test]
fn a_read_without_a_lock_sees_the_newest_shape_or_nothing() {
    let image = TestImage::of(2);
    let ladder = Arc::<Ladder>::default();
    let mut writer = image.open_on(&ladder);
    let mut reader = image.open_on(&ladder);
    writer.lock(Level::Shared).unwrap();
    writer.write(0, &header(1024, 1)).unwrap();
    writer.write(512, &[9; 512]).unwrap();
    sync(&mut writer).unwrap();
    let mut out = [1; 100];
    reader.read(0, &mut out).unwrap();
    assert_eq!(out[..], header(1024, 1)[..100]);
    assert_eq!(reader.level(), Level::None);
    writer.lock(Level::Reserved).unwrap();
    writer.lock(Level::Exclusive).unwrap();
    assert_eq!(reader.read(0, &mut out), Err(Code::SHORT_READ));
    assert_eq!(out, [0; 100]);
}

#[test]
fn absurd_sizes_are_refused() {
    let image = TestImage::of(2);
    let mut file = image.open();
    assert_eq!(file.write(u64::MAX - 3, &[0; 8]), Err(Code::FULL));
    assert_eq!(file.write(1 << 50, &[0; 8]), Err(Code::FULL));
    assert_eq!(file.truncate(1 << 50), Err(Code::FULL));
    assert_eq!(file.read(1 << 50, &mut [0; 8]), Err(Code::SHORT_READ));
}
