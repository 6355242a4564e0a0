//! Every command says the same of the same runs: the same winner, the same cost and the same share, digit by digit.

use crate::support::Place;
use serde_json::Value;

/// What is judged: a scenario with its load, and how it is asked for.
struct Case {
    name: &'static str,
    load: &'static [&'static str],
    /// The same load in an experiment's file.
    experiment: &'static str,
    goal: &'static [&'static str],
    arms: &'static [&'static str],
    winner: Option<&'static str>,
}

const CASES: [Case; 4] = [
    Case {
        name: "the published comparison",
        load: &["--as-published"],
        experiment: "profile: chatbot_synthetic\nas_published: true\n",
        goal: &["--gpu-hour", "2.5"],
        arms: &["wva", "hpa"],
        winner: None,
    },
    Case {
        name: "a fleet that beats both",
        load: &["-c", "simulated", "-w", "ramp_small"],
        experiment: "scenario: simulated\nprofile: ramp_small\n",
        goal: &["--slo", "ttft=400ms,itl=50ms", "--attain", "99%", "--gpu-hour", "1"],
        arms: &["wva", "hpa", "static-1", "static-2"],
        winner: Some("static-2"),
    },
    Case {
        name: "more than is sent",
        load: &["--rates", "50", "--max-seconds", "120"],
        experiment: "profile: chatbot_synthetic\nrates: [50]\nmax_seconds: 120\n",
        goal: &["--attain", "0.5"],
        arms: &["hpa", "static-3"],
        winner: None,
    },
    Case {
        name: "nothing to scale for",
        load: &["--rates", "1", "--max-seconds", "300"],
        experiment: "profile: chatbot_synthetic\nrates: [1]\nmax_seconds: 300\n",
        goal: &["--slo", "ttft=1s", "--gpu-hour", "4"],
        arms: &["static-2", "static-1"],
        winner: Some("static-1"),
    },
];

/// The numbers of an arm that no command may say otherwise.
fn digits(a: &Value) -> Vec<(&'static str, Value)> {
    const NUMBERS: [&str; 8] =
        ["due", "counted", "good", "attainment", "replica_seconds", "gpu_seconds", "cost", "cost_per_million_output_tokens"];
    NUMBERS.iter().map(|n| (*n, a[n].clone())).collect()
}

fn arms(j: &Value) -> Vec<(String, Vec<(&'static str, Value)>)> {
    let all = j["arms"].as_array().unwrap_or_else(|| panic!("no arms in {j}"));
    all.iter().map(|a| (a["arm"].as_str().unwrap_or_default().to_owned(), digits(a))).collect()
}

fn last(place: &Place, args: &[&str], code: i32) -> Value {
    place.run(&[args, &["--output", "json"]].concat()).exits(code).json().pop().expect("a line of JSON")
}

#[test]
fn every_command_says_the_same_digit_by_digit() {
    for case in &CASES {
        let place = Place::new();
        let named = case.arms.join(",");
        // Two seeds: a prediction, a sweep over nothing that matters, an experiment with a repeat a seed. One: its runs by all commands.
        for seeds in ["1", "2"].into_iter().take(if case.load == ["--as-published"] { 1 } else { 2 }) {
            let predict = [&["predict", "--arms", &named, "--seeds", seeds][..], case.load, case.goal].concat();
            let forecast = last(&place, &predict, 0);
            let j = &forecast["forecast"]["judgement"];
            let what = format!("{}, {seeds} seeds", case.name);
            assert_eq!(j["winner"].as_str(), case.winner, "{what}: {}", j["why"]);
            assert_eq!(j["predicted"], true);

            let sweep = last(&place, &[&predict[..], &["--sweep", "description=other"]].concat(), 0);
            // A key that every arm has names the points, and changes nothing.
            let of_sweep: Vec<_> = arms(&sweep["sweep"]["judgement"]).into_iter().map(|(_, d)| d).collect();
            assert_eq!(of_sweep, arms(j).into_iter().map(|(_, d)| d).collect::<Vec<_>>(), "{what}: sweep");
            assert_eq!(sweep["sweep"]["judgement"]["span_s"], j["span_s"], "{what}: sweep");
            assert_eq!(sweep["sweep"]["judgement"]["beside"], j["beside"], "{what}: sweep");

            let text = format!("{}arms: [{}]\nrepeats: {seeds}\n", case.experiment, case.arms.join(", "));
            place.write("mine.yaml", &text);
            let experiment = last(&place, &[&["experiment", "mine.yaml", "--predicted", "--new"][..], case.goal].concat(), 0);
            let of_experiment = &experiment["comparisons"][0]["judgement"];
            assert_eq!(arms(of_experiment), arms(j), "{what}: experiment");
            for field in ["winner", "why", "span_s", "beside"] {
                assert_eq!(of_experiment[field], j[field], "{what}: {field} of the experiment");
            }

            if seeds == "1" {
                let runs: Vec<String> = forecast["directories"]
                    .as_array()
                    .expect("directories")
                    .iter()
                    .map(|d| d.as_str().expect("a path").to_owned())
                    .collect();
                let names: Vec<&str> = runs.iter().map(String::as_str).collect();
                let compare = last(&place, &[&["compare"][..], &names, case.goal].concat(), 0);
                assert_eq!(arms(&compare["judgement"]), arms(j), "{what}: compare");
                for field in ["winner", "why", "span_s", "beside"] {
                    assert_eq!(compare["judgement"][field], j[field], "{what}: {field} of compare");
                }
                for (run, arm) in names.iter().zip(arms(j)) {
                    let report = last(&place, &[&["report", run][..], case.goal].concat(), 0);
                    assert_eq!(arms(&report["judgement"]), std::slice::from_ref(&arm), "{what}: report");
                    let slo = case.goal.iter().position(|f| *f == "--slo").map_or("ttft=500ms,itl=50ms", |i| case.goal[i + 1]);
                    let goal: Vec<&str> = case.goal.chunks(2).filter(|f| f[0] != "--slo").flatten().copied().collect();
                    let gate = [&["gate", run, "--slo", slo, "--rule", "requests > 0"][..], &goal].concat();
                    assert_eq!(arms(&last(&place, &gate, 0)["judgement"]), std::slice::from_ref(&arm), "{what}: gate");
                    let numbers = &last(&place, &[&["gate", run, "--slo", slo, "--names"][..], &goal].concat(), 0)["numbers"]["whole"];
                    for (name, of_gate) in [("replica_seconds", "replica_seconds"), ("attainment", "goodput_fraction"), ("cost", "cost")] {
                        let want = arm.1.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone()).unwrap_or_default();
                        assert_eq!(numbers.get(of_gate).cloned().unwrap_or_default(), want, "{what}: {of_gate} of the gate");
                    }
                }
            }
        }
    }
}

