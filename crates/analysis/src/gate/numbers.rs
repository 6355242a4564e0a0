//! The numbers of a run by the names of [`super::names`].

use super::names::STATS;
use crate::stats;
use crate::summary::{Could, of, parts};
use bench_model::gate::{Numbers, RateNumbers, RestsOn};
use bench_model::scorecard::{Card, Scorecard};
use bench_model::summary::{RateSummary, Stats, Summary};
use bench_model::tables::{Outcome, Request, Tables};
use std::collections::BTreeMap;

/// All numbers that a run has. Those of the whole load are over its requests, each weighing the same, not means of the
/// rates' numbers; rates per second are over the time of the rates, without the gaps between them.
pub fn numbers(summary: &Summary, tables: &Tables, card: Option<&Scorecard>) -> Numbers {
    let mut whole = Bag::default();
    whole.load(summary, tables);
    whole.scaling(summary);
    if let Some(c) = card {
        if !summary.rates.is_empty() {
            whole.card(&c.overall);
        }
        whole.put("replica_seconds", c.paid_replica_s);
        whole.put("gpu_seconds", c.paid_replica_s.map(|s| s * c.gpus_per_replica));
        whole.put("cost", c.gpu_cost);
        let (known, pods) = (tables.pods.iter().filter(|p| p.scheduled.is_some()).count(), tables.pods.len());
        for name in ["replica_seconds", "gpu_seconds", "cost"] {
            whole.rest(name, known as u64, pods as u64);
        }
        // Of a part of the tokens a million would be too dear.
        let told = c.overall.output_tokens_per_s.is_some();
        let per_million = |tokens: u64| c.gpu_cost.filter(|_| told).zip(n(tokens).filter(|t| *t > 0.0)).map(|(cost, t)| 1e6 * cost / t);
        whole.put("cost_per_million_output_tokens", per_million(c.overall.output_tokens));
        whole.put("cost_per_million_good_output_tokens", per_million(c.overall.good_output_tokens));
        whole.put("ready_replica_seconds", c.ready_replica_s);
        whole.put("span_s", Some(c.span_s).filter(|s| *s > 0.0));
        whole.put("overshoot", c.overshoot);
        if !tables.replicas.is_empty() {
            whole.put("flaps", Some(c.flaps.into()));
        }
    }
    let of_rate = |(k, r): (usize, &RateSummary)| {
        let mut bag = Bag::default();
        bag.rate(r, tables, k);
        if let Some(c) = card.and_then(|c| c.rates.get(k)) {
            bag.card(c);
        }
        RateNumbers { rate: r.rate, numbers: bag.numbers, rests_on: bag.rests_on }
    };
    let rates = summary.rates.iter().enumerate().map(of_rate).collect();
    Numbers { whole: whole.numbers, rates, rests_on: whole.rests_on }
}

#[derive(Default)]
struct Bag {
    numbers: BTreeMap<String, f64>,
    rests_on: BTreeMap<String, RestsOn>,
}

#[allow(clippy::cast_precision_loss)]
fn n(v: u64) -> Option<f64> {
    Some(v as f64)
}

fn fraction(part: u64, all: u64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    (all > 0).then(|| part as f64 / all as f64)
}

impl Bag {
    /// What is no finite number was not measured.
    fn put(&mut self, name: &str, v: Option<f64>) {
        if let Some(v) = v.filter(|v| v.is_finite()) {
            self.numbers.insert(name.to_owned(), v);
        }
    }

    /// Of a number that is there: on how many of how many it rests.
    fn rest(&mut self, name: &str, n: u64, of: u64) {
        if self.numbers.contains_key(name) {
            self.rests_on.insert(name.to_owned(), RestsOn { n, of: of.max(n) });
        }
    }

    /// `of`: those that could have been measured.
    fn stats(&mut self, metric: &str, s: Option<Stats>, of: u64) {
        let Some(s) = s.filter(|s| s.count > 0) else { return };
        for ((stat, _), v) in STATS.iter().zip([s.mean, s.min, s.p50, s.p90, s.p99, s.max]) {
            let name = format!("{stat}_{metric}");
            self.put(&name, Some(v));
            self.rest(&name, s.count, of);
        }
    }

