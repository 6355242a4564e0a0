//! The load's shell scripts by themselves: what they leave and what they write into the container's log.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const TEMPLATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
const REPORTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/analysis/tests/fixtures/guidellm");

/// Runs harness.sh over the given commands; gives its exit code and its log.
fn harness(dir: &Path, mode: &str, commands: &[String]) -> (i32, String) {
    harness_within(60, dir, mode, commands)
}

/// The same with another number of seconds for each process.
fn harness_within(limit_s: u32, dir: &Path, mode: &str, commands: &[String]) -> (i32, String) {
    let bench = dir.join("bench");
    std::fs::create_dir_all(&bench).unwrap();
    for name in ["harness.sh", "summary.py"] {
        std::fs::copy(Path::new(TEMPLATES).join(name), bench.join(name)).unwrap();
    }
    for (k, c) in commands.iter().enumerate() {
        std::fs::write(bench.join(format!("cmd-{k}")), c).unwrap();
    }
    // Its own /tmp is the container's: this test gives it another one.
    let script = std::fs::read_to_string(bench.join("harness.sh")).unwrap();
    let own = script.replace("RUN=/tmp/harness", &format!("RUN={}", dir.join("run").display()));
    assert_ne!(own, script);
    std::fs::write(bench.join("harness.sh"), own).unwrap();
    let out = Command::new("sh")
        .arg(bench.join("harness.sh"))
        .envs([("MODE", mode), ("N", &commands.len().to_string()), ("LIMIT_S", &limit_s.to_string())])
        .env("RESULTS", dir.join("results"))
        .env("BENCH", &bench)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
}

