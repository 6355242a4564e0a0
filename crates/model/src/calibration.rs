//! What `bench calibrate` found out of recorded runs: coefficients with intervals, what could not be told, and how well it fits.

use crate::plan::Arm;
use crate::run::Source;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where the numbers of a calibrated file of coefficients come from. Stands in that file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    pub made: DateTime<Utc>,
    pub bench_version: String,
    /// The file that everything else comes from.
    pub base: String,
    /// Entry of it whose place the calibrated one takes.
    pub entry: String,
    pub runs: Vec<RunUsed>,
    pub coefficients: Vec<Coefficient>,
    pub residuals: Vec<Residual>,
}

impl Calibration {
    /// Whether any run was predicted: then the numbers hold what the simulator was given, and nothing of a machine.
    pub fn predicted(&self) -> bool {
        self.runs.iter().any(|r| r.source == Source::Predicted)
    }
}

/// A run that was fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunUsed {
    pub run: String,
    /// Hash of its plan.
    pub plan: String,
    pub source: Source,
    pub arm: Arm,
    /// Requests of it that a row of the fit was made of.
    pub requests: u64,
    /// Seconds under load in which one replica served alone.
    pub one_replica_s: f64,
}

/// What became of a coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Fitted,
    /// The runs do not tell: the base's value stays.
    Held,
    /// The runs tell that it is as good as 0, and it cannot be below: it is put to 0.
    Bound,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Coefficient {
    /// As in the file, e.g. `step_ms.per_kv_token`.
    pub name: String,
    pub outcome: Outcome,
    pub base: f64,
    pub value: f64,
    /// Interval of 95 %; null where there is none.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// What the scenario's arguments state of it; the file holds what was found beyond that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated: Option<f64>,
    /// Why it was not fitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Predicted less measured, over the rows of one quantity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// `ttft`, `itl`, `e2e`, `server-ttft`, `server-itl`, `pod-start`.
    pub quantity: String,
    /// `ms` or `s`.
    pub unit: String,
    pub rows: u64,
    /// Rows that lie too far off to be of one kind with the others.
    pub left_out: u64,
    pub measured_mean: f64,
    /// With the base's coefficients.
    pub before: Errors,
    pub after: Errors,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Errors {
    pub mean: f64,
    /// Root of the mean square.
    pub rms: f64,
}

/// A run told by a fit to all the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeftOut {
    pub run: String,
    pub residuals: Vec<Residual>,
}

/// A rate of a run, measured and played in the simulator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Played {
    pub run: String,
    pub rate: f64,
    /// `ttft_ms` or `e2e_s`: the mean of the successful requests.
    pub quantity: String,
    pub measured: f64,
    /// Median over the seeds; null where nothing succeeded.
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// With a fit to all other runs; null with one run.
    pub left_out: Option<f64>,
}

/// All that `bench calibrate` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Calibrated {
    pub schema_version: u32,
    pub calibration: Calibration,
    pub leave_one_out: Vec<LeftOut>,
    pub played: Vec<Played>,
    /// Worth knowing before a number is believed.
    pub notes: Vec<String>,
}
