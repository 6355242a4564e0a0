//! What a shell is told when it asks which words fit, and that real shells ask.

use crate::shelf::run;
use crate::support::{Place, bench, files_below};
use std::process::Command;

const WVA: &str = "20261101T031159Z-ramp_small-wva-c97c";
const HPA: &str = "20261102T031159Z-ramp_small-wva-c97c";
const OPEN: &str = "20261103T031159Z-ramp_small-wva-c97c";

/// Two runs at their end and one that is not; files beside those that bench carries.
fn place() -> Place {
    let place = Place::new();
    run(&place, 1, |_| {});
    run(&place, 2, |r| r["arm"] = "hpa".into());
    run(&place, 3, |r| r["state"] = "interrupted".into());
    place.write("profiles/guidellm/mine.yaml", "");
    place.write("scenarios/own.yaml", "");
    place.write("experiments/nightly.yaml", "");
    place.write("here.yaml", "");
    place.write("notes.txt", "");
    place
}

/// The words that fit at the end of a line.
fn words(place: &Place, line: &[&str]) -> Vec<String> {
    words_with(place, line, &[])
}

fn words_with(place: &Place, line: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    let mut c = place.command(&[&["--", "bench"], line].concat());
    c.env("BENCH_COMPLETE", "fish").envs(env.iter().copied());
    let out = c.output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(|l| l.split('\t').next().unwrap().to_owned()).collect()
}

fn without_flags(words: Vec<String>) -> Vec<String> {
    words.into_iter().filter(|w| !w.starts_with('-')).collect()
}

#[test]
fn names_of_files_are_known_where_they_are_asked_for() {
    let place = place();
    for (line, all, none) in [
        (&["run", "-w", ""][..], &["chatbot_synthetic", "ramp_small", "mine", "here.yaml"][..], &["own", "notes.txt", "profiles/"][..]),
        (&["run", "-w", "r"], &["ramp_small"], &["mine", "here.yaml", "results/"]),
        (&["standup", "--scenario", ""], &["simulated", "own", "here.yaml"], &["mine"]),
        (&["plan", "-c", "sim"], &["simulated"], &["own"]),
        (&["plan", "-csim"], &["-csimulated"], &[]),
        (&["plan", "--scenario=sim"], &["--scenario=simulated"], &[]),
        (&["experiment", ""], &["nightly", "simulated", "here.yaml"], &["notes.txt", "own"]),
        (&["experiment", "./ex"], &["./experiments/"], &["nightly"]),
        (&["experiment", "experiments/"], &["experiments/nightly.yaml"], &["nightly"]),
        (&["experiment", "nightly", "-w", "m"], &["mine"], &["here.yaml"]),
        (&["predict", "-C", ""], &["default"], &["mine"]),
        (&["run", "--gate", "h"], &["here.yaml"], &["notes.txt"]),
        (&["completions", ""], &["bash", "zsh", "fish"], &["tcsh"]),
        (&["swap"], &["swap-to-hpa", "swap-to-wva", "swap-to-static"], &["standup"]),
    ] {
        let words = words(&place, line);
        let missing: Vec<_> = all.iter().filter(|w| !words.iter().any(|x| x == *w)).collect();
        let wrong: Vec<_> = none.iter().filter(|w| words.iter().any(|x| x == *w)).collect();
        assert!(missing.is_empty() && wrong.is_empty(), "{line:?}: no {missing:?}, but {wrong:?}: {words:?}");
    }
}

