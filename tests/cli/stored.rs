//! A run that was really measured and stored: it stays readable. See `tests/fixtures/runs/README.md`.

use crate::support::{Place, bench, files_below, repo};
use std::path::{Path, PathBuf};

const ID: &str = "20261124T031159Z-ramp_small-wva-c97c";

pub fn run() -> PathBuf {
    repo("tests/fixtures/runs").join(ID)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The stored run, to be spoilt.
pub fn copy() -> (Place, PathBuf) {
    let place = Place::new();
    for from in files_below(&run()) {
        let to = place.path("results").join(ID).join(from.strip_prefix(run()).expect("below"));
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::copy(from, to).expect("copied");
    }
    let dir = place.path("results").join(ID);
    (place, dir)
}

#[test]
fn it_is_small() {
    let bytes: u64 = files_below(&run()).iter().map(|f| f.metadata().map_or(0, |m| m.len())).sum();
    assert!((100_000..700_000).contains(&bytes), "{bytes}");
}

#[test]
fn its_report() {
    let (place, dir) = copy();
    let r = place.run(&["report", &text(&dir)]).exits(0);
    assert_eq!(r.stderr, "", "nothing that the report needs is missing");
    let shown = r.stdout.replace(&text(&dir), "[the run's directory]");
    assert!(shown.lines().all(|l| l.chars().count() <= 80), "wider than 80 columns:\n{shown}");
    assert!(shown.lines().count() <= 40, "more than a screen:\n{shown}");
    insta::assert_snapshot!(shown);
    let full = place.run(&["report", &text(&dir), "--full"]).exits(0).stdout;
    assert!(full.contains("late p99") && full.contains("Images, as the kubelet reports them"), "{full}");
    assert_eq!(full.lines().last(), Some(text(&dir.join("report.html")).as_str()));
}

/// Equal but for the last digits: serde_json reads numbers exactly only with `float_roundtrip`, which `jsonschema` turns on
/// for tests and nothing for the released binary.
fn alike(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            let (x, y) = (x.as_f64().unwrap_or_default(), y.as_f64().unwrap_or_default());
            (x - y).abs() <= 1e-6 * x.abs().max(y.abs()).max(1.0)
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| alike(x, y)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| alike(v, w))),
        _ => a == b,
    }
}

/// The summary that was written then is the one that this version computes.
#[test]
fn its_summary_is_computed_again_as_it_was() {
    let (place, dir) = copy();
    let r = place.run(&["report", "--output", "json", &text(&dir)]).exits(0);
    let then: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run().join("summary.json")).expect("a summary")).expect("JSON");
    let now = r.json();
    assert_eq!(now.len(), 1);
    for part in ["rates", "scaling", "requests_per_pod", "guidellm_version"] {
        assert!(alike(&now[0][part], &then[part]), "{part}: {} is not {}", now[0][part], then[part]);
    }
    assert_eq!(now[0]["validity"]["verdict"], then["validity"]["verdict"]);
}

#[test]
fn it_is_listed_shown_and_found_by_its_end() {
    let results = text(&repo("tests/fixtures/runs"));
    let place = Place::new();
    let ls = place.run(&["results", "ls", "--results", &results]).exits(0);
    let line = ls.stdout.lines().find(|l| l.starts_with("ramp_small-wva-c97c")).unwrap_or_else(|| panic!("{}", ls.stdout));
    for word in ["11-24", "03:11", "valid"] {
        assert!(line.split_whitespace().any(|w| w == word), "{word}: {line}");
    }
    let json = place.run(&["results", "ls", "--results", &results, "--output", "json"]).exits(0).json();
    assert_eq!(json.len(), 1);
    assert_eq!((&json[0]["run"], &json[0]["state"], &json[0]["verdict"]), (&ID.into(), &"complete".into(), &"valid".into()));
    for name in ["last", "c97c", ID, "20261124T03"] {
        let shown = place.run(&["results", "show", name, "--results", &results, "--output", "json"]).exits(0).json();
        assert_eq!(shown[0]["run"]["id"], ID, "{name}");
    }
    let human = place.run(&["results", "show", "c97c", "--results", &results]).exits(0).stdout;
    assert!(human.starts_with(&format!("{ID}  MEASURED\n")) && human.contains("complete") && human.contains("feb043ae85c5"), "{human}");
    assert!(["GOOD %", "P99 TTFT", "PAID S"].iter().all(|c| ls.stdout.contains(c)), "{}", ls.stdout);
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_below(dir).into_iter().map(|f| (f.clone(), std::fs::read(f).expect("a file"))).collect()
}

#[test]
fn a_report_writes_nothing_but_its_page() {
    let (place, dir) = copy();
    let before = contents(&dir);
    place.run(&["report"]).exits(0);
    let mut after = contents(&dir);
    let page = after.iter().position(|(f, _)| f.ends_with("report.html")).expect("a page");
    let (_, html) = after.remove(page);
    assert!(before == after);
    // Whole, and the same from whatever command.
    assert!(html.starts_with(b"<!doctype html>") && html.ends_with(b"</html>\n"));
    let r = place.run(&["report", "--format", "html", "--out", "-"]).exits(0);
    assert!(r.stdout.as_bytes() == html);
    let r = place.run(&["report", "--format", "html", "--out", "here.html"]).exits(0);
    assert_eq!(r.stdout, "here.html\n");
    assert!(std::fs::read(place.path("here.html")).expect("a page") == html);
    let r = place.run(&["report", "--format", "terminal", "--out", "here.txt"]).exits(0);
    assert_eq!(r.stdout, "here.txt\n");
    assert!(std::fs::read_to_string(place.path("here.txt")).expect("a text").contains("TTFT p50 ms"));
    place.run(&["report", "--out", "here.txt"]).exits(2).says(&["--format"]);
}

