//! Plays a plan's arms in the simulation. No cluster, no clock but for the name of what is kept.
//!
//! [`experiment`] says what is simulated; `crates/sim` plays it; [`play`] spreads seeds and arms over threads; [`store`] keeps a run of
//! each arm as a run directory, which every other command reads like a measured one.

mod arguments;
mod assumptions;
pub(super) mod calibration;
mod experiment;
pub(super) mod judged;
pub(super) mod parallel;
mod play;
mod server;
mod store;
pub mod sweep;

use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use bench_analysis::forecast;
use bench_model::coefficients::Picker;
use bench_model::exit::Exit;
use bench_model::forecast::{ArmForecast, Forecast};
use bench_model::judgement::Judgement;
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::SelectPolicy;
use bench_model::tables::Tables;
use bench_sim::input::{Autoscaler, Experiment, Stepping};
use bench_sim::time::{Ps, seconds};
use std::path::{Path, PathBuf};

pub use assumptions::{Assumptions, assumptions};
pub use experiment::experiment;
pub use judged::With;
pub use server::kv_tokens;

/// What the command line says about the simulation itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Instead of the one that the gateway stands for.
    pub router: Option<Picker>,
    /// Draw coefficients from their uncertainty, with each seed anew.
    pub draw_coefficients: bool,
    pub stepping: Stepping,
}

/// What is to be predicted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// One plan an arm, the same but for it.
    pub plans: &'a [Plan],
    pub coefficients: &'a LoadedCoefficients,
    pub options: Options,
    /// Seeds first_seed, first_seed + 1, …
    pub first_seed: u64,
    pub seeds: u32,
    pub with: With<'a>,
    /// Plays what the arms are held against, and the arms under other routers, too.
    pub beside: bool,
    /// Directory of all runs; `None` keeps nothing.
    pub keep_in: Option<&'a Path>,
}

/// What `bench predict` found out.
#[derive(Debug)]
pub struct Predicted {
    pub forecast: Forecast,
    /// The first seed's run of each arm.
    pub first: Vec<Shown>,
    /// Worth telling before any number.
    pub cautions: Vec<String>,
}

#[derive(Debug)]
pub struct Shown {
    pub arm: Arm,
    pub tables: Tables,
    /// Where it is kept.
    pub dir: Option<PathBuf>,
}

/// # Errors
/// Exit 2 for what cannot be simulated, as [`predict`] refuses it.
pub fn check(plan: &Plan, c: &bench_model::coefficients::Coefficients, options: &Options) -> anyhow::Result<()> {
    experiment(plan, c, options, 1)?.check().map_err(|e| invalid(&e, plan))
}

/// Plays every arm with every seed.
///
/// # Errors
/// Exit code 2 when something cannot be simulated; the same whatever the number of threads.
pub fn predict(request: &Request<'_>) -> anyhow::Result<Predicted> {
    let r = request;
    let c = &r.coefficients.coefficients;
    // Everything that can be refused is refused before the first one is played.
    let mut experiments: Vec<Vec<Experiment>> = Vec::new();
    for plan in r.plans {
        let seeds = (0..u64::from(r.seeds)).map(|k| {
            let e = experiment(plan, c, &r.options, r.first_seed.wrapping_add(k))?;
            e.check().map_err(|e| invalid(&e, plan))?;
            Ok(e)
        });
        experiments.push(seeds.collect::<anyhow::Result<_>>()?);
    }
    let (Some(plan), Some(first)) = (r.plans.first(), experiments.first().and_then(|e| e.first())) else {
        return Err(refused("there is no arm to predict", "name one or more: --arms wva,hpa"));
    };
    let mut told = assumptions(plan, c, &r.options)?;
    told.cautions.extend(experiments.iter().find_map(|seeds| assumptions::of_autoscaler(&seeds.first()?.autoscaler)));
    if let Some(results) = r.keep_in {
        store::try_to_write(results)?;
    }
    let mut played = play::all(r, &experiments, &told)?;
    let runs = played.seeds.iter_mut().map(|a| std::mem::take(&mut a.runs));
    let judged_arms: Vec<judged::Arm<'_>> =
        r.plans.iter().zip(runs).map(|(plan, runs)| judged::Arm { name: plan.arm.to_string(), plan, runs }).collect();
    let judgement = judgement(r, &experiments, &judged_arms, &told)?;
    let mut arms: Vec<ArmForecast> = Vec::new();
    for (plan, of_arm) in r.plans.iter().zip(&played.seeds) {
        arms.extend(forecast::arm(plan.arm, of_arm.first.id.clone(), &of_arm.seeds));
    }
    let facts = facts(&experiments, first, plan, played.knee);
    let forecast = Forecast {
        schema_version: bench_model::SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        load: plan.profile.as_ref().map(|p| p.name.clone()).unwrap_or_default(),
        model: plan.scenario.model.clone(),
        seeds: r.seeds,
        coefficients: bench_model::forecast::Coefficients {
            name: told.coefficients.clone(),
            source: format!("{}, {}", r.coefficients.source, told.basis),
        },
        router: told.router.clone(),
        judgement,
        warnings: forecast::warnings(&arms, &facts),
        arms,
        not_modelled: told.not_modelled.clone(),
    };
    let mut first = Vec::new();
    for (plan, of_arm) in r.plans.iter().zip(played.seeds) {
        let dir = store::finish(r, plan, &of_arm, &told, &forecast)?;
        first.push(Shown { arm: plan.arm, tables: of_arm.first.tables, dir });
    }
    Ok(Predicted { forecast, first, cautions: told.cautions })
}

