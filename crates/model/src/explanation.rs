//! Why an autoscaler scaled, or did not: the recorded metrics replayed through its own algorithm.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Explanation {
    pub schema_version: u32,
    pub run: String,
    /// `hpa`, `wva v0.4.2`, …; empty for an arm without autoscaler.
    pub autoscaler: String,
    /// Where the load begins, as the tables count time (all times here do: seconds of the epoch for a measured run, seconds since the
    /// beginning of the recording for a predicted one).
    pub load_start: f64,
    /// In the order of time: every change of `spec.replicas`, and the spans in which a change was due and did not come.
    pub moments: Vec<Moment>,
    /// Known defects and patterns, seen in this run.
    pub findings: Vec<Pattern>,
    /// How far replay and record agree.
    pub replay: Replay,
    /// What could not be explained for lack of data, a sentence each.
    pub missing: Vec<String>,
}

/// One scaling, or one that did not happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Moment {
    /// As the tables count time.
    pub t: f64,
    /// End of a span; null for a point.
    pub until: Option<f64>,
    /// `hpa` or `wva`.
    pub by: String,
    pub kind: MomentKind,
    pub from: Option<u32>,
    pub to: Option<u32>,
    /// The whole reason in one sentence.
    pub reason: String,
    /// Inputs, threshold, proposal, and what tolerance, stabilization and policies did to it: a line each.
    pub steps: Vec<String>,
    /// Replay against record, where they differ.
    pub difference: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MomentKind {
    ScaledUp,
    ScaledDown,
    /// A metric was beyond its target, and nothing was scaled.
    Held,
    /// What `--at` asked for.
    Asked,
}

/// A known pattern or defect, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pattern {
    /// Short and stable, e.g. `frozen`.
    pub code: String,
    pub from: f64,
    pub to: f64,
    pub message: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Replay {
    /// Decisions replayed, and those among them that equal the record.
    pub compared: u64,
    pub equal: u64,
    /// Largest difference in replicas.
    pub worst: u32,
    /// In one sentence.
    pub note: String,
}
