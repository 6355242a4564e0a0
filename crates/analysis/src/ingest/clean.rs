//! The one door for what was recorded: nothing behind it steers a terminal, and no sum of it overflows.
//!
//! Texts keep their words; control characters and those that turn or hide text come out as `\u{1b}`. Numbers that no run of
//! this world has are taken for not recorded, or cut, and that is told.

use crate::words::visible;
use bench_model::run::RunRecord;
use bench_model::tables::Tables;

/// Largest time or duration: 30,000 years in seconds, or in milliseconds, 30.
const TIME: f64 = 1e12;
/// Times of one request may be out of order by so much: clocks are read one after the other.
const ORDER_S: f64 = 0.001;
/// Largest count, and largest rate per second.
const COUNT: u64 = 1_000_000_000_000;
const RATE: f64 = 1e9;
/// Largest sample of a series.
const VALUE: f64 = 1e30;

/// A name, or a message on one line: line breaks and tabs become spaces.
fn text(s: &mut String) {
    if !s.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        *s = visible(&s.replace(['\n', '\r', '\t'], " "));
    }
}

/// Of `run.json`.
pub(super) fn record(r: &mut RunRecord) {
    for s in [&mut r.id, &mut r.bench_version, &mut r.profile, &mut r.model, &mut r.namespace, &mut r.deployment] {
        text(s);
    }
    r.failure.iter_mut().for_each(text);
    r.missing.iter_mut().for_each(text);
    r.notes.iter_mut().for_each(text);
    r.images = std::mem::take(&mut r.images)
        .into_iter()
        .map(|(mut k, mut v)| {
            [&mut k, &mut v].into_iter().for_each(text);
            (k, v)
        })
        .collect();
    for n in &mut r.nodes {
        [&mut n.name, &mut n.arch, &mut n.os_image].into_iter().chain(&mut n.gpu_product).for_each(text);
    }
    r.clocks.iter_mut().for_each(|c| text(&mut c.clock));
    for s in &mut r.reset {
        text(&mut s.name);
        text(&mut s.detail);
    }
}

/// Of everything else; gives how many numbers were absurd.
pub(super) fn tables(t: &mut Tables) -> usize {
    let mut absurd = 0;
    let mut time = |v: &mut f64| {
        if !(-TIME..=TIME).contains(v) {
            absurd += 1;
            *v = if v.is_nan() { 0.0 } else { v.clamp(-TIME, TIME) };
        }
    };
    for w in &mut t.rates {
        time(&mut w.start);
        time(&mut w.end);
        text(&mut w.ended_by);
        w.warnings.iter_mut().for_each(text);
    }
    t.replicas.iter_mut().for_each(|p| time(&mut p.t));
    for p in &mut t.pods {
        text(&mut p.name);
        time(&mut p.created);
        [&mut p.scheduled, &mut p.ready, &mut p.deleted].into_iter().flatten().for_each(&mut time);
    }
    for d in &mut t.decisions {
        time(&mut d.t);
        text(&mut d.by);
        text(&mut d.name);
        let pair = |m: &mut std::collections::BTreeMap<String, (String, String)>| {
            *m = std::mem::take(m)
                .into_iter()
                .map(|(mut k, (mut a, mut b))| {
                    [&mut k, &mut a, &mut b].into_iter().for_each(text);
                    (k, (a, b))
                })
                .collect();
        };
        pair(&mut d.inputs);
        pair(&mut d.conditions);
    }
    for e in &mut t.events {
        time(&mut e.t);
        [&mut e.kind, &mut e.reason, &mut e.object, &mut e.message].into_iter().for_each(text);
    }
    for g in &mut t.gaps {
        time(&mut g.from);
        time(&mut g.to);
        text(&mut g.detail);
    }
    for s in &mut t.series {
        text(&mut s.name);
        s.labels.values_mut().for_each(text);
        // Infinite is a value of OpenMetrics; so large and finite is none that sums survive.
        for (_, v) in s.samples.iter_mut().filter(|(_, v)| v.is_finite() && v.abs() > VALUE) {
            absurd += 1;
            *v = f64::NAN;
        }
    }
    for w in &mut t.rates {
        for n in [&mut w.successful, &mut w.errored, &mut w.incomplete] {
            absurd += usize::from(*n > COUNT);
            *n = (*n).min(COUNT);
        }
        w.index = w.index.min(1_000_000);
        if !(-RATE..=RATE).contains(&w.rate) {
            absurd += 1;
            w.rate = if w.rate.is_nan() { 0.0 } else { w.rate.clamp(-RATE, RATE) };
        }
    }
    for r in &mut t.requests {
        r.error.iter_mut().for_each(text);
        for v in [&mut r.due, &mut r.start, &mut r.first_token, &mut r.end, &mut r.ttft_ms, &mut r.itl_ms, &mut r.latency_s] {
            if v.is_some_and(|v| !(-TIME..=TIME).contains(&v)) {
                absurd += 1;
                *v = None;
            }
        }
        for n in [&mut r.prompt_tokens, &mut r.output_tokens] {
            if n.is_some_and(|n| n > COUNT) {
                absurd += 1;
                *n = None;
            }
        }
    }
    absurd
}

