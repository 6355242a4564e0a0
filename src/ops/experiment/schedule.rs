//! From an experiment to its runs: arms × levels → treatments, treatments × repeats in their order. Pure but for the files that a
//! plan is resolved from.

use super::reckon;
use crate::config::Lookup;
use crate::config::experiment::LoadedExperiment;
use crate::config::profile::ProfileArgs;
use crate::config::scenario::ScenarioArgs;
use crate::failure::Failure;
use crate::ops::{plan, reset};
use anyhow::Context;
use bench_model::coefficients::Coefficients;
use bench_model::exit::Exit;
use bench_model::experiment::{Experiment, Order, RunIs, Scheduled};
use bench_model::plan::{Arm, ClusterFacts, Plan};
use bench_sim::rng::Stream;
use std::collections::BTreeMap;

/// An arm at a combination of levels: what every repeat does alike.
#[derive(Debug, Clone)]
pub struct Treatment {
    /// Levels of the factors that matter to it.
    pub levels: Vec<(String, String)>,
    pub plan: Plan,
}

/// All treatments in the order in which they are declared, and what is worth knowing of them.
#[derive(Debug, Default)]
pub struct Treatments {
    pub all: Vec<Treatment>,
    /// Every combination of levels, one empty one without factors.
    pub cells: Vec<Levels>,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

/// A combination of levels, one a factor.
pub type Levels = Vec<(String, String)>;

/// Resolves every arm at every combination of levels. What comes to the same plan is one treatment.
///
/// # Errors
/// Exit 2: a level that scenario or profile refuse, a factor that changes nothing.
pub fn treatments(
    lookup: &Lookup,
    loaded: &LoadedExperiment,
    env_set: Option<&str>,
    facts: Option<&ClusterFacts>,
) -> anyhow::Result<Treatments> {
    let e = &loaded.experiment;
    let cells = combinations(e);
    let mut out = Treatments { cells: cells.clone(), ..Treatments::default() };
    let mut resolved: Vec<(Arm, Levels, Plan)> = vec![];
    for cell in &cells {
        for arm in &e.arms {
            let (plan, warnings) = resolve(lookup, loaded, env_set, facts, *arm, cell).with_context(|| place(loaded, cell))?;
            reset::check(&plan).with_context(|| format!("{}: arm {arm}", loaded.at("arms")))?;
            warnings.into_iter().filter(|w| !out.warnings.contains(w)).collect::<Vec<_>>().into_iter().for_each(|w| out.warnings.push(w));
            resolved.push((*arm, cell.clone(), plan));
        }
    }
    refuse_idle_factors(loaded, &resolved)?;
    refuse_several_namespaces(loaded, &resolved)?;
    for (arm, _, plan) in &resolved {
        if out.all.iter().any(|t| t.plan.hashes.plan == plan.hashes.plan) {
            continue;
        }
        let same: Vec<&Levels> = resolved.iter().filter(|(.., p)| p.hashes.plan == plan.hashes.plan).map(|(_, l, _)| l).collect();
        // A factor of which it has several levels alike does not matter to it.
        let levels: Levels = same[0].iter().filter(|level| same.iter().all(|other| other.contains(level))).cloned().collect();
        if same.len() > 1 {
            let idle = same[0].iter().filter(|l| !levels.contains(l)).map(|(k, _)| k.as_str()).collect::<Vec<_>>().join(", ");
            let note = format!("arm {arm}: {idle} changes nothing of it, so it is run once for all levels of it");
            if !out.notes.contains(&note) {
                out.notes.push(note);
            }
        }
        out.all.push(Treatment { levels, plan: plan.clone() });
    }
    Ok(out)
}

/// Every combination, the last factor fastest; one empty one without factors.
fn combinations(e: &Experiment) -> Vec<Levels> {
    let mut all: Vec<Levels> = vec![vec![]];
    for factor in &e.factors {
        let longer = |cell: &Levels| {
            let cell = cell.clone();
            factor.levels.iter().map(move |level| [cell.clone(), vec![(factor.label().to_owned(), level.0.clone())]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn place(loaded: &LoadedExperiment, cell: &Levels) -> String {
    if cell.is_empty() {
        return loaded.source.clone();
    }
    let at = loaded.at("factors");
    format!("{at}: with {}", cell.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", "))
}

fn resolve(
    lookup: &Lookup,
    loaded: &LoadedExperiment,
    env_set: Option<&str>,
    facts: Option<&ClusterFacts>,
    arm: Arm,
    cell: &Levels,
) -> anyhow::Result<(Plan, Vec<String>)> {
    let e = &loaded.experiment;
    let assigned = |over: bool| {
        let of = e.factors.iter().zip(cell).filter(move |(f, _)| f.over.is_some() == over);
        of.map(|(f, (_, level))| format!("{}={level}", f.key())).collect::<Vec<_>>()
    };
    let rates = e.rates.as_ref().map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    let intent = plan::Intent {
        scenario: ScenarioArgs {
            name: e.scenario.clone(),
            env_set: env_set.map(String::from),
            set: [e.set.clone(), assigned(false)].concat(),
            namespace: e.namespace.clone(),
            model: e.model.clone(),
        },
        profile: Some(ProfileArgs {
            name: e.profile.clone(),
            overrides: [e.overrides.clone(), assigned(true)].concat(),
            rates,
            max_seconds: e.max_seconds,
            as_published: e.as_published,
        }),
        arm: Some(arm),
        mode: e.mode,
        method: None,
        lock: e.locked.as_ref().map(|file| loaded.near(file)),
    };
    plan::resolve(lookup, &intent, facts.cloned())
}

/// A factor whose levels come to the same plan in every arm is a mistake: its name, or something else that overrides it.
fn refuse_idle_factors(loaded: &LoadedExperiment, resolved: &[(Arm, Levels, Plan)]) -> anyhow::Result<()> {
    for (k, factor) in loaded.experiment.factors.iter().enumerate().filter(|(_, f)| f.levels.len() > 1) {
        // Plans of one arm that differ in this factor alone.
        let mut alike: BTreeMap<(String, Levels), &str> = BTreeMap::new();
        let matters = resolved.iter().any(|(arm, cell, plan)| {
            let others = cell.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, l)| l.clone()).collect();
            *alike.entry((arm.to_string(), others)).or_insert(&plan.hashes.plan) != plan.hashes.plan
        });
        if !matters {
            let text = format!("{}: `{}` changes nothing in any arm", loaded.at(&format!("factors[{k}]")), factor.key());
            return Err(Failure::new(Exit::Usage, text)
                .hint("is it overridden by `rates`, `max_seconds`, `mode` or BENCH_SET? `recording`, names and descriptions are no part of what is tested")
                .into());
        }
    }
    Ok(())
}

/// What stands between two runs is done to one stack: another one would go on beside it, on its GPUs.
fn refuse_several_namespaces(loaded: &LoadedExperiment, resolved: &[(Arm, Levels, Plan)]) -> anyhow::Result<()> {
    let mut all: Vec<&str> = resolved.iter().map(|(.., p)| p.namespace()).collect();
    all.dedup();
    match all.as_slice() {
        [] | [_] => Ok(()),
        [a, b, ..] => {
            let text = format!("{}: runs in several namespaces, {a} and {b}: an experiment has one stack", loaded.at("factors"));
            Err(Failure::new(Exit::Usage, text).hint("make an experiment of each, with -p NAMESPACE").into())
        }
    }
}

/// The runs, in the order in which they are made.
pub fn schedule(e: &Experiment, treatments: &[Treatment], coefficients: &Coefficients) -> Vec<Scheduled> {
    let run = |t: &Treatment, repeat: u32| Scheduled {
        arm: t.plan.arm,
        levels: t.levels.clone(),
        repeat,
        hashes: t.plan.hashes.clone(),
        expected_s: reckon::run_s(&t.plan, coefficients),
        state: RunIs::Planned,
        attempts: vec![],
    };
    let grouped = with_few_changes(treatments);
    match e.order {
        Order::Blocked => grouped.iter().flat_map(|t| (1..=e.repeats).map(|r| run(t, r))).collect(),
        Order::Interleaved => (1..=e.repeats).flat_map(|r| grouped.iter().map(move |t| run(t, r))).collect(),
        Order::Random => (1..=e.repeats).flat_map(|r| shuffled(treatments, e.seed, r).into_iter().map(move |t| run(t, r))).collect(),
    }
}

/// As declared, but for what shares a stack and an arm, which stands together: fewer changes between runs.
fn with_few_changes(treatments: &[Treatment]) -> Vec<&Treatment> {
    let first = |same: &dyn Fn(&Treatment) -> bool| treatments.iter().position(same);
    let mut all: Vec<&Treatment> = treatments.iter().collect();
    all.sort_by_key(|t| {
        let h = &t.plan.hashes;
        (first(&|o| o.plan.hashes.stack == h.stack), first(&|o| (&o.plan.hashes.stack, &o.plan.hashes.arm) == (&h.stack, &h.arm)))
    });
    all
}

/// Every treatment once, in an order of its own for each repeat: a randomised complete block (Fisher and Yates' shuffle).
fn shuffled(treatments: &[Treatment], seed: u64, repeat: u32) -> Vec<&Treatment> {
    let mut all: Vec<&Treatment> = treatments.iter().collect();
    let mut draws = Stream::new(seed, "order of an experiment", u64::from(repeat));
    for last in (1..all.len()).rev() {
        let n = u32::try_from(last + 1).unwrap_or(u32::MAX);
        all.swap(last, draws.below(n) as usize);
    }
    all
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
