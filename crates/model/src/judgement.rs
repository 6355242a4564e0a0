//! Which arm serves well enough for the least: what every command says of arms, in numbers. Definitions: `docs/judgement.md`.

use crate::scorecard::Slo;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an arm is asked for, and what a GPU costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Goal {
    pub slo: Slo,
    /// Least share of the counted requests that are good, 0..1.
    pub attain: f64,
    /// Price of an hour of one GPU, in any currency; null without one.
    pub gpu_hour: Option<f64>,
}

impl Goal {
    /// Everything that it says.
    pub fn terms(self) -> GoalTerms {
        GoalTerms { slo: Some(self.slo), attain: Some(Share(self.attain)), gpu_hour: self.gpu_hour }
    }
}

impl Default for Goal {
    fn default() -> Self {
        Self { slo: Slo::default(), attain: Share::default().0, gpu_hour: None }
    }
}

/// What of a goal is said somewhere: on the command line, in an experiment, in a scenario. What is not said there is said elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GoalTerms {
    /// What a request must keep to be good: `ttft=500ms,itl=50ms`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "slo_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub slo: Option<Slo>,
    /// Least share of the requests that are good: `99%` or 0.99.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attain: Option<Share>,
    /// Price of an hour of one GPU, in any currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_hour: Option<f64>,
}

impl GoalTerms {
    /// These terms; where they say nothing, the others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { slo: self.slo.or(other.slo), attain: self.attain.or(other.attain), gpu_hour: self.gpu_hour.or(other.gpu_hour) }
    }

    /// The goal, with the defaults where nothing was said.
    pub fn goal(self) -> Goal {
        let d = Goal::default();
        Goal { slo: self.slo.unwrap_or(d.slo), attain: self.attain.map_or(d.attain, |s| s.0), gpu_hour: self.gpu_hour }
    }
}

/// An [`Slo`] as it is written on the command line.
mod slo_text {
    use super::Slo;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(slo: &Option<Slo>, s: S) -> Result<S::Ok, S::Error> {
        match slo {
            Some(slo) => s.collect_str(slo),
            None => s.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Slo>, D::Error> {
        let text: Option<String> = Option::deserialize(d)?;
        text.map(|t| t.parse().map_err(D::Error::custom)).transpose()
    }
}

/// A share of requests, above 0 and at most 1: written as `99%` or as 0.99.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Share(pub f64);

impl Default for Share {
    fn default() -> Self {
        Self(0.99)
    }
}

impl Share {
    fn new(v: f64) -> Result<Self, String> {
        if v > 0.0 && v <= 1.0 { Ok(Self(v)) } else { Err(format!("{v} is not a share of requests: write 99% or 0.99")) }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let (number, scale) = s.trim().strip_suffix('%').map_or((s.trim(), 1.0), |n| (n.trim(), 100.0));
        let v: f64 = number.parse().map_err(|_| format!("{s:?} is not a share of requests: write 99% or 0.99"))?;
        // 99.9 / 100 is not the double nearest to 0.999.
        Self::new((v / scale * 1e12).round() / 1e12)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Any;
        impl serde::de::Visitor<'_> for Any {
            type Value = Share;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a share such as 99% or 0.99")
            }

            fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<Share, E> {
                v.parse().map_err(E::custom)
            }

            fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Share, E> {
                Share::new(v).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, v: u64) -> Result<Share, E> {
                #[allow(clippy::cast_precision_loss)]
                Share::new(v as f64).map_err(E::custom)
            }

            fn visit_i64<E: serde::de::Error>(self, v: i64) -> Result<Share, E> {
                #[allow(clippy::cast_precision_loss)]
                Share::new(v as f64).map_err(E::custom)
            }
        }
        d.deserialize_any(Any)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A share of requests, above 0 and at most 1; as text also in percent: `99%`.",
            "type": ["number", "string"]
        })
    }
}

impl fmt::Display for Goal {
    /// `99 % of the requests within ttft=500ms,itl=50ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} % of the requests within {}", (self.attain * 1e6).round() / 1e4, self.slo)
    }
}

