//! An experiment on the API server in memory: killed at any call and given again, it ends the same way, with no run made twice.

use crate::lab::{End, Lab};
use crate::normal::{Normal, difference};
use crate::setting::{STACK, furnished};
use crate::world::{Fault, Id};
use bench::config::Lookup;
use bench::config::experiment::ExperimentArgs;
use bench::ops::Session;
use bench::ops::experiment::conclude::{With, conclude};
use bench::ops::experiment::{begin, define, measure, state};
use bench::report::Reporter;
use bench_model::experiment::{ExperimentRecord, State};
use bench_model::run::Source;
use bench_model::summary::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Two arms of one run each.
const FILE: &str = "scenario: simulated\nprofile: sanity_random\nmax_seconds: 8\narms: [wva, hpa]\n\
                    compare: {bounds: false}\non_invalid: {repeat: 0}\n";

fn written(dir: &Path, more: &str) -> ExperimentArgs {
    let path = dir.join("mine.yaml");
    let image = if std::env::var_os("BENCH_AGENT_BINARY").is_none() { "recording.agent_image=bench:1" } else { "recording.settle_s=1" };
    let text = format!("namespace: {STACK}\nset: [recording.settle_s=1, wva.mode=auto, {image}]\n{FILE}{more}");
    std::fs::write(&path, text).expect("a file");
    ExperimentArgs { name: path.display().to_string(), ..ExperimentArgs::default() }
}

/// What `bench experiment FILE` does.
async fn command(session: &Session, args: &ExperimentArgs) -> anyhow::Result<()> {
    let defined = define(&Lookup::default(), args, Some(&bench::ops::facts::gather(&session.cluster).await?))?;
    let mut kept = begin(&session.results, &defined, None, Source::Measured, false)?;
    measure::measure(session, &mut kept, None, false).await?;
    measure::leave(session, &kept).await?;
    let silent = Reporter::silent();
    let with =
        With { results: &session.results, terms: Default::default(), coefficients: &defined.coefficients, threads: 1, report: &silent };
    conclude(&mut kept, &with).map(drop)
}

fn until_done(lab: &Lab, args: &ExperimentArgs) -> Result<(), String> {
    let mut told = vec![];
    for _ in 0..6 {
        match lab.process_of(async |s| command(s, args).await) {
            End::Done => return Ok(()),
            End::Killed => told.push("killed".into()),
            End::Failed(e) => told.push(e),
        }
    }
    Err(format!("it was given six times: {}", told.join(" | ")))
}

fn records(lab: &Lab) -> Vec<ExperimentRecord> {
    state::all(lab.dir.path()).expect("they can be read").0.into_iter().map(|k| k.record).collect()
}

/// The cluster but for runs' files.
fn cluster(lab: &Lab) -> Normal {
    lab.normal().into_iter().filter(|(k, _)| !k.starts_with("file ") && !matches!(k.as_str(), "state" | "missing")).collect()
}

/// What is wrong at its end.
fn check(lab: &Lab, before: &Normal, runs: usize) -> Result<(), String> {
    let all = records(lab);
    let [r] = all.as_slice() else { return Err(format!("{} experiments were begun", all.len())) };
    if r.state != State::Complete || r.runs.len() != runs {
        return Err(format!("it is {:?} with {} runs", r.state, r.runs.len()));
    }
    for s in &r.runs {
        let begun: Vec<_> = s.attempts.iter().filter(|a| a.verdict.is_some()).collect();
        if !s.state.is_over() || begun.len() != 1 {
            return Err(format!("{}: {:?} after {:?}", s.treatment(), s.state, s.attempts));
        }
    }
    let jobs = lab.server.world().jobs.clone();
    if jobs.len() != runs || jobs.iter().collect::<BTreeSet<_>>().len() != runs {
        return Err(format!("{} load Jobs were made for {runs} runs: {jobs:?}", jobs.len()));
    }
    match difference(before, &cluster(lab)) {
        None => Ok(()),
        Some(d) => Err(format!("it left something: {d}")),
    }
}

