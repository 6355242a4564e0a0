//! Both dialects of guidellm, both modes, the published profile: real runs against one replica.

use super::support::{Place, json};
use serde_json::json;

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_loads() {
    let p = Place::new("loads");
    p.clean();
    p.bench(&["standup", "-c", "simulated", "--static", "1"]).exits(0);

    // The published profile, shortened, in the spec dialect; prompts of 4,000 tokens.
    p.run(&["-w", "chatbot_synthetic", "--rates", "2,3", "--max-seconds", "30", "--set", "recording.settle_s=5"]);
    let run = p.runs().pop().unwrap();
    let s = json(&run.join("summary.json"));
    let rates: Vec<f64> = s["rates"].as_array().unwrap().iter().map(|r| r["rate"].as_f64().unwrap()).collect();
    assert_eq!(rates, [2.0, 3.0]);
    assert!(s["rates"][0]["successful"].as_u64().unwrap() > 0, "{s:#}");

    // The flat dialect of the published version, a process a rate, the next one held back until the rate before has ended.
    p.run(&[
        "-w",
        "sanity_random",
        "--per-rate",
        "--rates",
        "1,2",
        "--max-seconds",
        "60",
        "--set",
        "load.guidellm.version=0.5.4",
        "--set",
        "load.guidellm.image.name=ghcr.io/vllm-project/guidellm:v0.5.4",
        "--set",
        "recording.settle_s=5",
        "--skip-reset=replicas,pods,warmup,drain,window",
    ]);
    let run = p.runs().pop().unwrap();
    for k in 0..2 {
        assert!(run.join(format!("load/rate-{k}/benchmarks.json")).exists(), "a result file for each rate");
    }
    let s = json(&run.join("summary.json"));
    assert_eq!(s["guidellm_version"], "0.5.4");
    assert_eq!(s["rates"].as_array().unwrap().len(), 2);
    let gap = s["rates"][1]["gap_before_s"].as_f64().expect("the gap between the rates is measured");
    assert!(gap < 3.0, "the second process was ready and held back: {gap} s");
    let timeline = std::fs::read_to_string(run.join("load/timeline.jsonl")).unwrap();
    assert!(timeline.lines().any(|l| l.contains("gate-opened") && l.contains("\"k\": 1")), "{timeline}");
    assert_ne!(json(&run.join("run.json"))["hashes"]["load"], json!(null));

    // One machine stops following; another one, or this one later, carries on.
    let mut follower = p
        .command(&[
            "run",
            "-w",
            "sanity_random",
            "--max-seconds",
            "20",
            "--set",
            "recording.settle_s=5",
            "--skip-reset=replicas,pods,warmup,drain,window",
        ])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let at_work = |p: &Place| p.bench(&["status", "--output", "json"]).stdout.contains("\"running\":\"2");
    while !at_work(&p) {
        assert!(std::time::Instant::now() < deadline, "the load never began");
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    std::thread::sleep(std::time::Duration::from_secs(3));
    follower.kill().unwrap();
    follower.wait().unwrap();
    p.bench(&["run", "-w", "sanity_random"]).exits(6).says("is at work");
    p.bench(&["resume", "last"]).ran(&p);
    let run = p.runs().pop().unwrap();
    assert_eq!(json(&run.join("run.json"))["state"], "complete");
    assert!(run.join("load/benchmarks.json").exists());

    p.bench(&["teardown"]).exits(0);
}
