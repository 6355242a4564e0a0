//! `results/index.json`: what there is, made of the run directories and never believed over them.

use crate::plan::Arm;
use crate::run::{RunState, Source};
use crate::summary::Score;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Name of the file, beside the runs.
pub const FILE: &str = "index.json";

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Index {
    pub schema_version: u32,
    /// Oldest run first.
    pub runs: Vec<Entry>,
}

/// A run, by its directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// Relative to the directory of all runs.
    pub directory: String,
    pub run: String,
    pub arm: Arm,
    pub source: Source,
    pub state: RunState,
    pub model: String,
    pub profile: String,
    /// Of the plan; empty where it cannot be read.
    pub scenario: String,
    /// As its summary says: `valid`, `valid-closed-loop` or `invalid`; empty without one.
    pub verdict: String,
    pub created: Option<DateTime<Utc>>,
    /// As its summary says, or counted anew for a summary from before it was kept; null where neither was done.
    #[serde(default)]
    pub score: Option<Score>,
    /// Hashes.
    pub stack: String,
    pub load: String,
    pub plan: String,
    /// What it was read from: an entry whose files look otherwise is read anew.
    pub seen: Vec<Seen>,
}

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Seen {
    pub file: String,
    pub size: u64,
    /// Last change, nanoseconds since the epoch.
    pub changed_ns: u64,
}

impl Entry {
    /// The value of a filter's key; `None`: there is no such key.
    pub fn value(&self, key: &str) -> Option<String> {
        Some(match key {
            "run" => self.run.clone(),
            "arm" => self.arm.to_string(),
            "source" => word(self.source),
            "state" => word(self.state),
            "model" => self.model.clone(),
            "profile" => self.profile.clone(),
            "scenario" => self.scenario.clone(),
            "verdict" => self.verdict.clone(),
            "stack" => self.stack.clone(),
            "load" => self.load.clone(),
            "plan" => self.plan.clone(),
            _ => return None,
        })
    }
}

/// Keys that a filter may name.
pub const KEYS: [&str; 11] = ["run", "arm", "source", "state", "model", "profile", "scenario", "verdict", "stack", "load", "plan"];

/// An enum's word as it is stored.
fn word(v: impl Serialize) -> String {
    serde_json::to_value(v).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
