//! Where two arms differ, and by how much against their own spread.

use crate::words::and;
use bench_model::forecast::{ArmForecast, Band};

/// Two medians nearer than this share of the larger one differ little; the warning says so.
const MATTERS: f64 = 0.05;
/// Repeats beyond which nobody runs them.
const TOO_MANY: f64 = 20.0;
/// From the 5th to the 95th percentile of a normal distribution, in standard deviations.
const WIDTH_SD: f64 = 3.29;
/// 2·(z₀.₉₇₅ + z₀.₈)²: repeats of each arm that see a difference of one standard deviation in 80 % of cases at the 5 % level
/// (the usual normal approximation of a two-sample comparison).
const REPEATS: f64 = 15.7;

/// Whether two bands have no value in common.
fn separate(a: &Band, b: &Band) -> bool {
    a.p95 < b.p5 || b.p95 < a.p5
}

/// Whether two medians differ by more than [`MATTERS`].
fn matters(a: &Band, b: &Band) -> bool {
    (a.median - b.median).abs() > MATTERS * a.median.abs().max(b.median.abs())
}

/// Repeats of each arm by which a real experiment would see this difference.
fn repeats(a: &Band, b: &Band) -> f64 {
    let sd = |b: &Band| (b.p95 - b.p5) / WIDTH_SD;
    let variance = (sd(a).powi(2) + sd(b).powi(2)) / 2.0;
    (REPEATS * variance / (a.median - b.median).powi(2)).ceil().max(2.0)
}

struct Difference {
    what: String,
    a: Band,
    b: Band,
    matters: bool,
}

/// Everything in which two arms can differ to somebody who chooses between them.
fn differences(a: &ArmForecast, b: &ArmForecast) -> Vec<Difference> {
    let mut out = Vec::new();
    let mut add = |what: String, a: Option<Band>, b: Option<Band>| {
        // A number that only one arm has is a difference that no spread hides: then nothing "differs little".
        match (a, b) {
            (Some(a), Some(b)) => out.push(Difference { matters: matters(&a, &b), what, a, b }),
            (None, None) => {}
            (Some(x), None) | (None, Some(x)) => {
                let far = Band { median: f64::MAX, p5: f64::MAX, p95: f64::MAX };
                out.push(Difference { what, a: x, b: far, matters: true });
            }
        }
    };
    add("replica-seconds".into(), Some(a.scaling.ready_replica_s), Some(b.scaling.ready_replica_s));
    for (x, y) in a.rates.iter().zip(&b.rates) {
        let at = |what: &str| format!("{what} at {}/s", x.rate);
        add(at("failures"), Some(x.failed_fraction), Some(y.failed_fraction));
        add(at("TTFT"), x.ttft_ms.map(|t| t.mean), y.ttft_ms.map(|t| t.mean));
        add(at("TTFT p99"), x.ttft_ms.map(|t| t.p99), y.ttft_ms.map(|t| t.p99));
        add(at("end-to-end time"), x.e2e_s.map(|e| e.mean), y.e2e_s.map(|e| e.mean));
        add(at("throughput"), Some(x.output_tokens_per_s), Some(y.output_tokens_per_s));
    }
    out
}

/// The sentence on arms whose bands overlap in everything that matters; `None` when some do not, or there is nothing to compare.
pub(super) fn little(arms: &[ArmForecast]) -> Option<String> {
    let mut parts = Vec::new();
    for (k, a) in arms.iter().enumerate() {
        for b in arms.iter().skip(k + 1).filter(|b| a.seeds > 1 && b.seeds > 1) {
            let all = differences(a, b);
            if all.iter().any(|d| d.matters && separate(&d.a, &d.b)) {
                continue;
            }
            let needs = all.iter().filter(|d| d.matters).map(|d| (repeats(&d.a, &d.b), d));
            parts.push(match needs.min_by(|x, y| x.0.total_cmp(&y.0)) {
                None => format!("no number of {} and {} differs by more than {:.0} %: a real run of both would tell nothing", a.arm, b.arm, 100.0 * MATTERS),
                Some((n, d)) if n > TOO_MANY => {
                    format!("the bands of {} and {} overlap in everything; even {TOO_MANY:.0} repeats would hardly show a difference, {} first", a.arm, b.arm, d.what)
                }
                Some((n, d)) => format!(
                    "the bands of {} and {} overlap in everything; a real experiment would need about {n:.0} repeats of each to show a difference, in {} first",
                    a.arm, b.arm, d.what
                ),
            });
        }
    }
    let help = "Choose a load that crosses what one replica carries (`--rates`), or run an experiment with repeats instead of single runs";
    (!parts.is_empty()).then(|| format!("{}. {help}", and(parts)))
}
