//! The `actor-migrate` command.

fn main() {}
