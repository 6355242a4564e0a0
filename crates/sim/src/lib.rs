//! The whole experiment in virtual time: the autoscalers, the model servers, the router, guidellm, the cluster between them.
//!
//! Pure: no I/O, no async, no clock, no environment, no hash-map iteration. Time and randomness come in as arguments, so the
//! same input gives the same bytes on every machine and with every number of threads.

pub mod autoscaler;
pub mod bounds;
pub mod client;
pub mod engine;
pub mod input;
pub mod output;
pub mod rng;
pub mod router;
pub mod score;
pub mod tables;
pub mod time;
mod world;

pub use world::run;
