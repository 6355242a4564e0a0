//! Faults as people reported them, put into the stored run: each number is what it was without them, or says what it is of.

use crate::stored;
use crate::support::Place;
use serde_json::{Value, json};
use std::path::Path;

const RUN: &str = "20261124T031159Z-ramp_small-wva-c97c";
const DEPLOYMENT: &str = "qwen-qwe-07df2612-en3-0-6b-decode";
const SET: &str = "qwen-qwe-07df2612-en3-0-6b-decode-b4887cb87";

fn change(dir: &Path, file: &str, by: impl Fn(String) -> String) {
    let path = dir.join(file);
    let text = std::fs::read_to_string(&path).expect("a file of the run");
    std::fs::write(&path, by(text)).expect("written");
    // What was changed on purpose is not to be told as changed.
    let _ = std::fs::remove_file(dir.join("SHA256SUMS"));
}

fn samples(dir: &Path, by: impl Fn(&str) -> Vec<String>) {
    change(dir, "metrics/samples.om.txt", |text| text.lines().flat_map(&by).map(|l| l + "\n").collect());
}

/// The numbers of the whole load, what they rest on, and the run's report.
fn read(place: &Place) -> (Value, Value, String) {
    let lines = place.run(&["gate", RUN, "--names", "--output", "json"]).exits(0).json();
    let numbers = lines[0]["numbers"].clone();
    let report = place.run(&["report", RUN, "--full"]).exits(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    (numbers["whole"].clone(), numbers["rests_on"].clone(), report)
}

fn with(spoil: impl Fn(&Path)) -> (Value, Value, String) {
    let (place, dir) = stored::copy();
    spoil(&dir);
    read(&place)
}

fn paid(numbers: &Value) -> f64 {
    numbers["replica_seconds"].as_f64().expect("replica-seconds")
}

/// A record of a pod that is there from the recording's start on.
fn pod(name: &str, owner: &str, hash: &str, phase: &str, at: &str, what: &str) -> String {
    let conditions: Vec<Value> = ["PodScheduled", "Ready"]
        .iter()
        .map(|c| json!({"type": c, "status": "True", "lastTransitionTime": "2026-11-24T03:12:00Z"}))
        .collect();
    let object = json!({
        "metadata": {
            "name": name, "creationTimestamp": "2026-11-24T03:12:00Z", "labels": {"pod-template-hash": hash},
            "ownerReferences": [{"kind": "ReplicaSet", "name": owner, "controller": true}],
        },
        "status": {"phase": phase, "conditions": conditions},
    });
    format!("{}\n", json!({"t": at, "what": what, "kind": "Pod", "name": name, "object": object}))
}

#[test]
fn a_neighbour_with_the_same_beginning_is_not_paid_for() {
    let (plain, ..) = with(|_| ());
    let (numbers, _, report) = with(|dir| {
        let name = |k: u32| format!("{DEPLOYMENT}-canary-7c9d8-0000{k}");
        let canaries: String = (0..4)
            .map(|k| pod(&name(k), &format!("{DEPLOYMENT}-canary-7c9d8"), "7c9d8", "Running", "2026-11-24T03:12:06Z", "present"))
            .collect();
        change(dir, "events.jsonl", |text| text + &canaries);
        samples(dir, |l| {
            let theirs = l.replace(&format!("{SET}-kpt8t"), &name(0));
            if theirs == l { vec![l.into()] } else { vec![l.into(), theirs] }
        });
    });
    assert_eq!(paid(&numbers), paid(&plain));
    assert_eq!(numbers["busiest_pod_fraction"], plain["busiest_pod_fraction"]);
    assert!(report.contains("other-pods") && report.contains("canary-7c9d8-00000"), "{report}");
}

#[test]
fn a_pod_that_ended_is_paid_to_its_end() {
    let (plain, ..) = with(|_| ());
    let (numbers, ..) = with(|dir| {
        let evicted = |k: u32| format!("{SET}-evi0{k}");
        let lives: String = (0..3)
            .map(|k| {
                pod(&evicted(k), SET, "b4887cb87", "Running", "2026-11-24T03:15:11Z", "applied").replace("03:12:00Z", "03:15:08Z")
                    + &pod(&evicted(k), SET, "b4887cb87", "Failed", "2026-11-24T03:15:20Z", "applied").replace("03:12:00Z", "03:15:08Z")
            })
            .collect();
        change(dir, "events.jsonl", |text| text + &lives);
    });
    assert!((paid(&numbers) - paid(&plain) - 36.0).abs() < 0.01, "three pods for 12 s each: {} {}", paid(&numbers), paid(&plain));
    let (numbers, ..) = with(|dir| {
        let old = pod(&format!("{SET}-old00"), SET, "b4887cb87", "Failed", "2026-11-24T03:12:06Z", "present");
        change(dir, "events.jsonl", |text| text + &old.replace("2026-11-24T03:12:00Z", "2026-11-20T03:12:00Z"));
    });
    assert_eq!(paid(&numbers), paid(&plain), "of four days ago");
}

#[test]
fn what_is_scraped_twice_counts_once_and_engines_add_up() {
    let (plain, _, before) = with(|_| ());
    assert!(!before.contains("requests-differ") && !before.contains("scraped-twice"));
    let twice = |label: &'static str| {
        move |dir: &Path| {
            samples(dir, |l| match l.strip_prefix("vllm:").and_then(|l| l.split_once('{')) {
                Some((name, rest)) => ["a", "b"].iter().map(|v| format!("vllm:{name}{{{label}=\"{v}\",{rest}")).collect(),
                None => vec![l.into()],
            });
        }
    };
    let (numbers, _, report) = with(twice("job"));
    assert_eq!(numbers["busiest_pod_fraction"], plain["busiest_pod_fraction"]);
    assert!(report.contains("scraped-twice") && !report.contains("requests-differ"), "{report}");
    // Two engines that each did all of it are more than was sent.
    let (_, _, report) = with(twice("engine"));
    assert!(report.contains("several-engines") && report.contains("requests-differ the servers counted 1404"), "{report}");
}

