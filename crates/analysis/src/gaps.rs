//! Spans in which nothing was sent, or nothing was seen.

use bench_model::tables::{Gap, Series, Tables};
use std::collections::BTreeMap;

/// [`Gap::kind`] of a span without load between two rates.
pub const BETWEEN_RATES: &str = "between-rates";
/// [`Gap::kind`] of a span without samples of a pod.
pub const SCRAPE: &str = "scrape";
/// [`Gap::kind`] of a span in which the agent's watch was broken.
pub const WATCH: &str = "watch";

/// A pod is taken for unscraped after this many scrape intervals without a sample: one scrape may fail or be late.
const MISSED_SCRAPES: f64 = 2.5;

/// From the end of each rate's load to the first request of the next. A gap longer than a scrape interval lets at least
/// one scrape see an idle server, which restarts stabilisation windows; see [`is_long`].
pub fn between_rates(tables: &Tables) -> Vec<Gap> {
    let first = |rate: usize| tables.requests.iter().filter(|r| r.rate == rate).filter_map(|r| r.start).min_by(f64::total_cmp);
    let pairs = tables.rates.windows(2).enumerate();
    pairs
        .map(|(i, pair)| {
            let from = pair[0].end;
            // Without a request of its own the next rate's window still says when it began.
            let to = first(i + 1).unwrap_or(pair[1].start).max(from);
            let detail = format!("{:.1} s without load between {}/s and {}/s", to - from, pair[0].rate, pair[1].rate);
            Gap { kind: BETWEEN_RATES.into(), from, to, detail }
        })
        .collect()
}

/// Longer than one scrape interval (seconds).
pub fn is_long(gap: &Gap, scrape_interval_s: f64) -> bool {
    gap.to - gap.from > scrape_interval_s
}

/// Spans of more than 2.5 scrape intervals within a pod's samples, over all its series together.
pub fn scrapes(series: &[Series], scrape_interval_s: f64) -> Vec<Gap> {
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for s in series {
        if let Some(pod) = s.labels.get("pod") {
            times.entry(pod).or_default().extend(s.samples.iter().map(|(t, _)| *t));
        }
    }
    let limit = MISSED_SCRAPES * scrape_interval_s;
    let mut gaps = Vec::new();
    for (pod, mut times) in times {
        times.sort_by(f64::total_cmp);
        for w in times.windows(2).filter(|w| w[1] - w[0] > limit) {
            gaps.push(Gap { kind: SCRAPE.into(), from: w[0], to: w[1], detail: format!("no samples of {pod} for {:.0} s", w[1] - w[0]) });
        }
    }
    gaps.sort_by(|a, b| a.from.total_cmp(&b.from));
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate};

    #[test]
    fn a_gap_runs_from_the_end_of_the_load_to_the_next_first_request() {
        let mut t = load(&[rate(0, 2.0, 100.0, 30.0), rate(1, 3.0, 144.0, 30.0)]);
        t.requests.iter_mut().filter(|r| r.rate == 1).for_each(|r| r.start = r.start.map(|s| s + 0.5));
        let gaps = between_rates(&t);
        assert_eq!(gaps.len(), 1);
        // The first request is sent 5 ms after it is due.
        assert_eq!((gaps[0].from, gaps[0].to), (130.0, 144.505));
        assert!(is_long(&gaps[0], 14.5) && !is_long(&gaps[0], 14.6));
        assert_eq!(gaps[0].detail, "14.5 s without load between 2/s and 3/s");
    }

    #[test]
    fn a_rate_without_requests_still_has_a_gap_before_it() {
        let mut t = load(&[rate(0, 2.0, 100.0, 30.0), rate(1, 3.0, 150.0, 30.0)]);
        t.requests.retain(|r| r.rate == 0);
        assert_eq!(between_rates(&t)[0].to, 150.0);
        assert_eq!(between_rates(&Tables::default()), vec![]);
    }

    #[test]
    fn one_missed_scrape_is_no_gap_two_are() {
        let s = |times: &[f64]| Series {
            name: "m".into(),
            labels: [("pod".to_owned(), "p".to_owned())].into(),
            samples: times.iter().map(|t| (*t, 0.0)).collect(),
        };
        assert_eq!(scrapes(&[s(&[0.0, 15.0, 45.0])], 15.0), vec![]);
        // Another series of the same pod fills it.
        assert_eq!(scrapes(&[s(&[0.0, 15.0, 60.0]), s(&[30.0, 45.0])], 15.0), vec![]);
        let gaps = scrapes(&[s(&[0.0, 15.0, 60.0])], 15.0);
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].from, gaps[0].to, gaps[0].detail.as_str()), (15.0, 60.0, "no samples of p for 45 s"));
    }
}