/// Takes away what cannot be a duration: negative ones, a first token before its request or after its end. Gives how many requests had any.
pub(super) fn durations(t: &mut Tables) -> usize {
    let mut odd = 0;
    for r in &mut t.requests {
        let before = r.clone();
        let after = |later: Option<f64>, earlier: Option<f64>| later.zip(earlier).is_some_and(|(l, e)| l < e - ORDER_S);
        if after(r.end, r.start) {
            (r.end, r.latency_s) = (None, None);
        }
        if after(r.first_token, r.start) || after(r.end, r.first_token) {
            (r.first_token, r.ttft_ms) = (None, None);
        }
        for v in [&mut r.ttft_ms, &mut r.itl_ms, &mut r.latency_s] {
            *v = v.filter(|v| *v >= 0.0);
        }
        odd += usize::from(*r != before);
    }
    odd
}

/// A version or another short text of a report.
pub(super) fn word(mut s: String) -> String {
    text(&mut s);
    s
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate};

    #[test]
    fn no_duration_is_negative() {
        let mut t = load(&[rate(0, 2.0, 100.0, 10.0)]);
        let honest = t.clone();
        assert_eq!((durations(&mut t), &t), (0, &honest), "what is honest stays as it is");
        t.requests[0].itl_ms = Some(-1.0);
        t.requests[1].first_token = t.requests[1].start.map(|s| s - 1.0);
        t.requests[2].end = t.requests[2].start.map(|s| s - 1.0);
        t.requests[3].first_token = t.requests[3].end.map(|s| s + 1.0);
        assert_eq!(durations(&mut t), 4);
        assert_eq!((t.requests[0].itl_ms, t.requests[0].ttft_ms), (None, Some(50.0)));
        assert_eq!((t.requests[1].ttft_ms, t.requests[1].latency_s), (None, Some(0.5)));
        assert_eq!((t.requests[2].end, t.requests[2].latency_s), (None, None));
        assert_eq!((t.requests[3].first_token, t.requests[3].ttft_ms), (None, None));
    }

    #[test]
    fn nothing_hostile_passes() {
        let mut t = load(&[rate(0, 2.0, 100.0, 10.0)]);
        let honest = t.clone();
        assert_eq!((tables(&mut t), &t), (0, &honest), "what is honest stays as it is");
        t.requests[0].error = Some("a\n\u{1b}[31m\u{202e}b".into());
        (t.requests[1].ttft_ms, t.requests[2].output_tokens) = (Some(1e308), Some(u64::MAX));
        (t.rates[0].successful, t.rates[0].end, t.rates[0].rate, t.rates[0].index) = (u64::MAX, f64::INFINITY, f64::NAN, usize::MAX);
        assert_eq!(tables(&mut t), 5);
        assert_eq!(t.requests[0].error.as_deref(), Some("a \\u{1b}[31m\\u{202e}b"));
        assert_eq!((t.requests[1].ttft_ms, t.requests[2].output_tokens), (None, None));
        assert_eq!((t.rates[0].successful, t.rates[0].end, t.rates[0].rate), (COUNT, TIME, 0.0));
    }
}
