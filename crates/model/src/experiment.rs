//! `experiments/*.yaml`: arms × levels of factors × repeats of one profile, in a stated order. And `experiment.json`, where one is.

use crate::gate::GateVerdict;
use crate::gate_file::GateFile;
use crate::judgement::{GoalTerms, Share};
use crate::plan::{Arm, Hashes};
use crate::run::Source;
use crate::scenario::LoadMode;
use crate::summary::Verdict;
use chrono::{DateTime, Utc};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Files of an experiment's directory, `results/experiments/ID/`.
pub mod files {
    /// The definition, the schedule, and where it is.
    pub const RECORD: &str = "experiment.json";
    /// A resolved plan for each treatment.
    pub const PLANS: &str = "plans";
    /// The whole experiment for a pull request or a job's summary.
    pub const REPORT: &str = "report.md";
    pub const JUNIT: &str = "junit.xml";
}

/// An experiment as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    #[serde(default = "one")]
    pub schema_version: u32,
    /// The file's when it is left out.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    /// Name or path; empty is the default scenario.
    #[serde(default)]
    pub scenario: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `KEY=VALUE` as behind `--set`, for every run.
    #[serde(default)]
    pub set: Vec<String>,
    /// A file of `bench plan --lock` that pins the images of every run; looked for beside the experiment's file first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// Name or path; empty is the default profile.
    #[serde(default)]
    pub profile: String,
    /// `KEY=VALUE` as behind `-o`, for every run.
    #[serde(default)]
    pub overrides: Vec<String>,
    /// Requests per second, instead of the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Vec<f64>>,
    /// Seconds per rate, instead of the profile's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<u32>,
    /// The seed that the published runs really had.
    #[serde(default)]
    pub as_published: bool,
    /// Instead of the scenario's `load.mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<LoadMode>,
    /// The first is what the others are compared with.
    pub arms: Vec<Arm>,
    /// Runs of each arm at each level.
    #[serde(default = "one")]
    pub repeats: u32,
    #[serde(default)]
    pub order: Order,
    /// Of the random order.
    #[serde(default = "first_seed")]
    pub seed: u64,
    /// Every combination of their levels is run.
    #[serde(default)]
    pub factors: Vec<Factor>,
    #[serde(default)]
    pub between: Between,
    #[serde(default)]
    pub on_invalid: OnInvalid,
    /// Judges every run of the arms it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    #[serde(default)]
    pub compare: Compare,
    #[serde(default)]
    pub at_end: AtEnd,
}

fn one() -> u32 {
    1
}

fn first_seed() -> u64 {
    1
}

/// In which order the runs are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// All repeats of one arm, then all of the next: fewest changes, and whatever drifts with time is taken for the arm's.
    Blocked,
    /// Every arm once, then every arm again: a drift meets all arms alike.
    #[default]
    Interleaved,
    /// As interleaved, each round in an order drawn by `seed`.
    Random,
}

/// A key of the scenario or of the profile, and the values it takes. One of `set` and `override` names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// A key of the scenario, as behind `--set`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// A key of the profile, as behind `-o`.
    #[serde(rename = "override", default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// How it is called in tables; the key when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub levels: Vec<Level>,
}

impl Factor {
    pub fn key(&self) -> &str {
        self.set.as_deref().or(self.over.as_deref()).unwrap_or_default()
    }

    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.key())
    }
}

/// A value as it would be written behind `--set KEY=`: a scalar, or a list in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Level(pub String);

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Level {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Level".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A value, or a list of values.",
            "type": ["string", "number", "boolean", "array"]
        })
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Level;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E>(self, v: &str) -> Result<Level, E> {
                Ok(Level(v.into()))
            }

            fn visit_bool<E>(self, v: bool) -> Result<Level, E> {
                Ok(Level(v.to_string()))
            }

            fn visit_i64<E>(self, v: i64) -> Result<Level, E> {
                Ok(Level(v.to_string()))
            }

            fn visit_u64<E>(self, v: u64) -> Result<Level, E> {
                Ok(Level(v.to_string()))
            }

            fn visit_f64<E>(self, v: f64) -> Result<Level, E> {
                Ok(Level(v.to_string()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Level, A::Error> {
                let mut all = vec![];
                while let Some(Level(item)) = seq.next_element()? {
                    all.push(item);
                }
                Ok(Level(format!("[{}]", all.join(", "))))
            }
        }
        d.deserialize_any(Any)
    }
}

