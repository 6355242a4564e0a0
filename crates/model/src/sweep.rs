//! What `bench predict --sweep` prints as JSON: every combination of the swept settings, judged as arms.

use crate::judgement::Judgement;
use crate::plan::Arm;
use serde::{Deserialize, Serialize};

/// A sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sweep {
    pub schema_version: u32,
    pub bench_version: String,
    pub load: String,
    pub model: String,
    pub router: String,
    /// Of each point.
    pub seeds: u32,
    /// In the order of arms and axes, the last axis fastest.
    pub points: Vec<SweepPoint>,
    /// Its arms are the points, in their order.
    pub judgement: Judgement,
}

/// One combination; attainment and cost are in the judgement. Numbers are medians over the seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepPoint {
    pub arm: Arm,
    /// Swept key and value, in the order of the axes.
    pub values: Vec<(String, String)>,
    /// Seconds from due to the first token, 99th percentile; null when no request had one.
    pub ttft_p99_s: Option<f64>,
    pub failed: f64,
    pub max_ready: f64,
    /// Seconds from the load's start; null when most seeds never scale up.
    pub first_scale_up_s: Option<f64>,
}
