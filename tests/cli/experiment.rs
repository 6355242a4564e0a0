//! `bench experiment` without a cluster: its file, the dry run, and the same schedule in the simulator.

use crate::schemas::faults;
use crate::support::{Place, bench, files_below, repo};
use serde_json::Value;
use std::path::PathBuf;

const USAGE: i32 = 2;

/// Two arms, two repeats, a minute of load.
pub const SMALL: &str =
    "scenario: simulated\nprofile: ramp_small\nmax_seconds: 60\narms: [hpa, wva]\nrepeats: 2\ncompare: {bounds: false}\n";

pub fn place(text: &str) -> Place {
    let place = Place::new();
    place.write("experiments/mine.yaml", text);
    place
}

/// `experiment.json` of all experiments, oldest first.
pub fn records(place: &Place) -> Vec<(PathBuf, Value)> {
    let all = files_below(&place.path("results/experiments")).into_iter().filter(|f| f.ends_with("experiment.json"));
    let mut all: Vec<(PathBuf, Value)> = all
        .map(|f| (f.parent().expect("a directory").into(), serde_json::from_slice(&std::fs::read(f).expect("a file")).expect("JSON")))
        .collect();
    all.sort_by_key(|(_, v)| v["begun"].as_str().unwrap_or_default().to_owned());
    all
}

