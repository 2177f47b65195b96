//! A crash at any call of the engine, or of the whole process, leaves a migrated actor before or after, never between.

// All of it is test code: said aloud, so that clippy lets the functions around the tests unwrap as it lets tests.
#![cfg(test)]

mod calls;
mod folder;
mod process;
mod seen;
mod statements;
mod together;
