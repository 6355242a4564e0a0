//! llm-d-benchmark's Benchmark Report v0.2.1: a document for each rate, filled as far as the data goes.
//!
//! What the format has no place for is left out: the autoscaler's decisions, goodput, the reasons of failures. What the run
//! does not tell is left out, too, and never guessed. Latencies are of successes, in the units of the tables; the times of a
//! prediction are put where [`Calendar`] puts them, and its description says that it is one.

mod observed;
mod performance;
mod stack;

use super::Material;
use crate::{Calendar, stats};
use serde_json::{Map, Value, json};

/// The version of the format.
pub const VERSION: &str = "0.2.1";

/// One report a rate, in the order of the profile.
pub fn reports(m: &Material<'_>) -> Vec<Value> {
    let calendar = Calendar::new(m.run, m.tables, None);
    (0..m.tables.rates.len().min(m.summary.rates.len())).map(|k| pruned(report(m, calendar, k))).collect()
}

fn report(m: &Material<'_>, calendar: Calendar, position: usize) -> Value {
    let (r, w) = (m.run, &m.tables.rates[position]);
    let source = format!("{:?}", r.source).to_lowercase();
    let verdict = serde_json::to_value(m.summary.validity.verdict).unwrap_or_default();
    let verdict = verdict.as_str().unwrap_or_default();
    let told = if source == "predicted" {
        "predicted by bench's simulator, not measured; placed in time at the moment of the prediction"
    } else {
        "measured"
    };
    let seconds = (w.end - w.start).max(0.0);
    json!({
        "version": VERSION,
        "run": {
            "uid": format!("{}-rate-{}", r.id, w.index),
            "eid": r.id,
            "time": {"start": calendar.rfc3339(w.start), "end": calendar.rfc3339(w.end), "duration": format!("PT{seconds:.3}S")},
            "description": format!("bench {}: arm {} under {} requests a second of {}; {told}; validity: {verdict}", r.bench_version, r.arm, w.rate, r.profile),
            "keywords": [
                format!("arm:{}", r.arm), format!("source:{source}"), format!("validity:{verdict}"), format!("stack:{}", r.hashes.stack),
                format!("load:{}", r.hashes.load), format!("plan:{}", r.hashes.plan),
            ],
        },
        "scenario": {"stack": stack::components(m, w), "load": stack::load(m, w)},
        "results": {
            "request_performance": performance::all(m, calendar, position),
            "observability": observed::all(m, calendar, w),
            "component_health": observed::health(m, w),
        },
    })
}

/// `Statistics` of the format; null of nothing. The deviation is the population's.
fn statistics(units: &str, values: impl IntoIterator<Item = f64>) -> Value {
    let v = stats::sorted(values);
    let Some(mean) = stats::mean(&v) else { return Value::Null };
    let variance = stats::mean(&v.iter().map(|x| (x - mean).powi(2)).collect::<Vec<_>>()).unwrap_or(0.0);
    let p = |q: f64| stats::percentile(&v, q);
    json!({
        "units": units, "mean": mean, "stddev": variance.sqrt(), "min": v.first(), "p0p1": p(0.1), "p1": p(1.0), "p5": p(5.0), "p10": p(10.0),
        "p25": p(25.0), "p50": p(50.0), "p75": p(75.0), "p90": p(90.0), "p95": p(95.0), "p99": p(99.0), "p99p9": p(99.9), "max": v.last(),
    })
}

/// Without nulls, and without objects and lists that hold nothing: the format has no word for "not known" but absence.
/// What is the user's own (`native`) stays as it is.
fn pruned(v: Value) -> Value {
    let empty = |v: &Value| v.is_null() || v.as_object().is_some_and(Map::is_empty) || v.as_array().is_some_and(Vec::is_empty);
    match v {
        Value::Object(o) => {
            let kept = o.into_iter().filter_map(|(k, v)| {
                if k == "native" {
                    return Some((k, v));
                }
                let v = pruned(v);
                (!empty(&v) || k == "results").then_some((k, v))
            });
            Value::Object(kept.collect())
        }
        Value::Array(a) => Value::Array(a.into_iter().map(pruned).filter(|v| !empty(v)).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::material;
    use crate::validity::testing::{load, rate};

    #[test]
    fn statistics_are_of_the_population() {
        let s = statistics("ms", [4.0, 1.0, 3.0, 2.0, f64::NAN]);
        assert_eq!((s["mean"].as_f64(), s["p50"].as_f64(), s["max"].as_f64()), (Some(2.5), Some(2.5), Some(4.0)));
        assert!((s["stddev"].as_f64().unwrap() - 1.25f64.sqrt()).abs() < 1e-12);
        assert_eq!(statistics("ms", []), Value::Null);
    }

    #[test]
    fn one_report_a_rate_and_nothing_is_made_up() {
        let all = material(&load(&[rate(0, 2.0, 100.0, 60.0), rate(1, 3.0, 170.0, 60.0)]), reports);
        assert_eq!(all.len(), 2);
        let r = &all[1];
        assert_eq!(r["run"]["time"]["duration"], "PT60.000S");
        let a = &r["results"]["request_performance"]["aggregate"];
        assert_eq!(a["requests"]["total"], 180);
        assert_eq!(a["latency"]["time_to_first_token"]["mean"], 50.0);
        assert_eq!(a["throughput"]["request_rate"]["mean"], 3.0);
        // Without a plan nothing is known of the stack.
        assert_eq!(r.get("scenario"), None);
        assert!(!r.to_string().contains("null"));
    }
}
