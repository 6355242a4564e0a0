//! Series that no Prometheus recorded, from the tables.
//!
//! What holds until it changes is written at every change and every scrape interval: a query looks back five minutes at most.

use crate::report::Material;
use crate::stats;
use crate::summary::{load_span, recording};
use bench_model::plan::Arm;
use bench_model::quantity::quantity;
use bench_model::summary::Verdict;
use bench_model::tables::{Outcome, Request, Series};
use std::collections::BTreeMap;

/// More points than this a series is written no denser: times that are wrong must not fill the disk.
const MOST_POINTS: f64 = 50_000.0;

pub(super) struct Derived {
    pub series: Series,
    pub help: &'static str,
}

struct Grid {
    begin: f64,
    end: f64,
    step: f64,
}

impl Grid {
    fn times(&self) -> impl Iterator<Item = f64> + '_ {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let n = ((self.end - self.begin) / self.step).floor() as u32;
        (0..=n).map(|k| self.begin + f64::from(k) * self.step).chain(Some(self.end).filter(|e| *e > self.begin + f64::from(n) * self.step))
    }

    /// A value that holds until the next: at its changes and at the grid's times from the first one on.
    fn held(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let mut times: Vec<f64> = self.times().chain(points.iter().map(|p| p.0)).filter(|t| *t <= self.end).collect();
        times.sort_by(f64::total_cmp);
        let mut out = Vec::with_capacity(times.len());
        let (mut next, mut now) = (0, None);
        for t in times {
            while let Some((_, v)) = points.get(next).filter(|p| p.0 <= t) {
                (now, next) = (Some(*v), next + 1);
            }
            out.extend(now.map(|v| (t, v)));
        }
        // Of several changes within a millisecond the last one counts.
        out.reverse();
        out.dedup_by_key(|(t, _)| (*t * 1000.0).round());
        out.reverse();
        out
    }
}

struct Out(Vec<Derived>);

impl Out {
    fn add(&mut self, name: &str, help: &'static str, labels: &[(&str, &str)], samples: Vec<(f64, f64)>) {
        let labels: BTreeMap<String, String> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        self.0.push(Derived { series: Series { name: name.into(), labels, samples }, help });
    }
}

/// Nothing further from the load than this is written.
const DAY_S: f64 = 86_400.0;

/// All of them; none of a run that has neither a load nor a record of replicas.
pub(super) fn all(m: &Material<'_>) -> Vec<Derived> {
    let (load, record) = (load_span(m.tables), recording(m.run, m.tables));
    let begin = load.iter().chain(&record).map(|s| s.0).min_by(f64::total_cmp);
    let end = load.iter().chain(&record).map(|s| s.1).max_by(f64::total_cmp);
    let (Some(begin), Some(end)) = (begin.filter(|t| t.is_finite()), end.filter(|t| t.is_finite())) else { return vec![] };
    // A wrong clock is no reason for years of samples.
    let (begin, end) = load.map_or((begin, end), |(from, to)| (begin.max(from - DAY_S), end.min(to + DAY_S)));
    let interval = m.plan.map_or(15.0, |p| f64::from(p.scenario.monitoring.scrape_interval_s)).max(1.0);
    let grid = Grid { begin, end: end.max(begin), step: interval.max((end - begin) / MOST_POINTS) };
    let mut out = Out(vec![]);
    about(m, &grid, &mut out);
    replicas(m, &grid, &mut out);
    decisions(m, &grid, &mut out);
    offered(m, &grid, &mut out);
    requests(m, &grid, &mut out);
    out.0
}

