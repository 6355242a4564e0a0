//! What a reader sees of a run.

pub mod json;
pub mod terminal;
