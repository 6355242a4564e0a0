//! One run judged by the rules of a comparison: as its users and whoever pays for it would count.

use crate::plan::Arm;
use crate::run::Source;
use crate::summary::{Stats, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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

/// `ttft=500ms,itl=50ms`.
impl Default for Slo {
    fn default() -> Self {
        Self { ttft_ms: Some(500.0), itl_ms: Some(50.0), e2e_ms: None }
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (name, limit) in [("ttft", self.ttft_ms), ("itl", self.itl_ms), ("e2e", self.e2e_ms)] {
            let Some(ms) = limit else { continue };
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            write!(f, "{comma}{name}={ms}ms")?;
        }
        Ok(())
    }
}

impl FromStr for Slo {
    type Err = String;

    /// `ttft=500ms,itl=50ms,e2e=10s`: any of the three, each once, above 0; a number without a unit is milliseconds.
    fn from_str(s: &str) -> Result<Self, String> {
        let mut slo = Self { ttft_ms: None, itl_ms: None, e2e_ms: None };
        for part in s.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no limit; write ttft=500ms,itl=50ms"))?;
            let place = match name.trim().to_lowercase().as_str() {
                "ttft" => &mut slo.ttft_ms,
                "itl" | "tpot" => &mut slo.itl_ms,
                "e2e" | "latency" => &mut slo.e2e_ms,
                other => return Err(format!("{other:?} is no latency; there are ttft, itl and e2e")),
            };
            if place.is_some() {
                return Err(format!("{} is given twice", name.trim()));
            }
            *place = Some(milliseconds(value.trim())?);
        }
        if slo.ttft_ms.or(slo.itl_ms).or(slo.e2e_ms).is_none() {
            return Err("no limit in it; write ttft=500ms,itl=50ms".into());
        }
        Ok(slo)
    }
}

fn milliseconds(s: &str) -> Result<f64, String> {
    let (number, unit) = match (s.strip_suffix("ms"), s.strip_suffix('s')) {
        (Some(n), _) => (n, 1.0),
        (None, Some(n)) => (n, 1000.0),
        (None, None) => (s, 1.0),
    };
    let v = number.trim().parse::<f64>().ok().map(|v| v * unit).filter(|v| v.is_finite() && *v > 0.0);
    v.ok_or_else(|| format!("{s:?} is no time above 0; write 500ms or 2s"))
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
    /// Pods from scheduled to terminated within the span: what is paid. Null without a record of pods.
    pub paid_replica_s: Option<f64>,
    /// Integral of ready replicas over the span. Null without a record of replicas.
    pub ready_replica_s: Option<f64>,
    /// GPUs that a replica holds; 1 where the plan asks for none.
    pub gpus_per_replica: f64,
    /// Price of the paid seconds; null without a price of a GPU-hour.
    pub gpu_cost: Option<f64>,
    /// One for each rate, the first too: it is a step from nothing.
    pub reactions: Vec<Reaction>,
    /// Most ready replicas of a rate over the fewest that were enough for it, as far as the run itself shows it; the largest of
    /// all rates. Null when no stretch of it was good enough to tell.
    pub overshoot: Option<f64>,
    /// Reversals of direction of `spec.replicas` within ten minutes that no step of the load in the new direction explains.
    pub flaps: u32,
    pub scale_ups: u32,
    pub scale_downs: u32,
    /// Within the span.
    pub max_ready: Option<u32>,
    /// What a reader must know of these numbers: what could not be told from the records.
    pub notes: Vec<String>,
}

/// Requests of one rate, or of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Card {
    /// Requests per second asked for; null for the whole load.
    pub rate: Option<f64>,
    /// Seconds that the load lasted.
    pub seconds: f64,
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
    /// Good requests per second of the load.
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
    /// Null where no success says how many tokens it received.
    pub output_tokens_per_s: Option<f64>,
    /// Output tokens that clients received, whatever became of their requests.
    #[serde(default)]
    pub output_tokens: u64,
    /// Of these, those of good requests.
    #[serde(default)]
    pub good_output_tokens: u64,
}

/// What followed a change of the load. A change of replicas in a rate's first seconds may still answer the rate before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reaction {
    /// Index of the rate that began.
    pub index: usize,
    /// 0 before the first.
    pub from_rate: f64,
    pub to_rate: f64,
    /// Seconds to the first change of `spec.replicas` in the direction of the load; null when none came within the rate.
    pub first_change_s: Option<f64>,
    /// Seconds to the first ready replica more (or one fewer) than when the rate began; null when none came within the rate.
    pub first_ready_s: Option<f64>,
    /// Seconds until `spec.replicas` stood where it stayed for the rest of the rate: 0 when it did not change; null without a
    /// record of replicas.
    pub settled_s: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_slo_is_read_and_written() {
        let slo: Slo = "ttft=0.5s, itl=50".parse().unwrap();
        assert_eq!(slo, Slo::default());
        assert_eq!(slo.to_string(), "ttft=500ms,itl=50ms");
        let e2e: Slo = "e2e=10s".parse().unwrap();
        assert_eq!((e2e.ttft_ms, e2e.itl_ms, e2e.e2e_ms), (None, None, Some(10_000.0)));
        assert_eq!(e2e.to_string().parse::<Slo>().unwrap(), e2e);
    }

    #[test]
    fn what_is_no_slo_is_told() {
        for (text, told) in [
            ("", "no limit"),
            ("ttft", "no limit;"),
            ("foo=3ms", "no latency"),
            ("ttft=1s,ttft=2s", "twice"),
            ("itl=-3ms", "no time above 0"),
            ("itl=NaN", "no time above 0"),
            ("e2e=0", "no time above 0"),
        ] {
            let e = text.parse::<Slo>().unwrap_err();
            assert!(e.contains(told.trim_end_matches(';')), "{text}: {e}");
        }
    }
}
