//! The whole experiment in virtual time: the autoscalers, the model servers, the router, guidellm, the cluster between them.
//!
//! Pure: no I/O, no async, no clock, no environment, no hash-map iteration. Time and randomness come in as arguments, so the
//! same input gives the same bytes on every machine and with every number of threads.

pub mod autoscaler;
pub mod router;