    /// What was measured of what could have been, in the requests of a rate or of all.
    fn measured<'a>(&mut self, requests: &(impl Iterator<Item = &'a Request> + Clone)) {
        for (name, n, of) in parts(requests) {
            let name = format!("{name}_measured_fraction");
            self.put(&name, fraction(n, of));
            self.rest(&name, n, of);
        }
    }

    fn counts(&mut self, requests: u64, successful: u64, failed: u64, cut_off: u64) {
        self.put("requests", n(requests));
        self.put("successful", n(successful));
        self.put("failed", n(failed));
        self.put("cut_off", n(cut_off));
        self.put("failed_fraction", fraction(failed, requests));
        for (name, n) in [("successful", successful), ("failed", failed), ("cut_off", cut_off), ("failed_fraction", requests)] {
            self.rest(name, n, requests);
        }
    }

    fn load(&mut self, summary: &Summary, tables: &Tables) {
        let rates = &summary.rates;
        if rates.is_empty() {
            return;
        }
        let sum = |of: fn(&RateSummary) -> u64| rates.iter().map(of).fold(0, u64::saturating_add);
        self.counts(sum(|r| r.requests), sum(|r| r.successful), sum(|r| r.errored), sum(|r| r.incomplete));
        let begin = rates.iter().map(|r| r.start).fold(f64::INFINITY, f64::min);
        let end = rates.iter().map(|r| r.end).fold(f64::NEG_INFINITY, f64::max);
        self.put("load_s", Some(end - begin));
        let length = |r: &RateSummary| (r.end - r.start).max(0.0);
        let seconds: f64 = rates.iter().map(length).sum();
        let per_second = |of: fn(&RateSummary) -> Option<f64>| {
            let all: Option<Vec<f64>> = rates.iter().map(|r| Some(of(r)? * length(r))).collect();
            all.map(|v| v.iter().sum::<f64>() / seconds)
        };
        self.put("achieved_rate", per_second(|r| Some(r.achieved_rate)));
        self.put("output_tokens_per_s", per_second(|r| r.output_tokens_per_s));
        let of = |value: fn(&Request) -> Option<f64>| stats::stats(tables.requests.iter().filter_map(value));
        let good = |r: &Request| r.outcome == Outcome::Successful;
        let good = |value: fn(&Request) -> Option<f64>| stats::stats(tables.requests.iter().filter(|r| good(r)).filter_map(value));
        let could = Could::of(tables.requests.iter());
        self.stats("ttft_ms", good(|r| r.ttft_ms), could.successes);
        self.stats("itl_ms", good(|r| r.itl_ms), could.several_tokens);
        self.stats("e2e_s", good(|r| r.latency_s), could.successes);
        self.stats("lateness_s", of(|r| Some(r.start? - r.due?)), could.begun);
        self.rest("output_tokens_per_s", could.with_tokens, could.successes);
        self.measured(&tables.requests.iter());
    }

    fn rate(&mut self, r: &RateSummary, tables: &Tables, position: usize) {
        self.counts(r.requests, r.successful, r.errored, r.incomplete);
        self.put("planned_rate", Some(r.rate));
        self.put("achieved_rate", Some(r.achieved_rate));
        self.put("achieved_fraction", Some(r.achieved_rate / r.rate));
        self.put("output_tokens_per_s", r.output_tokens_per_s);
        self.put("load_s", Some(r.end - r.start));
        self.put("gap_before_s", r.gap_before_s);
        let could = Could::of(of(tables, position));
        self.stats("ttft_ms", r.ttft_ms, could.successes);
        self.stats("itl_ms", r.itl_ms, could.several_tokens);
        self.stats("e2e_s", r.e2e_s, could.successes);
        self.stats("lateness_s", r.lateness_s, could.begun);
        self.rest("output_tokens_per_s", could.with_tokens, could.successes);
        self.measured(&of(tables, position));
    }

    fn scaling(&mut self, summary: &Summary) {
        let s = &summary.scaling;
        let replicas = |v: Option<u32>| v.map(f64::from);
        self.put("start_replicas", replicas(s.start_replicas));
        self.put("end_replicas", replicas(s.end_replicas));
        self.put("max_desired", replicas(s.max_desired));
        self.put("max_ready", replicas(s.max_ready));
        self.put("first_scale_up_s", s.first_scale_up_s);
        // The zeros of a run without a record of replicas are nobody's.
        if s.max_desired.is_some() {
            self.put("recorded_ready_replica_seconds", Some(s.ready_replica_s));
            self.put("recorded_desired_replica_seconds", Some(s.desired_replica_s));
            self.put("scale_ups", Some(s.scale_ups.into()));
            self.put("scale_downs", Some(s.scale_downs.into()));
        }
        let served = &summary.requests_per_pod;
        let all: f64 = served.values().sum();
        self.put("busiest_pod_fraction", served.values().copied().reduce(f64::max).map(|most| most / all));
    }

    fn card(&mut self, c: &Card) {
        self.put("due", n(c.due));
        self.put("unsent", n(c.unsent));
        self.put("good", n(c.good));
        self.put("counted", n(c.counted));
        self.put("goodput_fraction", c.goodput_fraction);
        self.rest("goodput_fraction", c.counted, c.due);
        self.put("goodput_per_s", Some(c.goodput_per_s));
        self.stats("ttft_due_ms", c.ttft_ms, c.successful + c.failed + c.cut_off);
        let seconds = |s: Stats| {
            let k = 0.001;
            Stats { mean: s.mean * k, min: s.min * k, p50: s.p50 * k, p90: s.p90 * k, p99: s.p99 * k, max: s.max * k, ..s }
        };
        self.stats("e2e_due_s", c.e2e_ms.map(seconds), c.successful);
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::{self, Scope};
    use super::*;
    use crate::summarise;
    use crate::validity::testing::{load, point, rate, run, settings};

    fn tables() -> Tables {
        let mut t = load(&[rate(0, 2.0, 100.0, 10.0), rate(1, 4.0, 125.0, 10.0)]);
        t.replicas = vec![point(90.0, 1, 1), point(110.0, 2, 1), point(120.0, 2, 2), point(200.0, 1, 1)];
        t
    }

    #[test]
    fn every_number_of_the_summary_has_its_name() {
        let t = tables();
        let s = summarise(&run(), &t, "0.8.1", &settings(&t));
        let got = numbers(&s, &t, None);
        let known = |name: &str, of_rate: bool| {
            names::all().iter().any(|n| n.name == name && (n.scope == Scope::Both || (n.scope == Scope::Rate) == of_rate))
        };
        assert!(got.whole.keys().all(|k| known(k, false)), "{:?}", got.whole.keys());
        assert!(got.rates.iter().flat_map(|r| r.numbers.keys()).all(|k| known(k, true)));
        assert_eq!(got.whole["requests"], 60.0);
        assert_eq!(got.whole["achieved_rate"], 3.0);
        assert_eq!(got.whole["load_s"], 35.0);
        assert_eq!((got.whole["p99_ttft_ms"], got.whole["failed_fraction"]), (50.0, 0.0));
        assert_eq!((got.whole["max_ready"], got.whole["first_scale_up_s"], got.whole["scale_ups"]), (2.0, 10.0, 1.0));
        assert_eq!((got.rates[1].numbers["planned_rate"], got.rates[1].numbers["requests"]), (4.0, 40.0));
        assert!(!got.rates[0].numbers.contains_key("gap_before_s") && got.rates[1].numbers["gap_before_s"] > 14.0);
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let got = numbers(&summarise(&run(), &Tables::default(), "", &Default::default()), &Tables::default(), None);
        assert_eq!(got.whole.len(), 0, "{:?}", got.whole);
        let mut t = tables();
        t.requests.iter_mut().for_each(|r| (r.outcome, r.ttft_ms) = (Outcome::Errored, Some(f64::NAN)));
        t.replicas.clear();
        let got = numbers(&summarise(&run(), &t, "0.8.1", &settings(&t)), &t, None);
        assert!(got.whole.values().all(|v| v.is_finite()));
        assert!(!got.whole.contains_key("p99_ttft_ms") && !got.whole.contains_key("scale_ups"));
    }
}
