//! What is compared.

use crate::scorecard::{Judged, Mark};
use crate::stats::bootstrap::Statistic::{self, Mean, Percentile};
use bench_model::scorecard::Scorecard;
use bench_model::tables::Outcome;

/// The value of a request, or that it has none.
pub(super) type Of = fn(&Judged) -> Option<f64>;

pub(super) struct Quantity {
    pub name: &'static str,
    pub unit: &'static str,
    pub more_is_better: Option<bool>,
    pub of: fn(&Scorecard) -> Option<f64>,
    /// Position in [`SERIES`] and what is told of it, where an interval over requests can be drawn.
    pub drawn: Option<(usize, Statistic)>,
    /// From the values of the series to the unit.
    pub scale: f64,
}

const GOOD: usize = 0;
const FAILED: usize = 1;
const TTFT: usize = 2;
const ITL: usize = 3;
const E2E: usize = 4;

fn good(j: &Judged) -> Option<f64> {
    (j.mark != Mark::Censored).then_some(f64::from(u8::from(j.mark == Mark::Good)))
}

fn failed(j: &Judged) -> Option<f64> {
    Some(f64::from(u8::from(j.outcome == Outcome::Errored)))
}

pub(super) const SERIES: [Of; 5] = [good, failed, |j| j.ttft_ms, |j| j.itl_ms, |j| j.e2e_ms];

/// What a request that was never sent counts as: no good one, none that failed at the server either; it has no latency.
pub(super) fn of_unsent(of: Of) -> Option<f64> {
    [GOOD, FAILED].iter().any(|k| std::ptr::fn_addr_eq(SERIES[*k], of)).then_some(0.0)
}

macro_rules! q {
    ($name:literal, $unit:literal, $better:expr, $drawn:expr, $scale:expr, $of:expr) => {
        Quantity { name: $name, unit: $unit, more_is_better: $better, of: $of, drawn: $drawn, scale: $scale }
    };
}

#[allow(clippy::cast_precision_loss)]
pub(super) const QUANTITIES: [Quantity; 19] = [
    q!("goodput", "%", Some(true), Some((GOOD, Mean)), 100.0, |s| Some(100.0 * s.overall.goodput_fraction?)),
    q!("good requests", "1/s", Some(true), None, 1.0, |s| Some(s.overall.goodput_per_s)),
    q!("failed", "%", Some(false), Some((FAILED, Mean)), 100.0, |s| (s.overall.due > 0)
        .then(|| 100.0 * s.overall.failed as f64 / s.overall.due as f64)),
    q!("TTFT mean", "ms", Some(false), Some((TTFT, Mean)), 1.0, |s| Some(s.overall.ttft_ms?.mean)),
    q!("TTFT p50", "ms", Some(false), Some((TTFT, Percentile(50.0))), 1.0, |s| Some(s.overall.ttft_ms?.p50)),
    q!("TTFT p99", "ms", Some(false), Some((TTFT, Percentile(99.0))), 1.0, |s| Some(s.overall.ttft_ms?.p99)),
    q!("guidellm's TTFT mean", "ms", Some(false), None, 1.0, |s| Some(s.overall.ttft_sent_ms?.mean)),
    q!("ITL mean", "ms", Some(false), Some((ITL, Mean)), 1.0, |s| Some(s.overall.itl_ms?.mean)),
    q!("ITL p99", "ms", Some(false), Some((ITL, Percentile(99.0))), 1.0, |s| Some(s.overall.itl_ms?.p99)),
    q!("E2E p50", "ms", Some(false), Some((E2E, Percentile(50.0))), 1.0, |s| Some(s.overall.e2e_ms?.p50)),
    q!("E2E p99", "ms", Some(false), Some((E2E, Percentile(99.0))), 1.0, |s| Some(s.overall.e2e_ms?.p99)),
    q!("guidellm's E2E mean", "ms", Some(false), None, 1.0, |s| Some(s.overall.e2e_sent_ms?.mean)),
    q!("output tokens", "1/s", Some(true), None, 1.0, |s| s.overall.output_tokens_per_s.filter(|_| s.overall.due > 0)),
    q!("paid replicas", "s", Some(false), None, 1.0, |s| s.paid_replica_s),
    q!("ready replicas", "s", None, None, 1.0, |s| s.ready_replica_s),
    q!("GPU cost", "", Some(false), None, 1.0, |s| s.gpu_cost),
    q!("ready at most", "", None, None, 1.0, |s| s.max_ready.map(f64::from)),
    q!("overshoot", "x", Some(false), None, 1.0, |s| s.overshoot),
    q!("flaps", "", Some(false), None, 1.0, |s| s.ready_replica_s.map(|_| f64::from(s.flaps))),
];
