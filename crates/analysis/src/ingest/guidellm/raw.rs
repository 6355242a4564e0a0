//! The parts of a guidellm report that are needed, as they stand in the file.
//!
//! Everything not named here is skipped while reading and costs no memory; most of it (`request_args`, `output`, tracebacks) does not
//! even get here ([`super::sieve`]): reports of hundreds of megabytes are usual. Numbers are `f64`, because guidellm writes counts now and then as
//! floats. Every field may be absent or null, since the same types read 0.4 up to 0.8.

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

#[derive(Deserialize)]
pub(super) struct Report {
    /// Absent in 0.4.
    #[serde(default)]
    pub metadata: Option<Metadata>,
    pub benchmarks: Vec<Benchmark>,
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    pub guidellm_version: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Benchmark {
    pub config: Config,
    #[serde(default)]
    pub scheduler_state: Option<SchedulerState>,
    #[serde(default)]
    pub scheduler_metrics: Option<SchedulerMetrics>,
    pub metrics: Metrics,
    #[serde(default)]
    pub requests: Option<Requests>,
    #[serde(default)]
    pub warnings: Option<Vec<Warning>>,
    pub start_time: f64,
    pub end_time: f64,
}

#[derive(Deserialize)]
pub(super) struct Config {
    pub strategy: Strategy,
    #[serde(default)]
    pub constraints: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct Strategy {
    #[serde(default)]
    pub type_: Option<String>,
    #[serde(default, deserialize_with = "number")]
    pub rate: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub max_concurrency: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct SchedulerState {
    #[serde(default, deserialize_with = "number")]
    pub start_time: Option<f64>,
    /// From 0.5.2: when the first request was sent.
    #[serde(default, deserialize_with = "number")]
    pub start_requests_time: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub end_queuing_time: Option<f64>,
    /// When what was in flight was given up or had ended; `end_time` comes seconds later, after the workers left.
    #[serde(default, deserialize_with = "number")]
    pub end_processing_time: Option<f64>,
    /// Keys: the constraints that ended the rate.
    #[serde(default)]
    pub end_queuing_constraints: Option<BTreeMap<String, Value>>,
    /// Every constraint in force, with its resolved limit.
    #[serde(default)]
    pub scheduler_constraints: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct SchedulerMetrics {
    /// Seconds.
    #[serde(default, deserialize_with = "number")]
    pub request_targeted_start_delay_avg: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Metrics {
    pub request_totals: Totals,
}

#[derive(Deserialize)]
pub(super) struct Totals {
    #[serde(default, deserialize_with = "number")]
    pub successful: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub errored: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub incomplete: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Warning {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Requests {
    #[serde(default)]
    pub successful: Option<Vec<RequestStats>>,
    #[serde(default)]
    pub errored: Option<Vec<RequestStats>>,
    #[serde(default)]
    pub incomplete: Option<Vec<RequestStats>>,
}

#[derive(Deserialize)]
pub(super) struct RequestStats {
    #[serde(default)]
    pub info: Option<Info>,
    #[serde(default, deserialize_with = "number")]
    pub request_start_time: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub request_end_time: Option<f64>,
    /// Seconds, unlike its neighbours.
    #[serde(default, deserialize_with = "number")]
    pub request_latency: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub prompt_tokens: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub output_tokens: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub time_to_first_token_ms: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub inter_token_latency_ms: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct Info {
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub timings: Option<Timings>,
}

/// Epoch seconds.
#[derive(Deserialize)]
pub(super) struct Timings {
    #[serde(default, deserialize_with = "number")]
    pub targeted_start: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub request_start: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub first_token_iteration: Option<f64>,
    #[serde(default, deserialize_with = "number")]
    pub request_end: Option<f64>,
}

thread_local! {
    /// Values that are no number where one is expected, since [`start_counting`].
    static ODD: Cell<usize> = const { Cell::new(0) };
}

/// Begins to count anew.
pub(super) fn start_counting() {
    ODD.set(0);
}

/// How many values were no number where one is expected.
pub(super) fn odd() -> usize {
    ODD.get()
}

/// A number; anything else is none and is counted, for one bad value must not cost a report.
fn number<'de, D: Deserializer<'de>>(d: D) -> Result<Option<f64>, D::Error> {
    struct Lenient;
    fn none() -> Option<f64> {
        ODD.set(ODD.get() + 1);
        None
    }
    impl<'de> Visitor<'de> for Lenient {
        type Value = Option<f64>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number")
        }
        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(Some(v))
        }
        #[allow(clippy::cast_precision_loss)]
        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Some(v as f64))
        }
        #[allow(clippy::cast_precision_loss)]
        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Some(v as f64))
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(none())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(none())
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            while all.next_element::<IgnoredAny>()?.is_some() {}
            Ok(none())
        }
        fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Self::Value, A::Error> {
            while all.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(none())
        }
    }
    d.deserialize_any(Lenient)
}
