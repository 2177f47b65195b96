//! The real Drizzle migrator and our tool on the same actors: what fails before we adopt, and what runs after.

// All of it is test code: said aloud, so that clippy lets helpers unwrap as it lets tests.
#![cfg(test)]

mod adoption;
mod apply;
mod drizzle_1;
mod facts;
mod folder;
mod hazards;
mod history;
mod ledgers;
mod lock;
mod ours;
mod runner;
mod squash;

/// Each actor of the fixtures and how many migrations its chain has.
const ACTORS: [(&str, usize); 4] = [
    ("history", 8),
    ("sandbox", 8),
    ("task", 8),
    ("workspace", 7),
];
