//! Feeds the target `import` of `actor_vfs::testing::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| actor_vfs::testing::fuzz::run("import", data));
