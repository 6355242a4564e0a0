//! The reports that are looked at: predictions of the published experiment, a measured run, and what is left of spoilt ones.

use bench_analysis::report::decision;
use bench_analysis::report::document::{Axis, Badge, Block, Document, Drawn, Figure, Kind, Link, Number, Section, Table, Trace};
use bench_model::judgement::{ArmJudgement, Goal, Interval, Judgement, Over, Role};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const MEASURED: &str = "tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c";

pub struct Pages {
    dir: TempDir,
}

fn bench(args: &[&str], dir: &Path) -> (i32, String) {
    let o = Command::new(env!("CARGO_BIN_EXE_bench")).args(args).current_dir(dir).output().expect("bench starts");
    (o.status.code().unwrap_or(-1), String::from_utf8_lossy(&o.stderr).into_owned())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}

impl Pages {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a directory") }
    }

    fn page(&self, name: &str, run: &Path) -> PathBuf {
        let out = self.dir.path().join(format!("{name}.html"));
        let (run, to) = (run.display().to_string(), out.display().to_string());
        let (code, said) = bench(&["report", &run, "--format", "html", "--out", &to], self.dir.path());
        assert!([0, 4].contains(&code), "{name}: {code} {said}");
        out
    }

    /// The run directories of one prediction of the published experiment, by arm.
    pub fn predicted_run(&self, arm: &str) -> PathBuf {
        let results = self.dir.path().join(format!("results-{arm}"));
        if !results.exists() {
            let flag = format!("--{arm}");
            let to = results.display().to_string();
            let (code, said) = bench(&["predict", "--as-published", "--seeds", "1", &flag, "--results", &to], self.dir.path());
            assert_eq!(code, 0, "{said}");
        }
        std::fs::read_dir(results).expect("results").flatten().map(|e| e.path()).find(|p| p.is_dir()).expect("a run")
    }

    pub fn predicted(&self, arm: &str) -> PathBuf {
        self.page(&format!("predicted-{arm}"), &self.predicted_run(arm))
    }

    /// Both arms of the published experiment, predicted, beside each other.
    pub fn compared(&self) -> PathBuf {
        let out = self.dir.path().join("compared.html");
        let [a, b] = ["wva", "hpa"].map(|arm| self.predicted_run(arm).display().to_string());
        let to = out.display().to_string();
        let (code, said) = bench(&["compare", &a, &b, "--format", "html", "--out", &to], self.dir.path());
        assert_eq!(code, 0, "{said}");
        out
    }

    /// A number over four runs of one plan, as `results trend --html` draws it.
    pub fn trend(&self) -> PathBuf {
        let results = self.dir.path().join("results-trend");
        let (to, out) = (results.display().to_string(), self.dir.path().join("trend.html"));
        for seed in ["1", "2", "3", "4"] {
            let load = ["predict", "-c", "simulated", "-w", "sanity_random", "--hpa", "--seeds", "1", "--seed", seed];
            let (code, said) = bench(&[&load[..], &["--results", &to]].concat(), self.dir.path());
            assert_eq!(code, 0, "{said}");
        }
        let page = out.display().to_string();
        let (code, said) = bench(&["results", "trend", "p99_ttft_ms", "--html", &page, "--results", &to], self.dir.path());
        assert_eq!(code, 0, "{said}");
        out
    }

    fn spoilt(&self, name: &str, spoil: impl FnOnce(&Path)) -> PathBuf {
        let dir = self.dir.path().join(name);
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join(MEASURED), &dir);
        spoil(&dir);
        self.page(name, &dir)
    }

    pub fn measured(&self) -> PathBuf {
        self.spoilt("measured", |_| ())
    }

    /// Interrupted under load: no report of guidellm, records torn in the middle.
    pub fn cut_short(&self) -> PathBuf {
        self.spoilt("cut-short", |dir| {
            std::fs::remove_file(dir.join("load/benchmarks.json")).expect("removed");
            let run = std::fs::read_to_string(dir.join("run.json")).expect("run.json");
            std::fs::write(dir.join("run.json"), run.replace("\"complete\"", "\"interrupted\"")).expect("written");
            let mut events = std::fs::read(dir.join("events.jsonl")).expect("events");
            events.truncate(events.len() / 2);
            std::fs::write(dir.join("events.jsonl"), events).expect("written");
        })
    }

    /// Only `run.json`.
    pub fn empty(&self) -> PathBuf {
        self.spoilt("empty", |dir| {
            for part in ["load", "metrics", "logs"] {
                std::fs::remove_dir_all(dir.join(part)).expect("removed");
            }
            for file in ["events.jsonl", "plan.yaml", "summary.json", "journal.jsonl"] {
                std::fs::remove_file(dir.join(file)).expect("removed");
            }
        })
    }

    pub fn without_series(&self) -> PathBuf {
        self.spoilt("without-series", |dir| std::fs::write(dir.join("metrics/samples.om.txt"), "# EOF\n").expect("written"))
    }

    /// A prediction in which nothing succeeded, with a message that would like to be markup.
    pub fn all_failed(&self) -> PathBuf {
        let dir = self.dir.path().join("all-failed");
        copy(&self.predicted_run("hpa"), &dir);
        let path = dir.join("tables.json");
        let mut t: Value = serde_json::from_slice(&std::fs::read(&path).expect("tables")).expect("JSON");
        for (column, value) in [
            ("outcome", Value::from("errored")),
            ("first_token", Value::Null),
            ("ttft_ms", Value::Null),
            ("itl_ms", Value::Null),
            ("latency_s", Value::Null),
            ("error", Value::from("<img src=x onerror=\"document.title='owned'\"><a href=\"https://example.org/\">%{x}</a> $x$")),
        ] {
            t["requests"][column].as_array_mut().expect("a column").iter_mut().for_each(|v| *v = value.clone());
        }
        for r in t["rates"].as_array_mut().expect("rates") {
            let all = ["successful", "errored", "incomplete"].iter().filter_map(|k| r[*k].as_u64()).sum::<u64>();
            (r["successful"], r["errored"], r["incomplete"]) = (0.into(), all.into(), 0.into());
        }
        std::fs::write(&path, t.to_string()).expect("written");
        self.page("all-failed", &dir)
    }

    /// What a document can hold and the reports above do not: the picture of a decision, an arm of many runs, links.
    pub fn made_by_hand(&self) -> PathBuf {
        let out = self.dir.path().join("made-by-hand.html");
        std::fs::write(&out, document().html()).expect("written");
        out
    }
}

