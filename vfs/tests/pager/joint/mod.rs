//! Transactions over several attached actors: all of them are changed, or none, whatever happens.

mod crashes;
mod past;
mod random;
mod refusals;
mod strangers;
mod threads;
mod world;
