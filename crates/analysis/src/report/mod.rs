//! What a reader sees of a run.

pub mod benchmark_report;
pub mod comparison;
pub mod csv;
pub mod decision;
pub mod document;
pub mod experiment;
pub mod forecast;
pub mod gate;
pub mod html;
pub mod json;
pub mod judgement;
pub mod markdown;
mod material;
pub mod sweep;
pub mod terminal;
#[cfg(test)]
pub(crate) mod testing;
pub mod writer;

pub use material::Material;
