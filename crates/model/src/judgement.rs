//! Which arm serves well enough for the least: what every command says of arms, in numbers. Definitions: `docs/judgement.md`.

use crate::scorecard::Slo;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an arm is asked for, and what a GPU costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Goal {
    pub slo: Slo,
    /// Least share of the counted requests that are good, 0..1.
    pub attain: f64,
    /// Price of an hour of one GPU, in any currency; null without one.
    pub gpu_hour: Option<f64>,
}

/// Share of good requests that is asked for when nothing else is said.
pub const ATTAIN: f64 = 0.99;

impl Default for Goal {
    fn default() -> Self {
        Self { slo: Slo::default(), attain: ATTAIN, gpu_hour: None }
    }
}

impl fmt::Display for Goal {
    /// `99 % of the requests within ttft=500ms,itl=50ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % of the requests within {}", (self.attain * 1e6).round() / 1e4, self.slo)
    }
}

/// Arms held against one goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    pub schema_version: u32,
    pub goal: Goal,
    /// The arms were played by the simulator, not measured.
    pub predicted: bool,
    /// Seconds from the load's start over which every arm pays: to the latest moment at which one of them had settled.
    pub span_s: f64,
    /// In the order in which they were given.
    pub arms: Vec<ArmJudgement>,
    /// To hold the arms against, always predicted: the best fleet of fixed size, and the schedule that was made with foresight.
    pub beside: Vec<ArmJudgement>,
    /// The cheapest arm that keeps the goal; null when none does, or when the cheapest ones cannot be told apart.
    pub winner: Option<String>,
    /// The answer in sentences.
    pub why: String,
    /// What the answer hangs on, a sentence each.
    pub assumptions: Vec<String>,
    /// What was continued, had not settled, or is not known, a sentence each.
    pub notes: Vec<String>,
}

/// What an arm is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One of those that were asked about.
    Arm,
    /// The best fleet of fixed size.
    Static,
    /// The schedule made with foresight.
    Foresight,
}

/// An arm against the goal. Numbers are means over its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArmJudgement {
    /// Its name, with the settings that tell it from others of the same arm: `hpa, kv=0.8`.
    pub arm: String,
    pub role: Role,
    /// Played by the simulator, not measured.
    pub predicted: bool,
    /// Seeds, or measured runs.
    pub runs: u32,
    /// Requests that were due, sent or not, over all runs.
    pub due: u64,
    /// Of these, all that count: without those that were cut off before they could miss the SLO.
    pub counted: u64,
    /// Of these, within the SLO. Failed and unsent requests are not.
    pub good: u64,
    /// Share of the counted requests that are good, 0..1; null when nothing counts.
    pub attainment: Option<f64>,
    /// The attainment is at least the goal's.
    pub keeps: bool,
    /// Paid: each pod from scheduled to its end, over the span. Null without a record of pods.
    pub replica_seconds: Option<f64>,
    pub gpu_seconds: Option<f64>,
    /// By the price of a GPU-hour; null without one.
    pub cost: Option<f64>,
    pub cost_per_million_output_tokens: Option<f64>,
    /// Of the output tokens of good requests.
    pub cost_per_million_good_output_tokens: Option<f64>,
    /// Another one serves at least as many requests well for at most as much, and is better in one of the two.
    pub dominated: bool,
    pub dominated_by: Option<String>,
    /// How much other runs or requests would differ; null when nothing tells.
    pub band: Option<Interval>,
}

/// What a [`Interval`] is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// 5th to 95th percentile over seeds of the simulator.
    Seeds,
    /// 95 % confidence over repeated runs.
    Runs,
    /// 95 % confidence over the requests of one run: says nothing of other runs.
    Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    pub over: Over,
    /// Lower and upper end, 0..1.
    pub attainment: Option<(f64, f64)>,
    pub replica_seconds: Option<(f64, f64)>,
}

impl Judgement {
    /// The arms and what stands beside them, in the order of a table.
    pub fn rows(&self) -> impl Iterator<Item = &ArmJudgement> {
        self.arms.iter().chain(&self.beside)
    }
}
