//! What the fuzzer runs, and the ordinary tests with what the fuzzer has kept: each target takes
//! any bytes and panics if the store does with them what it may not.
//!
//! `vfs/fuzz` holds the binaries; nothing here needs them.

mod damage;
mod hostile;
mod import;
mod plain;
mod records;
mod secret;
mod world;

/// A target: its name, which is that of its binary and its corpus, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 8] = [
    ("page_record", records::page_record),
    ("head_record", records::head_record),
    ("store_record", records::store_record),
    ("keys", records::keys),
    ("encrypted_page", secret::encrypted_page),
    ("key_record", secret::key_record),
    ("import", import::import),
    ("hostile_store", hostile::hostile_store),
];

/// Runs the target of that name.
///
/// # Panics
/// If there is none, or if it finds something.
pub fn run(target: &str, data: &[u8]) {
    let known = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, run) = known.expect("a target of that name");
    run(data);
}

/// Takes numbers and strings off the front of what the fuzzer gives. After its end all is zero.
#[derive(Debug)]
struct Input<'i>(&'i [u8]);

impl<'i> Input<'i> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// At most so many bytes.
    fn take(&mut self, bytes: usize) -> &'i [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    /// A string of at most 255 bytes, with its length before it.
    fn string(&mut self) -> &'i [u8] {
        let bytes = self.u8();
        self.take(usize::from(bytes))
    }

    fn rest(&mut self) -> &'i [u8] {
        std::mem::take(&mut self.0)
    }
}
