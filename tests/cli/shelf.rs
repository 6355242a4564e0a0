//! `bench results` on this machine: filters, the index, prune, trend.

use crate::schemas::faults;
use crate::stored;
use crate::support::{Place, files_below};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const USAGE: i32 = 2;
const GATE: i32 = 3;
const INVALID: i32 = 4;

pub fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

/// The stored run once more, made a day after the one before, its `run.json` changed.
pub fn run(place: &Place, day: u32, change: impl Fn(&mut Value)) -> PathBuf {
    let id = format!("202611{day:02}T031159Z-ramp_small-wva-c97c");
    let dir = place.path("results").join(&id);
    copy(&stored::run(), &dir);
    let mut record: Value = serde_json::from_slice(&std::fs::read(dir.join("run.json")).unwrap()).unwrap();
    record["id"] = id.into();
    record["times"]["created"] = format!("2026-11-{day:02}T03:11:59Z").into();
    change(&mut record);
    std::fs::write(dir.join("run.json"), record.to_string()).unwrap();
    dir
}

fn ids(place: &Place, filters: &[&str]) -> Vec<String> {
    let mut args = vec!["results", "ls", "--output=json"];
    filters.iter().for_each(|f| args.extend(["--filter", f]));
    place.run(&args).exits(0).json().iter().map(|r| r["run"].as_str().unwrap()[6..8].to_string()).collect()
}

#[test]
fn filters_choose_runs() {
    let place = Place::new();
    run(&place, 1, |_| {});
    run(&place, 2, |r| r["arm"] = "hpa".into());
    run(&place, 3, |r| (r["state"], r["hashes"]["stack"]) = ("failed".into(), "0123456789ab".into()));
    assert_eq!(ids(&place, &[]), ["01", "02", "03"]);
    assert_eq!(ids(&place, &["arm=hpa"]), ["02"]);
    assert_eq!(ids(&place, &["arm=wva", "state=complete"]), ["01"]);
    assert_eq!(ids(&place, &["stack=0123"]), ["03"]);
    assert_eq!(ids(&place, &["scenario=simulated", "verdict=valid", "model=*qwen3*"]), ["01", "02", "03"]);
    assert_eq!(ids(&place, &["profile=ramp_small,other", "arm=wva,hpa"]), ["01", "02", "03"]);
    assert_eq!(ids(&place, &["scenario=other"]), [""; 0]);
    let r = place.run(&["results", "ls", "--filter", "arms=wva"]).exits(USAGE);
    assert!(r.stderr.contains("there is no key arms. Did you mean arm? The keys are run, arm,"), "{}", r.stderr);
}

fn index(place: &Place) -> Value {
    serde_json::from_slice(&std::fs::read(place.path("results/index.json")).unwrap()).unwrap()
}

