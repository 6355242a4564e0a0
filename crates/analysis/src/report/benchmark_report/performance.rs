//! `results.request_performance`: over a rate, and over time.

use super::statistics;
use crate::Calendar;
use crate::report::Material;
use crate::stats;
use bench_model::tables::{Outcome, Request};
use serde_json::{Value, json};

/// Seconds of a point of the time series, and the most points.
const STEP_S: f64 = 15.0;
const POINTS: f64 = 2000.0;

#[allow(clippy::cast_precision_loss)]
pub(super) fn all(m: &Material<'_>, calendar: Calendar, position: usize) -> Value {
    let (w, s) = (&m.tables.rates[position], &m.summary.rates[position]);
    let good: Vec<&Request> = m.tables.requests.iter().filter(|r| r.rate == position && r.outcome == Outcome::Successful).collect();
    let of = |units: &str, f: fn(&Request) -> Option<f64>| statistics(units, good.iter().filter_map(|r| f(r)));
    let seconds = w.end - w.start;
    let per_second = |units: &str, n: f64| if seconds > 0.0 { json!({"units": units, "mean": n / seconds}) } else { Value::Null };
    let sum = |f: fn(&Request) -> Option<u64>| good.iter().filter_map(|r| f(r)).map(|n| n as f64).sum::<f64>();
    let (input, output) = (sum(|r| r.prompt_tokens), sum(|r| r.output_tokens));
    json!({
        "aggregate": {
            "requests": {
                "total": s.requests, "failures": s.errored, "incomplete": s.incomplete,
                "input_length": of("count", |r| Some(r.prompt_tokens? as f64)),
                "output_length": of("count", |r| Some(r.output_tokens? as f64)),
            },
            "latency": {
                "time_to_first_token": of("ms", |r| r.ttft_ms),
                "normalized_time_per_output_token": of("ms/token", |r| Some(1000.0 * r.latency_s? / per(r.output_tokens?)?)),
                "time_per_output_token": of("ms/token", |r| Some((1000.0 * r.latency_s? - r.ttft_ms?) / per(r.output_tokens?.checked_sub(1)?)?)),
                "inter_token_latency": of("ms/token", |r| r.itl_ms),
                "request_latency": of("s", |r| r.latency_s),
            },
            "throughput": {
                "input_token_rate": per_second("tokens/s", input),
                "output_token_rate": per_second("tokens/s", output),
                "total_token_rate": per_second("tokens/s", input + output),
                "request_rate": per_second("queries/s", good.len() as f64),
            },
        },
        "time_series": over_time(&good, w.start, w.end, calendar),
    })
}

#[allow(clippy::cast_precision_loss)]
fn per(tokens: u64) -> Option<f64> {
    (tokens > 0).then_some(tokens as f64)
}

/// Points at the end of each step: latencies of what came in it, and what ended in it per second.
#[allow(clippy::cast_precision_loss)]
fn over_time(good: &[&Request], start: f64, end: f64, calendar: Calendar) -> Value {
    let seconds = end - start;
    if !(seconds > 0.0 && seconds.is_finite()) {
        return Value::Null;
    }
    let step = STEP_S.max(seconds / POINTS).min(seconds);
    type Of = fn(&Request) -> Option<(f64, f64)>;
    let points = |f: Of| {
        let mut seen: Vec<(f64, f64)> = good.iter().filter_map(|r| f(r)).filter(|(t, _)| *t > start).collect();
        seen.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut rest = seen.as_slice();
        let mut out: Vec<(f64, f64, Vec<f64>)> = vec![];
        let mut from = start;
        while from < end - 1e-6 {
            let to = (from + step).min(end);
            let (here, after) = rest.split_at(rest.partition_point(|(t, _)| *t <= to));
            out.push((to, to - from, here.iter().map(|x| x.1).collect()));
            (rest, from) = (after, to);
        }
        out
    };
    let latency = |units: &str, f: Of| {
        let series: Vec<Value> = (points(f).into_iter())
            .filter_map(|(t, _, v)| {
                let s = stats::stats(v)?;
                Some(json!({"ts": calendar.rfc3339(t), "mean": s.mean, "min": s.min, "p50": s.p50, "p90": s.p90, "p99": s.p99, "max": s.max}))
            })
            .collect();
        if series.is_empty() { Value::Null } else { json!({"units": units, "series": series}) }
    };
    let rate = |units: &str, f: Of| {
        let point = |(t, s, v): (f64, f64, Vec<f64>)| json!({"ts": calendar.rfc3339(t), "value": v.iter().sum::<f64>() / s});
        json!({"units": units, "series": points(f).into_iter().map(point).collect::<Vec<_>>()})
    };
    json!({
        "latency": {
            "time_to_first_token": latency("ms", |r| Some((r.first_token?, r.ttft_ms?))),
            "inter_token_latency": latency("ms/token", |r| Some((r.end?, r.itl_ms?))),
            "request_latency": latency("s", |r| Some((r.end?, r.latency_s?))),
        },
        "throughput": {
            "output_token_rate": rate("tokens/s", |r| Some((r.end?, r.output_tokens? as f64))),
            "request_rate": rate("queries/s", |r| Some((r.end?, 1.0))),
        },
    })
}
