//! What the command promises, told by running the real binary.

// All of it is test code: said aloud, so that clippy lets helpers unwrap as it lets tests.
#![cfg(test)]

mod bad_input;
mod certify;
mod change;
mod check;
mod config;
mod damaged;
mod demo;
mod explain;
mod generate;
mod hash;
mod history;
mod inspect;
mod interrupt;
mod keys;
mod ledgers;
mod lint;
mod namespaces;
mod past;
mod prune;
mod read_only;
mod readme;
mod reconcile;
mod rivetkit;
mod rivetkit_live;
mod squash;
mod store;
mod support;
mod usage;