#[test]
fn the_index_is_never_believed_over_the_directories() {
    let place = Place::new();
    let first = run(&place, 1, |_| {});
    run(&place, 2, |_| {});
    assert_eq!(ids(&place, &[]), ["01", "02"]);
    assert!(!place.path("results/index.json").exists(), "listing makes none");
    place.run(&["results", "reindex"]).exits(0);
    let honest = index(&place);
    assert_eq!(faults("index.schema.json", &honest), [""; 0]);
    assert_eq!(honest["runs"].as_array().unwrap().len(), 2);

    // It lies about what run.json says, and about a run that is not there.
    let mut lie = honest.clone();
    lie["runs"][0]["arm"] = "hpa".into();
    lie["runs"][1]["directory"] = "gone".into();
    std::fs::write(place.path("results/index.json"), lie.to_string()).unwrap();
    assert_eq!(ids(&place, &["arm=wva"]), ["01", "02"]);
    assert_eq!(index(&place), honest, "put right on the way");

    // A summary that changed since is read anew.
    let summary = first.join("summary.json");
    let text = std::fs::read_to_string(&summary).unwrap().replacen("\"verdict\": \"valid\"", "\"verdict\": \"invalid\"", 1);
    std::fs::write(&summary, text).unwrap();
    assert_eq!(ids(&place, &["verdict=invalid"]), ["01"]);

    for damage in ["", "{", "{\"schema_version\": 99, \"runs\": 1}", "[]"] {
        std::fs::write(place.path("results/index.json"), damage).unwrap();
        assert_eq!(ids(&place, &[]), ["01", "02"], "{damage:?}");
    }
    std::fs::remove_file(place.path("results/index.json")).unwrap();
    place.run(&["results", "reindex"]).exits(0);
    assert_eq!(index(&place)["runs"].as_array().unwrap().len(), 2);
    std::fs::remove_dir_all(first).unwrap();
    assert_eq!(ids(&place, &[]), ["02"]);
    assert_eq!(index(&place)["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn prune_keeps_the_newest_and_whatever_is_not_surely_at_its_end() {
    let place = Place::new();
    let dirs: Vec<PathBuf> = (1..=6).map(|day| run(&place, day, |_| {})).collect();
    let unfinished = run(&place, 7, |r| r["state"] = "interrupted".into());
    let hpa = run(&place, 8, |r| r["arm"] = "hpa".into());
    let named = place.path("results/baseline");
    std::fs::rename(&dirs[0], &named).unwrap();
    std::fs::write(run(&place, 9, |_| {}).join("run.json"), "{").unwrap();
    std::fs::create_dir_all(place.path("results/.pruned-x/load")).unwrap();
    place.write("results/stacks/llmdbench/journal.jsonl", "");

    let args = ["results", "prune", "--keep=2", "--filter=arm=wva"];
    let dry = place.run(&[&args[..], &["-n"]].concat()).exits(0);
    for piece in ["would go", "20261102", "20261104", "20261107", "not at its end", "name of its own", "cannot be read", "3 runs would go"]
    {
        assert!(dry.stdout.contains(piece), "{piece}\n{}", dry.stdout);
    }
    assert!(dirs[1..].iter().all(|d| d.exists()) && place.path("results/.pruned-x").exists(), "-n removes nothing");
    let done = place.run(&[&args[..], &["--output=json"]].concat()).exits(0).json();
    let gone: Vec<&str> = done[0]["pruned"]["gone"].as_array().unwrap().iter().map(|g| &g["run"].as_str().unwrap()[6..8]).collect();
    assert_eq!(gone, ["02", "03", "04"]);
    assert!(dirs[1..4].iter().all(|d| !d.exists()));
    assert!([&named, &dirs[4], &dirs[5], &unfinished, &hpa].iter().all(|d| d.join("load/benchmarks.json").exists()));
    assert!(!place.path("results/.pruned-x").exists() && place.path("results/stacks/llmdbench/journal.jsonl").exists());
    place.run(&["results", "prune", "--keep=0"]).exits(USAGE);
    place.run(&["results", "prune"]).exits(USAGE);
    let again = place.run(&args).exits(0);
    assert!(again.stdout.contains("0 runs gone"), "{}", again.stdout);
}

/// The stored run with every time to the first token times a factor.
fn slower(place: &Place, day: u32, factor: f64) -> PathBuf {
    let dir = run(place, day, |_| {});
    let file = dir.join("load/benchmarks.json");
    let mut report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    scale(&mut report, factor);
    std::fs::write(&file, report.to_string()).unwrap();
    dir
}

fn scale(v: &mut Value, factor: f64) {
    match v {
        Value::Object(o) => {
            for (k, v) in o.iter_mut() {
                match v.as_f64().filter(|_| k == "time_to_first_token_ms") {
                    Some(ms) => *v = json!(ms * factor),
                    None => scale(v, factor),
                }
            }
        }
        Value::Array(a) => a.iter_mut().for_each(|v| scale(v, factor)),
        _ => {}
    }
}

#[test]
fn a_trend_is_shown_and_judged() {
    let place = Place::new();
    for (day, factor) in [(1, 1.00), (2, 1.02), (3, 0.99), (4, 1.01)] {
        slower(&place, day, factor);
    }
    // Of another plan: not among them.
    run(&place, 5, |r| r["hashes"]["plan"] = "000000000000".into());
    let newest = slower(&place, 6, 1.01);
    let trend = ["results", "trend", "p99_ttft_ms"];
    let r = place.run(&[&trend[..], &["--html", "trend.html"]].concat()).exits(0);
    assert!(r.stdout.contains("5 runs of plan feb043ae85c5") && r.stdout.contains("4 earlier runs have a mean of"), "{}", r.stdout);
    assert!(std::fs::read_to_string(place.path("trend.html")).unwrap().contains("p99_ttft_ms over runs"));
    let said = place.run(&[&trend[..], &["--output=json"]].concat()).exits(0).json();
    assert_eq!(faults("trend.schema.json", &said[0]["trend"]), [""; 0]);
    assert_eq!(said[0]["trend"]["runs"].as_array().unwrap().len(), 5);

    place.run(&[&trend[..], &["--gate"]].concat()).exits(0);
    std::fs::remove_dir_all(&newest).unwrap();
    slower(&place, 6, 1.5);
    let r = place.run(&[&trend[..], &["--gate"]].concat()).exits(GATE);
    assert!(r.stdout.contains("FAIL") && r.stdout.contains("p99_ttft_ms <="), "{}", r.stdout);
    let json = place.run(&[&trend[..], &["--gate", "--output=json"]].concat()).exits(GATE).json();
    assert_eq!((&json[1]["event"], &json[1]["gate"]["verdict"]), (&"gate".into(), &"fail".into()));
    place.run(&[&trend[..], &["--gate", "--format=junit", "--out=gate.xml"]].concat()).exits(GATE);
    assert!(std::fs::read_to_string(place.path("gate.xml")).unwrap().contains("<testsuite"));
    // Worse the other way round: then it got better.
    place.run(&[&trend[..], &["--gate", "--worse=down"]].concat()).exits(0);
    place.run(&[&trend[..], &["--gate", "--tolerance=60%"]].concat()).exits(0);
    // Two earlier runs do not tell what differs from run to run.
    place.run(&[&trend[..], &["--gate", "--last=2"]].concat()).exits(INVALID).says(&["2 earlier runs", "too few to judge by"]);
    place.run(&["results", "trend", "p99_ttf_ms"]).exits(USAGE);
    place.run(&["results", "trend", "rate[*].p99_ttft_ms"]).exits(USAGE).says(&["is not one number of a run"]);
    place.run(&["results", "trend", "baseline.p99_ttft_ms"]).exits(USAGE);
    place.run(&["results", "trend", "goodput_fraction"]).exits(0);
    place.run(&["results", "trend", "goodput_fraction", "--slo", "ttft=500ms"]).exits(0);
    place.run(&["results", "trend", "rate[7].mean_e2e_s"]).exits(0);
}

/// A record as `bench experiment` writes it, and a newer one of which only ids can be seen.
#[test]
fn prune_keeps_what_an_open_experiment_needs_and_what_a_link_points_to() {
    let place = Place::new();
    (1..=7).for_each(|day| drop(run(&place, day, |_| {})));
    let id = |day: u32| format!("202611{day:02}T031159Z-ramp_small-wva-c97c");
    place.write("experiments/mine.yaml", "arms: [static-1]\nprofile: ramp_small\n");
    place.run(&["experiment", "./experiments/mine.yaml", "--predicted"]).exits(0);
    let predicted = ids(&place, &["source=predicted"]).len();
    let made = files_below(&place.path("results/experiments")).into_iter().find(|f| f.ends_with("experiment.json")).unwrap();
    let mut record: Value = serde_json::from_slice(&std::fs::read(&made).unwrap()).unwrap();
    std::fs::remove_dir_all(made.parent().unwrap()).unwrap();
    assert_eq!((&record["state"], predicted), (&"complete".into(), 1));
    let mut write = |name: &str, day: u32, state: &str, version: u32| {
        (record["id"], record["state"], record["schema_version"]) = (name.into(), state.into(), version.into());
        record["runs"][0]["attempts"][0]["run"] = id(day).into();
        place.write(&format!("results/experiments/{name}/experiment.json"), &record.to_string());
    };
    write("done", 1, "complete", 1);
    write("open", 2, "running", 1);
    write("newer", 3, "complete", 99);
    place.write("results/experiments/torn/experiment.json", &format!("{{\"run\": \"{}\"", id(4)));
    std::os::unix::fs::symlink(id(5), place.path("results/linked")).unwrap();
    let args = ["results", "prune", "--keep=1", "--filter=source=measured"];
    for (args, word) in [([&args[..], &["-n"]].concat(), "would go"), (args.to_vec(), "gone")] {
        let r = place.run(&args).exits(0);
        let line = |day: u32| r.stdout.lines().find(|l| l.contains(&id(day))).unwrap_or_default().to_owned();
        assert!(line(1).starts_with(word) && line(6).starts_with(word), "{}", r.stdout);
        assert!(line(2).contains("experiment open is not at its end and needs it"), "{}", r.stdout);
        assert!(
            [(3, "newer"), (4, "torn")].iter().all(|(d, x)| line(*d).contains(&format!("experiment {x}, whose record"))),
            "{}",
            r.stdout
        );
        assert!(r.stdout.contains("linked is a link to it"), "{}", r.stdout);
    }
    let left: Vec<bool> = (1..=7).map(|day| place.path("results").join(id(day)).join("run.json").exists()).collect();
    assert_eq!(left, [false, true, true, true, true, false, true]);
    assert!(place.path("results/linked/run.json").exists());
}

#[test]
fn prune_keeps_the_baseline_of_an_open_experiments_gate() {
    let place = Place::new();
    (1..=5).for_each(|day| drop(run(&place, day, |_| {})));
    let id = |day: u32| format!("202611{day:02}T031159Z-ramp_small-wva-c97c");
    // By its id, by a path beside the experiment's file, by a gate's file; and one whose experiment has come to its end.
    place.write("experiments/gate.yaml", &format!("baseline: {}\n", place.path("results").join(id(3)).display()));
    let gates = [
        ("named", format!("baseline: {}", id(1))),
        ("beside", format!("baseline: ../results/{}/summary.json", id(2))),
        ("file", "file: gate.yaml".to_owned()),
        ("done", format!("baseline: {}", id(4))),
    ];
    for (name, gate) in &gates {
        let text = format!("arms: [static-1]\nprofile: ramp_small\ngate: {{{gate}, rules: [failed_fraction < 1]}}\n");
        place.write(&format!("experiments/{name}.yaml"), &text);
        place.run(&["experiment", &format!("./experiments/{name}.yaml"), "--predicted"]).exits(0);
    }
    for file in files_below(&place.path("results/experiments")).into_iter().filter(|f| f.ends_with("experiment.json")) {
        let mut record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        if record["definition"]["name"] != "done" {
            record["state"] = "running".into();
            std::fs::write(file, record.to_string()).unwrap();
        }
    }
    let r = place.run(&["results", "prune", "--keep=1", "--filter=source=measured"]).exits(0);
    for (day, name) in [(1, "named"), (2, "beside"), (3, "file")] {
        let line = r.stdout.lines().find(|l| l.contains(&id(day))).unwrap_or_default();
        assert!(line.contains(&format!("experiment {name}-")) && line.contains("has it as its gate's baseline"), "{}", r.stdout);
    }
    let left: Vec<bool> = (1..=5).map(|day| place.path("results").join(id(day)).join("run.json").exists()).collect();
    assert_eq!(left, [true, true, true, false, true], "{}", r.stdout);
}

#[test]
fn a_run_that_cannot_be_read_and_is_older_is_not_the_last() {
    let place = Place::new();
    std::fs::write(run(&place, 2, |_| {}).join("run.json"), "{").unwrap();
    run(&place, 3, |_| {});
    for args in [&["report", "last", "--format=md"][..], &["results", "trend", "p99_ttft_ms"], &["results", "show"]] {
        place.run(args).exits(0);
    }
    // As new, newer, or of a name that does not tell.
    for dir in ["20261103T031159Z-other-hpa-0000", "20261104T031159Z-other-hpa-0000", "mine"] {
        let record = place.write(&format!("results/{dir}/run.json"), "{");
        place.run(&["results", "show", "last"]).exits(USAGE).says(&["which run is the last one is not sure", dir]);
        std::fs::remove_dir_all(record.parent().unwrap()).unwrap();
    }
}

#[test]
fn a_trends_gate_in_a_form_is_alone_on_standard_output() {
    let place = Place::new();
    (1..=4).for_each(|day| drop(slower(&place, day, 1.0)));
    let form = |more: &[&str]| place.run(&[&["results", "trend", "p99_ttft_ms", "--gate"], more].concat()).exits(0).stdout;
    for more in [&["--format=json"][..], &["--format=json", "--out=-"], &["--format=json", "--output=json"]] {
        let json: Value = serde_json::from_str(&form(more)).unwrap_or_else(|e| panic!("{e}: {more:?}"));
        assert_eq!(faults("gate.schema.json", &json), [""; 0]);
    }
    assert!(form(&["--format=junit"]).starts_with("<?xml") && form(&["--format=junit", "--output=json"]).starts_with("<?xml"));
    assert!(!form(&["--format=md"]).contains("4 runs of plan") && !form(&["--format=github"]).contains("4 runs of plan"));
    assert!(form(&["--format=junit", "--out=gate.xml"]).contains("4 runs of plan"));
    assert!(form(&[]).contains("4 runs of plan"));
}

#[test]
fn a_trend_says_what_is_missing() {
    let place = Place::new();
    (1..=5).for_each(|day| drop(run(&place, day, |_| {})));
    for day in 1..=3 {
        std::fs::remove_file(place.path(&format!("results/202611{day:02}T031159Z-ramp_small-wva-c97c/events.jsonl"))).unwrap();
    }
    place.run(&["results", "trend", "max_ready", "--gate"]).exits(INVALID).says(&[
        "1 of 4 earlier runs",
        "have max_ready: too few to judge by",
        "20261101",
    ]);
    let r = place.run(&["results", "trend", "p99_ttf_ms"]).exits(USAGE).says(&["p99_ttf_ms", "did you mean p99_ttft_ms?"]);
    let worse = place.run(&["results", "trend", "p99_ttft_ms *"]).exits(USAGE);
    assert!([r, worse].iter().all(|r| !r.stderr.contains("--rule") && !r.stderr.contains(">= 0")));
}