#[test]
fn an_arm_that_scales_down_late_pays_for_it_in_every_command() {
    // The HPA keeps its replicas for five minutes of stabilization, the other arm does not: nothing of that is cut off.
    let place = Place::new();
    let predict = ["predict", "-c", "simulated", "-w", "ramp_small", "--arms", "wva,static-1", "--seeds", "1"];
    let forecast = last(&place, &predict, 0);
    let j = &forecast["forecast"]["judgement"];
    let (span, load) = (j["span_s"].as_f64().expect("a span"), 180.0);
    assert!(span > load, "the way down is within the span: {span}");
    let paid = |k: usize| j["arms"][k]["replica_seconds"].as_f64().expect("a cost");
    assert!((paid(1) - span).abs() < 0.01, "a fleet of one pays for the whole span: {} of {span}", paid(1));
    assert!(paid(0) > paid(1));
}

#[test]
fn a_sweep_plays_each_arm_over_its_own_keys() {
    let place = Place::new();
    let args = [
        "predict",
        "--rates",
        "2",
        "--max-seconds",
        "60",
        "--seeds",
        "1",
        "--sweep",
        "arm.static=2,3",
        "--sweep",
        "arm.hpa.target.kv=0.5,0.6",
    ];
    let j = &last(&place, &args, 0)["sweep"]["judgement"];
    let names: Vec<&str> = j["arms"].as_array().expect("arms").iter().filter_map(|a| a["arm"].as_str()).collect();
    assert_eq!(names, ["wva", "hpa, kv=0.5", "hpa, kv=0.6", "static-2", "static-3"]);
    // A key that no arm has is no silence.
    place
        .run(&["predict", "--wva", "--sweep", "arm.hpa.target.kv=0.5,0.6"])
        .exits(2)
        .says(&["--sweep arm.hpa.target.kv: it changes nothing of wva", "--arms wva,hpa"]);
}

#[test]
fn a_goal_stands_in_a_scenario_an_experiment_or_on_the_command_line() {
    let place = Place::new();
    place.write("mine.yaml", "extends: inference-scheduling\ngoal: {slo: 'ttft=2s', attain: 90%, gpu_hour: 3}\n");
    let base = ["predict", "-c", "mine.yaml", "--rates", "2", "--max-seconds", "60", "--seeds", "1", "--static", "1"];
    let goal = |more: &[&str]| last(&place, &[&base[..], more].concat(), 0)["forecast"]["judgement"]["goal"].clone();
    let said = goal(&[]);
    assert_eq!((said["attain"].as_f64(), said["gpu_hour"].as_f64(), said["slo"]["ttft_ms"].as_f64()), (Some(0.9), Some(3.0), Some(2000.0)));
    let nearer = goal(&["--attain", "95%", "--slo", "itl=40ms"]);
    assert_eq!((nearer["attain"].as_f64(), nearer["gpu_hour"].as_f64(), nearer["slo"]["ttft_ms"].as_f64()), (Some(0.95), Some(3.0), None));
    place.run(&["predict", "--attain", "99"]).exits(2).says(&["write 99%"]);
    place.run(&["predict", "--slo", "ttft"]).exits(2).says(&["write ttft=500ms,itl=50ms"]);
}