/// Arms held against one goal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Judgement {
    pub schema_version: u32,
    pub goal: Goal,
    /// The arms were played by the simulator, not measured.
    pub predicted: bool,
    /// Seconds from the load's start over which every arm pays: to the latest moment at which one of them had settled.
    pub span_s: f64,
    /// In the order in which they were given.
    pub arms: Vec<ArmJudgement>,
    /// To hold the arms against, always predicted: the best fleet of fixed size, and the schedule that was made with foresight.
    pub beside: Vec<ArmJudgement>,
    /// Fleets of fixed size, ascending, up to one more than the best: what standing still costs. Always predicted, of one seed.
    pub fleets: Vec<ArmJudgement>,
    /// The cheapest arm that keeps the goal; null when none does, or when the cheapest ones cannot be told apart.
    pub winner: Option<String>,
    /// The answer in sentences.
    pub why: String,
    /// What the answer hangs on, a sentence each.
    pub assumptions: Vec<String>,
    /// What was continued, had not settled, or is not known, a sentence each.
    pub notes: Vec<String>,
}

/// What an arm is among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// One of those that were asked about.
    Arm,
    /// The best fleet of fixed size.
    Static,
    /// The schedule made with foresight.
    Foresight,
}

/// An arm against the goal. Numbers are means over its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArmJudgement {
    /// Its name, with the settings that tell it from others of the same arm: `hpa, kv=0.8`.
    pub arm: String,
    pub role: Role,
    /// Played by the simulator, not measured.
    pub predicted: bool,
    /// Seeds, or measured runs.
    pub runs: u32,
    /// Requests that were due, sent or not, over all runs.
    pub due: u64,
    /// Of these, all that count: without those that were cut off before they could miss the SLO.
    pub counted: u64,
    /// Of these, within the SLO. Failed and unsent requests are not.
    pub good: u64,
    /// Share of the counted requests that are good, 0..1; null when nothing counts.
    pub attainment: Option<f64>,
    /// The attainment is at least the goal's.
    pub keeps: bool,
    /// Paid: each pod from scheduled to its end, over the span. Null without a record of pods.
    pub replica_seconds: Option<f64>,
    pub gpu_seconds: Option<f64>,
    /// By the price of a GPU-hour; null without one.
    pub cost: Option<f64>,
    pub cost_per_million_output_tokens: Option<f64>,
    /// Of the output tokens of good requests.
    pub cost_per_million_good_output_tokens: Option<f64>,
    /// Another one serves at least as many requests well for at most as much, and is better in one of the two.
    pub dominated: bool,
    pub dominated_by: Option<String>,
    /// How much other runs or requests would differ; null when nothing tells.
    pub band: Option<Interval>,
}

/// What a [`Interval`] is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// 5th to 95th percentile over seeds of the simulator.
    Seeds,
    /// 95 % confidence over repeated runs.
    Runs,
    /// 95 % confidence over the requests of one run: says nothing of other runs.
    Requests,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interval {
    pub over: Over,
    /// Lower and upper end, 0..1.
    pub attainment: Option<(f64, f64)>,
    pub replica_seconds: Option<(f64, f64)>,
}

impl Judgement {
    /// The arms and what stands beside them, in the order of a table.
    pub fn rows(&self) -> impl Iterator<Item = &ArmJudgement> {
        self.arms.iter().chain(&self.beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_or_percent() {
        for (text, share) in [("99%", 0.99), ("0.99", 0.99), (" 100 % ", 1.0), ("1", 1.0), ("99.9%", 0.999)] {
            assert_eq!(text.parse::<Share>().unwrap().0, share, "{text}");
        }
        for bad in ["99", "0", "-1%", "101%", "NaN", "", "x"] {
            assert!(bad.parse::<Share>().unwrap_err().contains("write 99%"), "{bad}");
        }
        let terms: GoalTerms = serde_json::from_str(r#"{"slo": "ttft=1s", "attain": "95%"}"#).unwrap();
        assert_eq!((terms.slo.unwrap().ttft_ms, terms.attain), (Some(1000.0), Some(Share(0.95))));
        assert_eq!(serde_json::to_string(&terms).unwrap(), r#"{"slo":"ttft=1000ms","attain":0.95}"#);
        assert!(serde_json::from_str::<GoalTerms>(r#"{"attain": 99}"#).is_err());
    }

    #[test]
    fn what_is_said_nearer_counts() {
        let near = GoalTerms { attain: Some(Share(0.9)), ..GoalTerms::default() };
        let far = GoalTerms { attain: Some(Share(0.5)), gpu_hour: Some(2.5), slo: None };
        let goal = near.or(far).goal();
        assert_eq!((goal.attain, goal.gpu_hour, goal.slo), (0.9, Some(2.5), Slo::default()));
        assert_eq!(Goal::default().to_string(), "99 % of the requests within ttft=500ms,itl=50ms");
    }
}
