//! What a reader sees of a run.

pub mod gate;
pub mod json;
pub mod terminal;
