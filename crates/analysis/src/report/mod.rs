//! What a reader sees of a run.

pub mod benchmark_report;
pub mod comparison;
pub mod csv;
pub mod experiment;
pub mod gate;
pub mod html;
pub mod json;
pub mod markdown;
mod material;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;

pub use material::Material;
