//! `bench gate`: what passes, what does not, and what is no gate.

use crate::schemas::faults;
use crate::stored::run;
use crate::support::{Place, Ran, bench, files_below, repo};
use serde_json::Value;
use std::path::Path;

const USAGE: i32 = 2;
const FAILED: i32 = 3;
const INVALID: i32 = 4;

fn stored() -> String {
    run().display().to_string()
}

/// `bench gate` of the stored run with these rules.
fn gate(rules: &[&str]) -> Ran {
    let run = stored();
    let mut args = vec!["gate", run.as_str()];
    for r in rules {
        args.extend(["--rule", r]);
    }
    bench(&args)
}

/// Without the breaks of lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The stored run in a place of its own, changed.
fn changed(change: impl Fn(&Path)) -> Place {
    let place = Place::new();
    for from in files_below(&run()) {
        let to = place.path("results/r").join(from.strip_prefix(run()).expect("below"));
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::copy(from, to).expect("copied");
    }
    change(&place.path("results/r"));
    place
}

#[test]
fn a_gate_that_holds() {
    let r =
        gate(&["p99_ttft_ms < 800", "failed_fraction == 0", "max_ready == 3", "rate[7].p50_e2e_s <= 3s", "rate[#1].achieved_rate > 0.9"])
            .exits(0);
    assert!(r.stdout.contains("Gate passed: 5 of 5 rules hold"), "{}", r.stdout);
    assert_eq!(r.stderr, "");
}

#[test]
fn a_broken_rule_exits_with_3_and_says_by_how_much() {
    let r = gate(&["p99_ttft_ms < 10ms", "max_ready <= 4"]).exits(FAILED);
    assert!(r.stdout.contains("Gate failed: 1 of 2 rules holds"), "{}", r.stdout);
    let line = r.stdout.lines().find(|l| l.contains("FAIL ")).unwrap_or_else(|| panic!("{}", r.stdout));
    assert!(line.contains("p99_ttft_ms < 10ms") && line.contains("10 ms") && line.contains('-'), "{line}");
}

/// The numbers of the gate are those of the report.
#[test]
fn its_numbers_are_the_reports() {
    let place = changed(|_| {});
    let summary = &place.run(&["report", "--output", "json"]).exits(0).json()[0];
    let names = &place.run(&["gate", "last", "--names", "--output", "json"]).exits(0).json()[0];
    let (numbers, rate) = (&names["numbers"], &summary["rates"][1]);
    for (name, value) in [
        ("p99_ttft_ms", &rate["ttft_ms"]["p99"]),
        ("mean_itl_ms", &rate["itl_ms"]["mean"]),
        ("p50_e2e_s", &rate["e2e_s"]["p50"]),
        ("achieved_rate", &rate["achieved_rate"]),
        ("output_tokens_per_s", &rate["output_tokens_per_s"]),
        ("successful", &rate["successful"]),
    ] {
        let got = &numbers["rates"][1]["numbers"][name];
        assert!(got.as_f64().is_some() && got.as_f64() == value.as_f64(), "{name}: {got} is not {value}");
    }
    let scaling = &summary["scaling"];
    for (name, key) in [
        ("max_ready", "max_ready"),
        ("first_scale_up_s", "first_scale_up_s"),
        ("recorded_ready_replica_seconds", "ready_replica_s"),
        ("scale_ups", "scale_ups"),
    ] {
        assert_eq!(numbers["whole"][name].as_f64(), scaling[key].as_f64(), "{name}");
    }
    // Pods from scheduled to terminated: at least while they were ready.
    let paid = numbers["whole"]["replica_seconds"].as_f64().expect("replica_seconds");
    let ready = numbers["whole"]["ready_replica_seconds"].as_f64().expect("ready_replica_seconds");
    assert!(paid >= ready && ready > 0.0, "{paid} {ready}");
    let sum: f64 = summary["rates"].as_array().expect("rates").iter().filter_map(|r| r["successful"].as_f64()).sum();
    assert_eq!(numbers["whole"]["successful"].as_f64(), Some(sum));
}

#[test]
fn a_number_that_was_not_measured_breaks_its_rule() {
    let r = gate(&["rate[3].p99_ttft_ms > 0"]).exits(FAILED);
    assert!(r.stdout.contains("the run has no rate 3: it has 1, 7"), "{}", r.stdout);
    let place = changed(|dir| std::fs::remove_file(dir.join("events.jsonl")).expect("removed"));
    let r = place.run(&["gate", "last", "--rule", "max_ready >= 0", "--allow-invalid"]).exits(FAILED);
    assert!(words(&r.stdout).contains("max_ready was not measured: there is no record of replicas"), "{}", r.stdout);
}

