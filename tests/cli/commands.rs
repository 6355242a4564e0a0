//! Every `bench …` line in README, docs and the help's examples is run, in a directory that holds what such a line speaks of, and ends
//! as it should. What needs a cluster is parsed alone (`docs.rs`), and listed here by rule with the reason.

use crate::docs::{commands, every_line, filled};
use crate::shelf::copy;
use crate::stored;
use crate::support::{Place, repo};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Words that stand for what only the reader has: a line with one is parsed, with something in its place, and not run.
const THE_READERS: [&str; 4] = ["FILE", "URL", "METRIC", "KEY=VALUE"];

/// Lines that end with another exit code than 0 here, and why.
const OTHERWISE: [(&str, i32, &str); 2] = [
    ("bench experiment simulated --status", 2, "none was begun here"),
    ("bench gate last --slo examples/gate.yaml --rule 'max_ready <= 2'", 3, "docs/gate.md shows a gate that fails"),
];

/// What is played with fewer repeats than the line says, for its time: 80 minutes of load, nine times.
const LONG: &str = "bench experiment wva-vs-hpa --predicted";

/// Why a command line cannot be run without a cluster, or a bucket.
fn needs(words: &[String]) -> Option<&'static str> {
    let has = |flag: &str| words.iter().any(|w| w == flag || w.starts_with(&format!("{flag}=")));
    if has("--help") || has("-h") {
        return None;
    }
    if words.iter().any(|w| w.starts_with("s3://") || w.starts_with("gs://")) {
        return Some("asks a bucket");
    }
    match words.get(1)?.as_str() {
        "preflight" | "status" => Some("asks the cluster"),
        "standup" | "swap-to-hpa" | "swap-to-wva" | "swap-to-static" | "teardown" | "gc" => {
            Some("changes the stack, or with -n asks what it would change")
        }
        "adopt" => Some("looks at somebody's stack in the cluster"),
        "run" | "attach" | "resume" => Some("a load is made in the cluster, or brought home from it"),
        "plan" if has("--diff") => Some("compares with the cluster"),
        "plan" if has("--lock") => Some("asks registries"),
        "experiment" if !has("--dry-run") && !has("-n") && !has("--predicted") && !has("--status") => Some("loads are made in the cluster"),
        _ => None,
    }
}

/// The stored run under another id, day and arm.
fn shelve(results: &Path, day: u32, arm: &str, end: &str) {
    let id = format!("202611{day:02}T031159Z-ramp_small-{arm}-{end}");
    let dir = results.join(&id);
    copy(&stored::run(), &dir);
    let mut record: Value = serde_json::from_slice(&std::fs::read(dir.join("run.json")).unwrap()).unwrap();
    (record["id"], record["arm"]) = (id.into(), arm.into());
    record["times"]["created"] = format!("2026-11-{day:02}T03:11:59Z").into();
    std::fs::write(dir.join("run.json"), record.to_string()).unwrap();
}

/// Three runs of one arm that differ, below `noise/`: copies of one run are refused as repeats.
fn noise(place: &Place) {
    for (seed, end) in [("1", "7f3a"), ("2", "11aa"), ("3", "22bb")] {
        let args = ["predict", "-c", "simulated", "-w", "ramp_small", "--hpa", "--seeds", "1", "--seed", seed, "--results", end];
        place.run(&args).exits(0);
        let made = std::fs::read_dir(place.path(end)).unwrap().flatten().map(|e| e.path()).find(|p| p.join("run.json").is_file()).unwrap();
        let id = format!("2026111{seed}T031159Z-ramp_small-hpa-{end}");
        let dir = place.path("noise").join(&id);
        copy(&made, &dir);
        let mut record: Value = serde_json::from_slice(&std::fs::read(dir.join("run.json")).unwrap()).unwrap();
        record["id"] = id.into();
        std::fs::write(dir.join("run.json"), record.to_string()).unwrap();
        std::fs::remove_dir_all(place.path(end)).unwrap();
    }
}

/// Blocks of YAML in the guide whose first line names a file are that file.
fn files_of_the_guide(place: &Place) {
    for page in crate::support::files_below(&repo("docs")).iter().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        for block in text.split("```yaml\n# ").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            if let Some((name, yaml)) = block.split_once('\n')
                && name.ends_with(".yaml")
                && name.contains('/')
            {
                place.write(name, yaml);
            }
        }
    }
}

/// What the lines speak of: runs, files of rules, coefficients, a baseline, a store.
fn furnish() -> Place {
    let place = Place::new();
    let results = place.path("results");
    for (day, arm, end) in [(20, "hpa", "7f3a"), (21, "hpa", "11aa"), (22, "hpa", "22bb"), (24, "wva", "c97c")] {
        shelve(&results, day, arm, end);
    }
    noise(&place);
    files_of_the_guide(&place);
    std::fs::copy(repo("experiments/simulated.yaml"), place.write("experiments/nightly.yaml", "")).unwrap();
    std::fs::copy(repo("profiles/guidellm/chatbot_synthetic.yaml"), place.path("chatbot_synthetic.yaml.in")).unwrap();
    copy(&repo("examples"), &place.path("examples"));
    std::fs::copy(repo("examples/gate.yaml"), place.path("gate.yaml")).unwrap();
    std::fs::copy(repo("tests/fixtures/facts-kubernetes.yaml"), place.path("facts.yaml")).unwrap();
    let coefficients = place.run(&["predict", "--print-coefficients"]).exits(0).stdout;
    // The guide's own entry, put where it says.
    let page = std::fs::read_to_string(repo("docs/guide/own-model.md")).unwrap();
    let entry = page.split("```yaml\n  - name:").nth(1).and_then(|b| b.split("```").next()).expect("the entry of docs/guide/own-model.md");
    let mine = coefficients.replacen("engines:\n", &format!("engines:\n  - name:{entry}\n"), 1);
    for name in ["my.yaml", "calibrated.yaml", "h200.yaml", "llama-8b-h100.yaml"] {
        place.write(name, &mine);
    }
    place.run(&["gate", "7f3a", "--write-baseline", "before.json"]).exits(0);
    let store = format!("file://{}", place.path("store").display());
    place.run(&["results", "push", &store, "--all"]).exits(0);
    place
}

