//! A whole run directory, from files to the report.

use bench_analysis::ingest::Error;
use bench_analysis::ingest::openmetrics;
use bench_analysis::report::run::{Input, document};
use bench_analysis::report::writer::terminal::{self, Terminal};
use bench_analysis::{Ingested, Settings, run_dir, summarise};
use bench_model::run::{RunState, Source};
use bench_model::summary::{Summary, Verdict};
use bench_model::tables::Series;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const D: &str = "qwen-qwe-b5a60221-en3-0-6b-decode";
/// Start of the load of the 0.8.1 fixture: 20:39:24.75 on 2026-11-23.
const START: f64 = 1_795_466_364.75;

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("bench-analysis-run-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// RFC 3339 of a moment after the start of the load.
fn at(s: f64) -> String {
    let ms = ((START + s) * 1000.0).round() as i64;
    chrono::DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn record(s: f64, kind: &str, name: &str, object: &Value) -> String {
    format!("{}\n", json!({"t": at(s), "what": "applied", "kind": kind, "name": name, "object": object}))
}

/// One replica, two from 8 s on (ready 12 s later), one again after the load.
fn events() -> String {
    let deployment = |s, desired: u32, ready: u32| {
        record(s, "Deployment", D, &json!({"spec": {"replicas": desired}, "status": {"replicas": desired, "readyReplicas": ready}}))
    };
    let pod = |s, name: &str, created: f64, ready: Option<f64>| {
        let conditions: Vec<Value> =
            ready.iter().map(|r| json!({"type": "Ready", "status": "True", "lastTransitionTime": at(*r)})).collect();
        record(
            s,
            "Pod",
            &format!("{D}-{name}"),
            &json!({"metadata": {"creationTimestamp": at(created)}, "status": {"conditions": conditions}}),
        )
    };
    let va = |s, n: u32| {
        let status = json!({"desiredOptimizedAlloc": {"numReplicas": n, "lastRunTime": at(s)}, "currentAlloc": {"numReplicas": 1}});
        record(s, "VariantAutoscaling", D, &json!({ "status": status }))
    };
    let hpa = |s, current: u32, n: u32, value: &str, limited: bool| {
        let metric =
            |key: &str, v: Value| json!({"type": "External", "external": {"metric": {"name": "inferno_desired_replicas"}, key: v}});
        let conditions = json!([{"type": "ScalingLimited", "status": if limited { "True" } else { "False" }, "reason": if limited { "TooFewReplicas" } else { "DesiredWithinRange" }}]);
        let o = json!({
            "spec": {"scaleTargetRef": {"name": D}, "metrics": [metric("target", json!({"averageValue": "1"}))]},
            "status": {"currentReplicas": current, "desiredReplicas": n, "currentMetrics": [metric("current", json!({"averageValue": value}))], "conditions": conditions},
        });
        record(s, "HorizontalPodAutoscaler", "vllm-hpa", &o)
    };
    [
        deployment(-20.0, 1, 1),
        pod(-20.0, "5d9-aaaaa", -600.0, Some(-540.0)),
        va(-15.0, 1),
        hpa(-14.0, 1, 1, "1", true),
        va(6.0, 2),
        hpa(8.0, 1, 2, "2", false),
        deployment(8.05, 2, 1),
        pod(8.1, "5d9-bbbbb", 8.0, None),
        pod(20.0, "5d9-bbbbb", 8.0, Some(20.0)),
        deployment(20.1, 2, 2),
        va(66.0, 1),
        hpa(68.0, 2, 1, "500m", true),
        deployment(68.05, 1, 2),
        deployment(70.0, 1, 1),
        format!("{}\n", json!({"t": at(70.0), "what": "deleted", "kind": "Pod", "name": format!("{D}-5d9-bbbbb"), "object": {}})),
    ]
    .concat()
}

fn series(pod: &str, samples: &[(f64, f64)]) -> Series {
    let labels =
        [("pod", format!("{D}-{pod}")), ("finished_reason", "length".into())].into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    Series { name: "vllm:request_success_total".into(), labels, samples: samples.iter().map(|(t, v)| (START + t, *v)).collect() }
}

fn metrics() -> Vec<u8> {
    let mut out = Vec::new();
    let a = [(-10.0, 5.0), (5.0, 13.0), (20.0, 35.0), (35.0, 50.0), (50.0, 61.0)];
    openmetrics::write(&mut out, vec![series("5d9-aaaaa", &a), series("5d9-bbbbb", &[(35.0, 10.0), (50.0, 19.0)])]).unwrap();
    out
}

fn whole(name: &str) -> Dir {
    let dir = Dir::new(name);
    dir.put("run.json", fixture("run/run.json"));
    dir.put("plan.yaml", "schema_version: 1\n");
    dir.put("load/benchmarks.json", fixture("guidellm/0.8.1/benchmarks.json"));
    dir.put("events.jsonl", events());
    dir.put("metrics/samples.om.txt", metrics());
    dir
}

fn settings(i: &Ingested) -> Settings {
    Settings {
        scrape_interval_s: 15.0,
        planned_rates: vec![2.0, 3.0],
        planned_seconds: 15.0,
        guidellm_version: "0.8.1".into(),
        problems: i.problems.clone(),
    }
}

fn summary(i: &Ingested) -> Summary {
    summarise(&i.run, &i.tables, &i.guidellm_version, &settings(i))
}

#[test]
fn a_whole_run_is_read_and_summarised() {
    let dir = whole("whole");
    let i = run_dir(&dir.0).unwrap();
    assert_eq!(i.problems, Vec::<String>::new());
    assert_eq!((i.guidellm_version.as_str(), i.plan_yaml.as_deref()), ("0.8.1", Some("schema_version: 1\n")));
    assert_eq!((i.tables.rates.len(), i.tables.requests.len(), i.tables.series.len()), (2, 77, 2));
    assert_eq!(i.tables.gaps.iter().map(|g| g.kind.as_str()).collect::<Vec<_>>(), ["between-rates"]);
    let s = summary(&i);
    assert_eq!((s.validity.verdict, s.validity.findings.len()), (Verdict::Valid, 0), "{:?}", s.validity);
    // Both began the load with a count: of the first its past is taken off, of the second there is none.
    assert_eq!(s.requests_per_pod.values().copied().collect::<Vec<_>>(), [56.0, 19.0]);
    assert_eq!((s.scaling.start_replicas, s.scaling.max_ready, s.scaling.end_replicas), (Some(1), Some(2), Some(1)));
    assert!((s.scaling.first_scale_up_s.unwrap() - 8.05).abs() < 0.01, "{:?}", s.scaling);
    assert_eq!((s.scaling.scale_ups, s.scaling.scale_downs), (1, 1));
}

#[test]
fn every_missing_part_is_told_and_the_rest_is_read() {
    let dir = Dir::new("bare");
    dir.put("run.json", fixture("run/run.json"));
    let i = run_dir(&dir.0).unwrap();
    let files: Vec<&str> = i.problems.iter().map(|p| p.split(':').next().unwrap()).collect();
    assert_eq!(files, ["plan.yaml", "load/benchmarks.json", "events.jsonl", "metrics/samples.om.txt"]);
    assert_eq!(summary(&i).validity.verdict, Verdict::Invalid);

    dir.put("load/benchmarks.json", "{\"benchmarks\": [");
    dir.put("events.jsonl", &events()[..events().len() - 5]);
    dir.put("metrics/samples.om.txt", "m 1 1\n");
    let i = run_dir(&dir.0).unwrap();
    assert_eq!(i.problems.len(), 4, "{:?}", i.problems);
    assert!(i.problems[1].starts_with("load/benchmarks.json: EOF"), "{:?}", i.problems);
    assert!(i.problems[2].starts_with("events.jsonl: line 15: the last line is torn"), "{:?}", i.problems);
    assert!(i.problems[3].contains("cut off"), "{:?}", i.problems);
    assert_eq!((i.tables.replicas.len(), i.tables.series.len(), i.tables.pods[1].deleted), (5, 1, None));
}

#[test]
fn the_agents_last_record_ends_the_recording_of_a_killed_driver() {
    let dir = whole("killed");
    let end = "\"recording_ended\": \"2026-11-23T20:41:00Z\"";
    dir.put("run.json", String::from_utf8(fixture("run/run.json")).unwrap().replace(end, "\"recording_ended\": null"));
    let ended = |d: &Dir| run_dir(&d.0).unwrap().run.times.recording_ended.unwrap().timestamp_millis();
    assert_eq!(ended(&dir), ((START + 70.0) * 1000.0) as i64);
    assert_eq!(ended(&whole("unkilled")), 1_795_466_460_000, "what the driver wrote wins");
}

#[test]
fn only_run_json_is_needed() {
    let dir = Dir::new("norun");
    assert!(matches!(run_dir(&dir.0), Err(Error::Read { .. })));
    dir.put("run.json", "{\"schema_version\": 1}");
    let err = run_dir(&dir.0).unwrap_err();
    assert!(matches!(err, Error::Invalid { .. }) && err.to_string().contains("missing field"), "{err}");
    dir.put("run.json", String::from_utf8(fixture("run/run.json")).unwrap().replace("\"schema_version\": 1", "\"schema_version\": 99"));
    let err = run_dir(&dir.0).unwrap_err();
    assert!(matches!(err, Error::TooNew { found: 99, .. }), "{err}");
}

#[test]
fn the_report_of_a_whole_run() {
    let dir = whole("report");
    let i = run_dir(&dir.0).unwrap();
    insta::assert_snapshot!(shown(&i, &summary(&i), 100, true));
}

#[test]
fn the_report_of_a_run_in_which_nothing_succeeded() {
    let dir = whole("errored");
    dir.put("load/benchmarks.json", fixture("guidellm/0.8.1/all-errored/benchmarks.json"));
    std::fs::remove_file(dir.0.join("events.jsonl")).unwrap();
    let mut i = run_dir(&dir.0).unwrap();
    i.run.state = RunState::Interrupted;
    // The reason is the operating system's and differs between them.
    for p in &mut i.problems {
        *p = p.replace("No such file or directory (os error 2)", "missing");
    }
    let mut s = settings(&i);
    s.planned_seconds = 6.0;
    let s = summarise(&i.run, &i.tables, &i.guidellm_version, &s);
    insta::assert_snapshot!(shown(&i, &s, 80, false));
}

#[test]
fn a_prediction_has_no_calendar_and_every_width_is_kept() {
    let dir = whole("colour");
    let mut i = run_dir(&dir.0).unwrap();
    i.run.source = Source::Predicted;
    let s = summary(&i);
    assert!(shown(&i, &s, 100, true).lines().next().unwrap().ends_with("  PREDICTED"));
    for (width, room) in [(0, 60), (60, 60), (61, 61), (79, 79), (10_000, 200)] {
        let text = shown(&i, &s, width, true);
        assert!(text.lines().all(|l| l.chars().count() <= room), "{width}\n{text}");
    }
}

fn shown(i: &Ingested, s: &Summary, width: usize, full: bool) -> String {
    let card = bench_analysis::scorecard::score(&i.run, &i.tables, s.validity.verdict, &bench_analysis::scorecard::Terms::default());
    let of = Input {
        run: &i.run,
        plan: None,
        summary: s,
        tables: &i.tables,
        problems: &i.problems,
        explanation: None,
        scorecard: Some(&card),
        judgement: None,
    };
    terminal::render(&document(&of), Terminal { width, color: false, full })
}
