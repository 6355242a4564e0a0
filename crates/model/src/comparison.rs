//! `bench compare --format json`: arms side by side, and what may be concluded. Definitions: `docs/compare.md`.

use crate::bounds::Bounds;
use crate::judgement::Judgement;
use crate::plan::Arm;
use crate::run::Source;
use crate::scorecard::{Scorecard, Slo};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    pub schema_version: u32,
    pub bench_version: String,
    pub kind: Kind,
    pub slo: Slo,
    /// Seconds from the load's start over which replicas are counted in every run: to the latest moment at which one had settled.
    pub span_s: f64,
    /// What stands against comparing them, worst first.
    pub findings: Vec<Comparability>,
    /// The first is what the others are compared with.
    pub sides: Vec<Side>,
    pub differences: Vec<Difference>,
    /// Only of runs of the same arm.
    pub noise: Vec<Noise>,
    /// Null where they cannot be computed; `bounds_missing` says why.
    pub bounds: Option<Bounds>,
    pub bounds_missing: Option<String>,
    /// What can be concluded and what cannot, in sentences.
    pub conclusions: Vec<String>,
    /// Which arm keeps the goal for the least; null for runs of one arm and for residuals.
    #[serde(default)]
    pub judgement: Option<Judgement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Arms,
    /// Runs of one arm: how much they differ by themselves.
    Aa,
    /// Predicted against measured of one arm: differences are predicted − measured.
    Residual,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparability {
    pub level: Level,
    /// Short and stable, e.g. `load`.
    pub code: String,
    /// Names both values.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Note,
    Warn,
    /// Not compared without `--force`.
    Refuse,
}

/// All runs of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Side {
    pub arm: Arm,
    /// What it is called among sides of one arm, such as `hpa, kv=0.8` within an experiment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub source: Source,
    pub runs: Vec<Scorecard>,
}

impl Side {
    /// The label, or else the arm.
    pub fn name(&self) -> String {
        self.label.clone().unwrap_or_else(|| self.arm.to_string())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// 95 % over the requests of these runs: says nothing of other runs.
    Requests,
    /// 95 % over repeated runs.
    Runs,
    /// No interval.
    None,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    pub quantity: String,
    pub unit: String,
    /// Whether more of it is better; null when neither.
    pub more_is_better: Option<bool>,
    /// Positions in `sides`.
    pub from: usize,
    pub to: usize,
    /// Mean over the runs of a side.
    pub a: Option<f64>,
    pub b: Option<f64>,
    /// b − a.
    pub difference: Option<f64>,
    /// (b − a) / a; null when a is 0.
    pub relative: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub basis: Basis,
}

impl Difference {
    /// The interval leaves out 0.
    pub fn told_apart(&self) -> bool {
        self.low.zip(self.high).is_some_and(|(l, h)| l > 0.0 || h < 0.0)
    }
}

/// How much runs of one arm differ by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Noise {
    pub quantity: String,
    pub unit: String,
    pub runs: u32,
    pub mean: f64,
    /// Standard deviation between the runs.
    pub deviation: f64,
    /// Least difference that two arms of so many runs each would show: 5 % error, 80 % power.
    pub detectable: f64,
    /// A difference that matters, in the unit.
    pub matters: f64,
    /// Runs of each arm that would show it; null when over 1000 or when it is 0.
    pub repeats: Option<u32>,
}
