//! What was sent, and how it went.

use super::{Line, Panel, Role, Scene, bin_s};
use crate::stats;
use bench_model::tables::{Outcome, Request};
use std::collections::BTreeMap;

/// Classes of failures drawn by themselves; the rest together.
const CLASSES: usize = 5;

/// Equal bins over the load and what was still under way after it.
struct Bins {
    width: f64,
    count: usize,
}

impl Bins {
    fn of(scene: &Scene<'_>) -> Option<Self> {
        let (_, end) = scene.load?;
        let width = bin_s(end);
        // Answers may come minutes after the last request was sent.
        let last = scene.tables.requests.iter().filter_map(|r| r.end).map(|t| t - scene.zero);
        let last = last.filter(|t| t.is_finite() && *t < 2.0 * end + 600.0).fold(end, f64::max);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = (last / width).ceil().clamp(1.0, 10_000.0) as usize;
        Some(Self { width, count })
    }

    fn index(&self, t: f64) -> Option<usize> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (t.is_finite() && t >= 0.0).then(|| (t / self.width) as usize).filter(|i| *i < self.count)
    }

    fn start(&self, i: usize) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let i = i as f64;
        i * self.width
    }

    /// Events per second.
    fn rate(&self, times: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
        let mut counts = vec![0.0; self.count];
        for i in times.filter_map(|t| self.index(t)) {
            counts[i] += 1.0;
        }
        let mut points: Vec<(f64, f64)> = counts.iter().enumerate().map(|(i, n)| (self.start(i), n / self.width)).collect();
        points.push((self.start(self.count), 0.0));
        points
    }
}

pub(super) fn load(scene: &Scene<'_>, missing: &mut Vec<String>) -> Option<Panel> {
    let Some(bins) = Bins::of(scene) else {
        missing.push("Load: there is no report of any rate, so nothing is known of what was sent.".into());
        return None;
    };
    let requests = &scene.tables.requests;
    // Between two rates nothing is asked for, which is a break and no rate of 0.
    let rates = || scene.tables.rates.iter().filter(|r| r.start.is_finite() && r.end.is_finite());
    let offered =
        rates().flat_map(|r| [(r.start - scene.zero, r.rate), (r.end - scene.zero, r.rate), (r.end - scene.zero, f64::NAN)]).collect();
    let mut lines = vec![Line { name: "offered".into(), role: Role::Offered, steps: true, points: offered }];
    if requests.is_empty() {
        missing.push("Load: no request was recorded by itself, so only the offered rates are shown.".into());
    } else {
        let begun = requests.iter().filter_map(|r| r.start).map(|t| t - scene.zero);
        lines.push(Line { name: "begun".into(), role: Role::Begun, steps: true, points: bins.rate(begun) });
        let done = requests.iter().filter(|r| r.outcome == Outcome::Successful).filter_map(|r| r.end).map(|t| t - scene.zero);
        lines.push(Line { name: "finished".into(), role: Role::Finished, steps: true, points: bins.rate(done) });
    }
    let about =
        format!("What the profile asked for, and the requests begun and successfully finished per second, in bins of {} s.", bins.width);
    Some(Panel { id: "load", title: "Load", about, unit: "req/s", stacked: false, lines, limits: vec![] })
}

/// Milliseconds from due (or sent, where no schedule is known) to the first token.
pub(crate) fn ttft_from_due_ms(r: &Request) -> Option<f64> {
    Some(1000.0 * (r.first_token? - r.due.or(r.start)?)).filter(|v| v.is_finite())
}

pub(super) fn latency(scene: &Scene<'_>, missing: &mut Vec<String>) -> Option<Panel> {
    let bins = Bins::of(scene)?;
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); bins.count];
    for r in &scene.tables.requests {
        if let Some((v, i)) = ttft_from_due_ms(r).zip(r.due.or(r.start).and_then(|t| bins.index(t - scene.zero))) {
            values[i].push(v);
        }
    }
    if values.iter().all(Vec::is_empty) {
        missing.push("TTFT: not one request has the time of a first token.".into());
        return None;
    }
    let values: Vec<Vec<f64>> = values.into_iter().map(stats::sorted).collect();
    let percentile = |q: f64| {
        let value = |(i, v): (usize, &Vec<f64>)| (bins.start(i) + bins.width / 2.0, stats::percentile(v, q).unwrap_or(f64::NAN));
        values.iter().enumerate().map(value).collect()
    };
    let line = |name: &str, role, q| Line { name: name.into(), role, steps: false, points: percentile(q) };
    let about = format!(
        "From the moment a request was due to its first token, of every request that got one, by the time it was due, in bins of {} s.",
        bins.width
    );
    let lines = vec![line("p50", Role::Median, 50.0), line("p99", Role::Tail, 99.0)];
    Some(Panel { id: "ttft", title: "Time to first token", about, unit: "ms", stacked: false, lines, limits: vec![] })
}

pub(super) fn failures(scene: &Scene<'_>) -> Option<Panel> {
    let bins = Bins::of(scene)?;
    let mut classes: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for r in scene.tables.requests.iter().filter(|r| r.outcome == Outcome::Errored) {
        if let Some(t) = r.end.or(r.start).or(r.due) {
            classes.entry(r.error.as_deref().unwrap_or("unknown")).or_default().push(t - scene.zero);
        }
    }
    let mut classes: Vec<(&str, Vec<f64>)> = classes.into_iter().collect();
    classes.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
    if classes.len() > CLASSES {
        let rest = classes.split_off(CLASSES - 1);
        classes.push(("all others", rest.into_iter().flat_map(|c| c.1).collect()));
    }
    let mut lines: Vec<Line> = classes
        .into_iter()
        .enumerate()
        .map(|(n, (class, times))| Line { name: class.into(), role: Role::Failure(n), steps: true, points: bins.rate(times.into_iter()) })
        .collect();
    if lines.is_empty() {
        lines.push(Line {
            name: "failed".into(),
            role: Role::Failure(0),
            steps: true,
            points: vec![(0.0, 0.0), (bins.start(bins.count), 0.0)],
        });
    }
    let about = format!(
        "Failed requests per second by the time they failed, in bins of {} s. What a rate's end cut off is no failure.",
        bins.width
    );
    Some(Panel { id: "failures", title: "Failures", about, unit: "req/s", stacked: false, lines, limits: vec![] })
}
