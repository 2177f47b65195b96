//! The smallest honest implementation of `sqlite-vfs`: files in memory, every call written down.

use std::collections::HashMap;
use std::io::{Error, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlite_vfs::wip::{WalIndex, WalIndexLock};
use sqlite_vfs::{DatabaseHandle, LockKind, OpenKind, OpenOptions, RegisterError, Vfs};

/// A VFS with its files in memory. Clones share the files and the list of calls.
#[derive(Clone, Default)]
pub struct MemoryVfs {
    files: Arc<Mutex<HashMap<String, Bytes>>>,
    calls: Arc<Mutex<Vec<&'static str>>>,
    panics_on_write: bool,
}

type Bytes = Arc<Mutex<Vec<u8>>>;

impl MemoryVfs {
    /// One whose implementation has a bug: writing panics.
    pub fn that_panics_on_write() -> MemoryVfs {
        MemoryVfs {
            panics_on_write: true,
            ..MemoryVfs::default()
        }
    }

    /// Makes it known to SQLite. It stays for the life of the process: the crate cannot unregister.
    pub fn register(&self, name: &str) -> Result<(), RegisterError> {
        sqlite_vfs::register(name, self.clone(), false)
    }

    /// The calls about main database files since the last time.
    pub fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().expect("no panic while held"))
    }
}

impl Vfs for MemoryVfs {
    type Handle = MemoryFile;

    fn open(&self, name: &str, options: OpenOptions) -> Result<MemoryFile, Error> {
        let mut files = self.files.lock().expect("no panic while held");
        Ok(MemoryFile {
            bytes: files.entry(name.to_owned()).or_default().clone(),
            calls: (options.kind == OpenKind::MainDb).then(|| self.calls.clone()),
            lock: LockKind::None,
            panics_on_write: self.panics_on_write,
        })
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        let mut files = self.files.lock().expect("no panic while held");
        files
            .remove(name)
            .map(drop)
            .ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn exists(&self, name: &str) -> Result<bool, Error> {
        Ok(self
            .files
            .lock()
            .expect("no panic while held")
            .contains_key(name))
    }

    fn temporary_name(&self) -> String {
        "a temporary file".to_owned()
    }

    fn random(&self, buffer: &mut [i8]) {
        buffer.fill(7);
    }

    fn sleep(&self, duration: Duration) -> Duration {
        std::thread::sleep(duration);
        duration
    }
}

/// A file of [`MemoryVfs`].
pub struct MemoryFile {
    bytes: Bytes,
    /// Only for main databases.
    calls: Option<Arc<Mutex<Vec<&'static str>>>>,
    lock: LockKind,
    panics_on_write: bool,
}

impl MemoryFile {
    fn note(&self, call: &'static str) {
        if let Some(calls) = &self.calls {
            calls.lock().expect("no panic while held").push(call);
        }
    }
}

impl DatabaseHandle for MemoryFile {
    type WalIndex = NoWal;

    fn size(&self) -> Result<u64, Error> {
        Ok(self.bytes.lock().expect("no panic while held").len() as u64)
    }

    fn read_exact_at(&mut self, out: &mut [u8], offset: u64) -> Result<(), Error> {
        let bytes = self.bytes.lock().expect("no panic while held");
        let from = usize::try_from(offset).expect("a memory file fits");
        let found = bytes
            .get(from..from + out.len())
            .ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> Result<(), Error> {
        assert!(
            !self.panics_on_write,
            "a bug in the implementation of the VFS"
        );
        self.note("write");
        let mut bytes = self.bytes.lock().expect("no panic while held");
        let from = usize::try_from(offset).expect("a memory file fits");
        let size = bytes.len().max(from + data.len());
        bytes.resize(size, 0);
        bytes[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }

    fn sync(&mut self, _data_only: bool) -> Result<(), Error> {
        self.note("sync");
        Ok(())
    }

    fn set_len(&mut self, size: u64) -> Result<(), Error> {
        self.note("set_len");
        let size = usize::try_from(size).expect("a memory file fits");
        self.bytes
            .lock()
            .expect("no panic while held")
            .resize(size, 0);
        Ok(())
    }

    fn lock(&mut self, lock: LockKind) -> Result<bool, Error> {
        self.note("lock");
        self.lock = lock;
        Ok(true)
    }

    fn unlock(&mut self, lock: LockKind) -> Result<bool, Error> {
        self.note("unlock");
        self.lock = lock;
        Ok(true)
    }

    fn reserved(&mut self) -> Result<bool, Error> {
        Ok(false)
    }

    fn current_lock(&self) -> Result<LockKind, Error> {
        Ok(self.lock)
    }

    fn set_chunk_size(&self, _bytes: usize) -> Result<(), Error> {
        self.note("set_chunk_size");
        Ok(())
    }

    fn moved(&self) -> Result<bool, Error> {
        self.note("moved");
        Ok(false)
    }

    fn wal_index(&self, _readonly: bool) -> Result<NoWal, Error> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// No write-ahead log.
pub struct NoWal;

impl WalIndex for NoWal {
    fn enabled() -> bool {
        false
    }

    fn map(&mut self, _region: u32) -> Result<[u8; 32768], Error> {
        Err(ErrorKind::Unsupported.into())
    }

    fn lock(&mut self, _locks: Range<u8>, _lock: WalIndexLock) -> Result<bool, Error> {
        Ok(false)
    }

    fn delete(self) -> Result<(), Error> {
        Ok(())
    }
}
