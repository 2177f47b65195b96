//! Actors in an engine: who owns one, what it holds, and how a commit becomes visible.

#[expect(
    dead_code,
    reason = "the two images that implement the boundary follow in the next step"
)]
mod image;

pub(crate) use image::{Change, Geometry, Image};
