//! `metrics/samples.om.txt`: raw samples as OpenMetrics text with the time of each scrape.
//!
//! Seconds since the Unix epoch with three decimals; series grouped by name, samples in order of time, `# EOF` at the end.
//! That is what `promtool tsdb create-blocks-from openmetrics` wants, and it is readable without any tool. No `# TYPE`
//! lines: Prometheus hands out raw samples without them, and a counter whose name lacks `_total` would be refused.

mod read;
mod write;

pub use read::{read, read_file};
pub(crate) use write::{head, value};
pub use write::{normalise, write, write_end, write_part};

/// Where a name needs no quotes: `[a-zA-Z_:][a-zA-Z0-9_:]*`; labels go without the colon.
pub(crate) fn is_plain(name: &str, label: bool) -> bool {
    let mut chars = name.chars();
    let ok = |c: char| c.is_ascii_alphabetic() || c == '_' || (!label && c == ':');
    chars.next().is_some_and(ok) && chars.all(|c| ok(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_model::tables::Series;

    pub(super) fn series(name: &str, labels: &[(&str, &str)], samples: &[(f64, f64)]) -> Series {
        Series { name: name.into(), labels: labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(), samples: samples.to_vec() }
    }

    fn written(all: Vec<Series>) -> String {
        let mut out = Vec::new();
        write(&mut out, all).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_text_is_sorted_and_ends_with_eof() {
        let text = written(vec![
            series("vllm:num_requests_waiting", &[("pod", "b")], &[(30.0, 2.0), (15.0004, 1.5)]),
            series("up", &[], &[(1.25, 1.0)]),
            series("vllm:num_requests_waiting", &[("pod", "a"), ("namespace", "n")], &[(15.0, 0.0)]),
        ]);
        assert_eq!(
            text,
            "up 1 1.250\n\
             vllm:num_requests_waiting{namespace=\"n\",pod=\"a\"} 0 15.000\n\
             vllm:num_requests_waiting{pod=\"b\"} 1.5 15.000\n\
             vllm:num_requests_waiting{pod=\"b\"} 2 30.000\n\
             # EOF\n"
        );
    }

    #[test]
    fn one_series_fetched_in_two_windows_is_written_once() {
        let a = series("m", &[("pod", "a")], &[(1.0, 1.0), (2.0, 2.0)]);
        let b = series("m", &[("pod", "a")], &[(2.0, 2.0), (3.0, 3.0)]);
        assert_eq!(normalise(vec![b, a]), vec![series("m", &[("pod", "a")], &[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)])]);
    }

    #[test]
    fn odd_labels_names_and_values_come_back() {
        let odd = "a\"b\\c\nd, e=\"f\"} 1 2 # {ü}\\n";
        let all = vec![
            series("m", &[("empty", ""), ("pod", odd)], &[(1.0, f64::INFINITY), (2.0, f64::NEG_INFINITY), (3.0, 1e300), (4.0, -0.1)]),
            series("m", &[("le", "+Inf")], &[(1_795_466_364.242, 1e-7)]),
            series("with.dot", &[("k8s.pod", "p")], &[(5.0, 123_456_789.0)]),
            series("with space", &[], &[(-5.25, 1.0)]),
        ];
        let text = written(all.clone());
        let (back, problems) = read(text.as_bytes()).unwrap();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(back, normalise(all));
    }

    #[test]
    fn nan_comes_back_as_nan() {
        let text = written(vec![series("m", &[], &[(1.0, f64::NAN)])]);
        assert_eq!(text, "m NaN 1.000\n# EOF\n");
        let (back, _) = read(text.as_bytes()).unwrap();
        assert!(back[0].samples[0].1.is_nan());
    }

    #[test]
    fn nothing_is_still_a_file() {
        assert_eq!(written(vec![]), "# EOF\n");
        assert_eq!(read("# EOF\n".as_bytes()).unwrap(), (vec![], vec![]));
    }
}