fn ids(record: &Value) -> Vec<String> {
    let of = |r: &Value| {
        r["attempts"].as_array().into_iter().flatten().map(|a| a["run"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    record["runs"].as_array().expect("runs").iter().flat_map(of).collect()
}

#[test]
fn the_dry_run_of_the_published_comparison() {
    let r = bench(&["experiment", "wva-vs-hpa", "--dry-run", "--seeds=1", "--gpu-hour=2.5"]).exits(0);
    assert!(r.stdout.lines().all(|l| l.chars().count() <= 80), "wider than 80 columns:\n{}", r.stdout);
    insta::assert_snapshot!(r.stdout);
}

#[test]
fn the_dry_run_shows_levels_changes_of_the_stack_and_what_will_tell_nothing() {
    let text = "description: every kind of factor\nscenario: simulated\nprofile: ramp_small\narms: [hpa, static-2]\norder: blocked\nrepeats: 1\n\
                between: {pause_s: 60}\nfactors:\n- {set: 'hpa.metrics[1].average_value', name: kv, levels: [600m, 950m]}\n\
                - {set: monitoring.scrape_interval_s, name: scrape, levels: [5, 10]}\n- {override: rate, levels: [[1], [7]]}\n";
    let place = place(text);
    let dead = place.dead_cluster();
    let r = place.run(&["experiment", "mine", "-n", "--seeds=1", "-k", &dead]).exits(0);
    insta::assert_snapshot!(r.stdout);
    assert!(!place.path("results").exists(), "a dry run writes nothing");
    let json = place.run(&["experiment", "mine", "-n", "--seeds=1", "--output=json"]).exits(0).json();
    // A target that is hardly ever reached is warned of first.
    let o = &json.iter().find(|e| e["event"] == "outlook").expect("an outlook")["outlook"];
    assert_eq!(faults("outlook.schema.json", o), [""; 0]);
    let runs = o["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 12, "a fixed fleet is run once for both levels of kv");
    let changes: Vec<&str> = runs.iter().filter_map(|r| r["change"].as_str()).collect();
    assert_eq!(changes.iter().filter(|c| **c == "teardown, standup").count(), 1, "{changes:?}");
    assert_eq!(changes[0], "standup");
    let idle: Vec<bool> = runs.iter().map(|r| r["tells_nothing"] == "never-scales").collect();
    let slow: Vec<bool> = runs.iter().map(|r| r["arm"] == "hpa" && r["levels"].to_string().contains("[1]")).collect();
    assert_eq!(idle, slow, "1 req/s scales nothing");
}

#[test]
fn a_file_beside_wins_and_is_listed() {
    let place = place(SMALL);
    place.write("experiments/wva-vs-hpa.yaml", SMALL);
    let list = place.run(&["plan", "--list"]).exits(0).stdout;
    assert!(list.contains("experiment   mine                     ./experiments/mine.yaml"), "{list}");
    assert!(list.contains("experiment   wva-vs-hpa               ./experiments/wva-vs-hpa.yaml"), "{list}");
    assert!(list.contains("experiment   simulated                embedded:experiments/simulated.yaml"), "{list}");
    let o = place.run(&["experiment", "wva-vs-hpa", "-n", "--seeds=0", "--output=json"]).exits(0).json();
    assert_eq!(o[0]["outlook"]["load"], "ramp_small");
}

#[test]
fn those_of_the_repository_are_valid_by_the_schema() {
    for file in files_below(&repo("experiments")) {
        let v: Value = serde_yaml::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("YAML");
        assert_eq!(faults("experiment.schema.json", &v), [""; 0], "{}", file.display());
    }
    let wrong = serde_json::json!({"arms": ["hpa"], "repeat": 2});
    assert_ne!(faults("experiment.schema.json", &wrong), [""; 0]);
}

/// The page's example is one.
#[test]
fn the_example_of_the_documentation_can_be_made() {
    let page = std::fs::read_to_string(repo("docs/experiments.md")).expect("a page");
    let (_, rest) = page.split_once("```yaml\n").expect("an example");
    let place = place(rest.split("```").next().unwrap_or_default());
    let o = place.run(&["experiment", "mine", "-n", "--seeds=0", "--output=json"]).exits(0).json();
    // Three targets of the HPA, and WVA once; three repeats.
    let o = o.iter().find(|e| e["event"] == "outlook").expect("an outlook");
    assert_eq!(o["outlook"]["runs"].as_array().map(Vec::len), Some(12));
    let schema: Value = serde_yaml::from_str(rest.split("```").next().unwrap_or_default()).expect("YAML");
    assert_eq!(faults("experiment.schema.json", &schema), [""; 0]);
}

#[test]
fn what_is_wrong_is_2_and_says_where() {
    let cases: [(&str, &[&str], &[&str]); 6] = [
        ("arms: [hpa]\nrepeat: 2\n", &[], &["./experiments/mine.yaml:2:1: unknown key `repeat`", "did you mean `repeats`?"]),
        ("arms: [hpa]\nscenario: simulatd\n", &["-n"], &["there is no scenario `simulatd`", "did you mean `simulated`?"]),
        (
            "arms: [hpa]\nfactors: [{set: scaling.max_replica, levels: [1, 2]}]\n",
            &["-n"],
            &["mine.yaml:2:", "unknown key `max_replica`", "did you mean `max_replicas`?"],
        ),
        ("arms: [hpa]\nfactors: [{set: description, levels: [a, b]}]\n", &["-n"], &["`description` changes nothing in any arm", "-> "]),
        (SMALL, &["--dry-run", "--predicted"], &["cannot be used with"]),
        (SMALL, &["--status"], &["no experiment mine was begun", "--results"]),
    ];
    for (text, args, says) in cases {
        place(text).run(&[&["experiment", "mine"], args].concat()).exits(USAGE).says(says);
    }
    bench(&["experiment", "wva-vs-hap", "-n"]).exits(USAGE).says(&["there is no experiment `wva-vs-hap`", "did you mean `wva-vs-hpa`?"]);
}

#[test]
fn in_the_simulator_it_ends_in_the_same_comparison() {
    let place = place(SMALL);
    place.write("summary.md", "before\n");
    let r = place.run(&["experiment", "mine", "--predicted", "--junit=junit.xml", "--summary=summary.md"]).exits(0);
    assert!(r.stdout.contains("is complete: 4 of 4 runs valid"), "{}", r.stdout);
    let at = |text: &str| r.stdout.find(text).unwrap_or_else(|| panic!("{text}:\n{}", r.stdout));
    assert!(at("PREDICTED") < at("\nAnswer\n") && at("\nAnswer\n") < at("\nRuns\n"), "the answer comes first:\n{}", r.stdout);
    assert!(r.stdout.lines().count() <= 45 && r.stdout.contains("--full adds: "), "{}", r.stdout);
    let all = records(&place);
    let (dir, record) = &all[0];
    assert_eq!(faults("experiment-record.schema.json", record), [""; 0]);
    assert_eq!((&record["state"], &record["source"]), (&"complete".into(), &"predicted".into()));
    let order: Vec<(&str, u64)> = record["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|r| (r["arm"].as_str().expect("an arm"), r["repeat"].as_u64().expect("one")))
        .collect();
    assert_eq!(order, [("hpa", 1), ("wva", 1), ("hpa", 2), ("wva", 2)]);
    for id in ids(record) {
        assert!(place.path("results").join(&id).join("run.json").exists(), "{id}");
    }
    let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let comparison: Value = serde_json::from_str(&read(dir.join("comparison.json"))).expect("JSON");
    assert_eq!(faults("comparison.schema.json", &comparison), [""; 0]);
    assert_eq!(comparison["sides"].as_array().map(Vec::len), Some(2));
    // The first arm is what the others are compared with.
    assert_eq!(comparison["sides"][0]["arm"], "hpa");
    assert!(read(dir.join("comparison.html")).contains("Comparison of arms"));
    let junit = read(place.path("junit.xml"));
    assert!(junit.contains("tests=\"4\"") && junit.contains("failures=\"0\""), "{junit}");
    let summary = read(place.path("summary.md"));
    assert!(
        summary.starts_with("before\n### Experiment mine\n\n**PREDICTED**: mine-") && summary.contains("is complete: 4 of 4 runs valid"),
        "{summary}"
    );
    // As JSON: an event a run, and everything at the end.
    let events = place.run(&["experiment", "mine", "--predicted", "--output=json"]).exits(0).json();
    let kinds: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
    assert_eq!(kinds.iter().filter(|k| **k == "experiment-run").count(), 4, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"experiment"));
    assert_eq!(records(&place).len(), 2, "what has come to its end is not carried on");
}

#[test]
fn it_is_carried_on_and_no_run_is_played_twice() {
    let place = place(SMALL);
    place.run(&["experiment", "mine", "--predicted"]).exits(0);
    let (dir, mut record) = records(&place).remove(0);
    let before = ids(&record);
    // As a kill after the third run leaves it.
    let interrupt = |record: &mut Value| {
        record["state"] = "running".into();
        record["ended"] = Value::Null;
        record["runs"][3]["state"] = "planned".into();
        record["runs"][3]["attempts"] = Value::Array(vec![]);
        std::fs::write(dir.join("experiment.json"), record.to_string()).expect("written");
    };
    interrupt(&mut record);
    let status = place.run(&["experiment", "mine", "--status"]).exits(0).stdout;
    assert!(status.contains("is not at its end: 3 of 4 runs valid, 1 not made") && status.contains("bench resume mine-"), "{status}");
    place.run(&["experiment", "mine", "--predicted"]).exits(0).says(&["carrying on: 3 of 4 runs are over"]);
    let now = records(&place);
    assert_eq!(now.len(), 1, "another one was begun");
    assert_eq!(ids(&now[0].1)[..3], before[..3]);
    assert_eq!(now[0].1["state"], "complete");
    let id = record["id"].as_str().expect("an id").to_owned();
    // `bench resume` does the same, and needs no cluster for a prediction.
    for resume in [vec!["resume"], vec!["resume", id.as_str()]] {
        interrupt(&mut record);
        place.run(&resume).exits(0).says(&["carrying on: 3 of 4 runs are over"]);
    }
    place.run(&["resume", &id]).exits(USAGE).says(&["has come to its end"]);
    // One process at a time.
    interrupt(&mut record);
    let lock = std::fs::File::create(dir.join("lock")).expect("a file");
    lock.try_lock().expect("nobody holds it");
    place.run(&["experiment", "mine", "--predicted"]).exits(6).says(&["another bench is at work on experiment mine-"]);
    drop(lock);
    // Defined otherwise, it is another experiment, and the user says so.
    interrupt(&mut record);
    let other = ["experiment", "mine", "--predicted", "--repeats=1"];
    place.run(&other).exits(USAGE).says(&["is not at its end, and was defined otherwise", "--new begins another one"]);
    place.run(&[&other[..], &["--new"]].concat()).exits(0);
    assert_eq!(records(&place).len(), 2);
}

#[test]
fn its_runs_are_sent_to_where_they_outlive_the_machine() {
    let place = self::place(&format!("{SMALL}gate: {{rules: [max_ready < 1]}}\n"));
    let predicted = ["experiment", "mine", "--predicted", "--repeats=1"];
    place.run(&[&predicted[..], &["--push=ftp://x/y"]].concat()).exits(USAGE).says(&["is no place for runs"]);
    assert!(records(&place).is_empty(), "told before anything is begun");
    let url = format!("file://{}", place.path("store").display());
    place.run(&[&predicted[..], &["--push", &url]].concat()).exits(3).says(&["files sent to file://"]);
    let (_, record) = records(&place).remove(0);
    let here = ids(&record);
    std::fs::rename(place.path("results"), place.path("lost")).expect("renamed");
    place.run(&["results", "pull", &url, "--all"]).exits(0);
    for id in &here {
        assert!(place.path("results").join(id).join("summary.json").exists(), "{id}");
    }

    // A store that takes nothing: it is not over, and what was made is sent when it is carried on.
    let place = self::place(SMALL);
    let full = place.path("full");
    std::fs::create_dir_all(full.join("runs")).expect("a directory");
    let blobs = place.write("full/blobs", "in the way");
    let url = format!("file://{}", full.display());
    let r = place.run(&[&predicted[..], &["--push", &url]].concat());
    assert!(r.code != 0, "{}{}", r.stdout, r.stderr);
    let (_, begun) = records(&place).remove(0);
    assert_eq!(begun["state"], "running");
    std::fs::remove_file(blobs).expect("removed");
    place.run(&["resume", "last", "--push", &url]).exits(0);
    let (_, record) = records(&place).remove(0);
    assert_eq!((&record["state"], ids(&record)), (&"complete".into(), ids(&begun)));
}

#[test]
fn its_exit_code_is_that_of_its_gates() {
    for (gate, code, says) in [
        ("gate: {rules: [max_ready < 1]}", 3, "FAILED"),
        ("gate: {rules: [{rule: max_ready < 1, level: warn}]}", 0, "passed"),
        ("gate: {arms: [wva], rules: [max_ready < 99]}", 0, "passed"),
    ] {
        let place = place(&format!("{SMALL}{gate}\n"));
        let r = place.run(&["experiment", "mine", "--predicted", "--repeats=1", "--junit=j.xml"]).exits(code);
        assert!(r.stdout.contains(says), "{gate}: {}", r.stdout);
        let junit = std::fs::read_to_string(place.path("j.xml")).expect("a file");
        assert_eq!(junit.contains("failures=\"0\""), code == 0, "{junit}");
        assert_eq!(junit.contains("max_ready &lt; 1"), gate.contains("max_ready < 1"), "{junit}");
        let record = records(&place).remove(0).1;
        let judged: Vec<bool> = record["runs"].as_array().expect("runs").iter().map(|r| !r["attempts"][0]["gate"].is_null()).collect();
        assert_eq!(judged, if gate.contains("arms") { [false, true] } else { [true, true] }, "{gate}");
    }
}

#[test]
fn levels_of_an_arm_are_compared_within_each_load() {
    let text = "scenario: simulated\nprofile: ramp_small\nmax_seconds: 60\narms: [hpa]\nrepeats: 2\ncompare: {bounds: false}\nfactors:\n\
                - {set: 'hpa.metrics[1].average_value', name: kv, levels: [300m, 900m]}\n- {override: rate, levels: [[2, 8], [2, 9]]}\n";
    let place = place(text);
    let r = place.run(&["experiment", "mine", "--predicted"]).exits(0);
    assert!(r.stdout.contains("with rate=[2, 8]") && r.stdout.contains("hpa, kv=900m"), "{}", r.stdout);
    let (dir, record) = records(&place).remove(0);
    let names: Vec<&str> = record["comparisons"].as_array().expect("comparisons").iter().filter_map(|c| c["name"].as_str()).collect();
    assert_eq!(names, ["comparison-1", "comparison-2"]);
    for name in names {
        let c: Value = serde_json::from_slice(&std::fs::read(dir.join(format!("{name}.json"))).expect("a file")).expect("JSON");
        assert_eq!(faults("comparison.schema.json", &c), [""; 0]);
        let sides: Vec<&str> = c["sides"].as_array().expect("sides").iter().filter_map(|s| s["label"].as_str()).collect();
        assert_eq!(sides, ["hpa, kv=300m", "hpa, kv=900m"]);
        assert_eq!(c["kind"], "arms");
    }
}

#[test]
fn what_would_only_show_after_hours_is_told_before() {
    let gate = |rules: &str| place(&format!("{SMALL}gate: {{rules: [{rules}]}}\n"));
    for (rules, says) in
        [("'rate[99].p99_ttft_ms < 1s'", "the load has no rate 99"), ("'replica_seconds < baseline * 1.1'", "there is no baseline")]
    {
        for how in ["--dry-run", "--predicted"] {
            let place = gate(rules);
            place.run(&["experiment", "mine", how]).exits(USAGE).says(&[says]);
            assert!(records(&place).is_empty(), "{rules}: nothing stands in the way of the corrected file");
        }
    }
    let place = place(SMALL);
    for (arms, says) in [("hpa,static-0", "without a replica at the start"), ("wva,static-0", "without a replica at the start")] {
        place.run(&["experiment", "mine", "--predicted", "--arms", arms]).exits(USAGE).says(&[says]);
    }
    std::fs::create_dir(place.path("d")).expect("made");
    place.run(&["experiment", "mine", "-n", "--seeds=0", "--junit=d"]).exits(USAGE).says(&["--junit d: it is a directory"]);
    let namespaces = "factors: [{set: namespace, levels: [a, b]}]\n";
    place.write("experiments/two.yaml", &format!("{SMALL}{namespaces}"));
    place.run(&["experiment", "two", "-n", "--seeds=0"]).exits(USAGE).says(&["in several namespaces, a and b"]);
    assert!(records(&place).is_empty());
}

#[test]
fn a_gate_that_changed_since_is_another_experiment() {
    let place = place(&format!("{SMALL}gate: {{file: g.yaml}}\n"));
    place.write("experiments/g.yaml", "rules: [max_ready < 99]\n");
    place.run(&["experiment", "mine", "--predicted"]).exits(0);
    let (dir, mut record) = records(&place).remove(0);
    record["state"] = "running".into();
    record["runs"][3]["state"] = "planned".into();
    std::fs::write(dir.join("experiment.json"), record.to_string()).expect("written");
    place.write("experiments/g.yaml", "rules: [max_ready < 1]\n");
    place.run(&["experiment", "mine", "--predicted"]).exits(USAGE).says(&["was defined otherwise"]);
    // Given up by a new one, it stands in nobody's way.
    place.run(&["experiment", "mine", "--predicted", "--new"]).exits(3);
    place.run(&["experiment", "mine", "--predicted"]).exits(3);
    place.run(&["resume", record["id"].as_str().expect("an id")]).exits(3);
}

#[test]
fn a_damaged_record_is_named_and_not_passed_over() {
    let place = place(SMALL);
    place.run(&["experiment", "mine", "--predicted"]).exits(0);
    let (dir, record) = records(&place).remove(0);
    let file = dir.join("experiment.json");
    for damaged in ["", "{", r#"{"schema_version": 9}"#] {
        std::fs::write(&file, damaged).expect("written");
        let id = record["id"].as_str().expect("an id");
        for command in [vec!["experiment", "mine", "--predicted"], vec!["resume", id]] {
            place.run(&command).exits(USAGE).says(&["an experiment's record cannot be read", id]);
        }
        // Whatever else was begun can be carried on.
        place.run(&["resume", "-k", &place.dead_cluster()]).exits(6).says(&["an experiment is passed over", id]);
    }
    std::fs::write(&file, record.to_string()).expect("written");
    place.run(&["experiment", "mine", "--predicted"]).exits(0);
}

#[test]
fn runs_that_are_gone_are_no_good_end() {
    let place = place(SMALL);
    place.run(&["experiment", "mine", "--predicted"]).exits(0);
    let (dir, mut record) = records(&place).remove(0);
    std::fs::remove_dir_all(place.path("results").join(&ids(&record)[0])).expect("removed");
    record["state"] = "running".into();
    std::fs::write(dir.join("experiment.json"), record.to_string()).expect("written");
    let again = place.run(&["--output=json", "resume", record["id"].as_str().expect("an id")]).exits(4);
    assert!(again.stdout.contains("These runs cannot be compared"), "{}", again.stdout);
}

#[test]
fn copies_follow_links_and_leave_devices_and_others_files_alone() {
    let place = place(SMALL);
    place.write("real.xml", "old");
    place.write("link.xml.part", "somebody's");
    std::os::unix::fs::symlink("real.xml", place.path("link.xml")).expect("a link");
    place.run(&["experiment", "mine", "--predicted", "--repeats=1", "--junit=link.xml", "--summary=/dev/null"]).exits(0);
    assert!(place.path("link.xml").is_symlink());
    assert!(std::fs::read_to_string(place.path("real.xml")).expect("a file").contains("<testsuite"));
    assert_eq!(std::fs::read_to_string(place.path("link.xml.part")).expect("a file"), "somebody's");
    let left = files_below(&place.path("")).into_iter().filter(|f| f.to_string_lossy().ends_with(".llmd-bench.part")).count();
    assert_eq!(left, 0);
}

#[test]
fn it_is_known_by_the_name_in_its_file() {
    let place = place(SMALL);
    place.write("other.yaml", &format!("name: nightly\n{SMALL}"));
    place.run(&["experiment", "./other.yaml", "--predicted", "--repeats=1"]).exits(0);
    let status = place.run(&["experiment", "./other.yaml", "--status"]).exits(0).stdout;
    assert!(status.starts_with("Experiment nightly ") && status.contains("nightly-2"), "{status}");
}
