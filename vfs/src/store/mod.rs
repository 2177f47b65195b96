//! Actors in an engine: who owns one, what it holds, and how a commit becomes visible.

#[expect(
    dead_code,
    reason = "the two images that implement the boundary follow in the next step"
)]
mod image;

#[expect(
    unused_imports,
    reason = "the file layer, built next, reads and publishes through these"
)]
pub(crate) use image::{Change, Geometry, Image};
