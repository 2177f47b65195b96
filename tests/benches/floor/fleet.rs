//! The two sides: actors in our store, and one plain SQLite file for each.

use std::fs;
use std::path::{Path, PathBuf};

use actor_vfs::{Actor, ActorId, IfExists, Store};
use rusqlite::{Connection, OpenFlags, Statement};

/// Actors on each side.
pub(crate) const ACTORS: usize = 512;
/// Rows in an actor at the start: about 60 pages.
const ROWS: usize = 900;

/// Many actors, one database each.
pub(crate) trait Fleet: Sync {
    /// Opens an actor as its owner, as a host does to wake it.
    fn wake(&self, actor: usize) -> Session;
    /// Opens an actor to read it, beside its owner if there is one.
    fn peek(&self, actor: usize) -> Session;
}

/// A database with its owner, which outlives the connection.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    _actor: Option<Actor>,
}

impl Session {
    /// Prepares the smallest commit: one row.
    pub(crate) fn insert(&self) -> Insert<'_> {
        let sql = "INSERT INTO message (role, body, at) VALUES ('user', ?1, ?2)";
        Insert(self.connection.prepare(sql).expect("the schema is known"))
    }

    /// The first thing that an awake actor reads.
    pub(crate) fn read(&self) {
        let sql = "SELECT body FROM message ORDER BY id DESC LIMIT 1";
        let body: String = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .expect("a row");
        assert!(!body.is_empty());
    }
}

/// A statement that inserts one row, and commits.
pub(crate) struct Insert<'a>(Statement<'a>);

impl Insert<'_> {
    pub(crate) fn commit(&mut self) {
        let row = (
            "what does the second test of the suite say now?",
            1_770_000_000_000i64,
        );
        self.0.execute(row).expect("the commit is durable");
    }
}

/// Actors in our store, on its embedded engine.
pub(crate) struct Stored {
    store: Store,
}

impl Stored {
    pub(crate) fn new(path: &Path, template: &Path) -> Stored {
        let store = Store::open_or_create_at(path).expect("the store opens");
        for actor in 0..ACTORS {
            store
                .import(&id(actor), template, IfExists::Refuse)
                .expect("the template is imported");
        }
        Stored { store }
    }
}

impl Fleet for Stored {
    fn wake(&self, actor: usize) -> Session {
        let actor = self.store.open(&id(actor)).expect("nobody else owns it");
        Session {
            connection: actor.connect().expect("the actor connects"),
            _actor: Some(actor),
        }
    }

    fn peek(&self, actor: usize) -> Session {
        let snapshot = self.store.snapshot(&id(actor)).expect("it exists");
        Session {
            connection: snapshot.connect().expect("the snapshot connects"),
            _actor: None,
        }
    }
}

fn id(actor: usize) -> ActorId {
    format!("workspace/agent-{actor:06}")
        .parse()
        .expect("a good id")
}

/// One SQLite file for each actor, as one would have it without us.
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(crate) fn new(folder: &Path, template: &Path) -> Files {
        fs::create_dir_all(folder).expect("a folder for the files");
        let files = Files {
            folder: folder.to_owned(),
        };
        for actor in 0..ACTORS {
            fs::copy(template, files.path(actor)).expect("the template is copied");
            let mode: String = Connection::open(files.path(actor))
                .and_then(|it| it.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)))
                .expect("a file enters WAL mode");
            assert_eq!(mode, "wal");
        }
        files
    }

    fn path(&self, actor: usize) -> PathBuf {
        self.folder.join(format!("agent-{actor:06}.sqlite"))
    }
}

impl Fleet for Files {
    fn wake(&self, actor: usize) -> Session {
        let connection = Connection::open(self.path(actor)).expect("the file opens");
        connection
            .execute_batch("PRAGMA synchronous = FULL")
            .expect("a commit is durable");
        Session {
            connection,
            _actor: None,
        }
    }

    fn peek(&self, actor: usize) -> Session {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Session {
            connection: Connection::open_with_flags(self.path(actor), flags).expect("it opens"),
            _actor: None,
        }
    }
}

/// The database that every actor starts as.
pub(crate) fn template(path: &Path) -> PathBuf {
    let connection = Connection::open(path).expect("SQLite creates a file");
    connection
        .execute_batch(&format!(
            "CREATE TABLE message (id INTEGER PRIMARY KEY, role TEXT NOT NULL, body TEXT NOT NULL, at INTEGER NOT NULL);
             CREATE INDEX message_at ON message (at);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO message (role, body, at)
             SELECT 'assistant', printf('step %d: ', i) || lower(hex(randomblob(100))), 1770000000000 + i FROM n;"
        ))
        .expect("the schema is right");
    path.to_owned()
}