fn summaries(log: &str) -> Vec<Value> {
    log.lines().filter_map(|l| l.strip_prefix("llmd-bench-rate ")).map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn finished_rates_are_told_in_the_log_even_when_a_later_one_dies() {
    let dir = tempfile::tempdir().unwrap();
    let copy = |version: &str| format!("cp {REPORTS}/{version}/benchmarks.json benchmarks.json");
    let commands = [copy("0.5.0"), copy("0.8.1"), "echo it died >&2; kill -9 $$".to_string()];
    let (code, log) = harness(dir.path(), "per-rate", &commands);
    assert_eq!(code, 137, "{log}");
    let told = summaries(&log);
    assert!(told.iter().any(|s| s["k"] == 0 && s["guidellm"] == "0.5.0") && told.iter().any(|s| s["k"] == 1), "{log}");
    for s in &told {
        assert!(s["rate"].as_f64().unwrap() > 0.0 && s["duration_s"].as_f64().unwrap() > 0.0, "{s}");
        assert!(s["successful"].as_u64().unwrap() > 0 && s["errored"].is_u64(), "{s}");
        for (name, least) in [("ttft_ms", 1.0), ("itl_ms", 0.1), ("e2e_s", 0.01)] {
            let d = &s[name];
            assert!(d["p50"].as_f64().unwrap() >= least && d["p99"].as_f64() >= d["p50"].as_f64() && d["mean"].is_f64(), "{name}: {s}");
        }
        assert!(s["output_tokens_per_s"].as_f64().unwrap() > 0.0, "{s}");
        assert!(s.to_string().len() < 1000, "compact: {s}");
    }
    let results = dir.path().join("results");
    let kept = std::fs::read_to_string(results.join("rates.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), told.len());
    assert!(results.join("rate-0/benchmarks.json").exists() && results.join("rate-1/benchmarks.json").exists());
    assert_eq!(std::fs::read_to_string(results.join("DONE")).unwrap().trim(), "137");
    assert!(std::fs::read_to_string(results.join("rate-2/stderr.log")).unwrap().contains("it died"));
}

#[test]
fn a_report_that_cannot_be_summarised_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (code, log) = harness(dir.path(), "continuous", &["echo '{\"benchmarks\": [torn' >benchmarks.json".to_string()]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("no summary of process 0"), "{log}");
    assert!(dir.path().join("results/DONE").exists() && dir.path().join("results/benchmarks.json").exists());
}

#[test]
fn counts_of_a_rate_without_a_success_are_told_without_latencies() {
    let dir = tempfile::tempdir().unwrap();
    let command = format!("cp {REPORTS}/0.8.1/all-errored/benchmarks.json benchmarks.json");
    let (code, log) = harness(dir.path(), "continuous", &[command]);
    assert_eq!(code, 0, "{log}");
    let told = summaries(&log);
    assert!(told[0]["errored"].as_u64().unwrap() > 0 && told[0]["ttft_ms"].is_null(), "{log}");
}

#[test]
fn a_process_that_finds_no_backend_is_started_again_and_no_other_is() {
    let dir = tempfile::tempdir().unwrap();
    let refused = "echo 'RuntimeError: Backend validation request failed.' >&2; exit 1";
    let count = dir.path().join("starts");
    let second = format!("echo >>{0}; [ $(wc -l <{0}) -ge 2 ] || {{ {refused}; }}; cp {REPORTS}/0.5.0/benchmarks.json .", count.display());
    let (code, log) = harness(dir.path(), "continuous", &[second]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("process 0 could not reach the endpoint") && !summaries(&log).is_empty(), "{log}");
    let timeline = std::fs::read_to_string(dir.path().join("results/timeline.jsonl")).unwrap();
    let events: Vec<Value> = timeline.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<_> = events.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["process-started", "process-refused", "process-started", "process-ended"]);
    assert_eq!((&events[1]["rc"], &events[3]["rc"]), (&1.into(), &0.into()));

    let dir = tempfile::tempdir().unwrap();
    let died = "echo 'ValueError: something else' >&2; exit 1".to_string();
    let (code, log) = harness(dir.path(), "continuous", &[died]);
    assert_eq!(code, 1);
    assert!(!log.contains("once more"), "{log}");

    // A second try that has begun its load is not made a third.
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("starts");
    let dies = format!("echo >>{0}; [ $(wc -l <{0}) -ge 2 ] || {{ {refused}; }}; kill -9 $$", count.display());
    let (code, log) = harness(dir.path(), "continuous", &[dies]);
    assert_eq!((code, std::fs::read_to_string(count).unwrap().lines().count()), (137, 2), "{log}");
}

#[test]
fn a_process_that_hangs_and_ignores_the_polite_signal_is_killed_and_what_was_there_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let pids = dir.path().join("pids");
    // A worker of its own beside it, as guidellm has; neither listens to TERM. The first rate is done before.
    let first = format!("cp {REPORTS}/0.5.0/benchmarks.json benchmarks.json");
    let hangs = format!(
        "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo $$ $! >{}; echo half >partly.txt; echo 'it hangs' >&2; \
         while :; do sleep 1; done",
        pids.display()
    );
    let begun = std::time::Instant::now();
    let (code, log) = harness_within(2, dir.path(), "per-rate", &[first, hangs]);
    let took = begun.elapsed().as_secs();
    assert_eq!(code, 124, "{log}");
    // 2 s of its own and 5 s of politeness; with room for a busy machine, and far from the hour that it would have taken.
    assert!((6..60).contains(&took), "{took} s");
    let results = dir.path().join("results");
    let text = |f: &str| std::fs::read_to_string(results.join(f)).unwrap();
    assert_eq!((text("DONE").trim(), text("exit-0").trim(), text("exit-1").trim()), ("124", "0", "124"));
    assert!(results.join("rate-0/benchmarks.json").exists() && summaries(&log).iter().any(|s| s["k"] == 0), "{log}");
    assert_eq!(text("rate-1/partly.txt").trim(), "half");
    assert!(text("rate-1/stderr.log").contains("it hangs"));
    assert!(text("timeline.jsonl").lines().last().unwrap().contains("\"rc\": 124"));
    for pid in std::fs::read_to_string(pids).unwrap().split_whitespace() {
        // Gone, or dead and not yet taken note of by its parent.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}
