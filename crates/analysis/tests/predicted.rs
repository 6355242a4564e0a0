//! A predicted run: written, read, judged, reported.

use bench_analysis::forecast;
use bench_analysis::ingest::{openmetrics, predicted, run_record};
use bench_analysis::report::run::{Input, document};
use bench_analysis::report::writer::terminal::{self, Terminal};
use bench_analysis::{Ingested, Settings, run_dir, summarise};
use bench_model::run::{RunRecord, Source};
use bench_model::summary::{Summary, Verdict};
use bench_model::tables::{Decision, Gap, Outcome, PodLife, RateWindow, ReplicaPoint, Request, Series, Tables};
use std::path::{Path, PathBuf};
use std::time::Instant;

const D: &str = "qwen-qwe-b5a60221-en3-0-6b-decode";

struct Dir(PathBuf);

impl Dir {
    /// A predicted run of these tables.
    fn new(name: &str, t: &Tables) -> Self {
        let dir = std::env::temp_dir().join(format!("bench-analysis-predicted-{}-{name}", std::process::id()));
        std::fs::create_dir_all(dir.join("metrics")).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/run");
        let run = RunRecord { source: Source::Predicted, bench_version: "0.1.0".into(), ..run_record(&fixture).unwrap() };
        std::fs::write(dir.join("run.json"), serde_json::to_vec(&run).unwrap()).unwrap();
        std::fs::write(dir.join("plan.yaml"), "schema_version: 1\n").unwrap();
        predicted::write(&mut std::fs::File::create(dir.join("tables.json")).unwrap(), t, "0.5.4").unwrap();
        openmetrics::write(&mut std::fs::File::create(dir.join("metrics/samples.om.txt")).unwrap(), t.series.clone()).unwrap();
        Self(dir)
    }