/// Standups, swaps and teardowns that were begun, by the stack's journal.
fn begun(lab: &Lab) -> (usize, usize, usize) {
    let journal = std::fs::read_to_string(lab.dir.path().join("stacks").join(STACK).join("journal.jsonl")).expect("a journal");
    println!("{journal}");
    let count = |what: &str| journal.lines().filter(|l| l.contains("\"operation\"") && l.contains("\"begun\"") && l.contains(what)).count();
    (count("standup under"), count("swap under"), count("teardown under"))
}

#[test]
fn undisturbed_it_makes_each_run_once_and_leaves_nothing() {
    let dir = crate::lab::scratch();
    let args = written(dir.path(), "repeats: 2\n");
    let lab = Lab::new(furnished());
    let before = cluster(&lab);
    until_done(&lab, &args).expect("it comes to its end");
    assert_eq!(check(&lab, &before, 4), Ok(()));
    let r = records(&lab).remove(0);
    let arms: Vec<String> = r.runs.iter().map(|s| format!("{} {}", s.arm, s.repeat)).collect();
    assert_eq!(arms, ["wva 1", "hpa 1", "wva 2", "hpa 2"]);
    assert!(r.stood_up);
    // Swapped between arms and never stood up again: the model server's Deployment was made once.
    let made = |what: &str| lab.server.world().writes.iter().filter(|w| w.contains(what)).count();
    let place = state::directory(lab.dir.path()).join(&r.id);
    assert!(place.join("report.md").exists() && place.join("junit.xml").exists());
    assert_eq!(begun(&lab), (1, 3, 1));
    assert!(made("Deployment") > 0);
}

#[test]
fn another_stack_becomes_the_one_that_a_run_needs() {
    let dir = crate::lab::scratch();
    let factor = "factors: [{set: monitoring.scrape_interval_s, name: scrape, levels: [5, 6]}]\narms: [hpa]\n";
    let args = written(dir.path(), "");
    let text = std::fs::read_to_string(dir.path().join("mine.yaml")).expect("a file").replace("arms: [wva, hpa]\n", factor);
    std::fs::write(dir.path().join("mine.yaml"), text).expect("a file");
    let lab = Lab::new(furnished());
    let before = cluster(&lab);
    until_done(&lab, &args).expect("it comes to its end");
    assert_eq!(check(&lab, &before, 2), Ok(()));
    assert_eq!(begun(&lab), (2, 0, 2));
}

/// `FAKE_EVERY=1` takes every call with every fault; without it every so-many-th, for each is a whole experiment.
#[test]
fn killed_anywhere_it_is_carried_on_and_no_run_is_made_twice() {
    let dir = crate::lab::scratch();
    let args = written(dir.path(), "");
    let start = Lab::new(furnished());
    let before = cluster(&start);
    let undisturbed = start.fork();
    undisturbed.arrange(BTreeMap::new());
    until_done(&undisturbed, &args).expect("it comes to its end");
    let calls = undisturbed.server.world().calls.clone();
    let every = std::env::var("FAKE_EVERY").ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(307);
    let faults = [Fault::CrashBefore, Fault::CrashAfter, Fault::LostAnswer];
    let cases: Vec<(usize, Fault)> = (1..=calls.len()).flat_map(|n| faults.map(|f| (n, f))).collect();
    // Every making of a load, whatever the sample.
    let loads = |n: usize| calls[n - 1].starts_with("POST") && calls[n - 1].contains("/jobs");
    let taken: Vec<_> = cases.iter().enumerate().filter(|(i, (n, _))| i % every == 0 || loads(*n)).map(|(_, c)| *c).collect();
    println!("{} calls, {} of {} cases", calls.len(), taken.len(), cases.len());
    assert_eq!((1..=calls.len()).filter(|n| loads(*n)).count(), 2, "a load a run");
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(vec![]);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while let Some((n, fault)) = taken.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let lab = start.fork();
                    lab.arrange(BTreeMap::from([(*n, *fault)]));
                    if let Err(e) = until_done(&lab, &args).and_then(|()| check(&lab, &before, 2)) {
                        wrong.lock().expect("no thread panics with it").push(format!("{fault:?} at call {n} ({}): {e}", calls[n - 1]));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("all threads have ended");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), taken.len(), wrong.join("\n"));
}

