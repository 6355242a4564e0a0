//! The numbers of a run, from its tables.
//!
//! Latencies are over the successful requests of a rate, exact percentiles (see [`crate::stats`]). ITL is the mean of each
//! request, and each request weighs the same; guidellm's own figures weigh it by tokens and differ by a percent or so. Counts are guidellm's own
//! `request_totals`; the achieved rate and the lateness are over every request that was begun. Output tokens per second
//! include what cancelled requests had already received, where the report tells it, over the whole time of the load.

mod pods;
mod scaling;

pub use pods::requests_per_pod;
pub use scaling::{predicted_recording, recording, scaling};

use crate::{gaps, stats, validity};
use bench_model::SCHEMA_VERSION;
use bench_model::run::RunRecord;
use bench_model::scorecard::Scorecard;
use bench_model::summary::{RateSummary, Score, Summary};
use bench_model::tables::{Gap, Outcome, Request, Tables};
use std::collections::BTreeMap;

/// What the plan says, and what ingest could not read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Seconds between two scrapes of a model server. Zero: unknown, gaps are not judged.
    pub scrape_interval_s: f64,
    /// Requests per second, in order. Empty: unknown, nothing is compared with it.
    pub planned_rates: Vec<f64>,
    /// Seconds per rate. Zero: unknown, the report's own limit is used.
    pub planned_seconds: f64,
    /// guidellm as planned. Empty: unknown.
    pub guidellm_version: String,
    /// [`crate::Ingested::problems`].
    pub problems: Vec<String>,
}

/// All numbers of a run. `guidellm_version` is the report's.
pub fn summarise(run: &RunRecord, tables: &Tables, guidellm_version: &str, settings: &Settings) -> Summary {
    let between = gaps::between_rates(tables);
    let rates = (0..tables.rates.len()).filter_map(|position| rate(tables, position, &between)).collect();
    let validity = validity::judge(run, tables, guidellm_version, settings);
    Summary {
        schema_version: SCHEMA_VERSION,
        run: run.id.clone(),
        guidellm_version: guidellm_version.into(),
        validity,
        score: None,
        rates,
        scaling: scaling(run, tables),
        requests_per_pod: requests_per_pod(tables, settings.scrape_interval_s),
    }
}

/// What a list of runs shows of one. Not part of [`summarise`]: a forecast summarises hundreds of runs.
pub fn short_score(card: &Scorecard) -> Score {
    Score {
        slo: card.slo,
        attainment: card.overall.goodput_fraction,
        ttft_p99_ms: card.overall.ttft_ms.map(|t| t.p99),
        replica_seconds: card.paid_replica_s,
    }
}

/// Start of the first and end of the last rate; `None` without a rate.
pub fn load_span(tables: &Tables) -> Option<(f64, f64)> {
    let start = tables.rates.iter().map(|r| r.start).min_by(f64::total_cmp)?;
    let end = tables.rates.iter().map(|r| r.end).max_by(f64::total_cmp)?;
    Some((start, end))
}

/// Requests of a rate that were begun: those recorded, or guidellm's total where records were left out of the report.
pub(crate) fn begun(tables: &Tables, position: usize) -> u64 {
    let recorded = of(tables, position).filter(|r| r.start.is_some()).count() as u64;
    recorded.max(tables.rates.get(position).map_or(0, |w| w.successful + w.errored + w.incomplete))
}

pub(crate) fn of(tables: &Tables, position: usize) -> impl Iterator<Item = &Request> + Clone {
    tables.requests.iter().filter(move |r| r.rate == position)
}

/// Seconds between due and sent, of every request that was begun, sorted.
pub(crate) fn lateness(tables: &Tables, position: usize) -> Vec<f64> {
    stats::sorted(of(tables, position).filter_map(|r| Some(r.start? - r.due?)))
}

/// How many requests could have told a number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Could {
    pub begun: u64,
    pub successes: u64,
    /// Successes that may have a time between two tokens: all but those that say they received one token.
    pub several_tokens: u64,
    /// Successes that say how many tokens they received.
    pub with_tokens: u64,
}

impl Could {
    pub fn of<'a>(requests: impl Iterator<Item = &'a Request>) -> Self {
        let mut out = Self::default();
        for r in requests {
            out.begun += u64::from(r.start.is_some());
            if r.outcome == Outcome::Successful {
                out.successes += 1;
                out.several_tokens += u64::from(r.output_tokens != Some(1));
                out.with_tokens += u64::from(r.output_tokens.is_some_and(|n| n > 0));
            }
        }
        out
    }
}

