//! Plain types shared by all of `bench`: what is planned, what happened, and how it is stored.
//!
//! Nothing here does I/O, knows Kubernetes' client or draws anything; every other crate depends on this one.

pub mod bounds;
pub mod calibration;
pub mod coefficients;
pub mod comparison;
pub mod existing;
pub mod exit;
pub mod experiment;
pub mod explanation;
pub mod forecast;
pub mod gate;
pub mod gate_file;
pub mod index;
pub mod intent;
pub mod judgement;
pub mod lock;
pub mod manifest;
pub mod names;
pub mod plan;
pub mod predicted;
pub mod profile;
pub mod quantity;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
#[cfg(feature = "schema")]
pub mod schema;
pub mod scorecard;
pub mod summary;
pub mod sweep;
pub mod tables;
pub mod target;
pub mod trend;

/// Version of every file format that `bench` stores. Readers accept this and all older ones.
pub const SCHEMA_VERSION: u32 = 1;
