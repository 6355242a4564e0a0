//! What a reader sees of a run.

pub mod benchmark_report;
pub mod calibration;
pub mod comparison;
pub mod csv;
pub mod decision;
pub mod document;
pub mod experiment;
pub mod explain;
pub mod forecast;
pub mod gate;
pub mod json;
pub mod judgement;
mod material;
pub mod run;
pub mod sweep;
#[cfg(test)]
pub(crate) mod testing;
pub mod trend;
pub mod writer;

pub use material::Material;