fn arm(name: &str, role: Role, attainment: f64, paid: f64, spread: f64) -> ArmJudgement {
    ArmJudgement {
        arm: name.into(),
        role,
        predicted: role != Role::Arm,
        runs: 5,
        due: 12_000,
        counted: 12_000,
        good: 11_900,
        attainment: Some(attainment),
        keeps: attainment >= 0.99,
        replica_seconds: Some(paid),
        gpu_seconds: None,
        cost: None,
        cost_per_million_output_tokens: None,
        cost_per_million_good_output_tokens: None,
        dominated: false,
        dominated_by: None,
        band: (spread > 0.0).then(|| Interval {
            over: Over::Runs,
            attainment: Some((attainment - spread, (attainment + spread).min(1.0))),
            replica_seconds: Some((paid * (1.0 - 4.0 * spread), paid * (1.0 + 4.0 * spread))),
        }),
    }
}

/// Five arms, two of them close together; one without a cost.
pub fn judgement() -> Judgement {
    Judgement {
        schema_version: 1,
        goal: Goal::default(),
        predicted: false,
        span_s: 3600.0,
        arms: vec![
            arm("wva", Role::Arm, 0.9962, 14_200.0, 0.004),
            arm("hpa", Role::Arm, 0.9715, 11_800.0, 0.008),
            arm("hpa, kv=0.8, waiting=2", Role::Arm, 0.972, 12_050.0, 0.006),
            arm("keda <b>%{x}</b>", Role::Arm, 0.9908, 13_000.0, 0.003),
            ArmJudgement { replica_seconds: None, ..arm("existing", Role::Arm, 0.98, 0.0, 0.0) },
        ],
        beside: vec![
            arm("static 3", Role::Static, 0.962, 10_800.0, 0.0),
            arm("static 4", Role::Static, 0.9905, 14_400.0, 0.0),
            arm("static 5", Role::Static, 1.0, 18_000.0, 0.0),
            arm("foresight", Role::Foresight, 0.9901, 9200.0, 0.0),
        ],
        fleets: [("static 3", 0.962, 10_800.0), ("static 4", 0.9905, 14_400.0), ("static 5", 1.0, 18_000.0)]
            .map(|(n, good, paid)| arm(n, Role::Static, good, paid, 0.0))
            .to_vec(),
        winner: Some("keda <b>%{x}</b>".into()),
        why: "keda is the cheapest arm that keeps the goal.".into(),
        assumptions: vec![],
        notes: vec![],
    }
}

