//! Which syncs are moments: each that scaled, and the spans that should have scaled and did not.

use super::hpa::{Scaler, Sync};
use super::hpa_words::{held, scaled};
use super::input::Input;
use bench_model::explanation::Moment;
use bench_sim::autoscaler::hpa::Branch;

/// Spells of the same wish belong together when no more than this many syncs between them wish otherwise: a noisy metric is one spell.
const BREAK: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Up,
    Down,
    /// It could not read its metrics.
    Blind,
}

fn wish(y: &Sync<'_>) -> Option<Wish> {
    if y.outcome.branch == Branch::MetricsFailed {
        return Some(Wish::Blind);
    }
    y.wants().map(|up| if up { Wish::Up } else { Wish::Down })
}

/// All moments of the HPA, in the order of time.
pub(super) fn moments(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>]) -> Vec<Moment> {
    let mut out = Vec::new();
    let mut spell: Vec<usize> = Vec::new();
    let close = |spell: &mut Vec<usize>, out: &mut Vec<Moment>| {
        let all: Vec<&Sync<'_>> = spell.drain(..).map(|k| &syncs[k]).collect();
        if all.first().is_some_and(|y| worth_telling(s, y, all.len())) {
            out.extend(held(i, s, &all));
        }
    };
    for (k, y) in syncs.iter().enumerate() {
        let now = wish(y);
        let current = spell.first().and_then(|f| wish(&syncs[*f]));
        let broken = spell.last().is_some_and(|l| k - l > BREAK + 1) || (now.is_some() && now != current && !spell.is_empty());
        if broken {
            close(&mut spell, &mut out);
        }
        if y.to != y.spec {
            let up = if y.to > y.spec { Wish::Up } else { Wish::Down };
            // What was held and then came needs no moment of its own: the scaling tells since when it was asked for.
            let same = spell.first().is_some_and(|f| wish(&syncs[*f]) == Some(up));
            let since = unbroken(syncs, k, up);
            if same {
                spell.clear();
            } else {
                close(&mut spell, &mut out);
            }
            out.push(scaled(i, s, y, since));
        } else if now.is_some() {
            spell.push(k);
        }
    }
    close(&mut spell, &mut out);
    out.sort_by(|a, b| a.t.total_cmp(&b.t));
    out
}

/// From when on every sync up to `k` wanted the same, at the replicas that it found.
fn unbroken(syncs: &[Sync<'_>], k: usize, up: Wish) -> Option<f64> {
    let run = syncs.get(..=k)?.iter().rev().take_while(|y| wish(y) == Some(up) && (y.to == y.spec || y.t >= syncs[k].t));
    run.last().map(|y| y.t)
}

/// Every wish for more, however short. A wish for fewer is held by its window all the time under a load that varies: only one as long as
/// half the window is told, and never that there cannot be fewer than the minimum.
fn worth_telling(s: &Scaler, first: &Sync<'_>, syncs: usize) -> bool {
    let min = u32::try_from(s.spec.min).unwrap_or(0);
    #[allow(clippy::cast_precision_loss)]
    match wish(first) {
        Some(Wish::Down) => first.spec > min && syncs as f64 * s.period_s >= s.window_s(false) as f64 / 2.0,
        Some(_) => true,
        None => false,
    }
}