/// What happens between two runs. The reset itself, its steps and their conditions are the scenario's `reset`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Between {
    /// Steps of the reset that are left out, as behind `--skip-reset`.
    #[serde(default)]
    pub skip_reset: Vec<String>,
    /// Seconds of rest before each run but the first.
    #[serde(default)]
    pub pause_s: u32,
    #[serde(default)]
    pub stack: Renew,
}

/// When the stack is removed and stood up anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Renew {
    /// Only where a factor changes the stack's part of the plan.
    #[default]
    WhenChanged,
    /// Before every run.
    EachRun,
}

/// What a run that is not valid, or whose load was lost, leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OnInvalid {
    /// How often it is made again.
    #[serde(default = "one")]
    pub repeat: u32,
    /// And when none of these was valid.
    #[serde(default)]
    pub then: Then,
}

impl Default for OnInvalid {
    fn default() -> Self {
        Self { repeat: 1, then: Then::Continue }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// With the next run; the comparison lacks this one.
    #[default]
    Continue,
    /// The experiment ends there.
    Stop,
}

/// A gate's file, or its content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Path; looked for beside the experiment's file first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Which arms it judges; all when it is empty.
    #[serde(default)]
    pub arms: Vec<Arm>,
    #[serde(default)]
    pub slo: crate::gate_file::Targets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    #[serde(default)]
    pub rules: Vec<crate::gate_file::Entry>,
}

impl Gate {
    /// What stands in the experiment itself.
    pub fn content(&self) -> GateFile {
        GateFile { slo: self.slo.clone(), baseline: self.baseline.clone(), rules: self.rules.clone() }
    }

    pub fn judges(&self, arm: Arm) -> bool {
        self.arms.is_empty() || self.arms.contains(&arm)
    }
}

/// The comparison at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// What a request must keep to be good: `ttft=500ms,itl=50ms`; the scenario's when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<String>,
    /// Least share of the requests that are good: `99%`; the scenario's when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attain: Option<Share>,
    /// Price of an hour of one GPU, in any currency; the scenario's when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hour: Option<f64>,
    /// The perfect autoscaler and the static fleets.
    #[serde(default = "yes")]
    pub bounds: bool,
    /// Coefficients for predictions and bounds: name or path; empty is the default.
    #[serde(default)]
    pub coefficients: String,
}

impl Default for Compare {
    fn default() -> Self {
        Self { slo: None, attain: None, gpu_hour: None, bounds: true, coefficients: String::new() }
    }
}

impl Compare {
    /// What it says of the goal. An SLO that is none was refused when the file was read.
    pub fn terms(&self) -> GoalTerms {
        GoalTerms { slo: self.slo.as_deref().and_then(|s| s.parse().ok()), attain: self.attain, gpu_hour: self.gpu_hour }
    }
}

fn yes() -> bool {
    true
}

/// What becomes of the stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AtEnd {
    /// Removed when the experiment stood it up, kept when it was there before.
    #[default]
    Auto,
    Keep,
    Teardown,
}

/// `experiment.json`: the definition, the schedule, and where it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExperimentRecord {
    pub schema_version: u32,
    pub id: String,
    pub bench_version: String,
    /// Measured on a cluster, or played in the simulator.
    pub source: Source,
    pub state: State,
    /// First 12 hexadecimal digits of SHA-256 over the definition and the plans' hashes: the same experiment given again has it, too.
    pub hash: String,
    /// The API server it was begun on; empty for a prediction.
    pub cluster: String,
    /// Namespace of the stack.
    pub namespace: String,
    pub definition: Experiment,
    /// Directory of the definition's file, for the paths in it; null when it is embedded.
    pub beside: Option<String>,
    pub begun: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    /// The stack was stood up by this experiment.
    pub stood_up: bool,
    /// In the order in which they are made.
    pub runs: Vec<Scheduled>,
    /// What the end compared, a comparison for each load.
    pub comparisons: Vec<Compared>,
    /// Worth knowing: factors that change nothing, what could not be compared.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Begun and not at its end, whether or not a bench is at work on it.
    Running,
    Complete,
    /// Ended by `on_invalid: {then: stop}`.
    Stopped,
}

