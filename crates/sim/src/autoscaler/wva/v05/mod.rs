//! WVA v0.5.0, v0.5.1 and what followed, as far as its source and the published rules go.
//!
//! **Not checked against the real program**: no recorded decisions of these versions exist here. [`v1`] is their default; [`v2`] is the
//! token-based analyser, off by default and only in sources later than v0.5.1. Left out: the GPU limiter, scaling from zero (an engine
//! of its own), namespace-local ConfigMaps, the hand-over of a decision from the engine to the object's reconciler (it takes ms),
//! and the capacity that `v2` borrows from a similar variant or from a Deployment's arguments for one that never ran.

mod enforcer;
mod engine;
pub mod v1;
pub mod v2;

#[cfg(test)]
mod tests;

pub use enforcer::{ScaleToZero, enforce};
pub use engine::{Answers, Engine, ModelOutcome, Optimized, Polling, VariantOutcome, View};

/// What the targets of one variant depend on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Deployment status.replicas, or spec.replicas where that is 0 (C).
    pub current: i64,
    /// The number last published (D); 0: none yet.
    pub desired: i64,
    /// C less the ready replicas, at least 0.
    pub pending: i64,
    /// Cost per replica.
    pub cost: f64,
}
