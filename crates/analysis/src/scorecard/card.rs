//! Requests of one rate, or of all, counted.

use super::{Judged, Mark};
use crate::stats::stats;
use crate::summary::{begun, of, tokens_told};
use bench_model::scorecard::Card;
use bench_model::tables::{Outcome, RateWindow, Tables};

/// A due time of a constant rate lies within this share of the interval of its place.
const REGULAR: f64 = 0.05;

pub(super) fn of_rate(tables: &Tables, position: usize, judged: &[Judged], notes: &mut Vec<String>) -> Card {
    let w = &tables.rates[position];
    let own: Vec<&Judged> = judged.iter().filter(|j| j.rate == position).collect();
    let mut card = count(tables, &own, Some(position));
    card.rate = Some(w.rate);
    card.seconds = (w.end - w.start).max(0.0);
    card.unsent = unsent(tables, position, w, notes);
    finish(&mut card);
    card
}

/// All rates together: latencies anew, counts as sums.
pub(super) fn overall(tables: &Tables, judged: &[Judged], rates: &[Card]) -> Card {
    let all: Vec<&Judged> = judged.iter().collect();
    let mut card = count(tables, &all, None);
    card.seconds = rates.iter().map(|c| c.seconds).sum();
    card.unsent = rates.iter().map(|c| c.unsent).sum();
    finish(&mut card);
    card
}

/// What is told by the requests alone. Tokens are left as their sum for [`finish`].
fn count(tables: &Tables, own: &[&Judged], position: Option<usize>) -> Card {
    let n = |test: &dyn Fn(&Judged) -> bool| own.iter().filter(|j| test(j)).count() as u64;
    let requests = || tables.requests.iter().filter(move |r| position.is_none_or(|p| r.rate == p));
    let successes = || requests().filter(|r| r.outcome == Outcome::Successful);
    let tokens: u64 = requests().filter_map(|r| r.output_tokens).fold(0, u64::saturating_add);
    Card {
        rate: None,
        seconds: 0.0,
        due: own.len() as u64,
        successful: n(&|j| j.outcome == Outcome::Successful),
        failed: n(&|j| j.outcome == Outcome::Errored),
        cut_off: n(&|j| j.outcome == Outcome::Incomplete),
        censored: n(&|j| j.mark == Mark::Censored),
        unsent: 0,
        good: n(&|j| j.mark == Mark::Good),
        counted: 0,
        goodput_fraction: None,
        goodput_per_s: 0.0,
        ttft_ms: stats(own.iter().filter_map(|j| j.ttft_ms)),
        ttft_sent_ms: stats(successes().filter_map(|r| r.ttft_ms)),
        itl_ms: stats(own.iter().filter_map(|j| j.itl_ms)),
        e2e_ms: stats(own.iter().filter_map(|j| j.e2e_ms)),
        e2e_sent_ms: stats(successes().filter_map(|r| Some(1000.0 * r.latency_s?))),
        #[allow(clippy::cast_precision_loss)]
        output_tokens_per_s: tokens_told(requests()).then_some(tokens as f64),
        output_tokens: tokens,
        good_output_tokens: own.iter().filter(|j| j.mark == Mark::Good).map(|j| j.output_tokens).fold(0, u64::saturating_add),
    }
}

/// What follows from counts, the unsent ones included.
#[allow(clippy::cast_precision_loss)]
fn finish(card: &mut Card) {
    card.due += card.unsent;
    card.counted = card.due.saturating_sub(card.censored);
    card.goodput_fraction = (card.counted > 0).then(|| card.good as f64 / card.counted as f64);
    let seconds = card.seconds;
    let per_second = |n: f64| if seconds > 0.0 { n / seconds } else { 0.0 };
    let rates = [Some(card.good as f64), card.output_tokens_per_s].map(|n| n.map(per_second));
    (card.goodput_per_s, card.output_tokens_per_s) = (rates[0].unwrap_or(0.0), rates[1]);
}

/// Requests that were due by the schedule and never sent: those of a constant rate from the first one that was due to the end
/// of the planned seconds, or of the rate where it ended before them, less those begun.
fn unsent(tables: &Tables, position: usize, w: &RateWindow, notes: &mut Vec<String>) -> u64 {
    let sent = begun(tables, position);
    let end = w.planned_s.map_or(w.end, |s| (w.start + s).min(w.end));
    let dues: Vec<f64> = of(tables, position).filter(|r| r.start.is_some()).filter_map(|r| r.due).collect();
    if dues.is_empty() && sent > 0 {
        notes.push(format!("{}/s: the report does not say when requests were due; latencies are from when they were sent", w.rate));
    }
    let first = dues.iter().copied().fold(f64::INFINITY, f64::min);
    let places = dues.iter().map(|d| (d - first) * w.rate);
    let regular = places.filter(|p| (p - p.round()).abs() <= REGULAR).count();
    // Of a Poisson load the schedule is not known.
    if !dues.is_empty() && regular * 100 < dues.len() * 95 {
        notes.push(format!("{}/s: requests were not due at a constant rate; whether all that were due were sent is not known", w.rate));
        return 0;
    }
    // Half an interval before the first place when nothing says where it was, so that what may not have been due does not count.
    let places = if first.is_finite() { (end - first) * w.rate + 1.0 + REGULAR / 2.0 } else { (end - w.start) * w.rate };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let due = places.floor().max(0.0) as u64;
    due.saturating_sub(sent)
}
