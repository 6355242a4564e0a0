//! What an experiment would take, and what the simulator says of each of its runs, before anything is done.

use super::change::{Change, needed};
use super::schedule::{Treatment, Treatments};
use super::{Defined, reckon};
use crate::config::accelerator::gpus;
use crate::ops::predict::{self, Options};
use crate::ops::results;
use crate::report::Reporter;
use bench_analysis::report::experiment::says;
use bench_analysis::scorecard::recorded_s;
use bench_model::experiment::{AtEnd, Expected, Outlook, OutlookWarning, Scheduled};
use bench_model::forecast::ArmForecast;
use bench_model::judgement::Goal;
use bench_model::plan::{Arm, Plan};
use bench_model::run::Source;
use std::collections::BTreeMap;

/// How the simulator is asked.
pub struct Asked<'a> {
    /// 0 asks nothing.
    pub seeds: u32,
    pub threads: usize,
    pub report: &'a Reporter,
    /// Instead of the experiment's own.
    pub gpu_hour: Option<f64>,
}

/// What was predicted of a treatment.
struct Foretold {
    /// From the load's start to the recording's end.
    recorded_s: Option<f64>,
    replica_s: f64,
    says: String,
    tells_nothing: Option<String>,
}

/// The schedule and what stands before it, as if there were no stack.
pub fn outlook(d: &Defined, a: &Asked<'_>) -> Outlook {
    let (mut warnings, mut notes) = (vec![], d.treatments.notes.clone());
    let foretold = if a.seeds == 0 { BTreeMap::new() } else { foretell(d, a, &mut warnings, &mut notes) };
    let e = &d.loaded.experiment;
    let c = &d.coefficients.coefficients;
    let plan_of = |s: &Scheduled| d.treatments.all.iter().find(|t| t.plan.hashes.plan == s.hashes.plan).map(|t| &t.plan);
    let mut before: Option<&Plan> = None;
    let mut out = Outlook {
        schema_version: bench_model::SCHEMA_VERSION,
        name: e.name.clone(),
        description: e.description.clone(),
        namespace: d.treatments.all.first().map(|t| t.plan.namespace().to_owned()).unwrap_or_default(),
        order: e.order,
        load: d.treatments.all.first().and_then(|t| t.plan.profile.as_ref()).map(|p| p.name.clone()).unwrap_or_default(),
        runs: vec![],
        total_s: 0.0,
        tries_s: 0.0,
        replica_hours: 0.0,
        gpu_hours: 0.0,
        cost: None,
        gpu_hour: a.gpu_hour.or(e.compare.gpu_hour),
        seeds: if foretold.is_empty() { 0 } else { a.seeds },
        warnings,
        notes,
    };
    for s in &d.runs {
        let Some(plan) = plan_of(s) else { continue };
        let change = needed(before, plan, e.between.stack);
        let told = foretold.get(&s.hashes.plan);
        let run_s = told.and_then(|t| t.recorded_s).map_or(s.expected_s, |r| reckon::reset_s(plan, c) + r);
        let change_s = reckon::change_s(change, plan, c);
        let rest_s = if before.is_some() { f64::from(e.between.pause_s) } else { 0.0 };
        let start = reckon::start_replicas(plan);
        // Before its load a run has what it starts with; without a prediction, for its whole length.
        let replica_s = match told.filter(|t| t.recorded_s.is_some()) {
            Some(t) => t.replica_s + start * reckon::reset_s(plan, c),
            None => start * run_s,
        };
        let idle_s = if matches!(change, Change::Standup | Change::Rebuild) { change_s / 2.0 } else { change_s } + rest_s;
        let replica_hours = (replica_s + start * idle_s) / 3600.0;
        out.total_s += change_s + rest_s + run_s;
        out.tries_s += f64::from(e.on_invalid.repeat) * run_s;
        out.replica_hours += replica_hours;
        out.gpu_hours += replica_hours * gpus(&plan.scenario);
        out.runs.push(Expected {
            arm: s.arm,
            levels: s.levels.clone(),
            repeat: s.repeat,
            change: change.word().into(),
            run_s,
            replica_hours,
            gpu_hours: replica_hours * gpus(&plan.scenario),
            says: told.map(|t| t.says.clone()).unwrap_or_default(),
            tells_nothing: told.and_then(|t| t.tells_nothing.clone()),
        });
        before = Some(plan);
    }
    if let Some(last) = before.filter(|_| e.at_end != AtEnd::Keep) {
        out.total_s += reckon::teardown_s(last);
    }
    out.cost = out.gpu_hour.filter(|_| out.gpu_hours > 0.0).map(|price| price * out.gpu_hours);
    out
}

/// Every treatment once, with the other arms at the same levels: that is what the warnings compare it with.
fn foretell(d: &Defined, a: &Asked<'_>, warnings: &mut Vec<OutlookWarning>, notes: &mut Vec<String>) -> BTreeMap<String, Foretold> {
    let mut out = BTreeMap::new();
    for cell in &d.treatments.cells {
        let here = at(&d.treatments, cell);
        if here.iter().all(|t| out.contains_key(&t.plan.hashes.plan)) {
            continue;
        }
        let plans: Vec<Plan> = here.iter().map(|t| t.plan.clone()).collect();
        let request = predict::Request {
            plans: &plans,
            coefficients: &d.coefficients,
            options: Options::default(),
            first_seed: 1,
            seeds: a.seeds,
            with: predict::With { goal: Goal::default(), threads: a.threads, report: a.report },
            beside: false,
            keep_in: None,
        };
        let predicted = match predict::predict(&request) {
            Ok(p) => p,
            Err(e) => {
                let note = format!("not predicted: {e:#}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
                continue;
            }
        };
        for w in &predicted.forecast.warnings {
            match warnings.iter_mut().find(|o| (&o.code, &o.text) == (&w.code, &w.text)) {
                Some(same) => same.with.push(cell.clone()),
                None => warnings.push(OutlookWarning { with: vec![cell.clone()], code: w.code.clone(), text: w.text.clone() }),
            }
        }
        notes.extend(predicted.cautions.iter().filter(|n| !notes.contains(n)).cloned().collect::<Vec<_>>());
        let little = predicted.forecast.warnings.iter().any(|w| w.code == "differs-little");
        for (plan, (arm, shown)) in plans.iter().zip(predicted.forecast.arms.iter().zip(&predicted.first)) {
            let record = results::new_record(plan, "", Source::Predicted);
            out.entry(plan.hashes.plan.clone()).or_insert_with(|| Foretold {
                recorded_s: recorded_s(&record, &shown.tables),
                replica_s: arm.scaling.desired_replica_s.median,
                says: says(arm),
                tells_nothing: tells_nothing(arm, little),
            });
        }
    }
    out
}

/// Treatments that are met at these levels, in the order of the arms.
fn at<'a>(t: &'a Treatments, cell: &[(String, String)]) -> Vec<&'a Treatment> {
    t.all.iter().filter(|t| t.levels.iter().all(|l| cell.contains(l))).collect()
}

/// The warning because of which a run is not worth its GPUs: an autoscaler that does nothing in half of the seeds or more, or arms
/// that are nearly the same.
fn tells_nothing(a: &ArmForecast, little: bool) -> Option<String> {
    let idle = matches!(a.arm, Arm::Wva | Arm::Hpa) && 2 * a.scaling.scaled_up_seeds <= a.seeds;
    match (idle, little) {
        (true, _) => Some("never-scales".into()),
        (false, true) => Some("differs-little".into()),
        (false, false) => None,
    }
}
