//! The run directory: `run.json`, and the names of the files beside it.

use crate::plan::{Arm, Hashes, NodeFact};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Files of a run directory, relative to it.
pub mod files {
    pub const RUN: &str = "run.json";
    pub const PLAN: &str = "plan.yaml";
    pub const MANIFESTS: &str = "manifests";
    pub const JOURNAL: &str = "journal.jsonl";
    pub const EVENTS: &str = "events.jsonl";
    pub const LOAD: &str = "load";
    /// OpenMetrics text with the scrape's own timestamps.
    pub const METRICS: &str = "metrics/samples.om.txt";
    /// Only of a predicted run.
    pub const TABLES: &str = "tables.json";
    pub const LOGS: &str = "logs";
    pub const SUMMARY: &str = "summary.json";
    /// Derived from all others, and made anew by every `bench report`: it has no checksum.
    pub const REPORT: &str = "report.html";
    pub const CHECKSUMS: &str = "SHA256SUMS";
}

/// `run.json`: what this run is and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunRecord {
    pub schema_version: u32,
    pub id: String,
    pub bench_version: String,
    /// `measured` or `predicted`.
    pub source: Source,
    pub arm: Arm,
    pub profile: String,
    pub model: String,
    pub namespace: String,
    pub deployment: String,
    pub hashes: Hashes,
    pub state: RunState,
    /// Why it failed, in one sentence; null when it did not.
    pub failure: Option<String>,
    pub times: Times,
    /// Each reset step: name, seconds, skipped or not.
    pub reset: Vec<ResetStep>,
    /// container name → image id as the kubelet reports it, of every pod that took part; `wva/…` are WVA's controller.
    pub images: BTreeMap<String, String>,
    pub nodes: Vec<NodeFact>,
    /// Clocks at the start and at the end.
    pub clocks: Vec<ClockSample>,
    /// What is not in the directory although it should be.
    pub missing: Vec<String>,
    pub notes: Vec<String>,
    /// uid of the load's Job, once it was made: gone since then means lost, and it is never made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_uid: Option<String>,
    /// Reset steps that were asked to be left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_reset: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Measured,
    Predicted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// The directory exists, the load has not begun.
    Preparing,
    Loading,
    /// The load is over; replicas settle.
    Settling,
    Collecting,
    Complete,
    Failed,
    Interrupted,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Times {
    pub created: Option<DateTime<Utc>>,
    /// The harness container began.
    pub harness_started: Option<DateTime<Utc>>,
    /// The harness container ended.
    pub harness_ended: Option<DateTime<Utc>>,
    /// The agent's last record.
    pub recording_ended: Option<DateTime<Utc>>,
    /// Everything is on disk.
    pub collected: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ResetStep {
    pub name: String,
    pub seconds: f64,
    pub skipped: bool,
    pub detail: String,
}

/// Offset of a clock against this machine's, in seconds; positive: the other is ahead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockSample {
    /// `api-server`, `prometheus`, `harness`, `agent`.
    pub clock: String,
    pub at: DateTime<Utc>,
    pub offset_s: f64,
    /// Half the round trip plus the clock's resolution: how far off the offset can be.
    pub uncertainty_s: f64,
}