/// Which arm keeps the goal for the least, and what that hangs on.
fn judgement(r: &Request<'_>, experiments: &[Vec<Experiment>], arms: &[judged::Arm<'_>], told: &Assumptions) -> anyhow::Result<Judgement> {
    let mut assumptions = told.in_short(r.first_seed, r.seeds);
    let (Some(plan), Some(seeds)) = (r.plans.first(), experiments.first().filter(|_| r.beside)) else {
        return Ok(judged::judge(arms, None, r.with.goal, assumptions));
    };
    let yard = judged::yardstick(seeds, plan, r.first_seed, vec![], &r.with).map_err(|e| invalid(&e, plan))?;
    let mut j = judged::judge(arms, yard.as_ref(), r.with.goal, vec![]);
    let others = judged::under_others(arms, r.plans, &r.coefficients.coefficients, &r.options, r.first_seed, &r.with)?;
    // What the answer hangs on most comes right behind the router that was taken.
    let mut others = others.into_iter();
    if let (Some(first), Some(turn)) = (assumptions.first_mut(), others.next()) {
        *first = format!("{first} {turn}");
    }
    assumptions.splice(1.min(assumptions.len())..1.min(assumptions.len()), others);
    j.assumptions = assumptions;
    Ok(j)
}

/// What the warnings compare the arms with.
fn facts(all: &[Vec<Experiment>], e: &Experiment, plan: &Plan, knee: Option<f64>) -> forecast::Facts {
    let s = &plan.scenario;
    // The slowest of the arms.
    let reaction = |e: &Experiment| match &e.autoscaler {
        Autoscaler::Static | Autoscaler::Schedule(_) => 0,
        Autoscaler::Hpa(a) => a.controller.sync,
        Autoscaler::Wva(a) => a.controller.sync + a.period(),
    };
    let sync: Ps = all.iter().filter_map(|seeds| seeds.first()).map(reaction).max().unwrap_or(0);
    forecast::Facts {
        seconds_per_rate: f64::from(e.load.seconds),
        start_replicas: s.reset.start_replicas,
        min_replicas: s.scaling.min_replicas,
        max_replicas: s.scaling.max_replicas,
        up_disabled: s.scaling.scale_up.select_policy == SelectPolicy::Disabled,
        down_disabled: s.scaling.scale_down.select_policy == SelectPolicy::Disabled,
        stabilization_up_s: f64::from(s.scaling.scale_up.stabilization_window_s),
        stabilization_down_s: f64::from(s.scaling.scale_down.stabilization_window_s),
        sync_s: seconds(sync),
        pod_start_s: seconds(e.fleet.start_median),
        client_cap: e.load.max_in_flight.into(),
        knee_req_s: knee,
    }
}

/// An error of the user's input.
fn refused(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Failure::new(Exit::Usage, message).hint(hint).into()
}

/// What the simulator refuses, with what helps.
fn invalid(e: &bench_sim::engine::Invalid, plan: &Plan) -> anyhow::Error {
    let text = e.to_string();
    let hint = if text.contains("max-model-len") {
        "lower data.prompt_tokens_max or data.output_tokens_max (-o data.output_tokens_max=1024), or raise --max-model-len in model_server.args"
    } else if text.contains("KV") {
        "shorten the requests (-o data.prompt_tokens_max=…), or give the model server more memory or blocks in model_server.args"
    } else if text.contains("replica") {
        "--set scaling.max_replicas=N, --set reset.start_replicas=N or --static N put it right"
    } else if text.contains("requests") || text.contains("lasts") || text.contains("rate") {
        "--rates and --max-seconds make the load smaller"
    } else if text.contains("coefficients") || text.contains("step") {
        "the numbers stand in the file of coefficients: -C FILE"
    } else {
        "bench plan shows the resolved scenario; --set changes a key of it"
    };
    refused(format!("arm {} of scenario {} cannot be simulated: {text}", plan.arm, plan.scenario.name), hint)
}
