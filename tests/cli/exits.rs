//! Exit codes and what an error says: what, where, why, what to do.

use crate::support::{Place, bench, ran, repo};
use std::time::{Duration, Instant};

const USAGE: i32 = 2;
const CLUSTER: i32 = 6;

#[test]
fn an_unknown_scenario_names_the_nearest() {
    bench(&["plan", "-c", "simulatd"]).exits(USAGE).says(&[
        "error: there is no scenario `simulatd`",
        "did you mean `simulated`?",
        "known: inference-scheduling, optimized-baseline, simulated",
        "looked in:",
        "do:",
    ]);
}

#[test]
fn an_unknown_profile_names_the_nearest() {
    bench(&["plan", "-c", "simulated", "-w", "ramp_smal"]).exits(USAGE).says(&[
        "there is no profile `ramp_smal`",
        "did you mean `ramp_small`?",
        "known: chatbot_synthetic",
    ]);
}

#[test]
fn a_name_nothing_is_like_has_no_suggestion() {
    let r = bench(&["plan", "-c", "zzzzqqq"]).exits(USAGE).says(&["there is no scenario `zzzzqqq`", "known:"]);
    assert!(!r.stderr.contains("did you mean"), "{}", r.stderr);
}

#[test]
fn an_unknown_key_of_a_flag_names_flag_key_and_nearest() {
    bench(&["plan", "-c", "simulated", "--set", "scaling.max_replica=3"]).exits(USAGE).says(&[
        "--set scaling.max_replica=3: unknown key `max_replica` in `scaling`",
        "did you mean `max_replicas`?",
        "valid keys in `scaling`: min_replicas, max_replicas",
    ]);
}

#[test]
fn an_unknown_key_of_the_environment_names_the_variable() {
    let place = Place::new();
    ran(place.command(&["plan", "-c", "simulated"]).env("BENCH_SET", "scaling.max_replica=3"))
        .exits(USAGE)
        .says(&["BENCH_SET scaling.max_replica=3: unknown key `max_replica`", "did you mean `max_replicas`?"]);
}

#[test]
fn a_flag_that_is_no_assignment_or_has_no_number() {
    bench(&["plan", "-c", "simulated", "--set", "scaling.max_replicas"]).exits(USAGE).says(&["this is no assignment", "do:"]);
    bench(&["plan", "-c", "simulated", "--set", "scaling.max_replicas=many"]).exits(USAGE).says(&[
        "--set scaling.max_replicas=many",
        "a whole number",
        "not `many`",
    ]);
}

#[test]
fn an_unknown_key_of_a_file_names_line_and_column() {
    let place = Place::new();
    place.write("cfg/scenarios/typo.yaml", "extends: simulated\nname: x\nscaling:\n  max_replica: 3\n");
    place
        .run(&["plan", "--config-dir", "cfg", "-c", "typo"])
        .exits(USAGE)
        .says(&["cfg/scenarios/typo.yaml:4:3: unknown key `max_replica` in `scaling`", "did you mean `max_replicas`?"]);
}

#[test]
fn bad_yaml_names_line_and_column_and_shows_the_line() {
    let place = Place::new();
    place.write("cfg/scenarios/indent.yaml", "extends: simulated\nname: x\nscaling:\n   max_replicas: 3\n  min_replicas: 1\n");
    place
        .run(&["plan", "--config-dir", "cfg", "-c", "indent"])
        .exits(USAGE)
        .says(&["cfg/scenarios/indent.yaml:5:3: this is not valid YAML", "line:   min_replicas: 1"]);
}

/// The page prints it with remarks behind values and without indentation.
#[test]
fn the_published_form_of_the_profile_is_answered_with_the_corrected_file() {
    let file = repo("tests/fixtures/profiles/published.yaml").display().to_string();
    let said = bench(&["plan", "-c", "simulated", "-w", &file]).exits(USAGE);
    let (_, shown) = said.stderr.split_once("put this into the file:\n\n").expect("a corrected file");
    let corrected: String = shown.lines().map(|l| format!("{}\n", l.strip_prefix("    ").unwrap_or(l))).collect();
    let said = said.says(&["published.yaml:5:1: this file cannot be read as it stands", "why:", "<=== req/s", "why:", "indented", "do:"]);
    assert!(!corrected.contains("<="), "{}", said.stderr);
    // What it says to do has to work.
    let place = Place::new();
    let fixed = place.write("fixed.yaml", &corrected).display().to_string();
    let plan = place.run(&["plan", "-w", &fixed, "--output", "json"]).exits(0).json();
    let profile = plan.iter().find_map(|e| e.pointer("/plan/profile")).expect("a profile");
    assert_eq!(profile["rates"], serde_json::json!([2.0, 3.0, 5.0, 6.0]));
    assert_eq!(profile["output_tokens"]["stdev"], 512);
    assert_eq!(profile["seed"], 1234);
}

