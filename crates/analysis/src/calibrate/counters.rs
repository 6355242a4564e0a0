//! vLLM's counters: the mean of a time over the requests or tokens between two scrapes of a pod.

use bench_model::tables::{Series, Tables};

/// Between two scrapes of one pod.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub from: f64,
    pub to: f64,
    pub mean_ms: f64,
    pub count: f64,
}

/// Of a histogram in seconds, `NAME_sum` over `NAME_count`, pod by pod; a counter that fell began anew and tells nothing for once.
pub fn intervals(tables: &Tables, name: &str) -> Vec<Interval> {
    let named = |suffix: &str| {
        let wanted = format!("{name}_{suffix}");
        tables.series.iter().filter(move |s| s.name == wanted)
    };
    let counts: Vec<&Series> = named("count").collect();
    let mut out = Vec::new();
    for sum in named("sum") {
        let Some(count) = counts.iter().find(|c| c.labels == sum.labels) else { continue };
        let at = |t: f64| count.samples.binary_search_by(|s| s.0.total_cmp(&t)).ok().map(|k| count.samples[k].1);
        let both: Vec<(f64, f64, f64)> = sum.samples.iter().filter_map(|(t, v)| Some((*t, *v, at(*t)?))).collect();
        for w in both.windows(2) {
            let (n, s) = (w[1].2 - w[0].2, w[1].1 - w[0].1);
            if n > 0.0 && s >= 0.0 && n.is_finite() && s.is_finite() {
                out.push(Interval { from: w[0].0, to: w[1].0, mean_ms: 1000.0 * s / n, count: n });
            }
        }
    }
    out.sort_by(|a, b| a.from.total_cmp(&b.from));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, pod: &str, samples: &[(f64, f64)]) -> Series {
        Series { name: name.into(), labels: [("pod".to_owned(), pod.to_owned())].into(), samples: samples.to_vec() }
    }

    #[test]
    fn differences_of_one_pod_and_no_reset() {
        let t = Tables {
            series: vec![
                series("x_sum", "a", &[(1.0, 0.0), (2.0, 0.5), (3.0, 0.5), (4.0, 0.1), (5.0, 0.3)]),
                series("x_count", "a", &[(1.0, 0.0), (2.0, 5.0), (3.0, 5.0), (4.0, 1.0), (5.0, 3.0)]),
                series("x_count", "b", &[(1.0, 0.0), (2.0, 9.0)]),
                series("x_sum", "b", &[(1.0, 0.0)]),
            ],
            ..Tables::default()
        };
        let all = intervals(&t, "x");
        assert_eq!(all.len(), 2, "{all:?}");
        assert!((all[0].mean_ms - 100.0).abs() < 1e-9 && all[0].count == 5.0);
        assert!((all[1].mean_ms - 100.0).abs() < 1e-9 && all[1].from == 4.0);
        assert_eq!(intervals(&t, "y"), []);
    }
}
