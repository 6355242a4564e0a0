//! Reports of guidellm 0.4, 0.5, 0.7 and 0.8 (`benchmarks.json`, v1 with `args`, v2 with `config`) → rates and requests.
//!
//! Units in the file: `request_latency` seconds, TTFT and ITL milliseconds. `request_totals` are the counts; the lists of
//! requests may be longer (requests at the edges of the measured window) or, sampled, shorter.

mod errors;
mod raw;
mod sieve;

pub use errors::{CLIENT_TIMEOUT, CLOSED, CONNECT_ERROR, CONNECT_TIMEOUT, classify};

use super::Error;
use bench_model::tables::{Outcome, RateWindow, Request};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// What one or several reports say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Load {
    /// `guidellm_version` of the report; `0.4` for one without metadata; empty when nothing was read.
    pub version: String,
    /// In the order in which they ran.
    pub rates: Vec<RateWindow>,
    /// [`Request::rate`] indexes into `rates`.
    pub requests: Vec<Request>,
    /// What a reader of the numbers must know.
    pub problems: Vec<String>,
}

/// Reads one report. Memory grows with the number of requests, not with the size of the file.
///
/// # Errors
/// When the file cannot be read, is no guidellm report, or holds a load that is no constant or Poisson rate.
pub fn read_file(path: &Path) -> Result<Load, Error> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    read(file).map_err(|reason| Error::invalid(path, &reason))
}

/// Reads one report from anything; the error is the reason alone.
///
/// # Errors
/// As [`read_file`].
pub fn read(reader: impl Read) -> Result<Load, String> {
    // The parser takes byte by byte.
    let mut sieve = sieve::Sieve::new(reader);
    raw::start_counting();
    let report: raw::Report =
        serde_json::from_reader(BufReader::with_capacity(1 << 16, &mut sieve)).map_err(|e| crate::words::cut(&e.to_string()))?;
    let odd = raw::odd();
    let mut load = assemble(report)?;
    if let Some((n, first)) = sieve.replaced() {
        load.problems.push(format!("{} NaN or infinite, the first at byte {first}; they count as not measured", are(n, "value")));
    }
    if odd > 0 {
        load.problems.push(format!("{} no number where one is expected; they count as not measured", are(odd, "value")));
    }
    Ok(load)
}

/// `1 value is`, `3 values are`.
fn are(n: usize, what: &str) -> String {
    format!("{} {}", crate::words::count(n, what), if n == 1 { "is" } else { "are" })
}

fn assemble(report: raw::Report) -> Result<Load, String> {
    let version = match report.metadata {
        Some(m) => m.guidellm_version.unwrap_or_default(),
        None => "0.4".into(),
    };
    let mut load = Load { version, ..Load::default() };
    for (index, b) in report.benchmarks.into_iter().enumerate() {
        load.push(index, b)?;
    }
    Ok(load)
}

/// Reads the load of a run: `load/benchmarks.json` (one process over all rates), or `load/rate-K/benchmarks.json`
/// (a process a rate), joined in the order of K. What is missing or unreadable is told in [`Load::problems`].
pub fn read_load_dir(dir: &Path) -> Load {
    const NAME: &str = "benchmarks.json";
    let mut per_rate: Vec<(usize, std::path::PathBuf)> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| {
            let k = e.file_name().to_str()?.strip_prefix("rate-")?.parse().ok()?;
            e.path().is_dir().then(|| (k, e.path().join(NAME)))
        })
        .collect();
    per_rate.sort();
    let whole = dir.join(NAME);
    let mut all = Load::default();
    if whole.exists() {
        match read_file(&whole) {
            Ok(load) => all = load,
            Err(e) => all.problems.push(e.to_string()),
        }
        if per_rate.iter().any(|(_, p)| p.exists()) {
            all.problems.push(format!("{}: there are reports of single rates beside it; they were not read", whole.display()));
        }
        return all;
    }
    if per_rate.is_empty() {
        all.problems.push(format!("{}: missing: the load left no report", whole.display()));
    }
    for (k, path) in per_rate {
        match read_file(&path) {
            Ok(load) => all.append(k, load),
            Err(e) => all.problems.push(e.to_string()),
        }
    }
    all
}

impl Load {
    /// Joins the report of the K-th rate of the profile.
    fn append(&mut self, k: usize, mut other: Load) {
        if self.version.is_empty() {
            self.version = std::mem::take(&mut other.version);
        } else if self.version != other.version {
            self.problems.push(format!("rate {k} was sent by guidellm {}, the first by {}", other.version, self.version));
        }
        let offset = self.rates.len();
        self.rates.extend(other.rates.into_iter().map(|r| RateWindow { index: k + r.index, ..r }));
        self.requests.extend(other.requests.into_iter().map(|r| Request { rate: offset + r.rate, ..r }));
        self.problems.append(&mut other.problems);
    }

