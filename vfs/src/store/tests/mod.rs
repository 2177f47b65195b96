//! What the store promises, tried against a model and an engine that fails.

mod commits;
mod corruption;
mod costs;
mod faults;
mod keys;
mod owners;
mod past;
mod past_faults;
mod repair;
mod rewrap;
mod scrub;
mod support;
