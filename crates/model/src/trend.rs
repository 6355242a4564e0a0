//! A number over the runs of one plan, and what the newest run may have of it.

use crate::summary::Verdict;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trend {
    pub schema_version: u32,
    /// As in a gate's rule.
    pub metric: String,
    /// `ms`, `s`, `fraction` (0..1), or empty: a plain number.
    pub unit: String,
    /// Hash of the plan that all of the runs share.
    pub plan: String,
    /// Oldest first; the last one is the one that is judged.
    pub runs: Vec<Point>,
    /// Null with fewer than three earlier runs that count.
    pub limits: Option<Limits>,
}

/// A run's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Point {
    pub run: String,
    pub created: Option<DateTime<Utc>>,
    pub verdict: Verdict,
    /// Null where it was not measured.
    pub value: Option<f64>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What the earlier runs allow the newest one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Earlier runs that are valid and have a value.
    pub runs: u64,
    pub mean: f64,
    pub deviation: f64,
    /// The widest of the prediction interval and the tolerance, around the mean.
    pub low: f64,
    pub high: f64,
    pub worse: Worse,
}

/// Which way a number gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    Up,
    Down,
}
