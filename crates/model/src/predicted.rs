//! `tables.json`: the tables of a predicted run, but for the samples of the series, which stand in `metrics/samples.om.txt`
//! as those of a measured run do.
//!
//! Requests are stored by columns: tens of thousands of them with the same thirteen keys each would be mostly keys.

use crate::tables::{Decision, Event, Gap, Outcome, PodLife, RateWindow, ReplicaPoint, Request, Tables};
use serde::{Deserialize, Serialize};

/// Times are seconds since the beginning of the recording; a prediction has no calendar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PredictedTables {
    pub schema_version: u32,
    /// The guidellm whose schedule and limits were played, e.g. `0.5.4`.
    pub guidellm_version: String,
    pub rates: Vec<RateWindow>,
    pub requests: RequestColumns,
    /// A point wherever one of the three numbers changed; it holds until the next one, the last one to the last moment that
    /// anything tells of.
    pub replicas: Vec<ReplicaPoint>,
    pub pods: Vec<PodLife>,
    pub decisions: Vec<Decision>,
    pub events: Vec<Event>,
    pub gaps: Vec<Gap>,
}

/// A column for each field of a [`Request`], all of the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RequestColumns {
    /// Index into `rates`.
    pub rate: Vec<usize>,
    pub outcome: Vec<Outcome>,
    pub due: Vec<Option<f64>>,
    pub start: Vec<Option<f64>>,
    pub first_token: Vec<Option<f64>>,
    pub end: Vec<Option<f64>>,
    pub prompt_tokens: Vec<Option<u64>>,
    pub output_tokens: Vec<Option<u64>>,
    pub ttft_ms: Vec<Option<f64>>,
    pub itl_ms: Vec<Option<f64>>,
    pub latency_s: Vec<Option<f64>>,
    pub error: Vec<Option<String>>,
}

impl PredictedTables {
    /// All of the tables but their series.
    pub fn new(t: &Tables, guidellm_version: &str) -> Self {
        Self {
            schema_version: crate::SCHEMA_VERSION,
            guidellm_version: guidellm_version.into(),
            rates: t.rates.clone(),
            requests: RequestColumns::of(&t.requests),
            replicas: t.replicas.clone(),
            pods: t.pods.clone(),
            decisions: t.decisions.clone(),
            events: t.events.clone(),
            gaps: t.gaps.clone(),
        }
    }

    /// Tables without series.
    ///
    /// # Errors
    /// One sentence when the columns of the requests do not belong together.
    pub fn into_tables(self) -> Result<Tables, String> {
        let requests = self.requests.into_rows(self.rates.len())?;
        Ok(Tables {
            rates: self.rates,
            requests,
            replicas: self.replicas,
            pods: self.pods,
            series: Vec::new(),
            decisions: self.decisions,
            events: self.events,
            findings: Vec::new(),
            gaps: self.gaps,
        })
    }
}

impl RequestColumns {
    fn of(rows: &[Request]) -> Self {
        fn column<T>(rows: &[Request], value: impl Fn(&Request) -> T) -> Vec<T> {
            rows.iter().map(value).collect()
        }
        Self {
            rate: column(rows, |r| r.rate),
            outcome: column(rows, |r| r.outcome),
            due: column(rows, |r| r.due),
            start: column(rows, |r| r.start),
            first_token: column(rows, |r| r.first_token),
            end: column(rows, |r| r.end),
            prompt_tokens: column(rows, |r| r.prompt_tokens),
            output_tokens: column(rows, |r| r.output_tokens),
            ttft_ms: column(rows, |r| r.ttft_ms),
            itl_ms: column(rows, |r| r.itl_ms),
            latency_s: column(rows, |r| r.latency_s),
            error: column(rows, |r| r.error.clone()),
        }
    }

    fn into_rows(self, rates: usize) -> Result<Vec<Request>, String> {
        let n = self.rate.len();
        let others = [
            ("outcome", self.outcome.len()),
            ("due", self.due.len()),
            ("start", self.start.len()),
            ("first_token", self.first_token.len()),
            ("end", self.end.len()),
            ("prompt_tokens", self.prompt_tokens.len()),
            ("output_tokens", self.output_tokens.len()),
            ("ttft_ms", self.ttft_ms.len()),
            ("itl_ms", self.itl_ms.len()),
            ("latency_s", self.latency_s.len()),
            ("error", self.error.len()),
        ];
        if let Some((name, len)) = others.into_iter().find(|(_, len)| *len != n) {
            return Err(format!("requests have {n} values of rate and {len} of {name}"));
        }
        if let Some(k) = self.rate.iter().find(|k| **k >= rates) {
            return Err(format!("a request belongs to rate {k}, and there are {rates}"));
        }
        let mut errors = self.error.into_iter();
        let row = |i: usize| Request {
            rate: self.rate[i],
            outcome: self.outcome[i],
            due: self.due[i],
            start: self.start[i],
            first_token: self.first_token[i],
            end: self.end[i],
            prompt_tokens: self.prompt_tokens[i],
            output_tokens: self.output_tokens[i],
            ttft_ms: self.ttft_ms[i],
            itl_ms: self.itl_ms[i],
            latency_s: self.latency_s[i],
            error: errors.next().flatten(),
        };
        Ok((0..n).map(row).collect())
    }
}