#[test]
fn an_invalid_run_exits_with_4_before_its_rules() {
    let place = changed(|dir| std::fs::remove_file(dir.join("load/benchmarks.json")).expect("removed"));
    let r = place.run(&["gate", "--rule", "max_ready == 3"]).exits(INVALID);
    assert!(r.stdout.contains("Gate invalid: not judged: ") && r.stdout.contains("no-report"), "{}", r.stdout);
    let r = place.run(&["gate", "--rule", "max_ready == 3", "--allow-invalid"]).exits(0);
    assert!(r.stdout.contains("Gate passed") && r.stdout.contains("judged although not valid: no-report"), "{}", r.stdout);
    let r = place.run(&["gate", "--rule", "p99_ttft_ms < 1h", "--allow-invalid"]).exits(FAILED);
    assert!(r.stdout.contains("p99_ttft_ms was not measured"), "{}", r.stdout);
    place.run(&["gate", "--write-baseline", "b.json"]).exits(INVALID).says(&["b.json is not written: the run is not valid"]);
    assert!(!place.path("b.json").exists());
}

#[test]
fn a_baseline_is_stored_and_compared_with() {
    let place = changed(|_| {});
    place
        .run(&["gate", "--write-baseline", "b.json", "--rule", "max_ready > 9"])
        .exits(FAILED)
        .says(&["b.json is not written: the gate failed"]);
    place.run(&["gate", "--write-baseline", "b.json"]).exits(0);
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(place.path("b.json")).expect("b.json")).expect("JSON");
    assert_eq!(faults("baseline.schema.json", &stored), [""; 0]);
    // The run is its own equal, as a file, as a run and as a directory.
    for baseline in ["b.json", "last", "results/r", "results/r/summary.json"] {
        let r = place
            .run(&["gate", "--baseline", baseline, "--rule", "p99_ttft_ms == baseline", "--rule", "rate[*].mean_itl_ms <= baseline"])
            .exits(0);
        assert!(r.stdout.contains("3 of 3 rules hold") && !r.stdout.contains("warning"), "{baseline}: {}", r.stdout);
    }
    place.run(&["gate", "--baseline", "b.json", "--rule", "p99_ttft_ms < baseline * 90%"]).exits(FAILED);
    // Replicas are counted over the baseline's span.
    let r = place.run(&["gate", "--baseline", "b.json", "--rule", "replica_seconds == baseline", "--rule", "span_s == baseline"]);
    r.exits(0);
    let slo = ["--slo", "ttft=500ms,itl=50ms", "--baseline", "b.json", "--rule", "goodput_fraction >= baseline"];
    // The scenario's SLO is what both were counted by; by another one the baseline has no goodput.
    place.run(&[&["gate"], &slo[..]].concat()).exits(0);
    let slo = ["--slo", "ttft=400ms", "--baseline", "b.json", "--rule", "goodput_fraction >= baseline"];
    let r = place.run(&[&["gate"], &slo[..]].concat()).exits(FAILED);
    let said = words(&r.stdout);
    assert!(said.contains("of another SLO") && said.contains("not measured in the baseline"), "{}", r.stdout);
    place.run(&["gate", slo[0], slo[1], "--baseline", "last", slo[4], slo[5], "--rule", "goodput_fraction > 90%"]).exits(0);
    // A file names its baseline from where it lies.
    place.write("ci/gate.yaml", "baseline: b.json\nrules: [p99_ttft_ms < baseline * 1.1]\n");
    std::fs::copy(place.path("b.json"), place.path("ci/b.json")).expect("copied");
    std::fs::remove_file(place.path("b.json")).expect("removed");
    place.run(&["gate", "--slo", "ci/gate.yaml"]).exits(0);
    // Of another load.
    let mut other = stored;
    (other["load"], other["source"]) = ("0000".into(), "predicted".into());
    place.write("other.json", &other.to_string());
    let r = place.run(&["gate", "--baseline", "other.json", "--rule", "p99_ttft_ms <= baseline"]).exits(0);
    assert!(r.stdout.contains("another load") && r.stdout.contains("the other measured"), "{}", r.stdout);
    other["verdict"] = "invalid".into();
    place.write("other.json", &other.to_string());
    let r = place.run(&["gate", "--baseline", "other.json", "--rule", "p99_ttft_ms <= baseline"]).exits(INVALID);
    assert!(words(&r.stdout).contains("is not valid"), "{}", r.stdout);
    // A rule that does not use it does not mind.
    place.run(&["gate", "--baseline", "other.json", "--rule", "p99_ttft_ms > 0"]).exits(0);
}

