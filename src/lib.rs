//! `bench`: which autoscaler should serve this model under this load? `docs/architecture.md` is the map.

pub mod agent;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod failure;
pub mod load;
pub mod metrics;
pub mod ops;
pub mod report;
pub mod screen;
pub mod steps;
