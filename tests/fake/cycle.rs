//! The cycle, undisturbed and with every fault at every call.

use crate::lab::{Lab, Op};
use crate::normal::{Normal, difference};
use crate::setting;
use crate::world::{Fault, World};
use bench_model::plan::Arm;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const CYCLE: [Op; 4] = [Op::Standup(Arm::Wva), Op::Run, Op::Swap(Arm::Hpa), Op::Teardown];

/// The undisturbed cycle: the lab before each operation, and after the last.
pub struct Course {
    pub ops: Vec<Op>,
    pub before: Vec<Lab>,
    pub states: Vec<Normal>,
    pub calls: Vec<Vec<String>>,
    moments: Vec<Vec<(usize, u64)>>,
}

pub fn undisturbed(world: World) -> Course {
    undisturbed_of(world, &CYCLE)
}

pub fn undisturbed_of(world: World, ops: &[Op]) -> Course {
    let mut lab = Lab::new(world);
    let mut course = Course { ops: ops.to_vec(), before: vec![], states: vec![lab.normal()], calls: vec![], moments: vec![] };
    for &op in ops {
        let next = lab.fork();
        course.before.push(lab);
        lab = next;
        lab.arrange(BTreeMap::new());
        lab.server.world().watched = Some(lab.dir.path().into());
        let begun = std::time::Instant::now();
        if let Err(e) = lab.until_done(op) {
            panic!("{e}");
        }
        println!("{op:?}: {} calls, {:.3} s", lab.server.world().calls.len(), begun.elapsed().as_secs_f64());
        {
            let mut w = lab.server.world();
            w.watched = None;
            course.calls.push(w.calls.clone());
            course.moments.push(std::mem::take(&mut w.moments));
        }
        course.states.push(lab.normal());
    }
    course.before.push(lab);
    course
}

/// One operation with faults; what is wrong afterwards.
fn disturbed(course: &Course, k: usize, faults: BTreeMap<usize, Fault>) -> Result<(), String> {
    let lab = course.before[k].fork();
    lab.arrange(faults);
    lab.until_done(course.ops[k])?;
    check(&lab, course.ops[k], &course.states[k + 1])
}

fn check(lab: &Lab, op: Op, wanted: &Normal) -> Result<(), String> {
    if let Some(d) = difference(wanted, &lab.normal()) {
        return Err(format!("another end: {d}"));
    }
    let jobs = lab.server.world().jobs.clone();
    if jobs.len() > 1 {
        return Err(format!("{} load Jobs were made: {jobs:?}", jobs.len()));
    }
    if matches!(op, Op::Standup(_) | Op::Adopt | Op::Swap(_) | Op::Teardown) {
        let writes = lab.second_pass(op)?;
        if !writes.is_empty() {
            return Err(format!("a second pass writes: {}", writes.join(", ")));
        }
    }
    Ok(())
}

