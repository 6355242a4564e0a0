//! `bench plan`: snapshots of what would be applied. Hashes are blotted out at their width.

use crate::support::{Place, Ran, bench};
use serde_json::Value;

/// The plan's event of `--output json`.
pub fn planned(args: &[&str]) -> Value {
    let r = bench(&[&["plan", "-c", "simulated", "--output", "json"], args].concat()).exits(0);
    r.json().into_iter().find(|e| e["event"] == "plan").expect("a plan")
}

pub fn objects(args: &[&str]) -> Vec<Value> {
    planned(args)["objects"].as_array().expect("objects").clone()
}

/// Objects as YAML; scripts, tokenizer and sums are told by name only, because they have tests of their own.
pub fn yaml(objects: &[Value]) -> String {
    let mut out = String::new();
    for o in objects {
        let mut o = o.clone();
        for file in ["harness.sh", "keeper.sh", "gate.py", "summary.py", "tokenizer.json", "tokenizer_config.json"] {
            if let Some(text) = o.get_mut("data").and_then(|d| d.get_mut(file)) {
                assert!(text.as_str().is_some_and(|t| !t.is_empty()), "{file} is empty");
                *text = "[a file of bench's]".into();
            }
        }
        if let Some(sum) = o.pointer_mut("/spec/template/metadata/annotations/llmd-bench~1config") {
            assert_eq!(sum.as_str().map(str::len), Some(16));
            *sum = "0000000000000000".into();
        }
        out.push_str(&format!("---\n{}\n", serde_yaml::to_string(&o).expect("YAML").trim_end()));
    }
    out
}

fn human(args: &[&str]) -> String {
    let r: Ran = bench(&[&["plan", "-c", "simulated"], args].concat()).exits(0);
    let mut text = r.stdout;
    let hashes = planned(args)["plan"]["hashes"].clone();
    for h in hashes.as_object().expect("hashes").values().filter_map(Value::as_str) {
        assert_eq!(h.len(), 12);
        assert!(text.contains(h), "{h} is not shown:\n{text}");
        text = text.replace(h, "000000000000");
    }
    format!("{text}\n-- standard error --\n{}", r.stderr)
}

fn kind(o: &Value) -> &str {
    o["kind"].as_str().unwrap_or_default()
}

const OF_AN_ARM: [&str; 2] = ["HorizontalPodAutoscaler", "VariantAutoscaling"];

#[test]
fn the_stack_is_the_same_under_every_arm() {
    let stack = |arm: &[&str]| objects(arm).into_iter().filter(|o| !OF_AN_ARM.contains(&kind(o))).collect::<Vec<_>>();
    let wva = stack(&["--wva"]);
    assert_eq!(wva, stack(&["--hpa"]));
    assert_eq!(wva, stack(&["--static", "2"]));
    insta::assert_snapshot!(yaml(&wva));
}

#[test]
fn what_an_arm_adds() {
    let arm = |arm: &[&str]| objects(arm).into_iter().filter(|o| OF_AN_ARM.contains(&kind(o))).collect::<Vec<_>>();
    insta::assert_snapshot!("arm_wva", yaml(&arm(&["--wva"])));
    insta::assert_snapshot!("arm_hpa", yaml(&arm(&["--hpa"])));
    assert_eq!(arm(&["--static", "2"]), Vec::<Value>::new());
}

#[test]
fn the_summary_for_people() {
    insta::assert_snapshot!("summary_wva", human(&["--wva"]));
    insta::assert_snapshot!("summary_hpa", human(&["--hpa", "-w", "ramp_small"]));
    insta::assert_snapshot!("summary_static_2", human(&["--static", "2"]));
}

#[test]
fn the_harness_in_one_process_and_per_rate() {
    let load = |mode: &[&str]| {
        let all = objects(&[&["-w", "ramp_small"], mode].concat());
        let named = |o: &&Value| o["metadata"]["labels"].get("llmd-bench/run").is_some();
        all.iter().filter(named).cloned().collect::<Vec<_>>()
    };
    insta::assert_snapshot!("harness_continuous", yaml(&load(&["--continuous"])));
    insta::assert_snapshot!("harness_per_rate", yaml(&load(&["--per-rate"])));
}

