//! Genuine reports of every supported guidellm, against the numbers that were noted when they were made.

use bench_analysis::ingest::guidellm::{Load, read, read_file, read_load_dir};
use bench_analysis::validity::peak_in_flight;
use bench_analysis::{Settings, summarise};
use bench_model::run::RunRecord;
use bench_model::summary::{Summary, Verdict};
use bench_model::tables::{Outcome, ReplicaPoint, Series, Tables};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/guidellm").join(name).join("benchmarks.json")
}

fn load(name: &str) -> Load {
    read_file(&fixture(name)).unwrap_or_else(|e| panic!("{e}"))
}

struct Row {
    file: &'static str,
    version: &'static str,
    rate: f64,
    totals: [u64; 3],
    listed: [usize; 3],
    seconds: f64,
    cap: u64,
}

const fn row(file: &'static str, version: &'static str, rate: f64, totals: [u64; 3], listed: [usize; 3], seconds: f64, cap: u64) -> Row {
    Row { file, version, rate, totals, listed, seconds, cap }
}

/// The table of the README that came with the reports.
const ROWS: [Row; 12] = [
    row("0.4.0", "0.4", 2.0, [15, 0, 0], [15, 0, 1], 8.0, 512),
    row("0.4.0", "0.4", 3.0, [23, 0, 0], [23, 0, 1], 8.0, 512),
    row("0.5.0", "0.5.0", 2.0, [29, 0, 0], [29, 0, 1], 15.0, 512),
    row("0.5.0", "0.5.0", 3.0, [44, 0, 0], [44, 0, 1], 15.0, 512),
    row("0.5.0/all-errored", "0.5.0", 2.0, [0, 11, 0], [0, 12, 0], 6.0, 512),
    row("0.5.0/all-errored", "0.5.0", 3.0, [0, 17, 0], [0, 18, 0], 6.0, 512),
    row("0.7.4", "0.7.4", 2.0, [16, 0, 0], [16, 0, 1], 8.0, 10240),
    row("0.7.4", "0.7.4", 3.0, [24, 0, 0], [24, 0, 1], 8.0, 10240),
    row("0.8.1", "0.8.1", 2.0, [30, 0, 1], [30, 0, 1], 15.0, 10240),
    row("0.8.1", "0.8.1", 3.0, [45, 0, 0], [45, 0, 1], 15.0, 10240),
    row("0.8.1/all-errored", "0.8.1", 2.0, [0, 13, 0], [0, 13, 0], 6.0, 10240),
    row("0.8.1/all-errored", "0.8.1", 3.0, [0, 18, 0], [0, 18, 1], 6.0, 10240),
];

#[test]
fn every_version_gives_the_numbers_that_were_noted() {
    for r in ROWS {
        let load = load(r.file);
        let what = format!("{} at {}/s", r.file, r.rate);
        assert_eq!(load.version, r.version, "{what}");
        assert_eq!(load.problems, Vec::<String>::new(), "{what}");
        assert_eq!(load.rates.len(), 2, "{what}");
        let position = load.rates.iter().position(|w| w.rate == r.rate).unwrap();
        let w = &load.rates[position];
        assert_eq!([w.successful, w.errored, w.incomplete], r.totals, "{what}");
        let listed = [Outcome::Successful, Outcome::Errored, Outcome::Incomplete]
            .map(|o| load.requests.iter().filter(|q| q.rate == position && q.outcome == o).count());
        assert_eq!(listed, r.listed, "{what}");
        // The load itself goes on for a few milliseconds after the measured window.
        assert!((w.end - w.start - r.seconds).abs() < 0.06, "{what}: {}", w.end - w.start);
        assert_eq!((w.index, w.planned_s, w.ended_by.as_str()), (position, Some(r.seconds), "max_duration"), "{what}");
        assert_eq!(w.max_concurrency, Some(r.cap), "{what}");
        assert!(w.schedule_delay_avg_s.is_some_and(|s| s > 0.003 && s < 0.02), "{what}: {w:?}");
    }
}

