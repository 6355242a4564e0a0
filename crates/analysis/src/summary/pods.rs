use super::load_span;
use crate::ingest::series::pod;
use bench_model::tables::Tables;
use std::collections::BTreeMap;

const COUNTER: &str = "vllm:request_success_total";

/// A pod whose samples begin within this many scrape intervals after the load did was there before.
const BEGAN_BEFORE: f64 = 1.5;

/// Pod → requests it finished while the load ran: the increase of `vllm:request_success_total`, summed over
/// `finished_reason` and whatever other labels there are.
///
/// The increase runs from the last sample at or before the start of the load to the first at or after its end. A counter
/// that falls was reset (the process began anew) and counts on from 0. A series that begins while the load runs counts from
/// 0 too, since vLLM makes it with the first request of its kind; unless the recording itself began no earlier and the
/// pod was there before, because then its past is not known.
pub fn requests_per_pod(tables: &Tables, scrape_interval_s: f64) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    let Some((start, end)) = load_span(tables) else { return out };
    let mut seen_since: BTreeMap<&str, f64> = BTreeMap::new();
    for s in &tables.series {
        if let (Some(pod), Some((t, _))) = (pod(s), s.samples.first()) {
            seen_since.entry(pod).and_modify(|first| *first = first.min(*t)).or_insert(*t);
        }
    }
    for s in tables.series.iter().filter(|s| s.name == COUNTER) {
        let (Some(pod), Some((first, _))) = (pod(s), s.samples.first()) else { continue };
        let existed = match tables.pods.iter().find(|p| p.name == pod) {
            Some(life) => life.created < start,
            None => *first <= start + BEGAN_BEFORE * scrape_interval_s,
        };
        let is_pods_first = seen_since.get(pod).is_some_and(|t| t >= first);
        let from_zero = !(existed && is_pods_first);
        *out.entry(pod.to_owned()).or_default() += increase(&s.samples, start, end, from_zero);
    }
    out
}

/// Increase of a counter over [start, end], samples sorted by time.
fn increase(samples: &[(f64, f64)], start: f64, end: f64, from_zero: bool) -> f64 {
    let mut last: Option<f64> = None;
    let mut sum = 0.0;
    for &(t, v) in samples.iter().filter(|(_, v)| v.is_finite()) {
        if t > start {
            sum += match last {
                Some(l) if v >= l => v - l,
                Some(_) => v,
                None if from_zero => v,
                None => 0.0,
            };
        }
        last = Some(v);
        if t >= end {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate};
    use bench_model::tables::{PodLife, Series};

    fn s(name: &str, pod: &str, reason: &str, samples: &[(f64, f64)]) -> Series {
        let labels = [("pod", pod), ("finished_reason", reason)].iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Series { name: name.into(), labels, samples: samples.to_vec() }
    }

    fn counted(series: Vec<Series>, pods: &[(&str, f64)]) -> BTreeMap<String, f64> {
        let mut t = load(&[rate(0, 1.0, 100.0, 100.0)]);
        t.series = series;
        let life =
            |(n, c): &(&str, f64)| PodLife { name: (*n).into(), created: *c, scheduled: None, ready: None, deleted: None, restarts: 0 };
        t.pods = pods.iter().map(life).collect();
        requests_per_pod(&t, 15.0)
    }

    #[test]
    fn only_the_time_of_the_load_counts_and_reasons_are_summed() {
        let a = s(COUNTER, "a", "stop", &[(80.0, 3.0), (95.0, 5.0), (110.0, 9.0), (195.0, 30.0), (210.0, 31.0), (225.0, 99.0)]);
        let b = s(COUNTER, "a", "length", &[(95.0, 1.0), (210.0, 2.0)]);
        assert_eq!(counted(vec![a, b, s("other", "z", "stop", &[(0.0, 7.0)])], &[]), [("a".to_owned(), 27.0)].into());
    }

    #[test]
    fn a_reset_counts_on_from_zero() {
        let a = s(COUNTER, "a", "stop", &[(95.0, 50.0), (110.0, 60.0), (125.0, 4.0), (205.0, 10.0)]);
        assert_eq!(counted(vec![a], &[])["a"], 20.0);
    }

    #[test]
    fn a_series_that_begins_under_load_counts_from_zero() {
        // The pod was scraped before, but had not finished a request of this kind.
        let gauge = s("vllm:num_requests_running", "a", "", &[(95.0, 0.0), (110.0, 1.0)]);
        assert_eq!(counted(vec![gauge, s(COUNTER, "a", "stop", &[(110.0, 4.0), (205.0, 6.0)])], &[])["a"], 6.0);
        // The pod is new.
        assert_eq!(counted(vec![s(COUNTER, "b", "stop", &[(150.0, 4.0), (205.0, 6.0)])], &[])["b"], 6.0);
    }

    #[test]
    fn a_recording_that_begins_with_the_load_does_not_count_the_past() {
        let old = || s(COUNTER, "a", "stop", &[(110.0, 1000.0), (205.0, 1006.0)]);
        assert_eq!(counted(vec![old()], &[])["a"], 6.0);
        // Unless the pod is known to be younger than the load.
        assert_eq!(counted(vec![old()], &[("a", 101.0)])["a"], 1006.0);
        assert_eq!(counted(vec![s(COUNTER, "a", "stop", &[(150.0, 1000.0), (205.0, 1006.0)])], &[("a", 10.0)])["a"], 6.0);
    }
}
