//! One run judged by the rules of a comparison: as its users and whoever pays for it would count.

use crate::plan::Arm;
use crate::run::Source;
use crate::summary::{Stats, Verdict};
use serde::{Deserialize, Serialize};

/// What a request must keep to be good. `None`: not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Slo {
    /// From due to the first token.
    pub ttft_ms: Option<f64>,
    /// Mean between two tokens.
    pub itl_ms: Option<f64>,
    /// From due to the last token.
    pub e2e_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scorecard {
    pub run: String,
    pub arm: Arm,
    pub source: Source,
    pub verdict: Verdict,
    pub slo: Slo,
    /// From the load's start; replica-seconds are counted over this many seconds, the same in every arm of a comparison.
    pub span_s: f64,
    /// The whole load.
    pub overall: Card,
    /// Each rate.
    pub rates: Vec<Card>,
    /// Pods from scheduled to terminated within the span: what is paid.
    pub paid_replica_s: f64,
    /// Pods while they were ready, within the span.
    pub ready_replica_s: f64,
    /// Price of the paid seconds; null without a price of a GPU-hour.
    pub gpu_cost: Option<f64>,
    pub reactions: Vec<Reaction>,
    /// Most ready replicas over the fewest that were enough for the step, as far as the run itself shows it.
    pub overshoot: Option<f64>,
    /// Reversals of direction of `spec.replicas` within ten minutes.
    pub flaps: u32,
    pub scale_ups: u32,
    pub scale_downs: u32,
    pub max_ready: Option<u32>,
}

/// Requests of one rate, or of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Card {
    /// Requests per second asked for; null for the whole load.
    pub rate: Option<f64>,
    /// Were due by the schedule, sent or not.
    pub due: u64,
    pub successful: u64,
    pub failed: u64,
    /// In flight when the rate ended.
    pub cut_off: u64,
    /// Of the requests cut off, those that had not missed the SLO yet: they do not count.
    pub censored: u64,
    /// Due and never sent: misses.
    pub unsent: u64,
    /// Within the SLO.
    pub good: u64,
    /// `due` without the censored ones.
    pub counted: u64,
    /// `good / counted`; null when nothing counts.
    pub goodput_fraction: Option<f64>,
    /// Good requests per second of the window.
    pub goodput_per_s: f64,
    /// From due to the first token, of all that had one, failed or not.
    pub ttft_ms: Option<Stats>,
    /// guidellm's own: from sent to the first token, of successes.
    pub ttft_sent_ms: Option<Stats>,
    pub itl_ms: Option<Stats>,
    /// From due to the last token, of successes.
    pub e2e_ms: Option<Stats>,
    /// guidellm's own: from sent to the last token, of successes.
    pub e2e_sent_ms: Option<Stats>,
    pub output_tokens_per_s: f64,
}

/// What followed a change of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reaction {
    /// Index of the rate that began.
    pub index: usize,
    pub from_rate: f64,
    pub to_rate: f64,
    /// Seconds to the first change of `spec.replicas` in the direction of the load; null when none came within the rate.
    pub first_change_s: Option<f64>,
    /// Seconds to the first additional ready replica (or one fewer).
    pub first_ready_s: Option<f64>,
    /// Seconds until `spec.replicas` stood where it stayed for the rest of the rate.
    pub settled_s: Option<f64>,
}
