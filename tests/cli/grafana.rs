//! The dashboard: its JSON, its grid, and that it asks only for what an export holds.

use crate::support::{Place, repo};
use serde_json::Value;
use std::collections::BTreeSet;

pub fn dashboard() -> Value {
    serde_json::from_str(&std::fs::read_to_string(repo("grafana/dashboards/bench-run.json")).expect("a dashboard")).expect("JSON")
}

/// Title and expression of every target and annotation, variables filled in.
pub fn expressions() -> Vec<(String, String)> {
    let d = dashboard();
    let filled = |e: &str| {
        let pairs = [("$run", ".*"), ("$arm", ".*"), ("$lookback", "30s"), ("$__range_s", "7200"), ("$__range", "2h")];
        let e = pairs.iter().fold(e.to_owned(), |e, (from, to)| e.replace(from, to));
        assert!(!e.contains('$'), "{e}");
        e
    };
    let mut out = vec![];
    for p in d["panels"].as_array().expect("panels") {
        for t in p["targets"].as_array().into_iter().flatten() {
            out.push((p["title"].as_str().expect("a title").to_owned(), filled(t["expr"].as_str().expect("an expression"))));
        }
    }
    for a in d["annotations"]["list"].as_array().expect("annotations") {
        out.extend(a["expr"].as_str().map(|e| (a["name"].as_str().unwrap_or_default().to_owned(), filled(e))));
    }
    out
}

#[test]
fn ids_are_unique_and_no_panel_lies_on_another() {
    let d = dashboard();
    assert!(d["schemaVersion"].as_u64() >= Some(39) && d["uid"] == "bench-run");
    let panels = d["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels.iter().map(|p| p["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for p in panels {
        let n = |k: &str| p["gridPos"][k].as_u64().expect("a place");
        assert!(n("x") + n("w") <= 24 && n("w") > 0 && n("h") > 0, "{}", p["title"]);
        for cell in (n("x")..n("x") + n("w")).flat_map(|x| (n("y")..n("y") + n("h")).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} lies on another panel", p["title"]);
        }
        for t in p["targets"].as_array().into_iter().flatten() {
            assert_eq!(t["datasource"]["uid"], "${datasource}");
        }
    }
    let variables: Vec<&str> = d["templating"]["list"].as_array().expect("variables").iter().filter_map(|v| v["name"].as_str()).collect();
    assert_eq!(variables, ["datasource", "run", "arm", "lookback"]);
    assert!(expressions().len() > 25);
}

/// Words of an expression that name metrics of ours or of the stack.
fn metrics(e: &str) -> BTreeSet<String> {
    let words = e.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    words.filter(|w| ["bench_", "vllm:", "inferno_"].iter().any(|p| w.starts_with(p))).map(str::to_owned).collect()
}

#[test]
fn every_metric_that_it_asks_for_is_exported() {
    let (place, dirs) = crate::formats::three_runs();
    let mut args = vec!["results".to_owned(), "export".into(), "--to".into(), "out".into()];
    args.extend(dirs.iter().map(|d| d.display().to_string()));
    place.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).exits(0);
    let mut exported = BTreeSet::new();
    for f in crate::support::files_below(&place.path("out")).iter().filter(|f| f.display().to_string().ends_with(".om.txt")) {
        let text = std::fs::read_to_string(f).expect("text");
        exported.extend(text.lines().filter_map(|l| Some(l.split_once('{')?.0.to_owned())));
    }
    for (title, e) in expressions() {
        // A metric that is matched as a label's value is in quotes and stands among the metrics, too.
        for m in metrics(&e) {
            assert!(exported.contains(&m), "{title}: {m}");
        }
    }
    for file in
        ["grafana/README.md", "grafana/dashboards/bench-run.json", "grafana/prometheus.yml", "grafana/provisioning/datasources/bench.yaml"]
    {
        assert!(place.path("out").join(file).exists(), "{file}");
    }
    for f in ["grafana/provisioning/datasources/bench.yaml", "grafana/provisioning/dashboards/bench.yaml", "grafana/prometheus.yml"] {
        let _: Value = serde_yaml::from_str(&std::fs::read_to_string(repo(f)).expect("a file")).expect("YAML");
    }
}

#[test]
fn an_export_needs_a_run_and_a_place() {
    let place = Place::new();
    place.run(&["results", "export", "last"]).exits(2);
    place.run(&["results", "export", "last", "--to", "out"]).exits(2);
}