fn about(m: &Material<'_>, grid: &Grid, out: &mut Out) {
    let verdict = match m.summary.validity.verdict {
        Verdict::Valid => "valid",
        Verdict::ValidClosedLoop => "valid-closed-loop",
        Verdict::Invalid => "invalid",
    };
    let source = format!("{:?}", m.run.source).to_lowercase();
    let r = m.run;
    let labels = [
        ("source", source.as_str()),
        ("profile", &r.profile),
        ("model", &r.model),
        ("namespace", &r.namespace),
        ("deployment", &r.deployment),
        ("verdict", verdict),
        ("plan", &r.hashes.plan),
    ];
    out.add("bench_run_info", "What the run is; always 1.", &labels, grid.times().map(|t| (t, 1.0)).collect());
    let Some(plan) = m.plan else { return };
    let mut constant = |name: &str, help, key: &str, label: &str, v: f64| {
        out.add(name, help, &[(key, label)], grid.times().map(|t| (t, v)).collect());
    };
    let t = &plan.scenario.wva.thresholds;
    for (name, v) in [
        ("kv_cache", t.kv_cache_threshold),
        ("queue_length", t.queue_length_threshold),
        ("kv_spare", t.kv_spare_trigger),
        ("queue_spare", t.queue_spare_trigger),
    ] {
        constant(
            "bench_wva_threshold",
            "WVA's thresholds (a replica is saturated at kv_cache or queue_length) and triggers.",
            "threshold",
            name,
            v,
        );
    }
    if m.run.arm == Arm::Hpa {
        for h in &plan.scenario.hpa.metrics {
            if let Some(v) = quantity(&h.average_value) {
                constant("bench_hpa_target", "Target of the HPA's metric, per replica.", "metric", &h.name, v);
            }
        }
    }
}

fn replicas(m: &Material<'_>, grid: &Grid, out: &mut Out) {
    let points = &m.tables.replicas;
    type Of = fn(&bench_model::tables::ReplicaPoint) -> u32;
    let states: [(&str, Of); 3] = [("desired", |p| p.desired), ("current", |p| p.current), ("ready", |p| p.ready)];
    for (state, of) in states {
        let held = grid.held(&points.iter().map(|p| (p.t, f64::from(of(p)))).collect::<Vec<_>>());
        out.add("bench_replicas", "Replicas of the scaled Deployment: spec, status and ready.", &[("state", state)], held);
    }
    for pair in points.windows(2).filter(|w| w[0].desired != w[1].desired) {
        let (from, to) = (pair[0].desired.to_string(), pair[1].desired.to_string());
        // Its time is its value; the same step twice is one series with two samples.
        out.add(
            "bench_scaling",
            "A change of spec.replicas, at its time; always 1.",
            &[("from", &from), ("to", &to)],
            vec![(pair[1].t, 1.0)],
        );
    }
    for p in &m.tables.pods {
        if let Some(ready) = p.ready.filter(|r| *r >= p.created) {
            let s = vec![(ready, ready - p.created)];
            out.add("bench_pod_startup_seconds", "From created to ready, at the moment it became ready.", &[("pod", &p.name)], s);
        }
    }
}

fn decisions(m: &Material<'_>, grid: &Grid, out: &mut Out) {
    type Points = Vec<(f64, f64)>;
    let mut wanted: BTreeMap<(&str, &str), Points> = BTreeMap::new();
    let mut inputs: BTreeMap<(&str, &str, &str), Points> = BTreeMap::new();
    for d in &m.tables.decisions {
        if let Some(n) = d.desired {
            wanted.entry((&d.by, &d.name)).or_default().push((d.t, f64::from(n)));
        }
        for (metric, (v, target)) in &d.inputs {
            // What has no target is no metric.
            if let Some(v) = quantity(v).filter(|_| !target.is_empty()) {
                inputs.entry((&d.by, &d.name, metric)).or_default().push((d.t, v));
            }
        }
    }
    for ((by, name), points) in wanted {
        let held = grid.held(&points);
        out.add("bench_decision_replicas", "What the autoscaler wanted, as its status said.", &[("by", by), ("name", name)], held);
    }
    for ((by, name, metric), points) in inputs {
        let labels = [("by", by), ("name", name), ("metric", metric)];
        out.add("bench_decision_input", "Average per replica as the autoscaler's status showed it.", &labels, grid.held(&points));
    }
}

