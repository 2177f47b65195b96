//! What the kernel says of this process.

use std::fs;
use std::path::Path;

/// Bytes that this process caused to be sent to the device.
pub(crate) fn bytes_written() -> u64 {
    field("/proc/self/io", "write_bytes:")
}

pub(crate) fn resident_bytes() -> u64 {
    field("/proc/self/status", "VmRSS:") * 1024
}

/// Bytes of disk under a folder, as allocated and not as named.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry"));
    let sizes = entries.map(|entry| match entry.metadata().expect("it exists") {
        it if it.is_dir() => bytes_in(&entry.path()),
        it => it.blocks() * 512,
    });
    sizes.sum()
}

fn field(file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(file).expect("Linux");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the field");
    let number = line.split_whitespace().next().expect("a number");
    number.parse().expect("a number")
}