#[test]
fn a_baseline_that_is_none_is_refused() {
    let place = changed(|_| {});
    let rule = ["--rule", "p99_ttft_ms < baseline"];
    place.run(&["gate", "--rule", rule[1]]).exits(USAGE).says(&["there is no baseline", "->", "--write-baseline"]);
    for (text, said) in [
        ("{", "is no baseline"),
        ("[]", "is no baseline"),
        ("{\"schema_version\": 99}", "schema version 99 is newer"),
        ("{\"schema_version\": 1}", "missing field"),
        ("{\"schema_version\": -1, \"numbers\": 1e999}", "is no baseline"),
    ] {
        place.write("b.json", text);
        place.run(&["gate", "--baseline", "b.json", rule[0], rule[1]]).exits(USAGE).says(&["b.json", said]);
    }
    place.run(&["gate", "--baseline", "no.json", rule[0], rule[1]]).exits(USAGE).says(&["there is no baseline no.json"]);
    place.run(&["gate", "--baseline", "nothing", rule[0], rule[1]]).exits(USAGE).says(&["no run is called nothing"]);
}

#[test]
fn rules_that_are_none_are_told_with_their_place() {
    gate(&["p99_tft_ms < 800"])
        .exits(USAGE)
        .says(&["--rule: `rule`: `p99_tft_ms` is no number of a run\n  | p99_tft_ms < 800\n  | ^^^^^^^^^^", "did you mean `p99_ttft_ms`?"]);
    gate(&["p99_ttft_ms = 800"]).exits(USAGE).says(&["write `==`", "            ^"]);
    gate(&["failed_fraction < 800ms"]).exits(USAGE).says(&["a fraction or percent meets a time"]);
    // What a request must keep is the scenario's where nothing else is said.
    gate(&["goodput_fraction > 90%"]).exits(0);
    gate(&[]).exits(USAGE).says(&["there is no rule", "->", "--names"]);
    let place = changed(|_| {});
    place.write("g.yaml", "rules:\n  - max_ready < 4\n  - {rule: max_redy < 4}\n");
    place.run(&["gate", "--slo", "g.yaml"]).exits(USAGE).says(&["g.yaml:3:12: `rules[1].rule`", "did you mean `max_ready`?"]);
    place.write("g.yaml", "rules: []\nsllo: {}\n");
    place.run(&["gate", "--slo", "g.yaml"]).exits(USAGE).says(&["g.yaml:2:1: unknown key `sllo`", "did you mean `slo`?"]);
    place.run(&["gate", "--slo", "missing.yaml"]).exits(USAGE).says(&["cannot read missing.yaml"]);
    place.run(&["gate", "--slo", "speed=5ms"]).exits(USAGE).says(&["there are ttft, itl and e2e"]);
    place.run(&["gate", "nothing", "--rule", "max_ready > 0"]).exits(USAGE).says(&["no run is called nothing"]);
}

/// Told before the cluster is asked for anything.
#[test]
fn a_gate_of_a_run_is_checked_before_the_run() {
    let place = Place::new();
    place.write("g.yaml", "rules: [max_redy < 4]\n");
    let dead = place.dead_cluster();
    place.run(&["run", "-k", &dead, "-w", "ramp_small", "--gate", "g.yaml"]).exits(USAGE).says(&["did you mean `max_ready`?"]);
    place.run(&["resume", "-k", &dead, "--gate", "none.yaml"]).exits(USAGE).says(&["cannot read none.yaml"]);
    place.write("g.yaml", "rules: []\n");
    place.run(&["run", "-k", &dead, "-w", "ramp_small", "--gate", "g.yaml"]).exits(USAGE).says(&["has no rule"]);
    place.write("g.yaml", "rules: [max_ready < baseline]\n");
    place.run(&["run", "-k", &dead, "-w", "ramp_small", "--gate", "g.yaml"]).exits(USAGE).says(&["there is no baseline"]);
    place.write("g.yaml", "rules: [max_ready < 4]\n");
    place.run(&["run", "-k", &dead, "-w", "ramp_small", "--gate", "g.yaml"]).exits(6);
}

