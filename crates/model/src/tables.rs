//! The tables: what happened, measured or predicted, in the same types. Times are seconds since the Unix epoch
//! (measured) or since the beginning of the recording (predicted) as f64; durations carry their unit in the name.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that the analysis needs of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tables {
    pub rates: Vec<RateWindow>,
    pub requests: Vec<Request>,
    /// A point holds until the next one.
    pub replicas: Vec<ReplicaPoint>,
    pub pods: Vec<PodLife>,
    pub series: Vec<Series>,
    pub decisions: Vec<Decision>,
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
    /// What a reader must know of the records themselves, found while they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<crate::summary::Finding>,
}

/// One rate as it really ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateWindow {
    /// Position in the profile, from 0.
    pub index: usize,
    /// Requests per second asked for.
    pub rate: f64,
    pub start: f64,
    pub end: f64,
    /// Seconds the profile asked for, if the report says.
    pub planned_s: Option<f64>,
    /// guidellm's own totals.
    pub successful: u64,
    pub errored: u64,
    pub incomplete: u64,
    /// What ended the rate: `max_duration`, `requests_exhausted`, `max_errors`, or empty when not told.
    pub ended_by: String,
    /// Mean seconds between the moment a request was due and the moment it was sent; guidellm's own figure.
    pub schedule_delay_avg_s: Option<f64>,
    /// The generator's own limit of requests in flight, if the report says.
    pub max_concurrency: Option<u64>,
    /// guidellm's warnings (0.8).
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Successful,
    Errored,
    /// In flight when the rate ended; cancelled by the generator. No failure.
    Incomplete,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Index into `rates`.
    pub rate: usize,
    pub outcome: Outcome,
    /// When it was due by the schedule.
    pub due: Option<f64>,
    pub start: Option<f64>,
    pub first_token: Option<f64>,
    pub end: Option<f64>,
    pub prompt_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    pub ttft_ms: Option<f64>,
    pub itl_ms: Option<f64>,
    /// Seconds from sent to the last byte.
    pub latency_s: Option<f64>,
    pub error: Option<String>,
}

/// The scaled Deployment at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplicaPoint {
    pub t: f64,
    /// `spec.replicas`.
    pub desired: u32,
    /// `status.replicas`.
    pub current: u32,
    /// `status.readyReplicas`.
    pub ready: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PodLife {
    pub name: String,
    pub created: f64,
    pub scheduled: Option<f64>,
    /// First time that it was.
    pub ready: Option<f64>,
    /// Gone: its processes have ended and its place is free. Marked for deletion it was before that, by as long as it took to end.
    pub deleted: Option<f64>,
    pub restarts: u32,
}

/// Raw samples of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// (time of the scrape, value)
    pub samples: Vec<(f64, f64)>,
}

/// What an autoscaler said at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decision {
    pub t: f64,
    /// `hpa` or `wva`.
    pub by: String,
    pub name: String,
    pub current: Option<u32>,
    pub desired: Option<u32>,
    /// Metric name → (average value, target), as the HPA displays them.
    pub inputs: BTreeMap<String, (String, String)>,
    /// Condition type → (status, reason).
    pub conditions: BTreeMap<String, (String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Event {
    pub t: f64,
    /// `Normal` or `Warning`.
    pub kind: String,
    pub reason: String,
    /// Kind/name of what it is about.
    pub object: String,
    pub message: String,
    pub count: u32,
}

/// A span in which something was not seen or not sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// `between-rates`, `watch`, `scrape`.
    pub kind: String,
    pub from: f64,
    pub to: f64,
    pub detail: String,
}