#[test]
fn runs_are_known_newest_first_and_those_at_work_to_whoever_carries_them_on() {
    let place = place();
    let all = ["last", OPEN, HPA, WVA];
    for line in [&["report", ""][..], &["explain", ""], &["gate", ""], &["results", "show", ""], &["calibrate", ""], &["compare", ""]] {
        assert_eq!(without_flags(words(&place, line)), all, "{line:?}");
    }
    assert_eq!(without_flags(words(&place, &["compare", WVA, ""])), all);
    assert_eq!(words(&place, &["report", "20261102"]), [HPA]);
    assert_eq!(words(&place, &["results", "push", "gs://bucket", "la"]), ["last"]);
    assert_eq!(words(&place, &["gate", "last", "--baseline", "2026110"]), [OPEN, HPA, WVA]);
    assert_eq!(without_flags(words(&place, &["attach", ""])), [OPEN]);
    // An experiment carries itself on, and its runs with it.
    place.run(&["experiment", "simulated", "--predicted", "--arms=static-1", "--repeats=1", "--rates=1", "--max-seconds=5"]).exits(0);
    assert_eq!(without_flags(words(&place, &["resume", ""])), [OPEN], "it is at its end");
    let record = files_below(&place.path("results/experiments")).into_iter().find(|f| f.ends_with("experiment.json")).unwrap();
    let text = std::fs::read_to_string(&record).unwrap();
    std::fs::write(&record, text.replacen("\"state\": \"complete\"", "\"state\": \"running\"", 1)).unwrap();
    let id = record.parent().unwrap().file_name().unwrap().to_str().unwrap();
    assert_eq!(without_flags(words(&place, &["resume", ""])), [OPEN, id]);
}

#[test]
fn flags_and_variables_say_where_names_are_looked_for() {
    let (place, elsewhere) = (place(), Place::new());
    run(&elsewhere, 9, |_| {});
    elsewhere.write("scenarios/team.yaml", "");
    let (results, config) = (elsewhere.path("results").display().to_string(), elsewhere.path("").display().to_string());
    let id = "20261109T031159Z-ramp_small-wva-c97c";
    assert_eq!(words(&place, &["--results", &results, "report", "2026"]), [id]);
    assert_eq!(words(&place, &["report", &format!("--results={results}"), "2026"]), [id]);
    assert_eq!(words_with(&place, &["report", "2026"], &[("BENCH_RESULTS", &results)]), [id]);
    assert_eq!(words(&place, &["--config-dir", &config, "plan", "-c", "te"]), ["team"]);
    assert_eq!(words_with(&place, &["plan", "-c", "te"], &[("BENCH_CONFIG_DIR", &config)]), ["team"]);
    assert_eq!(words(&place, &["plan", "-c", "te"]), [""; 0]);
    // Nothing there, and nothing that can be read: no words, and no error either.
    assert_eq!(words(&place, &["--results", "nowhere", "report", "2026"]), [""; 0]);
    std::fs::write(place.path("results").join(HPA).join("run.json"), "{").unwrap();
    assert_eq!(words(&place, &["report", "2026"]), [OPEN, WVA]);
}

#[test]
fn the_scripts_are_of_the_shells() {
    for (shell, mark) in
        [("bash", "complete -o nospace"), ("zsh", "#compdef bench"), ("fish", "complete --keep-order"), ("elvish", "edit:completion")]
    {
        let r = bench(&["completions", shell]).exits(0);
        for word in [mark, "BENCH_COMPLETE"] {
            assert!(r.stdout.contains(word), "{shell}: no {word}\n{}", r.stdout);
        }
        assert_eq!(r.stderr, "");
    }
    bench(&["completions", "tcsh"]).exits(2).says(&["bash"]);
}

/// bash, as it does at a TAB: the function that the script registered is called with the words of the line.
#[test]
fn bash_asks_bench() {
    let place = place();
    let script = r#"
        source <(bench completions bash)
        at() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_TYPE=9; COMPREPLY=()
               $(complete -p bench | sed 's/.*-F \([^ ]*\).*/\1/') bench "${!#}" "${@: -2:1}"; echo "${COMPREPLY[*]}"; }
        at bench run -w r
        at bench report 20261102
        at bench --
    "#;
    let mut c = Command::new("bash");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_bench"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let out = c.args(["-c", script]).env("PATH", path).env("HOME", place.path("")).current_dir(place.path("")).output().unwrap();
    let (said, err) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!((lines.first(), lines.get(1)), (Some(&"ramp_small"), Some(&HPA)), "{said}\n{err}");
    assert!(lines[2].contains("--kubeconfig") && lines[2].contains("--version"), "{said}");
}
