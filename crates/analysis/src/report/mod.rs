//! What a reader sees of a run.

pub mod comparison;
pub mod html;
pub mod json;
pub mod terminal;
