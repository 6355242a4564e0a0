//! The parts of a guidellm report that are needed, as they stand in the file.
//!
//! Everything not named here is skipped while reading and costs no memory; most of it (`request_args`, `output`, tracebacks) does not
//! even get here ([`super::sieve`]): reports of hundreds of megabytes are usual. Numbers are `f64`, because guidellm writes counts now and then as
//! floats. Every field may be absent or null, since the same types read 0.4 up to 0.8.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Report {
    /// Absent in 0.4.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    pub benchmarks: Vec<Benchmark>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub guidellm_version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Benchmark {
    pub config: Config,
    #[serde(default)]
    pub scheduler_state: Option<SchedulerState>,
    #[serde(default)]
    pub scheduler_metrics: Option<SchedulerMetrics>,
    pub metrics: Metrics,
    #[serde(default)]
    pub requests: Option<Requests>,
    #[serde(default)]
    pub warnings: Option<Vec<Warning>>,
    pub start_time: f64,
    pub end_time: f64,
}

#[derive(Deserialize)]
pub(super) struct Config {
    pub strategy: Strategy,
    #[serde(default)]
    pub constraints: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct Strategy {
    #[serde(default)]
    pub type_: Option<String>,
    #[serde(default)]
    pub rate: Option<f64>,
    #[serde(default)]
    pub max_concurrency: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct SchedulerState {
    #[serde(default)]
    pub start_time: Option<f64>,
    /// From 0.5.2: when the first request was sent.
    #[serde(default)]
    pub start_requests_time: Option<f64>,
    #[serde(default)]
    pub end_queuing_time: Option<f64>,
    /// When what was in flight was given up or had ended; `end_time` comes seconds later, after the workers left.
    #[serde(default)]
    pub end_processing_time: Option<f64>,
    /// Keys: the constraints that ended the rate.
    #[serde(default)]
    pub end_queuing_constraints: Option<BTreeMap<String, Value>>,
    /// Every constraint in force, with its resolved limit.
    #[serde(default)]
    pub scheduler_constraints: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct SchedulerMetrics {
    /// Seconds.
    #[serde(default)]
    pub request_targeted_start_delay_avg: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Metrics {
    pub request_totals: Totals,
}

#[derive(Deserialize)]
pub(super) struct Totals {
    #[serde(default)]
    pub successful: Option<f64>,
    #[serde(default)]
    pub errored: Option<f64>,
    #[serde(default)]
    pub incomplete: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Warning {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Requests {
    #[serde(default)]
    pub successful: Option<Vec<RequestStats>>,
    #[serde(default)]
    pub errored: Option<Vec<RequestStats>>,
    #[serde(default)]
    pub incomplete: Option<Vec<RequestStats>>,
}

#[derive(Deserialize)]
pub(super) struct RequestStats {
    #[serde(default)]
    pub info: Option<Info>,
    #[serde(default)]
    pub request_start_time: Option<f64>,
    #[serde(default)]
    pub request_end_time: Option<f64>,
    /// Seconds, unlike its neighbours.
    #[serde(default)]
    pub request_latency: Option<f64>,
    #[serde(default)]
    pub prompt_tokens: Option<f64>,
    #[serde(default)]
    pub output_tokens: Option<f64>,
    #[serde(default)]
    pub time_to_first_token_ms: Option<f64>,
    #[serde(default)]
    pub inter_token_latency_ms: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub timings: Option<Timings>,
}

/// Epoch seconds.
#[derive(Deserialize)]
pub(super) struct Timings {
    #[serde(default)]
    pub targeted_start: Option<f64>,
    #[serde(default)]
    pub request_start: Option<f64>,
    #[serde(default)]
    pub first_token_iteration: Option<f64>,
    #[serde(default)]
    pub request_end: Option<f64>,
}
