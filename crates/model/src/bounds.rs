//! What an autoscaler is judged against, beside the other arms.

use crate::scorecard::Slo;
use serde::{Deserialize, Serialize};

/// Bounds of one load, computed in the simulator's model: static fleets, the best schedule that a clairvoyant search found, and
/// replica-seconds that no schedule can do without. How they are meant: `docs/bounds.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Bounds {
    pub slo: Slo,
    /// Least share of the counted requests that must be good, 0..1.
    pub attainment: f64,
    /// From the load's start; replica-seconds are counted over this many seconds.
    pub span_s: f64,
    /// Chooses pods' start times and the router's draws.
    pub seed: u64,
    /// Replica-seconds, a bound from below.
    pub least_replica_s: f64,
    /// The best that the search found: at most this many replica-seconds are needed. Null when no fleet within the limits meets the goal.
    pub perfect: Option<Scheduled>,
    /// The search ended because no single step improved it, not because it had played enough.
    pub settled: bool,
    /// Schedules that were played.
    pub plays: u32,
    /// Fleets that keep their size, ascending.
    pub statics: Vec<Fixed>,
    /// What all this rests on, in sentences.
    pub basis: Vec<String>,
}

/// A schedule of replicas.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scheduled {
    /// Pods from scheduled to terminated: what is paid.
    pub paid_replica_s: f64,
    pub ready_replica_s: f64,
    /// Share of the counted requests that were good, 0..1; null without any.
    pub goodput_fraction: Option<f64>,
    /// (seconds from the load's start, `spec.replicas` from then on); the first at 0, ready by then.
    pub replicas: Vec<(f64, u32)>,
    pub max_ready: u32,
}

/// A fleet that keeps its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fixed {
    pub replicas: u32,
    pub paid_replica_s: f64,
    pub goodput_fraction: Option<f64>,
    pub failed: u64,
    pub meets: bool,
}

impl Bounds {
    /// The smallest static fleet that meets the goal.
    pub fn least_static(&self) -> Option<&Fixed> {
        self.statics.iter().find(|f| f.meets)
    }
}
