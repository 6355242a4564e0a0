//! The report as a document: Markdown, JSON, CSV, llm-d-benchmark's report; of a measured and of a predicted run.

use crate::stored::run;
use crate::support::{Place, repo};
use serde_json::Value;
use std::path::PathBuf;

/// A directory with the stored run and both arms of a short prediction.
pub fn three_runs() -> (Place, Vec<PathBuf>) {
    let place = Place::new();
    place.run(&["predict", "-w", "chatbot_synthetic", "--as-published", "--seeds", "1"]).exits(0);
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(place.path("results")).expect("runs").map(|e| e.expect("an entry").path()).collect();
    dirs.retain(|d| d.join("run.json").exists());
    assert_eq!(dirs.len(), 2);
    dirs.push(run());
    (place, dirs)
}

fn faults(schema: &str, v: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(repo(schema)).expect("a schema")).expect("JSON");
    let v8r = jsonschema::validator_for(&schema).expect("a schema");
    v8r.iter_errors(v).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

const REPORT: &str = "tests/fixtures/benchmark-report/0.2.1.schema.json";

#[test]
fn benchmark_reports_are_valid_one_a_rate() {
    let (place, dirs) = three_runs();
    for dir in dirs {
        let dir = dir.display().to_string();
        place.run(&["report", &dir, "--format", "benchmark-report", "--out", "br"]).exits(0);
        let files = crate::support::files_below(&place.path("br"));
        let summary: Value =
            serde_json::from_str(&std::fs::read_to_string(format!("{dir}/summary.json")).expect("a summary")).expect("JSON");
        let rates = summary["rates"].as_array().expect("rates");
        assert_eq!(files.len(), rates.len(), "{files:?}");
        for (file, rate) in files.iter().zip(rates) {
            let mut v: Value = serde_yaml::from_str(&std::fs::read_to_string(file).expect("a report")).expect("YAML");
            assert_eq!(faults(REPORT, &v), [""; 0], "{}", file.display());
            assert_eq!(v["results"]["request_performance"]["aggregate"]["requests"]["total"], rate["requests"]);
            assert_eq!(v["scenario"]["load"]["standardized"]["rate_qps"], rate["rate"]);
            for part in
                ["/results/observability/components/0/time_series/kv_cache_usage", "/results/observability/replica_status/controllers/0"]
            {
                assert!(v.pointer(part).is_some(), "{part} of {}", file.display());
            }
            // The schema sees what is wrong.
            for (at, wrong) in
                [("/results/request_performance/aggregate/latency/time_to_first_token/units", "tokens/s"), ("/run/time/start", "now")]
            {
                let mut bad = v.clone();
                *bad.pointer_mut(at).expect(at) = wrong.into();
                assert_ne!(faults(REPORT, &bad), [""; 0], "{at}");
            }
            v["results"]["slo"] = 1.into();
            assert_ne!(faults(REPORT, &v), [""; 0]);
        }
        let stream = place.run(&["report", &dir, "--format", "benchmark-report"]).exits(0).stdout;
        assert_eq!(stream.lines().filter(|l| *l == "---").count(), rates.len());
        std::fs::remove_dir_all(place.path("br")).expect("removed");
    }
}

#[test]
fn the_json_is_the_schemas_and_the_summary_within_it_is_the_summary() {
    let dir = run().display().to_string();
    let place = Place::new();
    let v: Value = serde_json::from_str(&place.run(&["report", &dir, "--format", "json"]).exits(0).stdout).expect("JSON");
    assert_eq!(faults("docs/schemas/report.schema.json", &v), [""; 0]);
    assert_eq!(v["summary"], place.run(&["report", &dir, "--output", "json", "--format", "json"]).exits(0).whole()["summary"]);
    assert_eq!((&v["run"]["id"], &v["scorecard"]["overall"]["successful"]), (&"20261124T031159Z-ramp_small-wva-c97c".into(), &702.into()));
}

impl crate::support::Ran {
    /// Standard output as one JSON document over several lines.
    fn whole(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("JSON")
    }
}

#[test]
fn every_table_is_csv_with_as_many_rows_as_there_are() {
    let dir = run().display().to_string();
    let place = Place::new();
    for (table, least) in [("rates", 2), ("requests", 700), ("replicas", 3), ("pods", 2), ("series", 500), ("decisions", 2), ("events", 0)]
    {
        let r = place.run(&["report", &dir, "--format", "csv", "--table", table]).exits(0);
        assert!(r.stdout.starts_with("run,arm,") && r.stdout.lines().count() > least, "{table}: {}", r.stdout.lines().count());
        assert!(r.stdout.lines().skip(1).filter(|l| l.starts_with("20261124T031159Z")).count() >= least, "{table}");
    }
    let to = place.path("r.csv");
    place.run(&["report", &dir, "--format", "csv", "--out", "r.csv"]).exits(0);
    assert_eq!(std::fs::read_to_string(to).expect("a table").matches("\r\n").count(), 3);
    place.run(&["report", &dir, "--table", "pods"]).exits(2);
}

#[test]
fn the_markdown_begins_with_run_source_and_numbers() {
    let (place, dirs) = three_runs();
    for dir in dirs {
        let text = place.run(&["report", &dir.display().to_string(), "--format", "md"]).exits(0).stdout;
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("### 2")
                && (lines[2].starts_with("**MEASURED** · **measurement valid**") || lines[2].starts_with("**PREDICTED**")),
            "{text}"
        );
        assert!(text.contains("| Failed requests |") && text.contains("</details>"), "{text}");
        assert!(text.len() < 60_000, "GitHub takes 65,536 characters, and this has {}", text.len());
    }
}