#[test]
fn requests_carry_the_right_units() {
    for version in ["0.4.0", "0.5.0", "0.7.4", "0.8.1"] {
        let load = load(version);
        for r in load.requests.iter().filter(|r| r.outcome == Outcome::Successful) {
            let (start, first, end) = (r.start.unwrap(), r.first_token.unwrap(), r.end.unwrap());
            assert!((r.latency_s.unwrap() - (end - start)).abs() < 0.001, "{version}: {r:?}");
            assert!((r.ttft_ms.unwrap() - 1000.0 * (first - start)).abs() < 1.0, "{version}: {r:?}");
            assert!(r.itl_ms.unwrap() > 3.0 && r.itl_ms.unwrap() < 50.0, "{version}: {r:?}");
            assert!(r.due.unwrap() <= start + 0.001, "{version}: {r:?}");
            assert!((4..=64).contains(&r.output_tokens.unwrap()) && r.prompt_tokens.unwrap() > 16, "{version}: {r:?}");
            assert_eq!(r.error, None, "{version}");
        }
        // Spacing is the rate's, whatever happened.
        let due: Vec<f64> = load.requests.iter().filter(|r| r.rate == 1).filter_map(|r| r.due).collect();
        assert!(due.windows(2).all(|w| (w[1] - w[0] - 1.0 / 3.0).abs() < 1e-4), "{version}: {due:?}");
    }
}

#[test]
fn a_first_request_is_read_to_the_digit() {
    let r = load("0.8.1").requests[0].clone();
    assert_eq!((r.due, r.start, r.end), (Some(1_795_466_364.742_220_9), Some(1_795_466_364.749_771_6), Some(1_795_466_365.480_075_6)));
    assert_eq!((r.ttft_ms, r.latency_s), (Some(528.942_346_572_876), Some(0.730_304_002_761_840_8)));
    assert_eq!((r.prompt_tokens, r.output_tokens), (Some(136), Some(37)));
}

#[test]
fn failures_of_both_dialects_are_one_class_and_no_latency() {
    for version in ["0.5.0/all-errored", "0.8.1/all-errored"] {
        let load = load(version);
        let errored: Vec<_> = load.requests.iter().filter(|r| r.outcome == Outcome::Errored).collect();
        assert!(errored.len() >= 30, "{version}");
        for r in errored {
            assert_eq!(r.error.as_deref(), Some("HTTP 500 Internal Server Error"), "{version}");
            assert_eq!((r.latency_s, r.ttft_ms, r.itl_ms, r.output_tokens), (None, None, None, None), "{version}");
            assert!(r.end.unwrap() > r.start.unwrap(), "{version}");
        }
    }
}

fn summary(name: &str) -> Summary {
    let load = load(name);
    let mut t = Tables { rates: load.rates, requests: load.requests, ..Tables::default() };
    let start = t.rates[0].start;
    t.replicas = vec![ReplicaPoint { t: start, desired: 1, current: 1, ready: 1 }];
    t.series = vec![Series { name: "up".into(), labels: [].into(), samples: vec![(start, 1.0)] }];
    let seconds = t.rates[0].planned_s.unwrap();
    let s = Settings { scrape_interval_s: 15.0, planned_rates: vec![2.0, 3.0], planned_seconds: seconds, ..Settings::default() };
    summarise(&run(), &t, &load.version, &s)
}

fn run() -> RunRecord {
    let mut run: RunRecord = serde_json::from_str(include_str!("fixtures/run/run.json")).unwrap();
    // The recording of that run has nothing to do with the reports of other days.
    run.times.recording_ended = None;
    run
}

#[test]
fn short_genuine_runs_are_valid() {
    for version in ["0.4.0", "0.5.0", "0.7.4", "0.8.1"] {
        let s = summary(version);
        assert_eq!((s.validity.verdict, s.validity.findings), (Verdict::Valid, vec![]), "{version}");
        assert_eq!(s.rates[0].e2e_s.unwrap().count, s.rates[0].successful, "{version}");
        // One request more or less at the edges.
        let edge = 1.1 / (s.rates[1].end - s.rates[1].start);
        assert!((s.rates[1].achieved_rate - 3.0).abs() < edge, "{version}: {}", s.rates[1].achieved_rate);
        // guidellm 0.4 and 0.5 take 2 s between rates, 0.7 6 s, 0.8 10 s; one idle workers' start more or less.
        assert!(s.rates[1].gap_before_s.is_some_and(|g| g > 1.5 && g < 15.0), "{version}: {:?}", s.rates[1].gap_before_s);
    }
}

