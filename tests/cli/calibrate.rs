//! `bench calibrate`: runs whose constants are known, and what is refused.

use crate::schemas::faults;
use crate::stored;
use crate::support::{Place, bench, repo};
use serde_json::Value;

const USAGE: i32 = 2;
const INVALID: i32 = 4;

/// The last line: before it may stand how far it is.
fn said(r: &crate::support::Ran) -> Value {
    r.json().last().expect("a line")["calibrated"].clone()
}

fn coefficient<'a>(calibrated: &'a Value, name: &str) -> &'a Value {
    let all = calibrated["calibration"]["coefficients"].as_array().expect("coefficients");
    all.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("{name} in {calibrated:#}"))
}

#[track_caller]
fn near(value: &Value, truth: f64, within: f64) {
    let v = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    assert!((v / truth - 1.0).abs() <= within, "{v} instead of {truth}");
}

/// A measured run of a model server that takes 100 ms to the first token and 20 ms between tokens. Its stored series have no counter that
/// would tell the first from the way, so that is said.
#[test]
fn a_measured_run_gives_its_servers_constants_back() {
    let place = Place::new();
    let run = stored::run().display().to_string();
    let c = &said(&place.run(&["calibrate", &run, "--output=json"]).exits(0));
    assert_eq!(faults("calibration.schema.json", c), [""; 0]);
    near(&coefficient(c, "inter_token_latency_ms")["value"], 20.0, 0.05);
    assert_eq!(coefficient(c, "inter_token_latency_ms")["outcome"], "fitted");
    let first = coefficient(c, "time_to_first_token_ms");
    near(&first["value"], 100.0, 0.05);
    assert_eq!((&first["outcome"], &first["stated"]), (&"held".into(), &Value::from(100.0)));
    assert!(first["why"].as_str().expect("why").contains("router.latency_ms"), "{first}");
    assert_eq!(coefficient(c, "router.epp_refresh_ms")["outcome"], "held");
    // Below its knee the run is told: 1 req/s. What one replica does beyond it depends on when the autoscaler acts.
    for p in c["played"].as_array().expect("played").iter().filter(|p| p["rate"] == 1.0) {
        near(&p["after"], p["measured"].as_f64().expect("measured"), if p["quantity"] == "e2e_s" { 0.1 } else { 0.2 });
    }
    let text = std::fs::read_to_string(place.path("calibrated.yaml")).expect("written");
    for piece in
        ["# Made by bench calibrate", "20261124T031159Z-ramp_small-wva-c97c  feb043ae85c5", "# Not told by these runs", "overhead:"]
    {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
    let file: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(faults("coefficients.schema.json", &file), [""; 0]);
    let p = place.run(&[
        "predict",
        "-c",
        "simulated",
        "-w",
        "ramp_small",
        "-C",
        "./calibrated.yaml",
        "--static=1",
        "--seeds=1",
        "--no-save",
        "--full",
    ]);
    assert!(p.exits(0).stdout.contains("llm-d-inference-sim-calibrated"));
}

/// Another machine than the one that the embedded coefficients are for.
fn other_machine(place: &Place) -> String {
    let text = bench(&["predict", "--print-coefficients"]).exits(0).stdout;
    let changed = text
        .replacen(
            "step_ms: {base: 4.0, per_sequence: 0.1, per_kv_token: 3.2e-5}",
            "step_ms: {base: 5.5, per_sequence: 0.05, per_kv_token: 5e-5}",
            1,
        )
        .replacen("per_request_ms: 15,", "per_request_ms: 22,", 1)
        .replacen("median_s: 60", "median_s: 90", 1);
    assert_ne!(changed, text);
    place.write("other.yaml", &changed).display().to_string()
}

fn predict(place: &Place, file: &str, more: &[&str]) -> Value {
    let args = ["predict", "-w", "chatbot_synthetic", "--seeds=1", "--output=json", "-C", file];
    let r = place.run(&[&args[..], more].concat()).exits(0).json();
    r.last().expect("a forecast")["forecast"].clone()
}

#[test]
fn a_fit_to_two_runs_predicts_a_third_with_other_rates_and_arm() {
    let place = Place::new();
    let truth = other_machine(&place);
    for rates in ["0.5,2", "1"] {
        predict(&place, &truth, &["--static=1", "--max-seconds=300", "--rates", rates]);
    }
    predict(&place, &truth, &["--hpa", "--max-seconds=900", "--rates=4,6"]);
    let ids: Vec<String> =
        place.run(&["results", "ls", "--output=json"]).json().iter().map(|r| r["run"].as_str().unwrap().into()).collect();
    let args: Vec<&str> = ["calibrate", "--output=json"].into_iter().chain(ids.iter().map(String::as_str)).collect();
    let c = said(&place.run(&args).exits(0));
    near(&coefficient(&c, "step_ms.base")["value"], 5.5, 0.05);
    near(&coefficient(&c, "cluster.pod_start.vllm.median_s")["value"], 90.0, 0.05);
    for left in c["leave_one_out"].as_array().expect("three") {
        let e2e = left["residuals"].as_array().unwrap().iter().find(|r| r["quantity"] == "e2e").expect("e2e");
        let (after, measured) = (e2e["after"]["mean"].as_f64().unwrap(), e2e["measured_mean"].as_f64().unwrap());
        assert!(after.abs() < 0.03 * measured && e2e["before"]["mean"].as_f64().unwrap().abs() > 5.0 * after.abs(), "{e2e}");
    }
    let other = ["--static=2", "--max-seconds=600", "--rates=3,5", "--no-save"];
    let (is, said) = (predict(&place, &truth, &other), predict(&place, "./calibrated.yaml", &other));
    let before = predict(&place, "default", &other);
    for k in 0..2 {
        let of = |f: &Value, pointer: &str| f["arms"][0]["rates"][k].pointer(pointer).and_then(Value::as_f64).expect("a number");
        let (e2e, ttft) = ("/e2e_s/mean/median", "/ttft_ms/mean/median");
        assert!((of(&said, e2e) / of(&is, e2e) - 1.0).abs() < 0.1, "{} {}", of(&said, e2e), of(&is, e2e));
        assert!((of(&said, ttft) / of(&is, ttft) - 1.0).abs() < 0.2, "{} {}", of(&said, ttft), of(&is, ttft));
        assert!((of(&before, e2e) / of(&is, e2e) - 1.0).abs() > 0.2, "the base would have done as well");
    }
}

#[test]
fn what_it_shows() {
    let place = Place::new();
    let run = stored::run().display().to_string();
    let r = place.run(&["calibrate", &run, "-n"]).exits(0);
    assert!(!place.path("calibrated.yaml").exists(), "-n writes nothing");
    assert!(r.stdout.lines().all(|l| l.chars().count() <= 110), "{}", r.stdout);
    insta::assert_snapshot!(r.stdout);
}

#[test]
fn refusals() {
    let place = Place::new();
    let run = stored::run().display().to_string();
    place.write("calibrated.yaml", "mine");
    place.run(&["calibrate", &run]).exits(USAGE).says(&["calibrated.yaml is there already", "--force"]);
    assert_eq!(std::fs::read_to_string(place.path("calibrated.yaml")).unwrap(), "mine");
    place.run(&["calibrate", &run, &run, "-n"]).exits(USAGE).says(&["is named twice"]);
    place.run(&["calibrate", "-n", "none"]).exits(USAGE).says(&["no run is called none"]);
    place.run(&["calibrate"]).exits(USAGE);
    predict(&place, "default", &["--static=1", "--max-seconds=60", "--rates=1"]);
    place.run(&["calibrate", &run, "last", "-n"]).exits(USAGE).says(&["are of different model servers", "calibrate each kind by itself"]);
    // A run without its load is no measurement.
    let broken = place.path("results/broken");
    copy(&stored::run(), &broken);
    std::fs::remove_dir_all(broken.join("load")).unwrap();
    let broken = broken.display().to_string();
    place.run(&["calibrate", &broken, "-n"]).exits(INVALID).says(&["is not valid", "--allow-invalid"]);
    let r = place.run(&["calibrate", &broken, "-n", "--allow-invalid"]).exits(0);
    assert!(r.stdout.contains("none was fitted") || r.stdout.contains("pod_start"), "{}", r.stdout);
    assert!(repo("docs/calibrate.md").exists());
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for file in crate::support::files_below(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}
