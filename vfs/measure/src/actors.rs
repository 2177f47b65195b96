//! Actors in an engine: the keys, the head, a load, a wake, a commit.

use crate::engines::{Batch, Engine, Setup};
use crate::pages::{self, PAGES};

/// How many different databases the actors are copies of.
const TEMPLATES: u64 = 40;
/// Pages that one commit changes.
pub(crate) const CHANGED: usize = 4;

/// The databases that actors start as.
pub(crate) struct Templates(Vec<Vec<Vec<u8>>>);

impl Templates {
    pub(crate) fn new() -> Templates {
        Templates((0..TEMPLATES).map(pages::database).collect())
    }

    fn of(&self, actor: usize) -> &[Vec<u8>] {
        &self.0[actor % self.0.len()]
    }
}

/// What the owner of an actor knows.
pub(crate) struct Actor {
    number: usize,
    commit: u64,
    /// At which commit each page was written last.
    written: [u64; PAGES],
}

impl Actor {
    /// An actor as `import` leaves it.
    pub(crate) fn new(number: usize) -> Actor {
        Actor {
            number,
            commit: 1,
            written: [1; PAGES],
        }
    }

    /// An actor at whatever commit it is: for reading only.
    pub(crate) fn newest(number: usize) -> Actor {
        Actor {
            commit: u64::MAX,
            ..Actor::new(number)
        }
    }

    /// Writes the first image, all pages in one batch.
    pub(crate) fn import(&self, engine: &dyn Engine, templates: &Templates, compresses: bool) {
        let pages = templates.of(self.number).iter().enumerate();
        let mut puts: Vec<_> = pages
            .map(|(page, bytes)| (self.page_key(page, 1), pages::record(bytes, compresses)))
            .collect();
        puts.push((self.head_key(), self.head(1)));
        let batch = Batch {
            head: self.head_key(),
            expected: None,
            puts,
            deletes: Vec::new(),
        };
        engine.commit(&batch).expect("the first image is stored");
    }

    /// A commit of four pages: the first, and three others.
    pub(crate) fn commit(&mut self, engine: &dyn Engine, templates: &Templates, setup: Setup) {
        let next = self.commit + 1;
        let mut batch = Batch {
            head: self.head_key(),
            expected: Some(self.head(self.commit)),
            ..Batch::default()
        };
        let mut changed = vec![0];
        changed.extend(fastrand::choose_multiple(1..PAGES, CHANGED - 1));
        for page in changed {
            let bytes = &templates.of(self.number + usize::try_from(next).expect("small"))[page];
            batch.deletes.push(self.page_key(page, self.written[page]));
            batch.puts.push((
                self.page_key(page, next),
                pages::record(bytes, setup.compresses),
            ));
            self.written[page] = next;
        }
        batch.puts.push((self.head_key(), self.head(next)));
        engine.commit(&batch).expect("nobody else owns the actor");
        self.commit = next;
    }

    /// Reads the head, then each page at the newest commit: one range a page, as SQLite asks for them.
    pub(crate) fn wake_by_page(&self, engine: &dyn Engine) {
        self.read_head(engine);
        for page in 0..PAGES {
            self.read(engine, page);
        }
    }

    /// Reads the head, then all pages by one scan.
    pub(crate) fn wake_by_scan(&self, engine: &dyn Engine) {
        self.read_head(engine);
        let (from, to) = (self.page_key(0, u64::MAX), self.page_key(PAGES, u64::MAX));
        let found = engine
            .scan(&from, &to, usize::MAX)
            .expect("the pages are read");
        let bytes: usize = found
            .iter()
            .map(|(_, record)| pages::page(record).len())
            .sum();
        assert_eq!(bytes, PAGES * pages::PAGE_BYTES);
    }

    /// Reads the head, then all pages in one call with one range each.
    pub(crate) fn wake_by_ranges(&self, engine: &dyn Engine) {
        self.read_head(engine);
        let ranges: Vec<_> = (0..PAGES).map(|page| self.page_range(page)).collect();
        for found in engine.floors(&ranges).expect("the pages are read") {
            let (_, record) = found.expect("every page is there");
            assert_eq!(pages::page(&record).len(), pages::PAGE_BYTES);
        }
    }

    /// Reads one page at the newest commit.
    pub(crate) fn read(&self, engine: &dyn Engine, page: usize) {
        let (from, to) = self.page_range(page);
        let found = engine.scan(&from, &to, 1).expect("the page is read");
        let (_, record) = found.first().expect("every page is there");
        assert_eq!(pages::page(record).len(), pages::PAGE_BYTES);
    }

    fn read_head(&self, engine: &dyn Engine) {
        assert!(
            engine
                .get(&self.head_key())
                .expect("the head is read")
                .is_some()
        );
    }

    fn page_range(&self, page: usize) -> (Vec<u8>, Vec<u8>) {
        (
            self.page_key(page, self.commit),
            self.page_key(page + 1, u64::MAX),
        )
    }

    fn head_key(&self) -> Vec<u8> {
        format!("hworkspace/agent-{:08}", self.number).into_bytes()
    }

    /// As long as the store's head record.
    fn head(&self, commit: u64) -> Vec<u8> {
        let mut head = vec![0x48; 104];
        head[..8].copy_from_slice(&commit.to_be_bytes());
        head
    }

    /// Tag, database (16 bytes that look random), page, and the commit's complement: newest first.
    fn page_key(&self, page: usize, commit: u64) -> Vec<u8> {
        let mut id = fastrand::Rng::with_seed(self.number as u64);
        let mut key = vec![b'p'];
        key.extend(id.u128(..).to_be_bytes());
        key.extend(u32::try_from(page).expect("few pages").to_be_bytes());
        key.extend((!commit).to_be_bytes());
        key
    }
}
