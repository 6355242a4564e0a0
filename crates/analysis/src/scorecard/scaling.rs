//! Replicas: how they followed the load.

use super::{Judged, Mark};
use crate::summary::load_span;
use bench_model::scorecard::Reaction;
use bench_model::tables::{ReplicaPoint, Tables};

/// Two changes of direction further apart than this many seconds are no flap: stabilization of ten minutes would not have
/// prevented them either.
const FLAP_S: f64 = 600.0;
/// A stretch shows that its replicas were enough when it lasted this many seconds, or half of its rate if that is less, …
const ENOUGH_S: f64 = 120.0;
/// … and this share of its requests that count was good.
const ENOUGH_GOOD: f64 = 0.99;

pub(super) struct Scaling {
    pub ready_s: Option<f64>,
    pub reactions: Vec<Reaction>,
    pub overshoot: Option<f64>,
    pub flaps: u32,
    pub scale_ups: u32,
    pub scale_downs: u32,
    pub max_ready: Option<u32>,
}

pub(super) fn of(tables: &Tables, span_s: f64, judged: &[Judged]) -> Scaling {
    let start = load_span(tables).map_or(0.0, |(start, _)| start);
    let end = start + span_s;
    let points = &tables.replicas;
    let changes: Vec<Change> = changes(points).filter(|c| (start..=end).contains(&c.t)).collect();
    let count = |up: bool| u32::try_from(changes.iter().filter(|c| c.up == up).count()).unwrap_or(u32::MAX);
    Scaling {
        // Over no time at all nothing is counted: without a load there is no span.
        ready_s: (!points.is_empty() && span_s > 0.0)
            .then(|| pieces(points, start, end).iter().fold(0.0, |sum, p| sum + f64::from(p.ready) * (p.to - p.from))),
        reactions: reactions(tables),
        overshoot: overshoot(tables, judged),
        flaps: flaps(tables, &changes),
        scale_ups: count(true),
        scale_downs: count(false),
        max_ready: pieces(points, start, end).iter().map(|p| p.ready).max(),
    }
}

struct Piece {
    from: f64,
    to: f64,
    ready: u32,
}

/// The steps of ready replicas within a span; the last point holds on.
fn pieces(points: &[ReplicaPoint], start: f64, end: f64) -> Vec<Piece> {
    let until = points.iter().skip(1).map(|p| p.t).chain([f64::INFINITY]);
    let all = points.iter().zip(until).map(|(p, to)| Piece { from: p.t.max(start), to: to.min(end), ready: p.ready });
    all.filter(|p| p.to > p.from).collect()
}

struct Change {
    t: f64,
    up: bool,
}

fn changes(points: &[ReplicaPoint]) -> impl Iterator<Item = Change> {
    points.windows(2).filter(|w| w[0].desired != w[1].desired).map(|w| Change { t: w[1].t, up: w[1].desired > w[0].desired })
}

/// When each rate began and ended to hold: to the next one's beginning, the last to its own end.
fn windows(tables: &Tables) -> Vec<(f64, f64)> {
    let next = tables.rates.iter().skip(1).map(|r| Some(r.start)).chain([None]);
    tables.rates.iter().zip(next).map(|(r, next)| (r.start, next.unwrap_or(r.end))).collect()
}

fn reactions(tables: &Tables) -> Vec<Reaction> {
    let points = &tables.replicas;
    let mut before = 0.0;
    let mut out = Vec::new();
    for (w, (from, to)) in tables.rates.iter().zip(windows(tables)) {
        let up = w.rate >= before;
        let within = |t: f64| t >= from && t < to;
        let at_start = points.iter().rfind(|p| p.t <= from).or(points.first());
        let moved = |ready: u32| at_start.is_some_and(|p| if up { ready > p.ready } else { ready < p.ready });
        let last = changes(points).filter(|c| within(c.t)).last();
        out.push(Reaction {
            index: w.index,
            from_rate: before,
            to_rate: w.rate,
            first_change_s: changes(points).find(|c| within(c.t) && c.up == up).map(|c| c.t - from),
            first_ready_s: points.iter().find(|p| within(p.t) && moved(p.ready)).map(|p| p.t - from),
            settled_s: at_start.map(|_| last.map_or(0.0, |c| c.t - from)),
        });
        before = w.rate;
    }
    out
}

/// Steps of the load: when, and whether it rose. Its end is the last.
fn steps(tables: &Tables) -> Vec<(f64, bool)> {
    let rising = tables.rates.windows(2).filter(|w| w[0].rate != w[1].rate).map(|w| (w[1].start, w[1].rate > w[0].rate));
    rising.chain(load_span(tables).map(|(_, end)| (end, false))).collect()
}

fn flaps(tables: &Tables, changes: &[Change]) -> u32 {
    let steps = steps(tables);
    let explained = |a: &Change, b: &Change| steps.iter().any(|(t, up)| *up == b.up && *t > a.t && *t <= b.t);
    let flap = |w: &&[Change]| w[0].up != w[1].up && w[1].t - w[0].t <= FLAP_S && !explained(&w[0], &w[1]);
    u32::try_from(changes.windows(2).filter(flap).count()).unwrap_or(u32::MAX)
}

/// The most that a rate had ready over the fewest that some stretch under no lower a rate shows to be enough.
fn overshoot(tables: &Tables, judged: &[Judged]) -> Option<f64> {
    // Good and counted requests by the moment they were due, once sorted.
    let mut by_due: Vec<(f64, bool)> = judged.iter().filter(|j| j.mark != Mark::Censored).map(|j| (j.due, j.mark == Mark::Good)).collect();
    by_due.sort_by(|a, b| a.0.total_cmp(&b.0));
    let enough = |p: &Piece| {
        let (from, to) = (by_due.partition_point(|d| d.0 < p.from), by_due.partition_point(|d| d.0 < p.to));
        let own = by_due.get(from..to).unwrap_or_default();
        #[allow(clippy::cast_precision_loss)]
        let wanted = ENOUGH_GOOD * own.len() as f64;
        #[allow(clippy::cast_precision_loss)]
        let good = own.iter().filter(|d| d.1).count() as f64;
        !own.is_empty() && p.ready > 0 && good >= wanted
    };
    // (rate, fewest that were enough, most that were ready)
    let mut seen: Vec<(f64, Option<u32>, Option<u32>)> = Vec::new();
    for w in &tables.rates {
        let own = merged(pieces(&tables.replicas, w.start, w.end));
        let long = ENOUGH_S.min((w.end - w.start) / 2.0);
        let fewest = own.iter().filter(|p| p.to - p.from >= long && enough(p)).map(|p| p.ready).min();
        seen.push((w.rate, fewest, own.iter().map(|p| p.ready).max()));
    }
    let of = |(rate, _, most): &(f64, Option<u32>, Option<u32>)| {
        let fewest = seen.iter().filter(|s| s.0 >= *rate).filter_map(|s| s.1).min()?;
        Some(f64::from((*most)?.max(fewest)) / f64::from(fewest))
    };
    seen.iter().filter_map(of).max_by(f64::total_cmp)
}

/// Neighbours of the same number of ready replicas as one: `spec.replicas` may have changed between them.
fn merged(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for p in pieces {
        match out.last_mut() {
            Some(last) if last.ready == p.ready && last.to == p.from => last.to = p.to,
            _ => out.push(p),
        }
    }
    out
}
