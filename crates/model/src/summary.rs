//! `summary.json`: the numbers of a run.

use crate::scorecard::Slo;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Summary {
    pub schema_version: u32,
    pub run: String,
    pub guidellm_version: String,
    pub validity: Validity,
    pub rates: Vec<RateSummary>,
    pub scaling: ScalingSummary,
    /// As its users and whoever pays for it would count; null in a file from before it was kept.
    #[serde(default)]
    pub score: Option<Score>,
    /// Pod → requests it finished during the run, from its own counters.
    pub requests_per_pod: BTreeMap<String, f64>,
}

/// A run in three numbers: the same as in its scorecard. What its records do not tell is null.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Score {
    /// By what a request is good: the default, whatever goal the scenario names, so that runs can be held against each other.
    pub slo: Slo,
    /// Share of the counted requests that are good, 0..1.
    pub attainment: Option<f64>,
    /// From due to the first token, 99th percentile.
    pub ttft_p99_ms: Option<f64>,
    /// Paid, from the load's start until the run had settled.
    pub replica_seconds: Option<f64>,
}

/// Whether the numbers may be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Validity {
    pub verdict: Verdict,
    /// Each finding, worst first.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Valid,
    /// The generator reached its own cap of requests in flight: valid, but the load was no longer open.
    ValidClosedLoop,
    Invalid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    pub verdict: Verdict,
    /// Short and stable, e.g. `late-generator`.
    pub code: String,
    pub message: String,
}

/// Statistics over the successes of one rate. `None` where there was none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateSummary {
    pub index: usize,
    pub rate: f64,
    pub start: f64,
    pub end: f64,
    pub requests: u64,
    pub successful: u64,
    pub errored: u64,
    pub incomplete: u64,
    /// Requests begun per second of the window.
    pub achieved_rate: f64,
    pub ttft_ms: Option<Stats>,
    pub itl_ms: Option<Stats>,
    pub e2e_s: Option<Stats>,
    /// Null where no success says how many tokens it received.
    pub output_tokens_per_s: Option<f64>,
    /// Seconds between due and sent.
    pub lateness_s: Option<Stats>,
    /// Seconds without load since the previous rate ended; `None` for the first.
    pub gap_before_s: Option<f64>,
    pub errors: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Stats {
    pub count: u64,
    pub mean: f64,
    pub min: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScalingSummary {
    pub start_replicas: Option<u32>,
    pub max_desired: Option<u32>,
    pub max_ready: Option<u32>,
    pub end_replicas: Option<u32>,
    /// Seconds from the start of the load to the first raise of `spec.replicas`.
    pub first_scale_up_s: Option<f64>,
    /// Integral of ready replicas over the recording, replica-seconds.
    pub ready_replica_s: f64,
    /// Integral of `spec.replicas` over the recording.
    pub desired_replica_s: f64,
    pub scale_ups: u32,
    pub scale_downs: u32,
}
