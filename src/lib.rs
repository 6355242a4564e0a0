//! `bench`: which autoscaler should serve this model under this load?

pub mod config;
pub mod load;
