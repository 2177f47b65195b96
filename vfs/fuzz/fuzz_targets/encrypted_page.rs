//! Feeds the target `encrypted_page` of `actor_vfs::testing::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actor_vfs::testing::fuzz::run("encrypted_page", data));