/// Tries all of them on two threads; gives what is wrong, told once for each kind of wrong.
fn campaign<T: Send + Sync>(cases: &[T], act: impl Fn(&T) -> Result<(), String> + Sync, name: impl Fn(&T) -> String + Sync) {
    let next = AtomicUsize::new(0);
    let wrong: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(e) = act(case) {
                        wrong.lock().expect("no thread panics with it").entry(e).or_default().push(name(case));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("all threads have ended");
    let told: Vec<String> =
        wrong.iter().map(|(e, at)| format!("{} × {e}\n    e.g. {}", at.len(), at[..at.len().min(3)].join("\n         "))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.values().map(Vec::len).sum::<usize>(), cases.len(), told.join("\n"));
}

/// Every call with every fault, but for those that cannot differ from another: a process that dies where nothing was written
/// since the call before, here or there, is the process that died at that call.
fn cases(course: &Course) -> Vec<(usize, usize, Fault)> {
    let mut out = vec![];
    for (k, moments) in course.moments.iter().enumerate() {
        for n in 1..=moments.len() {
            let (before, after) = (moments[n - 1], moments.get(n).copied());
            if n == 1 || moments[n - 2] != before {
                out.push((k, n, Fault::CrashBefore));
            }
            if after.is_none_or(|a| a.0 != before.0) || course.calls[k][n - 1].starts_with("exec") {
                out.push((k, n, Fault::CrashAfter));
            }
            out.push((k, n, Fault::LostAnswer));
        }
    }
    out
}

/// What only the campaign over every call found is looked at in every `cargo test`: faults where somebody's adapter has new
/// rules and has not read them, and where a variant is gone and WVA still speaks of it.
#[test]
fn what_a_kill_left_half_done_is_done() {
    let course = undisturbed(setting::furnished());
    let adapter = "/configmaps/prometheus-adapter?fieldManager";
    let mut found = 0;
    for (k, calls) in course.calls.iter().enumerate() {
        for (n, call) in calls.iter().enumerate() {
            let swapped = matches!(CYCLE[k], Op::Swap(_)) && call.starts_with("DELETE") && call.contains("/variantautoscalings/");
            if (call.starts_with("PATCH") && call.contains(adapter)) || swapped {
                found += 1;
                let faults = BTreeMap::from([(n + 1, Fault::CrashAfter)]);
                assert_eq!(disturbed(&course, k, faults), Ok(()), "{:?}: {call}", CYCLE[k]);
            }
        }
    }
    assert_eq!(found, 3, "the calls are still made");
}

/// `FAKE_EVERY=1` takes every case; without it every so-many-th, for they take minutes.
pub fn every_call(world: World, takes: impl Fn(Op) -> bool, every: usize) {
    every_call_of(&undisturbed(world), takes, every);
}

pub fn every_call_of(course: &Course, takes: impl Fn(Op) -> bool, every: usize) {
    let all: Vec<_> = cases(course).into_iter().filter(|(k, ..)| takes(course.ops[*k])).collect();
    let every = std::env::var("FAKE_EVERY").ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(every);
    let cases: Vec<_> = all.iter().enumerate().filter(|(i, _)| i % every == 0).map(|(_, c)| *c).collect();
    println!("{} of {} cases", cases.len(), all.len());
    let name = |(k, n, f): &(usize, usize, Fault)| format!("{:?}: {f:?} at call {n}: {}", course.ops[*k], course.calls[*k][n - 1]);
    campaign(&cases, |(k, n, f)| disturbed(course, *k, BTreeMap::from([(*n, *f)])), name);
}

#[test]
fn an_undisturbed_cycle_leaves_nothing_and_touches_nothing() {
    for world in [setting::furnished(), setting::bare()] {
        leaves_nothing(&undisturbed(world));
    }
}

/// The cluster is what it was, and the run is whole.
pub fn leaves_nothing(course: &Course) {
    {
        let (first, last) = (&course.states[0], &course.states[course.ops.len()]);
        let left: Normal = last
            .iter()
            .filter(|(k, _)| !k.starts_with("file ") && !matches!(k.as_str(), "state" | "missing"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        assert_eq!(difference(first, &left), None);
        assert_eq!(last.get("state").map(String::as_str), Some("\"complete\""), "{last:?}");
        assert_eq!(last.get("missing").map(String::as_str), Some("[]"));
    }
}

#[test]
fn stacks_with_every_fault_where_others_were_before() {
    every_call(setting::furnished(), |op| op != Op::Run, 19);
}

#[test]
fn stacks_with_every_fault_where_nothing_was() {
    every_call(setting::bare(), |op| op != Op::Run, 19);
}

#[test]
fn runs_with_every_fault() {
    every_call(setting::furnished(), |op| op == Op::Run, 11);
}

/// Two faults in one operation; the second also hits whatever carries on after the first. `FAKE_PAIRS=N` takes N random
/// pairs instead of the same few.
fn pairs(world: World) {
    let course = undisturbed(world);
    let many = std::env::var("FAKE_PAIRS").ok().and_then(|n| n.parse::<u32>().ok());
    let config = Config { cases: many.unwrap_or(16), failure_persistence: None, max_shrink_iters: 64, ..Config::default() };
    let mut runner = match many {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let fault = || prop_oneof![Just(Fault::CrashBefore), Just(Fault::CrashAfter), Just(Fault::LostAnswer)];
    let counts: Vec<usize> = course.calls.iter().map(Vec::len).collect();
    // What carries on looks first: the second fault may be as far away as the operation is long.
    let pair = (0..CYCLE.len())
        .prop_flat_map(move |k| (Just(k), 1..=counts[k], 1..=counts[k], fault(), fault()))
        .prop_map(|(k, first, further, a, b)| (k, BTreeMap::from([(first, a), (first + further, b)])));
    let outcome =
        runner.run(&pair, |(k, faults)| disturbed(&course, k, faults).map_err(|e| TestCaseError::fail(format!("{:?}: {e}", CYCLE[k]))));
    assert_eq!(outcome, Ok(()), "the pair is given by operation of the cycle, numbers of calls and faults");
}

#[test]
fn pairs_of_faults_where_others_were_before() {
    pairs(setting::furnished());
}

#[test]
fn pairs_of_faults_where_nothing_was() {
    pairs(setting::bare());
}

/// Every fault at every call that fits; gives how many cases there were.
pub fn at_calls(course: &Course, fits: impl Fn(&str) -> bool) -> usize {
    let all: Vec<_> = cases(course).into_iter().filter(|(k, n, _)| fits(&course.calls[*k][n - 1])).collect();
    let name = |(k, n, f): &(usize, usize, Fault)| format!("{:?}: {f:?} at call {n}: {}", course.ops[*k], course.calls[*k][n - 1]);
    campaign(&all, |(k, n, f)| disturbed(course, *k, BTreeMap::from([(*n, *f)])), name);
    all.len()
}