/// What was measured of the successful requests: its name, how many have it, and how many could.
pub(crate) fn parts<'a>(requests: &(impl Iterator<Item = &'a Request> + Clone)) -> [(&'static str, u64, u64); 4] {
    let could = Could::of(requests.clone());
    let have = |value: fn(&Request) -> Option<f64>| {
        requests.clone().filter(|r| r.outcome == Outcome::Successful && value(r).is_some_and(f64::is_finite)).count() as u64
    };
    [
        ("ttft", have(|r| r.ttft_ms), could.successes),
        ("itl", have(|r| r.itl_ms).min(could.several_tokens), could.several_tokens),
        ("e2e", have(|r| r.latency_s), could.successes),
        ("output_tokens", could.with_tokens, could.successes),
    ]
}

/// Of the successes this share must say how many tokens they received, or their sum says nothing.
const TOKENS_TOLD: f64 = 0.99;

/// Whether it is told how many tokens were received: a stream without usage does not say, and that is not none; nor is a part the whole.
pub(crate) fn tokens_told<'a>(requests: impl Iterator<Item = &'a Request>) -> bool {
    let could = Could::of(requests);
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let enough = could.with_tokens as f64 >= TOKENS_TOLD * could.successes as f64;
    enough
}

fn rate(tables: &Tables, position: usize, between: &[Gap]) -> Option<RateSummary> {
    let w = tables.rates.get(position)?;
    let good = |value: fn(&Request) -> Option<f64>| {
        stats::stats(of(tables, position).filter(|r| r.outcome == Outcome::Successful).filter_map(value))
    };
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for r in of(tables, position).filter(|r| r.outcome == Outcome::Errored) {
        *errors.entry(r.error.clone().unwrap_or_else(|| "unknown".into())).or_default() += 1;
    }
    let tokens: u64 = of(tables, position).filter_map(|r| r.output_tokens).fold(0, u64::saturating_add);
    let per_second = |n: u64| {
        let seconds = w.end - w.start;
        #[allow(clippy::cast_precision_loss)]
        if seconds > 0.0 { n as f64 / seconds } else { 0.0 }
    };
    Some(RateSummary {
        index: w.index,
        rate: w.rate,
        start: w.start,
        end: w.end,
        requests: w.successful + w.errored + w.incomplete,
        successful: w.successful,
        errored: w.errored,
        incomplete: w.incomplete,
        achieved_rate: per_second(begun(tables, position)),
        ttft_ms: good(|r| r.ttft_ms),
        itl_ms: good(|r| r.itl_ms),
        e2e_s: good(|r| r.latency_s),
        output_tokens_per_s: tokens_told(of(tables, position)).then(|| per_second(tokens)),
        lateness_s: stats::stats(lateness(tables, position)),
        gap_before_s: position.checked_sub(1).and_then(|before| between.get(before)).map(|g| g.to - g.from),
        errors,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate, run, settings};

    #[test]
    fn a_rate_is_counted_and_measured() {
        let mut t = load(&[rate(0, 2.0, 100.0, 10.0), rate(1, 4.0, 125.0, 10.0)]);
        // Two of the first rate fail, one is cut off; they must not enter the latencies.
        for (i, r) in t.requests.iter_mut().take(3).enumerate() {
            (r.outcome, r.latency_s, r.ttft_ms) = (if i < 2 { Outcome::Errored } else { Outcome::Incomplete }, Some(99.0), Some(9999.0));
            r.error = (i < 2).then(|| "HTTP 503".into());
        }
        (t.rates[0].successful, t.rates[0].errored, t.rates[0].incomplete) = (17, 2, 1);
        let s = summarise(&run(), &t, "0.8.1", &settings(&t));
        let r = &s.rates[0];
        assert_eq!((r.requests, r.successful, r.errored, r.incomplete), (20, 17, 2, 1));
        assert_eq!(r.errors, [("HTTP 503".to_owned(), 2)].into());
        assert_eq!(r.achieved_rate, 2.0);
        assert_eq!(r.e2e_s.unwrap().count, 17);
        assert_eq!(r.e2e_s.unwrap().max, 0.5);
        assert_eq!(r.ttft_ms.unwrap().p99, 50.0);
        assert_eq!(r.itl_ms.unwrap().mean, 5.0);
        // 20 requests of 40 tokens in 10 s.
        assert_eq!(r.output_tokens_per_s, Some(80.0));
        assert_eq!(r.lateness_s.unwrap().count, 20);
        assert_eq!(r.gap_before_s, None);
        assert!((s.rates[1].gap_before_s.unwrap() - 15.005).abs() < 1e-6);
        assert_eq!(s.rates[1].achieved_rate, 4.0);
    }

    #[test]
    fn no_success_is_no_number() {
        let mut t = load(&[rate(0, 2.0, 100.0, 10.0)]);
        t.requests.iter_mut().for_each(|r| r.outcome = Outcome::Errored);
        let s = summarise(&run(), &t, "0.8.1", &settings(&t));
        assert_eq!((s.rates[0].ttft_ms, s.rates[0].itl_ms, s.rates[0].e2e_s), (None, None, None));
        assert_eq!(s.rates[0].errors, [("unknown".to_owned(), 20)].into());
    }

    #[test]
    fn an_empty_run_has_an_empty_summary() {
        let s = summarise(&run(), &Tables::default(), "", &Settings::default());
        assert_eq!((s.rates.len(), s.requests_per_pod.len()), (0, 0));
        let json = serde_json::to_string(&s).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), s);
    }
}
