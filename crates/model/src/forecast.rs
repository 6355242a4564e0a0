//! `forecast.json`: what `bench predict` says. A prediction is a band, not a point: each arm is played with several seeds,
//! and every number is told as the median over them with its 5th and 95th percentile.

use crate::judgement::Judgement;
use crate::plan::Arm;
use serde::{Deserialize, Serialize};

/// Name of the file.
pub const FILE: &str = "forecast.json";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forecast {
    pub schema_version: u32,
    pub bench_version: String,
    /// Name of the profile.
    pub load: String,
    pub model: String,
    /// Seeds that each arm was played with. With one, every band is a point.
    pub seeds: u32,
    pub coefficients: Coefficients,
    /// How requests were spread over replicas, in words.
    pub router: String,
    /// Which arm keeps the goal for the least. Empty in a file from before there was a judge.
    #[serde(default)]
    pub judgement: Judgement,
    pub arms: Vec<ArmForecast>,
    pub warnings: Vec<Warning>,
    /// What the simulator leaves out, a sentence each.
    pub not_modelled: Vec<String>,
}

/// Where the model server's speed comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coefficients {
    pub name: String,
    pub source: String,
}

/// A number over the seeds in which it exists: percentiles by linear interpolation between closest ranks ("type 7").
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Band {
    pub median: f64,
    pub p5: f64,
    pub p95: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArmForecast {
    pub arm: Arm,
    pub seeds: u32,
    /// Id of the stored run, that of the first seed; null when none is stored.
    pub run: Option<String>,
    pub rates: Vec<RateForecast>,
    /// The whole load, all rates together.
    pub overall: LoadForecast,
    pub scaling: ScalingForecast,
}

/// One rate of the load. Latencies are of the successful requests; a band of them is null where nothing succeeded in half
/// of the seeds or more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateForecast {
    /// Requests per second asked for.
    pub rate: f64,
    /// Seeds in which at least one request succeeded.
    pub succeeded_seeds: u32,
    pub ttft_ms: Option<TtftBands>,
    pub itl_ms_mean: Option<Band>,
    pub e2e_s: Option<E2eBands>,
    /// Failed requests over all, 0..1. What was cut off at the end of the rate is no failure.
    pub failed_fraction: Band,
    /// Output tokens per second.
    pub output_tokens_per_s: Band,
    /// Requests begun per second.
    pub achieved_rate: Band,
    /// Most requests in flight at once.
    pub peak_in_flight: Band,
    /// Requests without a first token when the rate ended, sent or still due.
    pub waiting_at_end: Band,
    /// Ready replicas when the rate ended; null without a record of replicas.
    pub ready_at_end: Option<Band>,
    /// Seeds in which the client reached its cap of requests in flight.
    pub closed_loop_seeds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TtftBands {
    pub mean: Band,
    pub p50: Band,
    pub p99: Band,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct E2eBands {
    pub mean: Band,
    pub p99: Band,
}

/// All rates together; means weigh each successful request the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LoadForecast {
    /// Failed requests over all, 0..1.
    pub failed_fraction: Band,
    pub ttft_ms_mean: Option<Band>,
    pub e2e_s_mean: Option<Band>,
    /// Requests that were answered in whole.
    pub successful: Band,
}

/// What the autoscaler did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScalingForecast {
    /// Seeds in which `spec.replicas` was raised under load.
    pub scaled_up_seeds: u32,
    /// Seconds from the start of the load to the first raise; null where it did not happen in most seeds.
    pub first_scale_up_s: Option<Band>,
    pub start_replicas: Option<Band>,
    pub max_desired: Option<Band>,
    pub max_ready: Option<Band>,
    pub end_replicas: Option<Band>,
    /// Seeds in which more replicas were wanted at the end of the recording than at the start of the load.
    pub stuck_seeds: u32,
    /// Integral of ready replicas over the recording, replica-seconds.
    pub ready_replica_s: Band,
    /// Integral of `spec.replicas` over the recording.
    pub desired_replica_s: Band,
    pub scale_ups: Band,
    pub scale_downs: Band,
}

/// Something to know before GPUs are spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Warning {
    /// Short and stable, e.g. `never-scales`.
    pub code: String,
    /// What was seen, and the option that helps.
    pub text: String,
}