#[test]
fn arms_of_one_load_share_the_hashes_of_stack_and_load() {
    let hashes = |arm: &[&str]| planned(&[&["-w", "ramp_small"], arm].concat())["plan"]["hashes"].clone();
    let (wva, hpa, two) = (hashes(&["--wva"]), hashes(&["--hpa"]), hashes(&["--static", "2"]));
    for part in ["stack", "load"] {
        assert_eq!((&wva[part], &wva[part]), (&hpa[part], &two[part]), "{part}");
    }
    for part in ["arm", "plan"] {
        assert!(wva[part] != hpa[part] && hpa[part] != two[part] && wva[part] != two[part], "{part}");
    }
    assert_ne!(hashes(&["--wva", "--rates", "1,8"])["load"], wva["load"]);
    assert_eq!(hashes(&["--wva", "--set", "recording.settle_s=31"]), wva, "how it is recorded is not what is tested");
}

#[test]
fn json_is_one_object_a_line_on_standard_output() {
    let r = bench(&["plan", "-c", "simulated", "-w", "ramp_small", "--output", "json"]).exits(0);
    let events = r.json();
    assert!(events.iter().all(|e| e["event"].is_string()), "{}", r.stdout);
    assert_eq!(events.iter().filter(|e| e["event"] == "plan").count(), 1);
    assert!(events.iter().any(|e| e["event"] == "note"));
    assert_eq!(r.stderr, "");
    let list = bench(&["plan", "--list", "--output", "json"]).exits(0).json();
    for (kind, name) in [("scenario", "simulated"), ("scenario", "inference-scheduling"), ("profile", "chatbot_synthetic")] {
        assert!(list.iter().any(|k| k["kind"] == kind && k["name"] == name), "{kind} {name}");
    }
}

#[test]
fn the_default_scenario_is_planned_without_a_cluster() {
    let r = bench(&["plan", "-w", "chatbot_synthetic"]).exits(0);
    assert!(r.stdout.contains("qwen-qwe-07df2612-en3-0-6b-decode"), "the published name: {}", r.stdout);
    assert!(r.stdout.contains("2, 3, 5, 6 req/s, 1200 s each (80 min in all)"), "{}", r.stdout);
    assert!(r.stdout.contains("helm release llmdbench/qwen-qwe-07df2612-en3-0-6b-gaie"), "{}", r.stdout);
}

#[test]
fn manifests_written_are_the_manifests_printed() {
    let place = Place::new();
    let printed = place.run(&["plan", "-c", "simulated", "--hpa", "--manifests"]).exits(0).stdout;
    place.run(&["plan", "-c", "simulated", "--hpa", "--out", "out"]).exits(0);
    let read = |text: &str| serde_yaml::from_multiple::<Value>(text).expect("YAML");
    let mut written: Vec<Value> = vec![];
    for file in crate::support::files_below(&place.path("out")) {
        if !file.ends_with("plan.yaml") {
            written.extend(read(&std::fs::read_to_string(file).expect("a file")));
        }
    }
    let mut printed = read(&printed);
    let key = |o: &Value| format!("{}/{}", o["kind"], o["metadata"]["name"]);
    printed.sort_by_key(key);
    written.sort_by_key(key);
    assert_eq!(printed, written);
    assert_eq!(printed, {
        let mut o = objects(&["--hpa"]);
        o.sort_by_key(key);
        o
    });
}

#[test]
fn a_load_that_guidellm_cannot_make_is_told_with_what_helps() {
    let plan = |more: &[&str]| bench(&[&["plan", "-c", "simulated", "-w", "sanity_random"], more].concat()).exits(0);
    assert!(!plan(&["--rates", "20"]).stderr.contains("warning"), "two workers carry it");
    plan(&["--rates", "1,5000"]).says(&[
        "warning: ",
        "rate 5000: one process of guidellm makes all prompts, about 333 a second of 50 tokens",
        "it has 2 worker processes of one core",
        "--set load.guidellm.workers=100",
        "150030 requests in one guidellm process",
        "--set load.guidellm.resources.limits.memory=",
    ]);
}
