//! The reports that are looked at: predictions of the published experiment, a measured run, and what is left of spoilt ones.

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
}
