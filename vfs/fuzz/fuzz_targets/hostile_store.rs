//! Feeds the target `hostile_store` of `actor_vfs::testing::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actor_vfs::testing::fuzz::run("hostile_store", data));
