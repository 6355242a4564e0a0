//! An experiment of two arms on a real cluster, killed while a load is at work and given again.

use super::support::{Place, json};
use serde_json::Value;
use std::time::{Duration, Instant};

const FILE: &str = "scenario: simulated\nprofile: sanity_random\nrates: [1]\nmax_seconds: 30\narms: [hpa, wva]\nrepeats: 1\n\
                    set: [recording.settle_s=5]\ncompare: {bounds: false}\ngate: {rules: [failed_fraction < 1%]}\n";

/// `experiment.json` of the only experiment; null before there is one.
fn record(p: &Place) -> Value {
    let entries = std::fs::read_dir(p.dir.join("results/experiments")).into_iter().flatten().flatten();
    let all: Vec<_> = entries.map(|e| e.path().join("experiment.json")).filter(|f| f.exists()).collect();
    assert!(all.len() < 2, "another experiment was begun: {all:?}");
    all.first().map_or(Value::Null, |f| json(f))
}

fn ids(record: &Value) -> Vec<String> {
    let of = |r: &Value| r["attempts"].as_array().unwrap().iter().map(|a| a["run"].as_str().unwrap().to_string()).collect::<Vec<_>>();
    record["runs"].as_array().into_iter().flatten().flat_map(of).collect()
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_experiment() {
    let p = Place::new("experiment");
    p.clean();
    std::fs::write(p.dir.join("mine.yaml"), FILE).unwrap();
    p.bench(&["experiment", "mine.yaml", "--dry-run"]).exits(0).says("prediction");
    assert_eq!(record(&p), Value::Null, "a dry run writes nothing");

    let log = std::fs::File::create(p.dir.join("killed.log")).unwrap();
    let mut first = p.command(&["experiment", "mine.yaml"]).stderr(log).stdout(std::process::Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(900);
    let load = |p: &Place| p.get(&["job", "-n", "llmdbench", "-l", "llmd-bench/run"])["items"].as_array().map_or(0, Vec::len);
    while load(&p) == 0 {
        let log = || std::fs::read_to_string(p.dir.join("killed.log")).unwrap_or_default();
        assert!(first.try_wait().unwrap().is_none(), "it ended before its load began:\n{}", log());
        assert!(Instant::now() < deadline, "no load began:\n{}", log());
        std::thread::sleep(Duration::from_secs(1));
    }
    std::thread::sleep(Duration::from_secs(5));
    first.kill().unwrap();
    first.wait().unwrap();
    let killed = record(&p);
    let begun = ids(&killed);
    assert_eq!((killed["state"].as_str(), begun.len()), (Some("running"), 1), "{killed:#}");
    p.bench(&["experiment", "mine.yaml", "--status"]).exits(0).says("not at its end");

    // The load that was at work is brought home, then the arm is swapped, then the other run is made.
    p.bench(&["experiment", "mine.yaml", "--junit", "junit.xml", "--summary", "summary.md"]).exits(0).says("complete: 2 of 2 runs valid");
    let r = record(&p);
    let all = ids(&r);
    assert_eq!(all[0], begun[0], "the killed run was made again: {r:#}");
    let mut runs: Vec<String> = p.runs().iter().map(|d| d.file_name().unwrap().to_string_lossy().into_owned()).collect();
    runs.sort();
    let mut recorded = all.clone();
    recorded.sort();
    assert_eq!(runs, recorded, "every run directory is one of the experiment's");
    for id in &all {
        assert_eq!(json(&p.dir.join("results").join(id).join("run.json"))["state"], "complete", "{id}");
    }
    let arms: Vec<&str> = r["runs"].as_array().unwrap().iter().map(|r| r["arm"].as_str().unwrap()).collect();
    assert_eq!(arms, ["hpa", "wva"]);
    assert!(r["runs"].as_array().unwrap().iter().all(|r| r["attempts"].as_array().unwrap().last().unwrap()["gate"] == "pass"), "{r:#}");
    let dir = p.dir.join("results/experiments").join(r["id"].as_str().unwrap());
    assert_eq!(json(&dir.join("comparison.json"))["sides"].as_array().unwrap().len(), 2);
    assert!(std::fs::read_to_string(p.dir.join("junit.xml")).unwrap().contains("tests=\"2\""));
    assert!(std::fs::read_to_string(p.dir.join("summary.md")).unwrap().contains("2 of 2 runs valid"));

    // It stood the stack up, so it took it down.
    p.bench(&["status"]).exits(6);
    let left = p.get(&["all,configmap,hpa,variantautoscaling", "-A", "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
    assert_eq!(left["items"].as_array().map(Vec::len), Some(0), "{left:#}");
}
