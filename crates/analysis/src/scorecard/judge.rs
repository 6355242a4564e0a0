//! One request against the SLO.

use bench_model::scorecard::Slo;
use bench_model::tables::{Outcome, Request, Tables};

/// What a request is to the SLO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Good,
    Miss,
    /// Cut off at its rate's end before it could miss: it says nothing.
    Censored,
}

/// A request that was sent, as its user saw it: from the moment it was due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Position of its rate.
    pub rate: usize,
    /// When it was due, or, where the report does not tell that, when it was sent.
    pub due: f64,
    pub outcome: Outcome,
    pub mark: Mark,
    /// From due to the first token.
    pub ttft_ms: Option<f64>,
    /// Mean between two tokens, of a success.
    pub itl_ms: Option<f64>,
    /// From due to the last token, of a success.
    pub e2e_ms: Option<f64>,
    pub output_tokens: u64,
}

/// Every request that was sent, in the order of the tables. `None` in the place of one that was not: it is known from the
/// schedule only.
pub(super) fn all(tables: &Tables, slo: &Slo) -> Vec<Judged> {
    let end = |r: &Request| tables.rates.get(r.rate).map_or(f64::NEG_INFINITY, |w| w.end);
    tables.requests.iter().filter_map(|r| judge(r, end(r), slo)).collect()
}

/// Judges a request; `rate_end` is when its rate ended. `None` for one that was never sent.
pub fn judge(r: &Request, rate_end: f64, slo: &Slo) -> Option<Judged> {
    let due = r.due.or(r.start)?;
    if r.start.is_none() && r.outcome != Outcome::Errored {
        return None;
    }
    let since = |t: Option<f64>| t.map(|t| 1000.0 * (t - due)).filter(|ms| ms.is_finite());
    let good = r.outcome == Outcome::Successful;
    // Where the moment of the first token was left out, guidellm's own figure plus the wait to be sent says the same.
    let first = since(r.first_token).or_else(|| Some(r.ttft_ms? + since(r.start)?));
    let last = since(r.end.filter(|_| good)).or_else(|| Some(1000.0 * r.latency_s? + since(r.start)?));
    let mark = match r.outcome {
        Outcome::Errored => Mark::Miss,
        Outcome::Successful => {
            // What was asked for and cannot be shown was not kept; a single token has no time between two.
            let kept = within(first, slo.ttft_ms) && slo.itl_ms.is_none_or(|l| r.itl_ms.is_none_or(|v| v <= l)) && within(last, slo.e2e_ms);
            if kept { Mark::Good } else { Mark::Miss }
        }
        Outcome::Incomplete => {
            let age = since(Some(r.end.unwrap_or(rate_end))).unwrap_or(0.0);
            let late = |seen: f64, limit: Option<f64>| limit.is_some_and(|l| seen > l);
            if late(first.unwrap_or(age), slo.ttft_ms) || late(age, slo.e2e_ms) { Mark::Miss } else { Mark::Censored }
        }
    };
    Some(Judged {
        rate: r.rate,
        due,
        outcome: r.outcome,
        mark,
        ttft_ms: first,
        itl_ms: r.itl_ms.filter(|_| good),
        e2e_ms: last.filter(|_| good),
        output_tokens: r.output_tokens.unwrap_or(0),
    })
}

fn within(value: Option<f64>, limit: Option<f64>) -> bool {
    limit.is_none_or(|l| value.is_some_and(|v| v <= l))
}
