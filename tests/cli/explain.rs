//! `bench explain`: what is replayed gives what was recorded, defects are named, bad input is told.

use crate::schemas::faults;
use crate::stored::{copy, run};
use crate::support::{Place, bench, files_below};
use serde_json::Value;
use std::path::PathBuf;

const USAGE: i32 = 2;

fn predict(args: &[&str]) -> (Place, Vec<PathBuf>) {
    let place = Place::new();
    let mut all = vec!["predict", "-w", "chatbot_synthetic", "--as-published", "--seeds", "1"];
    all.extend(args);
    place.run(&all).exits(0);
    let mut dirs: Vec<PathBuf> = std::fs::read_dir(place.path("results")).expect("runs").map(|e| e.expect("an entry").path()).collect();
    dirs.retain(|d| d.join("run.json").exists());
    dirs.sort();
    (place, dirs)
}

fn explained(place: &Place, dir: &std::path::Path) -> Value {
    let r = place.run(&["explain", &dir.display().to_string(), "--output", "json"]).exits(0);
    let v = r.json().pop().expect("a document");
    assert_eq!(faults("explanation.schema.json", &v), [""; 0]);
    v
}

fn codes(v: &Value) -> Vec<String> {
    v["findings"].as_array().expect("findings").iter().map(|f| f["code"].as_str().expect("a code").to_owned()).collect()
}

#[test]
fn predictions_are_replayed_to_the_number() {
    let zero = "scaling.scale_up.stabilization_window_s=0";
    let down = "scaling.scale_down.stabilization_window_s=0";
    let settings: [&[&str]; 5] = [
        &[],
        &["--set", zero, "--set", down],
        &["--set", "scaling.max_replicas=2"],
        &["--set", "scaling.min_replicas=2", "--set", "reset.start_replicas=2"],
        &["--rates", "2,12,2", "--set", zero],
    ];
    let mut seen = vec![];
    for set in settings {
        let (place, dirs) = predict(set);
        assert_eq!(dirs.len(), 2);
        for dir in dirs {
            let v = explained(&place, &dir);
            let replay = &v["replay"];
            assert!(replay["compared"].as_u64() > Some(200), "{replay}");
            assert_eq!((&replay["equal"], &replay["worst"]), (&replay["compared"], &Value::from(0)), "{set:?}: {replay}");
            assert!(v["moments"].as_array().expect("moments").iter().all(|m| m["difference"].is_null()));
            seen.extend(codes(&v));
        }
    }
    for code in
        ["one-replica-holds-average", "at-max", "stuck-at-max", "stuck-at-min", "ghost-pods", "pending-pods-shed", "hot-spot-left-out"]
    {
        assert!(seen.iter().any(|c| c == code), "{code} is in none: {seen:?}");
    }
}

#[test]
fn the_published_notes_come_out() {
    let (place, dirs) = predict(&[]);
    let text = |arm: &str, args: &[&str]| {
        let dir = dirs.iter().find(|d| d.display().to_string().contains(arm)).expect("the arm").display().to_string();
        let mut all = vec!["explain", dir.as_str()];
        all.extend(args);
        place.run(&all).exits(0).stdout
    };
    let words = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
    let hpa = words(&text("-hpa-", &[]));
    for part in [
        "one replica's queue held the average up",
        "WVA leaves that replica out",
        "the maximum of 10 kept it",
        "its policy allows 1 pod per 60 s",
    ] {
        assert!(hpa.contains(part), "{part}: {hpa}");
    }
    let at = words(&text("-hpa-", &["--at", "+45m"]));
    for part in ["At +45:00", "replicas: 2 wanted", "stabilization: proposal", "as the HPA showed it"] {
        assert!(at.contains(part), "{part}: {at}");
    }
    assert!(words(&text("-wva-", &["--full"])).contains("left out"));
    assert!(text("-wva-", &["--format", "md"]).contains("<details><summary>Steps"));
}

#[test]
fn the_stored_run() {
    let (place, dir) = copy();
    let dir = dir.display().to_string();
    let r = place.run(&["explain", &dir]).exits(0);
    assert_eq!(r.stderr, "");
    let shown = r.stdout.replace(&dir, "[the run's directory]");
    assert!(shown.lines().all(|l| l.chars().count() <= 80), "{shown}");
    insta::assert_snapshot!(shown);
    insta::assert_snapshot!(
        place.run(&["explain", &dir, "--at", "2026-11-24T03:15:30Z"]).exits(0).stdout.split("\nPatterns").next().expect("text")
    );
}

#[test]
fn bad_moments_are_told() {
    let stored = run().display().to_string();
    for (at, said) in [("soon", "+48:30"), ("+90m", "the recording runs from"), ("-10m", "the recording runs from"), ("", "no moment")] {
        bench(&["explain", &stored, "--at", at]).exits(USAGE).says(&["--at", said]);
    }
    bench(&["explain", "nothing"]).exits(USAGE).says(&["no run is called nothing"]);
    let (place, dirs) = predict(&["--hpa"]);
    place.run(&["explain", &dirs[0].display().to_string(), "--at", "2026-11-24T03:15:30Z"]).exits(USAGE).says(&["a prediction has none"]);
}

#[test]
fn runs_that_lack_something_are_explained_as_far_as_they_go() {
    for file in ["plan.yaml", "metrics/samples.om.txt", "events.jsonl", "load/benchmarks.json"] {
        let (place, dir) = copy();
        std::fs::remove_file(dir.join(file)).expect("removed");
        let r = place.run(&["explain", &dir.display().to_string()]).exits(0);
        let said = format!("{}{}", r.stdout, r.stderr);
        assert!(said.contains(file) || said.contains("  missing  "), "{file}: {said}");
        let v = explained(&place, &dir);
        if file != "load/benchmarks.json" {
            assert!(!v["missing"].as_array().expect("missing").is_empty(), "{file}: {v}");
        }
    }
    // Cut short within a line.
    let (place, dir) = copy();
    for f in files_below(&dir).iter().filter(|f| f.ends_with("events.jsonl") || f.ends_with("samples.om.txt")) {
        let text = std::fs::read(f).expect("read");
        std::fs::write(f, &text[..text.len() / 2]).expect("written");
    }
    explained(&place, &dir);
}

#[test]
fn nothing_scales_in_a_static_arm() {
    let (place, dirs) = predict(&["--arms", "static-2"]);
    let v = explained(&place, &dirs[0]);
    assert_eq!(v["replay"]["note"], "Nothing scales in arm static-2.");
    assert_eq!(v["moments"], Value::Array(vec![]));
}