#[test]
fn a_statistic_says_what_it_is_of() {
    let part = |dir: &Path| {
        change(dir, "load/benchmarks.json", |text| {
            let mut report: Value = serde_json::from_str(&text).expect("a report");
            let mut k = 0;
            for b in report["benchmarks"].as_array_mut().expect("benchmarks") {
                for r in b["requests"]["successful"].as_array_mut().expect("requests") {
                    k += 1;
                    if k % 10 != 0 {
                        r["time_to_first_token_ms"] = Value::Null;
                        r["info"]["timings"]["first_token_iteration"] = Value::Null;
                    }
                }
            }
            report.to_string()
        });
    };
    let (numbers, rests, report) = with(part);
    assert_eq!(rests["p99_ttft_ms"], json!({"n": 70, "of": 702}));
    assert_eq!(rests["p99_e2e_s"], json!({"n": 702, "of": 702}));
    assert!((numbers["ttft_measured_fraction"].as_f64().expect("a share") - 70.0 / 702.0).abs() < 1e-12);
    assert!(report.contains("70 of 702 successful requests have a time to the first token"), "{report}");
    let (place, dir) = stored::copy();
    part(&dir);
    let said = place.run(&["gate", RUN, "--rule", "p99_ttft_ms < 800"]).exits(0).stdout;
    assert!(said.contains("p99_ttft_ms is over 70 of 702 requests"), "{said}");
    place.run(&["gate", RUN, "--rule", "ttft_measured_fraction >= 95%"]).exits(3);
    place.run(&["report", RUN]).exits(0).stdout.lines().find(|l| l.contains("part-measured")).expect("on the first screen");
}

#[test]
fn what_was_not_measured_is_not_zero() {
    let (numbers, ..) = with(|dir| {
        change(dir, "load/benchmarks.json", |text| {
            let mut report: Value = serde_json::from_str(&text).expect("a report");
            for b in report["benchmarks"].as_array_mut().expect("benchmarks") {
                for kind in ["successful", "incomplete"] {
                    for r in b["requests"][kind].as_array_mut().into_iter().flatten() {
                        r["output_tokens"] = Value::Null;
                    }
                }
            }
            report.to_string()
        });
    });
    assert_eq!(numbers["output_tokens_per_s"], Value::Null);
    let (place, dir) = stored::copy();
    samples(&dir, |l| vec![l.replace("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")]);
    let said = place.run(&["explain", RUN]).exits(0).stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("vllm:kv_cache_usage_perc was not recorded: WVA's decisions are not replayed"), "{said}");
    assert!(!said.contains("pending-pods-shed") && !said.contains("ghost-pods"), "{said}");
}

#[test]
fn a_bad_value_in_a_report_costs_that_value() {
    let (plain, ..) = with(|_| ());
    let (numbers, rests, report) = with(|dir| {
        change(dir, "load/benchmarks.json", |text| {
            let (before, after) = text.split_once("\"time_to_first_token_ms\":").expect("a request");
            let (_, rest) = after.split_once(',').expect("more");
            let text = format!("{before}\"time_to_first_token_ms\":NaN,{rest}");
            let (before, after) = text.rsplit_once("\"inter_token_latency_ms\":").expect("a request");
            let end = after.find([',', '}']).expect("an end");
            format!("{before}\"inter_token_latency_ms\":-Infinity{}", &after[end..])
        });
    });
    assert_eq!(numbers["requests"], plain["requests"]);
    assert_eq!(rests["p99_ttft_ms"], json!({"n": 701, "of": 702}));
    assert!(report.contains("2 values are NaN or infinite, the first at byte"), "{report}");
}

#[test]
fn a_long_wrong_file_is_told_shortly() {
    let place = Place::new();
    place.write("load.yaml", &"a,b\n1,2\n".repeat(60_000));
    let said = place.run(&["plan", "-w", "./load.yaml"]).exits(2).stderr;
    assert!(said.len() < 2_000 && said.contains("a table is expected"), "{} bytes: {}", said.len(), &said[..said.len().min(500)]);
}

#[test]
fn a_part_of_the_tokens_is_not_their_sum() {
    let (numbers, rests, _) = with(|dir| {
        change(dir, "load/benchmarks.json", |text| {
            let mut report: Value = serde_json::from_str(&text).expect("a report");
            let all = report["benchmarks"].as_array_mut().expect("benchmarks").iter_mut();
            for (k, r) in all.flat_map(|b| b["requests"]["successful"].as_array_mut().expect("requests").iter_mut()).enumerate() {
                if k % 10 != 0 {
                    r["output_tokens"] = Value::Null;
                }
            }
            report.to_string()
        });
    });
    assert_eq!((&numbers["output_tokens_per_s"], &numbers["cost_per_million_output_tokens"]), (&Value::Null, &Value::Null));
    assert_eq!(rests["output_tokens_measured_fraction"], json!({"n": 71, "of": 702}));
    assert!(rests["gpu_seconds"].is_object(), "{rests}");
}