/// One run of the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scheduled {
    pub arm: Arm,
    /// Levels of the factors that matter to it, as (label, value).
    pub levels: Vec<(String, String)>,
    /// From 1.
    pub repeat: u32,
    pub hashes: Hashes,
    /// Seconds from its reset to its end, reckoned from the plan.
    pub expected_s: f64,
    pub state: RunIs,
    /// The last one counts.
    pub attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunIs {
    Planned,
    /// An attempt was begun and is not at its end.
    Begun,
    Valid,
    /// Whatever was tried.
    Invalid,
}

impl RunIs {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Valid | Self::Invalid)
    }
}

/// One try at a run. Its id is on disk before anything of it is done, so it is never made twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attempt {
    /// Id of the run.
    pub run: String,
    pub begun: DateTime<Utc>,
    pub ended: Option<DateTime<Utc>>,
    /// Null until it is at its end, and when there is nothing to judge.
    pub verdict: Option<Verdict>,
    pub gate: Option<GateVerdict>,
    /// Rules that are broken, a sentence each.
    #[serde(default)]
    pub broken: Vec<String>,
    /// Why it is not valid, in a sentence.
    pub why: Option<String>,
}

/// One comparison of the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Compared {
    /// Levels of the load that it is about; empty when there is only one load.
    pub load: String,
    /// Files in the experiment's directory without their endings: `.json`, `.md`, `.html`.
    pub name: String,
    pub runs: Vec<String>,
    /// Conclusions, or why there are none.
    pub says: Vec<String>,
}

impl Scheduled {
    /// `hpa, kv=0.8`: what this run is one of several of.
    pub fn treatment(&self) -> String {
        let levels = self.levels.iter().map(|(k, v)| format!("{k}={v}"));
        std::iter::once(self.arm.to_string()).chain(levels).collect::<Vec<_>>().join(", ")
    }

    /// The attempt that counts.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
}

/// What `bench experiment --dry-run --output json` says: the schedule, what it takes, and what a prediction says of each run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Outlook {
    pub schema_version: u32,
    pub name: String,
    pub description: String,
    pub namespace: String,
    pub order: Order,
    /// Name of the profile.
    pub load: String,
    pub runs: Vec<Expected>,
    /// Everything one after the other, rests and changes of the stack among it; repeated tries are not.
    pub total_s: f64,
    /// Most that repeated tries can add.
    pub tries_s: f64,
    pub replica_hours: f64,
    pub gpu_hours: f64,
    /// In the currency of the price; null without a price.
    pub cost: Option<f64>,
    pub gpu_hour: Option<f64>,
    /// Seeds that each run was predicted with; 0: nothing could be predicted.
    pub seeds: u32,
    pub warnings: Vec<OutlookWarning>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Expected {
    pub arm: Arm,
    pub levels: Vec<(String, String)>,
    pub repeat: u32,
    /// What is done to the stack before it: empty, `swap`, `standup`, or `teardown, standup`.
    pub change: String,
    /// Seconds from its reset to its end.
    pub run_s: f64,
    /// With what is done before it.
    pub replica_hours: f64,
    pub gpu_hours: f64,
    /// What the prediction says of it, in a few words; empty without one.
    pub says: String,
    /// Code of the warning because of which it will tell nothing; null when it may.
    pub tells_nothing: Option<String>,
}

/// A warning of forecasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OutlookWarning {
    /// The combinations of levels that it is about; one empty one without factors.
    pub with: Vec<Vec<(String, String)>>,
    pub code: String,
    pub text: String,
}