#[test]
fn the_means_are_guidellms_own() {
    // metrics.….successful.mean of 0.8.1 at 2/s and 0.5.0 at 3/s, as in the files.
    for (version, position) in [("0.8.1", 0), ("0.5.0", 1)] {
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(fixture(version)).unwrap()).unwrap();
        let metric = |name: &str, what: &str| {
            json["benchmarks"][position]["metrics"][name]["successful"][what].as_f64().unwrap_or_else(|| panic!("{name}.{what}"))
        };
        let r = &summary(version).rates[position];
        for (ours, name) in [(r.ttft_ms, "time_to_first_token_ms"), (r.itl_ms, "inter_token_latency_ms"), (r.e2e_s, "request_latency")] {
            let ours = ours.unwrap();
            for (what, value) in [("min", ours.min), ("max", ours.max)] {
                assert!((value - metric(name, what)).abs() < 1e-9 * value, "{version} {name} {what}: {value}");
            }
            // guidellm weighs ITL by tokens; ours lets each request weigh the same.
            let close = if name.starts_with("inter") { 0.02 } else { 1e-9 };
            assert!((ours.mean - metric(name, "mean")).abs() <= close * ours.mean, "{version} {name} mean: {}", ours.mean);
        }
    }
}

#[test]
fn all_errored_is_invalid_although_guidellm_exits_with_0() {
    for version in ["0.5.0/all-errored", "0.8.1/all-errored"] {
        let s = summary(version);
        assert_eq!(s.validity.verdict, Verdict::Invalid, "{version}");
        assert_eq!(s.validity.findings[0].code, "no-success", "{version}");
        assert!(s.rates.iter().all(|r| r.e2e_s.is_none() && r.ttft_ms.is_none() && r.itl_ms.is_none()), "{version}");
        assert_eq!(s.rates[0].errors.keys().collect::<Vec<_>>(), ["HTTP 500 Internal Server Error"], "{version}");
    }
}

#[test]
fn concurrency_is_seen_in_the_requests() {
    let l = load("0.8.1");
    let t = Tables { rates: l.rates, requests: l.requests, ..Tables::default() };
    assert_eq!((peak_in_flight(&t, 0), peak_in_flight(&t, 1)), (2, 2));
}

#[test]
fn rates_of_their_own_processes_are_joined_in_order() {
    let dir = tempfile("joined");
    // Ten rates, so that names sort otherwise than numbers; the second one is missing.
    for (k, version) in [(0, "0.5.0"), (10, "0.5.0"), (2, "0.5.0")] {
        let mut json: serde_json::Value = serde_json::from_slice(&std::fs::read(fixture(version)).unwrap()).unwrap();
        json["benchmarks"].as_array_mut().unwrap().truncate(1);
        json["benchmarks"][0]["config"]["strategy"]["rate"] = (k + 1).into();
        put(&dir.join(format!("rate-{k}/benchmarks.json")), &json.to_string());
    }
    std::fs::create_dir_all(dir.join("rate-1")).unwrap();
    let load = read_load_dir(&dir);
    assert_eq!(load.rates.iter().map(|r| (r.index, r.rate)).collect::<Vec<_>>(), [(0, 1.0), (2, 3.0), (10, 11.0)]);
    assert_eq!([0, 1, 2].map(|p| load.requests.iter().filter(|r| r.rate == p).count()), [30, 30, 30]);
    assert_eq!(load.problems.len(), 1, "{:?}", load.problems);
    assert!(load.problems[0].contains("rate-1/benchmarks.json: "), "{:?}", load.problems);
    assert_eq!(load.version, "0.5.0");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_is_no_report_is_refused_with_its_reason() {
    let whole = std::fs::read_to_string(fixture("0.4.0")).unwrap();
    assert!(read(&whole.as_bytes()[..whole.len() / 2]).unwrap_err().contains("EOF"));
    assert!(read("{}".as_bytes()).unwrap_err().contains("benchmarks"));
    assert!(read("".as_bytes()).is_err());
    let sweep = whole.replace("\"rate\": 2.0", "\"rate\": null").replace("\"rate\":2.0", "\"rate\":null");
    let err = read(sweep.as_bytes()).unwrap_err();
    assert!(err.contains("benchmarks[0].config.strategy has no rate"), "{err}");
    let err = read_file(Path::new("/nowhere/benchmarks.json")).unwrap_err().to_string();
    assert!(err.starts_with("/nowhere/benchmarks.json: "), "{err}");
    assert!(read_load_dir(Path::new("/nowhere")).problems[0].contains("left no report"));
}

/// A fresh directory of this test process.
fn tempfile(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("bench-analysis-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