    fn tables(&self) -> PathBuf {
        self.0.join("tables.json")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Rates after each other from 60 s on, 2 s apart, `seconds` each. Numbers have all their digits.
fn tables(rates: &[f64], seconds: f64) -> Tables {
    let mut t = Tables::default();
    for (k, &rate) in rates.iter().enumerate() {
        let start = 60.0 + k as f64 * (seconds + 2.0);
        let n = (rate * seconds) as u64;
        t.rates.push(RateWindow {
            index: k,
            rate,
            start,
            end: start + seconds,
            planned_s: Some(seconds),
            successful: n - 2,
            errored: 1,
            incomplete: 1,
            ended_by: "max_duration".into(),
            schedule_delay_avg_s: Some(0.001),
            max_concurrency: Some(512),
            warnings: vec![],
        });
        for i in 0..n {
            let due = start + i as f64 / rate;
            let outcome = if i == 7 {
                Outcome::Errored
            } else if i + 1 == n {
                Outcome::Incomplete
            } else {
                Outcome::Successful
            };
            let good = outcome == Outcome::Successful;
            let (ttft, itl) = (51.0 + (i as f64).sin(), 6.0 + (i as f64).cos() / 3.0);
            let long = ttft / 1e3 + itl * 150.0 / 1e3;
            let sent = due + 0.001_234_567_89;
            t.requests.push(Request {
                rate: k,
                outcome,
                due: Some(due),
                start: Some(sent),
                first_token: good.then_some(sent + ttft / 1e3),
                end: Some(if good { sent + long } else { (sent + 60.0).min(start + seconds) }),
                prompt_tokens: Some(4096),
                output_tokens: good.then_some(151),
                ttft_ms: good.then_some(ttft),
                itl_ms: good.then_some(itl),
                latency_s: good.then_some(long),
                error: (outcome == Outcome::Errored).then(|| "no byte for as long as the client waits".into()),
            });
        }
    }
    let end = t.rates.last().unwrap().end;
    let point = |t: f64, desired: u32, ready: u32| ReplicaPoint { t, desired, current: desired, ready };
    t.replicas = vec![point(0.0, 1, 1), point(65.0, 2, 1), point(80.0, 2, 2), point(end + 30.0, 1, 1), point(end + 90.0, 1, 1)];
    let pod = |name: &str, created, deleted| PodLife {
        name: format!("{D}-{name}"),
        created,
        scheduled: Some(created + 1.0),
        ready: Some(created + 15.0),
        deleted,
        restarts: 0,
    };
    t.pods = vec![pod("sim-0", 0.0, None), pod("sim-1", 65.0, Some(end + 30.0))];
    t.decisions = [(5.0, 1, "0"), (65.0, 2, "5"), (end + 25.0, 1, "0")]
        .map(|(t, n, waiting)| Decision {
            t,
            by: "hpa".into(),
            name: "vllm-hpa".into(),
            current: Some(1),
            desired: Some(n),
            inputs: [("vllm:num_requests_waiting".into(), (waiting.into(), "3".into()))].into(),
            conditions: [].into(),
        })
        .to_vec();
    t.gaps = vec![Gap { kind: "between-rates".into(), from: 0.0, to: 1.0, detail: "of another rule".into() }];
    for (name, from, share) in [("sim-0", 0.0, 0.75), ("sim-1", 80.0, 0.25)] {
        let scrapes = (0..).map(|k| 7.125 + 15.0 * f64::from(k)).skip_while(|t| *t < from).take_while(|t| *t < end + 90.0);
        let done = |at: f64| (t.requests.iter().filter(|r| r.latency_s.is_some() && r.end.unwrap() < at).count() as f64 * share).floor();
        t.series.push(Series {
            name: "vllm:request_success_total".into(),
            labels: [("finished_reason", "length"), ("pod", &format!("{D}-{name}"))].map(|(k, v)| (k.into(), v.into())).into(),
            samples: scrapes.map(|t| (t, done(t))).collect(),
        });
    }
    t
}

fn small() -> Tables {
    tables(&[2.0, 3.0], 30.0)
}

fn settings(i: &Ingested) -> Settings {
    Settings {
        scrape_interval_s: 15.0,
        planned_rates: vec![2.0, 3.0],
        planned_seconds: 30.0,
        guidellm_version: "0.5.4".into(),
        problems: i.problems.clone(),
    }
}

fn summary(i: &Ingested) -> Summary {
    summarise(&i.run, &i.tables, &i.guidellm_version, &settings(i))
}

fn shown(i: &Ingested, s: &Summary) -> String {
    let of = Input {
        run: &i.run,
        plan: None,
        summary: s,
        tables: &i.tables,
        problems: &i.problems,
        explanation: None,
        scorecard: None,
        judgement: None,
    };
    terminal::render(&document(&of), Terminal { width: 100, color: false, full: true })
}

fn codes(s: &Summary) -> Vec<&str> {
    s.validity.findings.iter().map(|f| f.code.as_str()).collect()
}

#[test]
fn what_was_written_is_read_to_the_digit() {
    let t = small();
    let dir = Dir::new("round", &t);
    let got = run_dir(&dir.0).unwrap();
    assert_eq!(got.problems, Vec::<String>::new());
    assert_eq!(got.guidellm_version, "0.5.4");
    assert_eq!(got.tables.gaps.iter().map(|g| (g.from, g.kind.as_str())).collect::<Vec<_>>(), [(90.0, "between-rates")]);
    assert_eq!(Tables { gaps: vec![], ..got.tables.clone() }, Tables { gaps: vec![], ..t });
    let mut again = Vec::new();
    predicted::write(&mut again, &predicted::read_file(&dir.tables()).unwrap().0, "0.5.4").unwrap();
    assert!(again == std::fs::read(dir.tables()).unwrap(), "same tables, same bytes");
}

#[test]
fn a_prediction_is_judged_and_reported_as_one() {
    let dir = Dir::new("report", &small());
    let i = run_dir(&dir.0).unwrap();
    let s = summary(&i);
    assert_eq!((s.validity.verdict, codes(&s)), (Verdict::Valid, vec!["failures", "failures"]));
    // 60 + 90 requests; what finished after the last scrape under load is not counted.
    assert_eq!(s.requests_per_pod.values().sum::<f64>(), 145.0);
    assert_eq!((s.scaling.start_replicas, s.scaling.first_scale_up_s, s.scaling.end_replicas), (Some(1), Some(5.0), Some(1)));
    // 1 over 212 s, another from 80 to 152 s.
    assert_eq!(s.scaling.ready_replica_s, 284.0);
    insta::assert_snapshot!(shown(&i, &s));
}

#[test]
fn a_full_client_is_seen_in_a_prediction_too() {
    let mut t = small();
    t.rates[1].max_concurrency = Some(1);
    let i = run_dir(&Dir::new("closed", &t).0).unwrap();
    let s = summary(&i);
    assert_eq!((s.validity.verdict, codes(&s)[0]), (Verdict::ValidClosedLoop, "client-cap"));
}

#[test]
fn what_is_torn_or_damaged_is_a_problem_and_no_panic() {
    let dir = Dir::new("torn", &small());
    let whole = std::fs::read(dir.tables()).unwrap();
    let with = |bytes: &[u8]| {
        std::fs::write(dir.tables(), bytes).unwrap();
        let i = run_dir(&dir.0).unwrap();
        let s = summary(&i);
        shown(&i, &s);
        assert_eq!(s.validity.verdict, Verdict::Invalid);
        assert_eq!(codes(&s), ["no-report", "unreadable-part"]);
        assert_eq!(i.tables.series.len(), 2, "the metrics are still there");
        i.problems.join("; ")
    };
    for n in (0..whole.len() - 2).step_by(whole.len() / 50) {
        assert!(with(&whole[..n]).starts_with("tables.json: "), "{n}");
    }
    let text = String::from_utf8(whole).unwrap();
    let spoilt = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        with(text.replacen(from, to, 1).as_bytes())
    };
    assert!(spoilt("\"rate\":[0,", "\"rate\":[").contains("requests have 149 values of rate and 150 of outcome"));
    assert!(spoilt("\"rate\":[0,", "\"rate\":[9,").contains("a request belongs to rate 9, and there are 2"));
    assert!(spoilt("\"schema_version\":1", "\"schema_version\":2").contains("schema version 2 is newer"));
    assert!(spoilt("\"schema_version\":1,", "\"schema_version\":2,\"new\":[],").contains("schema version 2 is newer"));
    assert!(spoilt("\"rate\":[0,", "\"rate\":[-1,").contains("tables.json: invalid value"));
    std::fs::remove_file(dir.tables()).unwrap();
    assert!(run_dir(&dir.0).unwrap().problems[0].starts_with("tables.json: "));
}

/// `cargo test --release -p bench-analysis --test predicted -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn the_published_load_is_stored_and_read_fast() {
    let t = tables(&[2.0, 3.0, 5.0, 6.0], 1200.0);
    let dir = Dir::new("fast", &t);
    let best = |what: &str, f: &mut dyn FnMut()| {
        let time = |f: &mut dyn FnMut()| {
            let begun = Instant::now();
            f();
            begun.elapsed().as_secs_f64() * 1e3
        };
        let mut all: Vec<f64> = (0..51).map(|_| time(f)).collect();
        all.sort_by(f64::total_cmp);
        println!("{what:<28} {:6.2} ms best, {:6.2} ms median of 51", all[0], all[25]);
    };
    println!("{} requests, {} bytes", t.requests.len(), std::fs::metadata(dir.tables()).unwrap().len());
    best("tables.json in memory", &mut || predicted::write(&mut std::io::sink(), &t, "0.5.4").unwrap());
    best("write tables.json", &mut || predicted::write(&mut std::fs::File::create(dir.tables()).unwrap(), &t, "0.5.4").unwrap());
    best("read tables.json", &mut || drop(predicted::read_file(&dir.tables()).unwrap()));
    best("read the run directory", &mut || drop(run_dir(&dir.0).unwrap()));
    let i = run_dir(&dir.0).unwrap();
    let s = Settings { planned_rates: vec![2.0, 3.0, 5.0, 6.0], planned_seconds: 1200.0, ..settings(&i) };
    best("a seed's numbers", &mut || drop(forecast::seed(&i.run, &i.tables, "0.5.4", &s)));
}
