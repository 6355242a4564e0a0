//! What a reader sees of a run.

pub mod comparison;
pub mod gate;
pub mod html;
pub mod json;
pub mod terminal;
