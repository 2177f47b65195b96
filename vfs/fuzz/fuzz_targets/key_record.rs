//! Feeds the target `key_record` of `actor_vfs::testing::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actor_vfs::testing::fuzz::run("key_record", data));