    fn push(&mut self, index: usize, b: raw::Benchmark) -> Result<(), String> {
        let rate = b.config.strategy.rate.filter(|r| r.is_finite() && *r > 0.0).ok_or_else(|| {
            let kind = b.config.strategy.type_.clone().unwrap_or_default();
            format!("benchmarks[{index}].config.strategy has no rate (its type is {kind:?}); only constant and poisson loads are read")
        })?;
        let state = b.scheduler_state.as_ref();
        // The measured window may be trimmed by warm-up and cool-down; the load itself is what the scheduler saw.
        let start = state.and_then(|s| s.start_requests_time.or(s.start_time)).unwrap_or(b.start_time);
        let end = state.and_then(|s| s.end_processing_time.or(s.end_queuing_time)).unwrap_or(b.end_time).max(start);
        let totals = &b.metrics.request_totals;
        let window = RateWindow {
            index,
            rate,
            start,
            end,
            planned_s: planned_s(&b),
            successful: count(totals.successful),
            errored: count(totals.errored),
            incomplete: count(totals.incomplete),
            ended_by: ended_by(state),
            schedule_delay_avg_s: b.scheduler_metrics.as_ref().and_then(|m| m.request_targeted_start_delay_avg),
            max_concurrency: b.config.strategy.max_concurrency.map(|c| count(Some(c))).filter(|c| *c > 0),
            warnings: b.warnings.unwrap_or_default().into_iter().map(warning).collect(),
        };
        let position = self.rates.len();
        let lists =
            b.requests.map(|r| [(Outcome::Successful, r.successful), (Outcome::Errored, r.errored), (Outcome::Incomplete, r.incomplete)]);
        let before = self.requests.len();
        for (outcome, list) in lists.into_iter().flatten() {
            self.requests.extend(list.unwrap_or_default().into_iter().map(|r| request(position, outcome, r)));
        }
        // The lists are by outcome; tables are by time.
        self.requests[before..].sort_by(|a, b| a.start.unwrap_or(f64::INFINITY).total_cmp(&b.start.unwrap_or(f64::INFINITY)));
        let kept = self.requests[before..].iter().filter(|r| r.outcome == Outcome::Successful).count() as u64;
        // Fewer than counted (a sample) is a matter of validity, see there. More: the ends of the window were cut.
        if kept > window.successful.saturating_add(window.successful / 100 + 2) {
            self.problems.push(format!(
                "rate {rate}/s: guidellm counts {} successful requests but lists {kept} (warm-up or cool-down trimmed); statistics are over all",
                window.successful
            ));
        }
        self.rates.push(window);
        Ok(())
    }
}

fn request(rate: usize, outcome: Outcome, r: raw::RequestStats) -> Request {
    let (error, timings) = r.info.map_or((None, None), |i| (i.error, i.timings));
    let good = outcome == Outcome::Successful;
    let t = timings.as_ref();
    Request {
        rate,
        outcome,
        due: t.and_then(|t| t.targeted_start),
        start: t.and_then(|t| t.request_start).or(r.request_start_time),
        first_token: t.and_then(|t| t.first_token_iteration),
        end: t.and_then(|t| t.request_end).or(r.request_end_time),
        prompt_tokens: r.prompt_tokens.map(|n| count(Some(n))),
        output_tokens: r.output_tokens.map(|n| count(Some(n))),
        // A failed request carries 0.0 here and there: that is no latency.
        ttft_ms: r.time_to_first_token_ms.filter(|v| good || *v > 0.0),
        itl_ms: r.inter_token_latency_ms.filter(|v| good || *v > 0.0),
        latency_s: r.request_latency.filter(|_| good),
        error: (outcome == Outcome::Errored).then(|| classify(error.as_deref().unwrap_or_default())),
    }
}

/// Seconds planned: the resolved limit of the scheduler, else the configured one of this rate.
fn planned_s(b: &raw::Benchmark) -> Option<f64> {
    const KEYS: [&str; 2] = ["max_duration", "max_seconds"];
    let resolved = b.scheduler_state.as_ref().and_then(|s| s.scheduler_constraints.as_ref());
    if let Some(s) = resolved.and_then(|c| KEYS.iter().find_map(|k| c.get(*k)?.pointer("/metadata/max_duration")?.as_f64())) {
        return Some(s);
    }
    let configured = KEYS.iter().find_map(|k| b.config.constraints.as_ref()?.get(*k))?;
    let seconds = configured.pointer("/args/seconds").or_else(|| configured.get("max_duration"))?;
    let at = configured.get("current_index").and_then(serde_json::Value::as_u64).unwrap_or(0);
    seconds.as_f64().or_else(|| seconds.as_array()?.get(usize::try_from(at).ok()?)?.as_f64())
}

/// The constraint that ended the rate, by the name of the newer versions. Its full time wins over what tripped with it.
fn ended_by(state: Option<&raw::SchedulerState>) -> String {
    let Some(keys) = state.and_then(|s| s.end_queuing_constraints.as_ref()) else { return String::new() };
    let names: Vec<&str> = keys.keys().map(|k| if k == "max_seconds" { "max_duration" } else { k }).collect();
    if names.contains(&"max_duration") { "max_duration".into() } else { names.join("+") }
}

fn warning(w: raw::Warning) -> String {
    match (w.code, w.message) {
        (Some(c), Some(m)) => format!("{c}: {m}"),
        (c, m) => c.or(m).unwrap_or_default(),
    }
}

/// A count that JSON may hold as a float; nothing and nonsense are 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn count(n: Option<f64>) -> u64 {
    n.filter(|n| n.is_finite() && *n > 0.0).map_or(0, |n| n.round() as u64)
}
