//! The load generator guidellm: what it is given, how it is run, what comes back.

pub mod feasible;
pub mod job;
pub mod progress;
pub mod render;