#[test]
fn a_cluster_that_does_not_answer_is_told_within_seconds() {
    let place = Place::new();
    let dead = place.dead_cluster();
    for command in [
        &["status"][..],
        &["preflight", "-c", "simulated"],
        &["standup", "-c", "simulated", "--wva"],
        &["swap-to-hpa"],
        &["run", "-w", "ramp_small"],
        &["teardown"],
        &["plan", "-c", "simulated", "--diff"],
    ] {
        let began = Instant::now();
        place.run(&[command, &["--kubeconfig", &dead]].concat()).exits(CLUSTER).says(&[
            "the API server at https://127.0.0.1:1/ cannot be reached",
            "refused",
            "-> ",
            "kubectl config current-context",
        ]);
        assert!(began.elapsed() < Duration::from_secs(20), "{command:?} took {:?}", began.elapsed());
    }
    let runs = place.run(&["results", "ls"]).exits(0);
    assert!(runs.stdout.contains("no run in results yet"), "a run that could not begin leaves no directory: {}", runs.stdout);
}

#[test]
fn no_kubeconfig_a_missing_one_and_an_unknown_context() {
    let place = Place::new();
    let dead = place.dead_cluster();
    place.run(&["status"]).exits(CLUSTER).says(&["no usable kubeconfig", ".kube/config", "-> give --kubeconfig FILE"]);
    place.run(&["status", "-k", "nowhere/config"]).exits(CLUSTER).says(&["nowhere/config", "No such file", "-> give --kubeconfig FILE"]);
    place.run(&["status", "-k", &dead, "--context", "nope"]).exits(CLUSTER).says(&[
        "no usable kubeconfig",
        "nope",
        "`kubectl config get-contexts` lists contexts for --context",
    ]);
}

#[test]
fn an_error_as_json_is_one_object_with_its_exit_code() {
    let place = Place::new();
    let r = place.run(&["status", "--output", "json", "-k", &place.dead_cluster()]).exits(CLUSTER);
    let said = r.json();
    assert_eq!(said.len(), 1, "{}", r.stdout);
    assert_eq!((&said[0]["event"], &said[0]["exit"]), (&"error".into(), &CLUSTER.into()));
    assert!(said[0]["message"].as_str().is_some_and(|m| m.contains("127.0.0.1:1")), "{}", r.stdout);
    assert!(said[0]["hint"].is_string(), "{}", r.stdout);
    assert_eq!(r.stderr, "");
}

#[test]
fn wrong_usage_is_2_and_names_the_argument() {
    bench(&["plna"]).exits(USAGE).says(&["unrecognized subcommand 'plna'", "plan"]);
    bench(&["plan", "--wva", "--hpa"]).exits(USAGE).says(&["'--wva' cannot be used with '--hpa'"]);
    bench(&["plan", "-w", "ramp_small", "--per-rate", "--continuous"]).exits(USAGE).says(&["cannot be used with"]);
    bench(&["swap-to-static"]).exits(USAGE).says(&["<REPLICAS>"]);
    bench(&["swap-to-static", "two"]).exits(USAGE).says(&["invalid value 'two'"]);
    bench(&["run", "-l", "inference-perf", "-w", "ramp_small"]).exits(USAGE).says(&["inference-perf", "guidellm"]);
    bench(&[]).exits(USAGE).says(&["Usage: bench"]);
}

#[test]
fn a_method_that_does_not_fit_the_scenario_says_which_does() {
    bench(&["plan", "-c", "simulated", "-t", "modelservice"]).exits(USAGE).says(&[
        "-t modelservice does not fit scenario simulated",
        "-> -c simulated",
        "-c inference-scheduling",
    ]);
}

#[test]
fn the_default_scenario_is_stood_up_like_any_other_and_wants_a_cluster() {
    let place = crate::support::Place::new();
    let kubeconfig = place.dead_cluster();
    place.run(&["standup", "--wva", "--kubeconfig", &kubeconfig]).exits(CLUSTER).says(&["127.0.0.1:1", "cannot be reached"]);
}

#[test]
fn without_runs_report_is_2_and_the_list_is_empty() {
    for args in [&["report"][..], &["report", "last"], &["results", "show"], &["resume", "-k", "unused"]] {
        let r = bench(args);
        // resume needs a cluster before it looks for a run.
        if args[0] == "resume" {
            r.exits(CLUSTER);
        } else {
            r.exits(USAGE).says(&["there is no run yet (in results)", "-> `bench results ls`"]);
        }
    }
    bench(&["report", "7f3a"]).exits(USAGE).says(&["no run is called 7f3a"]);
    let r = bench(&["results", "ls"]).exits(0);
    assert!(r.stdout.contains("no run in results yet; bench run -w PROFILE makes one"), "{}", r.stdout);
    assert_eq!(bench(&["results", "ls", "--output", "json"]).exits(0).stdout, "");
}

#[test]
fn run_without_a_load_is_2_before_any_cluster_is_asked() {
    bench(&["run"]).exits(USAGE).says(&["which load? -w PROFILE is missing", "-> bench plan --list"]);
}

/// `bench plan --manifests | head` is what people do.
#[test]
fn a_reader_that_goes_away_is_no_bug() {
    use std::process::Stdio;
    let place = Place::new();
    let mut child = place
        .command(&["plan", "-c", "simulated", "-w", "ramp_small", "--manifests"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bench starts");
    drop(child.stdout.take());
    let o = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&o.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert_ne!(o.status.code(), Some(101));
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_before_the_cluster_is_asked() {
    let place = Place::new();
    let dead = place.dead_cluster();
    place.run(&["run", "-w", "ramp_small", "--set", "scaling.max_replicas=2", "-k", &dead]).exits(USAGE).says(&["a run can change only"]);
    place.run(&["run", "-w", "ramp_smal", "-k", &dead]).exits(USAGE).says(&["did you mean `ramp_small`?"]);
}
