//! May the numbers of a run be believed? Asked before any number is shown.
//!
//! A generator that fell behind *below* its own cap of requests in flight makes a run **invalid**: the load was not the one
//! asked for, for a reason that has nothing to do with the server. A generator that reached its cap is **valid, closed
//! loop**: the server was so slow that the load could not stay open. Many failures under overload are a result. All else that
//! a reader must know is a finding with verdict `valid`.

mod load;
mod record;

use crate::Settings;
use bench_model::run::RunRecord;
use bench_model::summary::{Finding, Validity, Verdict};
use bench_model::tables::Tables;

pub use load::{cap, late_mean_limit_s, late_p95_limit_s, peak_in_flight, reaches_cap};

/// A rate must last at least this share of its planned seconds.
pub const MIN_DURATION: f64 = 0.95;
/// A rate may lack this share of the requests that were due, or one request if that is more.
pub const MAX_SHORTFALL: f64 = 0.02;
/// Requests may be sent this many seconds late on average, …
pub const LATE_MEAN_S: f64 = 0.05;
/// … or this share of the time between two requests, if that is more: at low rates a start-up hiccup weighs much.
pub const LATE_SHARE: f64 = 0.1;
/// The 95th percentile of lateness may be this many times the limit of the mean.
pub const LATE_P95: f64 = 5.0;
/// The cap counts as reached from this share of it on: 0.4 and 0.5 split it over workers (10 × 51 of 512).
pub const CAP_REACHED: f64 = 0.98;
/// Clocks may differ by this many seconds beyond their uncertainty before it is told.
pub const MAX_SKEW_S: f64 = 1.0;

/// The agent may have had nothing to write for this many seconds at the end of the load.
pub const SILENCE_S: f64 = 60.0;

/// Every finding, worst first, and the worst of their verdicts.
pub fn judge(run: &RunRecord, tables: &Tables, guidellm_version: &str, settings: &Settings) -> Validity {
    let mut findings = load::findings(tables, guidellm_version, settings);
    findings.extend(record::findings(run, tables, guidellm_version, settings));
    // Stable: within a verdict the order in which they were looked for stays.
    findings.sort_by_key(|f| std::cmp::Reverse(f.verdict));
    Validity { verdict: findings.first().map_or(Verdict::Valid, |f| f.verdict), findings }
}

fn finding(verdict: Verdict, code: &str, message: String) -> Finding {
    Finding { verdict, code: code.into(), message }
}

#[cfg(test)]
pub(crate) mod testing;