#[test]
fn every_form_of_the_result() {
    let place = changed(|_| {});
    let rules = ["--rule", "p99_ttft_ms < 10", "--rule", "max_ready == 3"];
    let form = |name: &str, more: &[&str]| place.run(&[&["gate", "--format", name], &rules[..], more].concat()).exits(FAILED);
    let json = &form("json", &[]).json()[0];
    assert_eq!(faults("gate.schema.json", json), [""; 0]);
    assert_eq!((&json["verdict"], json["rules"].as_array().map(Vec::len)), (&"fail".into(), Some(2)));
    // On a line of its own it says which event it is.
    let mut event = place.run(&[&["gate", "--output", "json"], &rules[..]].concat()).exits(FAILED).json()[0].clone();
    assert_eq!(event.as_object_mut().and_then(|o| o.remove("event")), Some("gate".into()));
    assert_eq!(event, *json);
    let md = form("md", &[]).stdout;
    assert!(md.starts_with("### Gate failed: 1 of 2 rules holds\n") && md.contains("| FAIL | p99&#95;ttft&#95;ms &#60; 10 |"), "{md}");
    let github = form("github", &[]).stdout;
    assert!(github.starts_with("::error title=bench gate%3A p99_ttft_ms < 10::") && github.lines().count() == 2, "{github}");
    assert!(form("junit", &[]).stdout.starts_with("<?xml"));
    let r = form("junit", &["--out", "deep/gate.xml"]);
    assert!(r.stdout.contains("Gate failed"), "{}", r.stdout);
    let xml = std::fs::read_to_string(place.path("deep/gate.xml")).expect("gate.xml");
    assert!(xml.contains("tests=\"3\" skipped=\"0\" failures=\"1\" errors=\"0\"") && xml.matches("<testcase ").count() == 3, "{xml}");
    place.run(&["gate", "--format", "xml", "--rule", "max_ready > 0"]).exits(USAGE).says(&["junit"]);
}

#[test]
fn the_example_is_a_gate() {
    let example = repo("examples/gate.yaml").display().to_string();
    let r = bench(&["gate", &stored(), "--slo", &example]).exits(0);
    assert!(r.stdout.contains("5 of 5 rules hold"), "{}", r.stdout);
}

#[test]
fn names_are_listed_without_a_run() {
    let r = bench(&["gate", "--names"]).exits(0);
    for name in ["p99_ttft_ms", "replica_seconds", "goodput_fraction"] {
        assert!(r.stdout.lines().any(|l| l.trim_start().starts_with(name)), "{name}: {}", r.stdout);
    }
    assert!(bench(&["gate", &stored(), "--names"]).exits(0).stdout.contains("rate[7]"));
}

/// Who is recorded for longer pays for longer: the shorter span counts in both, and where a stored baseline cannot be counted anew
/// its replica-seconds are no number.
#[test]
fn a_baseline_that_was_recorded_for_longer() {
    let place = changed(|dir| {
        let file = dir.join("run.json");
        let mut record: Value = serde_json::from_slice(&std::fs::read(&file).expect("run.json")).expect("JSON");
        record["id"] = "20261124T041159Z-ramp_small-wva-beef".into();
        std::fs::write(&file, record.to_string()).expect("written");
        let events = dir.join("events.jsonl");
        let text = std::fs::read_to_string(&events).expect("events");
        let lines: Vec<&str> = text.lines().collect();
        // The load has been over for two minutes by then, replicas were still settling for another hundred seconds.
        std::fs::write(&events, lines[..102].join("\n") + "\n").expect("written");
    });
    let whole = stored();
    let args = ["gate", "results/r", "--rule", "replica_seconds <= baseline", "--rule", "span_s < baseline + 1"];
    place.run(&[&args[..], &["--baseline", &whole]].concat()).exits(0);
    place.run(&["gate", &whole, "--write-baseline", "before.json"]).exits(0);
    // A shorter recording goes on as it ended, and so does a baseline that was counted for less.
    place.run(&[&args[..3], &["replica_seconds <= baseline", "--baseline", "before.json"]].concat()).exits(0);
    let text = std::fs::read_to_string(place.path("before.json")).expect("a baseline");
    let mut before: Value = serde_json::from_str(&text).expect("JSON");
    before["numbers"]["whole"]["span_s"] = 300.0.into();
    before["numbers"]["whole"]["replica_seconds"] = 600.0.into();
    place.write("short.json", &before.to_string());
    let r = place.run(&[&args[..3], &["replica_seconds <= baseline", "--baseline", "short.json"]].concat());
    assert!(!r.stdout.contains("are left out"), "{}", r.stdout);
    // One that does not say with how many replicas it ended cannot go on.
    before["numbers"]["whole"].as_object_mut().expect("numbers").remove("end_replicas");
    place.write("short.json", &before.to_string());
    let r = place.run(&[&args[..3], &["replica_seconds <= baseline", "--baseline", "short.json"]].concat()).exits(FAILED);
    assert!(words(&r.stdout).contains("are left out") || r.stderr.contains("are left out"), "{}{}", r.stdout, r.stderr);
}