/// The words as they are given here: a placeholder's second run is another one, no path leads out of the directory.
fn given(words: &[String], place: &Place) -> Vec<String> {
    let mut runs = ["last", "7f3a", "11aa", "22bb"].iter().cycle();
    let many = words.get(1).is_some_and(|w| w == "compare" || w == "calibrate");
    let word = |w: &String| match w.as_str() {
        "last" if many => (*runs.next().unwrap_or(&"last")).to_string(),
        w => w
            .replace("file:///var/tmp/bench", &format!("file://{}", place.path("store").display()))
            .replace("~/", &format!("{}/", place.path(".").display())),
    };
    words.iter().skip(1).map(word).collect()
}

/// Runs a line in a directory of its own; the fault, if any.
fn fault(line: &str, words: &[String], furnished: &Place) -> Option<String> {
    let place = Place::new();
    copy(&furnished.path("."), &place.path("."));
    let mut words = given(words, &place);
    if words.iter().any(|w| w == "--aa") {
        words.extend(["--results".into(), "noise".into()]);
    }
    if line == LONG {
        words.extend(["--repeats".into(), "1".into()]);
    }
    // What a command writes is not there before.
    for pair in words.windows(2).filter(|p| ["--out", "--write-baseline", "--html"].contains(&p[0].as_str())) {
        let _ = std::fs::remove_file(place.path(&pair[1]));
    }
    if words[0] == "calibrate" {
        let _ = std::fs::remove_file(place.path("calibrated.yaml"));
    }
    let r = place.run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let expected = OTHERWISE.iter().find(|(l, _, _)| *l == line).map_or(0, |(_, code, _)| *code);
    (r.code != expected).then(|| format!("`{line}` ended with {} instead of {expected}:\n{}\n{}", r.code, tail(&r.stdout), tail(&r.stderr)))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(4)..].join("\n")
}

#[test]
fn every_command_line_is_run_or_told_why_not() {
    let (mut to_run, mut not_run): (BTreeMap<String, Vec<String>>, BTreeMap<&str, usize>) = Default::default();
    for (_, line) in every_line() {
        // A synopsis: brackets that are neither a list nor an index.
        let synopsis = line.contains(" [");
        for (as_written, words) in commands(&line).into_iter().zip(commands(&filled(&line))) {
            let theirs = as_written.iter().any(|w| w.contains('…') || THE_READERS.contains(&w.as_str()));
            let why = if synopsis || theirs { Some("holds what only the reader has") } else { needs(&words) };
            match why {
                Some(why) => *not_run.entry(why).or_default() += 1,
                None => drop(to_run.insert(shlex::try_join(as_written.iter().map(String::as_str)).unwrap(), words)),
            }
        }
    }
    assert!(to_run.len() >= 60, "only {} lines are run, {not_run:?} are not", to_run.len());
    let theirs = not_run.get("holds what only the reader has").copied().unwrap_or(0);
    assert!(theirs <= to_run.len() / 2, "{theirs} lines are excused for their placeholders");
    for (line, _, why) in OTHERWISE {
        assert!(to_run.contains_key(line), "`{line}` ({why}) stands nowhere any more");
    }

    let furnished = furnish();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(vec![]));
    let lines: Vec<_> = to_run.iter().collect();
    std::thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                while let Some((line, words)) = lines.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let began = std::time::Instant::now();
                    let f = fault(line, words, &furnished);
                    if std::env::var_os("BENCH_TEST_TALK").is_some() {
                        eprintln!("{:6.2} s  {line}", began.elapsed().as_secs_f64());
                    }
                    faults.lock().unwrap().extend(f);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), lines.len(), faults.join("\n\n"));
}

#[test]
fn what_needs_a_cluster_is_known_by_rule() {
    let words = |line: &str| commands(line).remove(0);
    for line in
        ["bench plan -c simulated", "bench experiment x --dry-run", "bench run --help", "bench results ls", "bench gate last", "bench man"]
    {
        assert_eq!(needs(&words(line)), None, "{line}");
    }
    for line in ["bench run -w x -n", "bench plan --diff", "bench experiment x", "bench results ls --at s3://b/c", "bench gc -n"] {
        assert!(needs(&words(line)).is_some(), "{line}");
    }
}

#[test]
fn a_line_that_fails_would_be_seen() {
    let furnished = furnish();
    for bad in ["bench plan -c nothing", "bench report nothing", "bench plan --set scaling.max_replica=3"] {
        assert!(fault(bad, &commands(bad)[0], &furnished).is_some(), "{bad}");
    }
    assert_eq!(fault("bench report last", &commands("bench report last")[0], &furnished), None);
}
