//! A gate: rules over the numbers of a run, what came of them, and the numbers kept to compare later runs with.

use crate::judgement::Judgement;
use crate::plan::Arm;
use crate::run::Source;
use crate::scorecard::Slo;
use crate::summary::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The numbers of a run by their names in rules. What was not measured is absent, never zero; nothing here is NaN or infinite.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Numbers {
    /// Of the whole load; times in the unit that the name ends with.
    pub whole: BTreeMap<String, f64>,
    /// Of each rate, in order.
    pub rates: Vec<RateNumbers>,
    /// What the numbers of the whole load rest on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rests_on: BTreeMap<String, RestsOn>,
}

/// How many of how many a number rests on: requests, or pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RestsOn {
    pub n: u64,
    pub of: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RateNumbers {
    /// Requests per second asked for.
    pub rate: f64,
    pub numbers: BTreeMap<String, f64>,
    /// What they rest on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rests_on: BTreeMap<String, RestsOn>,
}

/// A stored baseline: the numbers of one run, and what must agree with a run that is compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Baseline {
    pub schema_version: u32,
    pub bench_version: String,
    pub run: String,
    pub arm: Arm,
    pub source: Source,
    pub verdict: Verdict,
    pub model: String,
    /// Hash of the load.
    pub load: String,
    /// Hash of the stack without arm and load.
    pub stack: String,
    /// What the goodput counts as good.
    pub slo: Slo,
    pub numbers: Numbers,
}

/// What a broken rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Is told.
    Warn,
    /// Fails the gate.
    #[default]
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RuleVerdict {
    Pass,
    /// Broken, and only told.
    Warn,
    Fail,
}

/// One rule judged. A rule over `rate[*]` is one a rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RuleResult {
    pub name: String,
    /// As it was written.
    pub rule: String,
    pub level: Level,
    pub verdict: RuleVerdict,
    /// Value of the left side, in `unit`; null when it could not be told.
    pub left: Option<f64>,
    /// `<`, `<=`, `>`, `>=` or `==`.
    pub op: String,
    pub right: Option<f64>,
    /// `ms`, `s`, `fraction` (0..1), or empty: a plain number.
    pub unit: String,
    /// Room up to the right side as a fraction of it, negative when the rule is broken; null for `==`, for a right side of 0
    /// and where a side is null.
    pub margin: Option<f64>,
    /// Why a side could not be told; null when both could.
    pub reason: Option<String>,
}

/// What came of the whole gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum GateVerdict {
    /// No rule that may fail the gate is broken.
    Pass,
    Fail,
    /// The run, or the baseline that a rule needs, is not valid: its rules say nothing.
    Invalid,
}

/// `bench gate --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GateReport {
    pub schema_version: u32,
    pub run: String,
    pub arm: Arm,
    pub source: Source,
    pub verdict: GateVerdict,
    /// Of the run.
    pub validity: Verdict,
    /// Messages of the findings that make the run, or the baseline, invalid.
    pub invalid_because: Vec<String>,
    pub slo: Slo,
    /// The run against the goal; null without a load.
    #[serde(default)]
    pub judgement: Option<Judgement>,
    /// Run of the baseline; null without one.
    pub baseline: Option<String>,
    /// What makes the comparison with the baseline doubtful, and what could not be read.
    pub warnings: Vec<String>,
    pub rules: Vec<RuleResult>,
}

impl GateReport {
    /// How many rules ended so.
    pub fn count(&self, verdict: RuleVerdict) -> usize {
        self.rules.iter().filter(|r| r.verdict == verdict).count()
    }
}