/// Ready replicas of nine runs of two arms, in steps, one of them with a gap; and a latency that reaches a minute.
fn over_time() -> Vec<Block> {
    let run = |k: usize, n: usize| {
        let noise = |i: usize| ((i * 7 + n * 13 + k * 5) % 11) as f64;
        let points = (0..60).map(|i| {
            let t = 60.0 * i as f64 + noise(i);
            (
                t,
                if n == 2 && (20..24).contains(&i) {
                    f64::NAN
                } else {
                    (2.0 + 4.0 * (t / 700.0 + k as f64).sin().abs() + noise(i / 9) / 6.0).round()
                },
            )
        });
        (format!("{} 7f3{n}", ["wva", "hpa"][k]), format!("arm-{k}"), points.collect::<Vec<_>>())
    };
    let all: Vec<_> = (0..5).map(|n| run(0, n)).chain((0..4).map(|n| run(1, n))).collect();
    let figure = |id: &str, heading: &str, drawn: Drawn| {
        Block::Figure(Figure {
            id: id.into(),
            heading: heading.into(),
            about: "A line a run; the band is from the least to the most.".into(),
            summary: "Nine runs of two arms.".into(),
            drawn,
        })
    };
    let traces = |f: &dyn Fn(f64) -> f64, steps: bool| {
        let of = all.iter().map(|(name, role, points)| Trace {
            name: name.clone(),
            role: role.clone(),
            steps,
            points: points.iter().map(|(t, v)| (*t, f(*v))).collect(),
        });
        of.collect::<Vec<_>>()
    };
    let pods = (0..20).map(|n| Trace {
        name: format!("model-6c9f7d5b8-pod{n:02}"),
        role: format!("pod-{n}"),
        steps: false,
        points: (0..40).map(|i| (90.0 * f64::from(i), f64::from((i + n) % 20) / 20.0)).collect(),
    });
    vec![
        Block::Zoom { bands: vec!["2/s".into(), "4/s".into()] },
        figure("ready", "Ready replicas", Drawn { unit: "replicas".into(), traces: traces(&|v| v, true), ..Drawn::default() }),
        figure(
            "ttft",
            "Time to first token",
            Drawn {
                unit: "ms".into(),
                traces: traces(&|v| 9000.0 * v, false),
                limits: vec![("SLO 30 s".into(), 30_000.0, "goal".into())],
                ..Drawn::default()
            },
        ),
        figure("kv", "KV cache usage per pod", Drawn { unit: "0..1".into(), traces: pods.collect(), ..Drawn::default() }),
        figure(
            "ecdf",
            "Time to first token: distribution",
            Drawn {
                kind: Kind::Ecdf,
                unit: "ms".into(),
                x_title: "Time to first token, from due [ms]".into(),
                traces: (0..4)
                    .map(|k| Trace {
                        name: format!("arm {k}"),
                        role: format!("arm-{k}"),
                        steps: true,
                        points: (0..=50).map(|i| (f64::from(i * i) * 20.0 * (1.0 + f64::from(k) / 3.0), f64::from(i) / 50.0)).collect(),
                    })
                    .collect(),
                ..Drawn::default()
            },
        ),
    ]
}

fn document() -> Document {
    let number = |label: &str, value: &str, class: &str| Number {
        label: label.into(),
        value: value.into(),
        note: "of 12 000 requests".into(),
        class: class.into(),
    };
    let row = |cells: [&str; 4]| cells.map(String::from).to_vec();
    let link = |text: &str, href: &str| Link { text: text.into(), href: href.into() };
    let answer = vec![
        Block::Text { text: "keda is the cheapest arm that keeps the goal.".into() },
        Block::Numbers {
            numbers: vec![
                number("Attainment, keda", "99.08 %", "kept"),
                number("Attainment, hpa", "97.15 %", "missed"),
                number("Arms", "5", ""),
            ],
        },
        Block::Figure(decision::figure(&judgement())),
        Block::Table(Table {
            caption: "Arms".into(),
            words: 1,
            head: row(["arm", "paid s", "TTFT p99", "first change"]),
            rows: vec![
                row(["wva", "14.2k", "812 ms", "+1:05"]),
                row(["hpa", "n/a", "1.2 s", "n/a"]),
                row(["keda", "9800", "90 ms", "+0:30"]),
                row(["existing", "1.1M", "2 min 05 s", "-0:10"]),
            ],
        }),
        Block::Links { links: vec![link("The run of wva", "runs/wva.html"), link("somewhere else", "https://example.org/")] },
    ];
    Document {
        title: "Made by hand".into(),
        lead: "A document with everything in it.".into(),
        badges: vec![Badge::new("predicted", "predicted"), Badge::new("valid", "good"), Badge::new("5 runs each", "")],
        axis: Some(Axis {
            from: -10.0,
            to: 3600.0,
            zero_ms: None,
            bands: vec![(0.0, 1800.0, "2/s".into()), (1800.0, 3600.0, "4/s".into())],
        }),
        sections: vec![Section::new("answer", "Answer", "Answer", answer), Section::new("time", "Over time", "Over time", over_time())],
    }
}