/// A load that is gone is never made again under its run; the experiment makes another run.
#[test]
fn a_run_whose_load_is_lost_is_made_again_as_another_one() {
    let dir = crate::lab::scratch();
    let args = written(dir.path(), "");
    let text = std::fs::read_to_string(dir.path().join("mine.yaml")).expect("a file");
    let text = text.replace("arms: [wva, hpa]", "arms: [hpa]").replace("repeat: 0", "repeat: 1");
    std::fs::write(dir.path().join("mine.yaml"), text).expect("a file");
    let start = Lab::new(furnished());
    let before = cluster(&start);
    let undisturbed = start.fork();
    undisturbed.arrange(BTreeMap::new());
    until_done(&undisturbed, &args).expect("it comes to its end");
    let calls = undisturbed.server.world().calls.clone();
    let made = calls.iter().position(|c| c.starts_with("POST") && c.contains("/jobs")).expect("a load") + 1;
    let lab = start.fork();
    lab.arrange(BTreeMap::from([(made, Fault::CrashAfter)]));
    assert!(matches!(lab.process_of(async |s| command(s, &args).await), End::Killed));
    // Its uid is written down before the Job is gone: without it nobody could tell it from one that was never made.
    let known = || {
        let id = records(&lab)[0].runs[0].attempts[0].run.clone();
        std::fs::read_to_string(lab.dir.path().join(id).join("run.json")).is_ok_and(|t| t.contains("load_uid"))
    };
    for n in (6..60).step_by(3) {
        if known() {
            break;
        }
        lab.arrange(BTreeMap::from([(n, Fault::CrashBefore)]));
        assert!(matches!(lab.process_of(async |s| command(s, &args).await), End::Killed), "it came to its end");
    }
    assert!(known(), "the load's uid was never written down");
    lab.arrange(BTreeMap::new());
    {
        let mut w = lab.server.world();
        let job = w.jobs.last().cloned().expect("a load was made");
        w.delete(&Id::new("Job", STACK, &job));
        let pods: Vec<Id> = w.of_kind("Pod").map(|(id, _)| id.clone()).filter(|id| id.name.starts_with(&job)).collect();
        pods.iter().for_each(|p| w.delete(p));
    }
    until_done(&lab, &args).expect("it comes to its end");
    let r = records(&lab).remove(0);
    let told: Vec<_> =
        r.runs[0].attempts.iter().map(|a| (a.verdict == Some(Verdict::Invalid), a.why.clone().unwrap_or_default())).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0 && told[0].1.contains("is not in the cluster any more"), "{told:?}");
    assert_ne!(r.runs[0].attempts[0].run, r.runs[0].attempts[1].run);
    assert_eq!(lab.server.world().jobs.len(), 2, "one for each try");
    assert_eq!(difference(&before, &cluster(&lab)), None);
}

#[test]
fn a_stack_that_is_none_of_the_experiments_is_not_removed() {
    let dir = crate::lab::scratch();
    let args = written(dir.path(), "");
    let lab = Lab::new(furnished());
    assert!(matches!(lab.process(crate::lab::Op::Standup(bench_model::plan::Arm::Hpa)), End::Done));
    // Another scrape interval: another stack.
    let other = ExperimentArgs { set: vec!["monitoring.scrape_interval_s=9".into()], ..args.clone() };
    let End::Failed(e) = lab.process_of(async |s| command(s, &other).await) else { panic!("it was not refused") };
    assert!(e.contains("holds another stack, which this experiment would have to remove"), "{e}");
    assert!(records(&lab).is_empty(), "what was refused is left");
    // One that fits is used, and stays: it was there before.
    until_done(&lab, &args).expect("it comes to its end");
    let ours = records(&lab).remove(0);
    assert_eq!((ours.state, ours.stood_up), (State::Complete, false));
    let there = lab.server.world().get("ConfigMap", STACK, "llmd-bench-stack").cloned();
    assert_eq!(there.map(|o| o["data"]["arm"].clone()), Some("hpa".into()), "the stack is left under the last arm");
}