fn offered(m: &Material<'_>, grid: &Grid, out: &mut Out) {
    let mut points = vec![(grid.begin, 0.0)];
    for w in &m.tables.rates {
        points.extend([(w.start, w.rate), (w.end, 0.0)]);
        let labels = [("index", w.index.to_string()), ("rate", w.rate.to_string())];
        let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
        out.add("bench_rate_begin", "A rate begins, at its time; always 1.", &labels, vec![(w.start, 1.0)]);
    }
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    out.add("bench_offered_rate", "Requests per second that the profile asks for.", &[], grid.held(&points));
}

fn requests(m: &Material<'_>, grid: &Grid, out: &mut Out) {
    let all = &m.tables.requests;
    let count = |times: Vec<(f64, f64)>| {
        let mut times = times;
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut next, mut sum) = (0, 0.0);
        let at = |t: f64| {
            while let Some((_, n)) = times.get(next).filter(|e| e.0 <= t) {
                (sum, next) = (sum + n, next + 1);
            }
            (t, sum)
        };
        grid.times().map(at).collect::<Vec<_>>()
    };
    let sent = all.iter().filter_map(|r| Some((r.start?, 1.0))).collect();
    out.add("bench_requests_sent_total", "Requests begun.", &[], count(sent));
    let outcomes = [("successful", Outcome::Successful), ("errored", Outcome::Errored), ("incomplete", Outcome::Incomplete)];
    for (name, outcome) in outcomes {
        let ended = all.iter().filter(|r| r.outcome == outcome).filter_map(|r| Some((r.end?, 1.0))).collect();
        out.add(
            "bench_requests_finished_total",
            "Requests ended; incomplete: cut off by the rate's end.",
            &[("outcome", name)],
            count(ended),
        );
    }
    #[allow(clippy::cast_precision_loss)]
    let tokens = all.iter().filter_map(|r| Some((r.end?, r.output_tokens? as f64))).collect();
    out.add("bench_output_tokens_total", "Output tokens received, counted when their request ended.", &[], count(tokens));
    type Of = fn(&Request) -> Option<(f64, f64)>;
    let latencies: [(&str, &str, Of); 3] = [
        ("bench_ttft_seconds", "From sent to the first token, of successes whose first token came since the sample before.", |r| {
            Some((r.first_token?, r.ttft_ms? / 1000.0))
        }),
        ("bench_itl_seconds", "Mean between two tokens, of successes that ended since the sample before.", |r| {
            Some((r.end?, r.itl_ms? / 1000.0))
        }),
        ("bench_e2e_seconds", "From sent to the last token, of successes that ended since the sample before.", |r| {
            Some((r.end?, r.latency_s?))
        }),
    ];
    for (name, help, of) in latencies {
        let mut seen: Vec<(f64, f64)> = all.iter().filter(|r| r.outcome == Outcome::Successful).filter_map(of).collect();
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut points: [(&str, Vec<(f64, f64)>); 4] = [("mean", vec![]), ("p50", vec![]), ("p90", vec![]), ("p99", vec![])];
        let mut rest = seen.as_slice();
        for t in grid.times() {
            let n = rest.partition_point(|(at, _)| *at <= t);
            let (here, after) = rest.split_at(n);
            rest = after;
            if let Some(s) = stats::stats(here.iter().map(|(_, v)| *v)) {
                for ((_, p), v) in points.iter_mut().zip([s.mean, s.p50, s.p90, s.p99]) {
                    p.push((t, v));
                }
            }
        }
        for (stat, p) in points {
            out.add(name, help, &[("stat", stat)], p);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_written_at_changes_and_on_the_grid() {
        let g = Grid { begin: 0.0, end: 40.0, step: 15.0 };
        assert_eq!(
            g.held(&[(5.0, 1.0), (15.0, 2.0), (17.0, 3.0), (99.0, 4.0)]),
            [(5.0, 1.0), (15.0, 2.0), (17.0, 3.0), (30.0, 3.0), (40.0, 3.0)]
        );
        assert_eq!(g.held(&[(0.0, 1.0), (0.0001, 2.0)])[0].1, 2.0);
        assert_eq!(g.held(&[]), []);
    }
}