/// A report of what somebody else keeps, on a medium that cannot be written.
#[test]
fn a_page_that_cannot_be_kept_is_told_and_the_report_shown() {
    let (place, dir) = copy();
    std::fs::create_dir(dir.join("report.html")).expect("a directory in its way");
    let r = place.run(&["report"]).exits(0).says(&["warning: ", "report.html"]);
    assert!(r.stdout.contains("TTFT p50 ms"), "{}", r.stdout);
}

#[test]
fn a_run_without_its_load_is_invalid_and_exits_with_4() {
    let (place, dir) = copy();
    std::fs::remove_file(dir.join("load/benchmarks.json")).expect("removed");
    let r = place.run(&["report", "last"]).exits(4).says(&["warning: load/benchmarks.json"]);
    assert!(r.stdout.lines().next().is_some_and(|l| l.contains("not valid")), "{}", r.stdout);
}

#[test]
fn a_record_or_samples_that_are_missing_are_told_and_the_rest_is_shown() {
    for file in ["events.jsonl", "metrics/samples.om.txt", "plan.yaml"] {
        let (place, dir) = copy();
        std::fs::remove_file(dir.join(file)).expect("removed");
        let r = place.run(&["report"]);
        assert!([0, 4].contains(&r.code), "{file}: {} {}", r.code, r.stderr);
        assert!(r.stderr.contains(&format!("warning: {file}")), "{file}: {}", r.stderr);
        assert!(r.stdout.contains("TTFT p50 ms"), "{file}: {}", r.stdout);
    }
}

#[test]
fn a_torn_last_line_loses_only_itself() {
    let (place, dir) = copy();
    let events = dir.join("events.jsonl");
    let mut text = std::fs::read_to_string(&events).expect("events");
    text.truncate(text.len() - 40);
    std::fs::write(&events, text).expect("written");
    let r = place.run(&["report"]).exits(0);
    assert!(r.stdout.contains("at most 3 replicas ready"), "{}", r.stdout);
}

#[test]
fn a_newer_format_is_refused_and_a_broken_record_does_not_hide_the_others() {
    let (place, dir) = copy();
    let json = std::fs::read_to_string(dir.join("run.json")).expect("run.json");
    place.write("results/broken/run.json", &json[..100]);
    place.write("results/newer/run.json", &json.replace("\"schema_version\": 1", "\"schema_version\": 99"));
    let r = place.run(&["results", "ls"]).exits(0);
    assert!(r.stdout.contains("ramp_small-wva-c97c"), "{}", r.stdout);
    assert_eq!(r.stderr.lines().filter(|l| l.starts_with("warning: ")).count(), 2, "{}", r.stderr);
    place.run(&["report", "results/newer"]).exits(2).says(&["schema version 99 is newer than this bench reads (1)", "use a newer bench"]);
    place.run(&["report", "results/broken"]).exits(2).says(&["results/broken/run.json"]);
}

/// `bench resume RUN` is suggested with the id as the label holds it.
#[test]
fn it_is_found_by_its_id_in_lower_case() {
    let results = text(&repo("tests/fixtures/runs"));
    bench(&["results", "show", &ID.to_lowercase(), "--results", &results]).exits(0);
}

#[test]
fn files_that_were_changed_since_are_told_and_change_no_verdict() {
    let place = Place::new();
    place.run(&["predict", "-w", "ramp_small", "-c", "simulated", "--arms", "hpa,wva", "--seeds=1"]).exits(0);
    let dirs: Vec<PathBuf> = std::fs::read_dir(place.path("results")).expect("results").flatten().map(|e| e.path()).collect();
    let dir = dirs.iter().find(|d| text(d).contains("-hpa-")).expect("a run");
    let other = dirs.iter().find(|d| text(d).contains("-wva-")).expect("a run");
    let says = "tables.json: differs, by SHA256SUMS: it was changed after the run";
    let commands: [&[&str]; 4] = [
        &["report", &text(dir)],
        &["explain", &text(dir)],
        &["compare", &text(other), &text(dir)],
        &["gate", &text(dir), "--rule=max_ready < 99"],
    ];
    let before = commands.map(|c| place.run(c).exits(0));
    assert!(before.iter().all(|r| !r.stderr.contains("SHA256SUMS") && !r.stdout.contains("SHA256SUMS")));
    let file = dir.join("tables.json");
    std::fs::write(&file, std::fs::read_to_string(&file).expect("a file") + "\n").expect("written");
    for c in commands {
        let r = place.run(c).exits(0);
        assert!(r.stderr.contains(says) || r.stdout.contains(says), "{c:?}: {}{}", r.stdout, r.stderr);
    }
}
