//! Arms as they were played, held against the goal: beside the best fixed fleet and a schedule made with foresight, and once more under
//! the other routers.

use super::experiment::{experiment, picker, traits};
use super::parallel::in_order;
use super::{Options, invalid};
use crate::config::accelerator::gpus;
use crate::report::Reporter;
use bench_analysis::judgement::{self, Beside, Case, Lives, Side, Tally};
use bench_model::bounds::{Bounds, Fixed, Scheduled};
use bench_model::coefficients::{Coefficients, Picker};
use bench_model::judgement::{Goal, Judgement};
use bench_model::plan::Plan;
use bench_model::scorecard;
use bench_sim::bounds::{self, least_replica_s, load_length, perfect, statics};
use bench_sim::engine::Invalid;
use bench_sim::input::{Autoscaler, Experiment};
use bench_sim::output::Prediction;
use bench_sim::score::{Score, Slo, score};
use bench_sim::time::{NEVER, from_ms, seconds};
use std::collections::BTreeMap;

/// Seeds with which the arms are played under another router: enough to see an answer turn, not to tell by how much.
const ROUTER_SEEDS: usize = 2;
/// Seeds with which a fixed fleet is played at most: nothing scales it, so that little more than the router's draws is chance.
const FLEET_SEEDS: usize = 5;
/// Fleets that are tried above the one that keeps the goal with the first seed.
const LARGER: u32 = 3;

/// One seed in what is judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub lives: Option<Lives>,
    pub score: Score,
}

impl Run {
    pub fn new(p: &Prediction, e: &Experiment, slo: Slo) -> Self {
        Self { lives: Lives::of_prediction(p, Some(rest(e))), score: score(p, e, slo, None) }
    }

    pub fn play(e: &Experiment, slo: Slo) -> Result<Self, Invalid> {
        bench_sim::run(e).map(|p| Self::new(&p, e, slo))
    }

    fn tally(&self, span_s: f64) -> Tally {
        Tally::of_score(&self.score, self.lives.as_ref(), span_s)
    }
}

/// Replicas at which an arm rests without load.
fn rest(e: &Experiment) -> u32 {
    match &e.autoscaler {
        Autoscaler::Static => e.fleet.start_replicas,
        Autoscaler::Schedule(all) => all.last().map_or(e.fleet.start_replicas, |c| c.replicas),
        Autoscaler::Hpa(_) | Autoscaler::Wva(_) => e.scaling.min_replicas.max(1),
    }
}

/// An SLO as the simulator counts it.
pub fn slo(s: &scorecard::Slo) -> Slo {
    let limit = |ms: Option<f64>| ms.filter(|v| v.is_finite()).map_or(NEVER, from_ms);
    Slo { ttft: limit(s.ttft_ms), itl: limit(s.itl_ms), e2e: limit(s.e2e_ms) }
}

/// All seeds of an arm.
pub(super) struct Arm<'a> {
    pub name: String,
    pub plan: &'a Plan,
    pub runs: Vec<Run>,
}

/// What arms are held against, as it was played.
pub struct Yardstick {
    pub bounds: Bounds,
    gpus: f64,
    /// Replicas, and the first seed.
    fleets: Vec<(u32, Score)>,
    best: Option<(u32, Vec<Score>)>,
    foresight: Option<Run>,
}

/// How it is played.
#[derive(Clone, Copy)]
pub struct With<'a> {
    pub goal: Goal,
    /// The result does not depend on it.
    pub threads: usize,
    pub report: &'a Reporter,
}

/// Plays fixed fleets up to one more than the smallest that keeps the goal, and searches the cheapest schedule for the first seed.
/// `experiments` are the seeds; what scales in them does not matter. `basis` says what it all rests on.
///
/// # Errors
/// When the experiment is not valid.
pub fn yardstick(
    experiments: &[Experiment],
    plan: &Plan,
    seed: u64,
    basis: Vec<String>,
    w: &With<'_>,
) -> Result<Option<Yardstick>, Invalid> {
    let Some(e) = experiments.first() else { return Ok(None) };
    let slo = slo(&w.goal.slo);
    let goal = bounds::Goal { slo, attainment: w.goal.attain, span: load_length(e) };
    let spread: bounds::Spread<'_> = &|count, work| in_order(count, w.threads, w.report, work);
    let fleets = statics(e, &goal, spread)?;
    let found = perfect(e, &goal, &fleets, spread)?;
    let scheduled = Scheduled {
        paid_replica_s: found.score.replica_s,
        ready_replica_s: found.score.ready_s,
        goodput_fraction: fraction(&found.score),
        replicas: std::iter::once((0.0, found.start_replicas)).chain(found.changes.iter().map(|c| (seconds(c.at), c.replicas))).collect(),
        max_ready: found.score.max_ready,
    };
    let bounds = Bounds {
        slo: w.goal.slo,
        attainment: w.goal.attain,
        span_s: seconds(goal.span),
        seed,
        least_replica_s: least_replica_s(e, &goal),
        perfect: found.meets.then_some(scheduled),
        settled: found.settled,
        plays: found.plays + u32::try_from(fleets.len()).unwrap_or(u32::MAX),
        statics: fleets
            .iter()
            .map(|f| Fixed {
                replicas: f.replicas,
                paid_replica_s: f.tried.score.replica_s,
                goodput_fraction: fraction(&f.tried.score),
                failed: f.tried.score.failed,
                meets: f.meets,
            })
            .collect(),
        basis,
    };
    let first = fleets.iter().find(|f| f.meets);
    let best = match first.or_else(|| fleets.iter().rev().max_by(|a, b| a.tried.score.attainment().total_cmp(&b.tried.score.attainment())))
    {
        Some(f) => Some(best_fleet(experiments, f.replicas, first.is_some(), &goal, w)?),
        None => None,
    };
    let foresight = if found.meets { Some(Run::play(&found.experiment(e), slo)?) } else { None };
    Ok(Some(Yardstick {
        bounds,
        gpus: price(plan),
        fleets: fleets.into_iter().map(|f| (f.replicas, f.tried.score)).collect(),
        best,
        foresight,
    }))
}

/// A fleet over all seeds; where it keeps the goal with the first seed alone, the next larger one that keeps it over all.
fn best_fleet(all: &[Experiment], from: u32, keeps: bool, goal: &bounds::Goal, w: &With<'_>) -> Result<(u32, Vec<Score>), Invalid> {
    let all = &all[..all.len().min(FLEET_SEEDS)];
    let most = all.first().map_or(from, |e| e.scaling.max_replicas.max(from));
    let mut n = from;
    loop {
        let one = |k: usize| Run::play(&bounds::fixed(&all[k], n), goal.slo).map(|r| r.score);
        let scores = in_order(all.len(), w.threads, w.report, one).into_iter().collect::<Result<Vec<Score>, Invalid>>()?;
        #[allow(clippy::cast_precision_loss)]
        let mean = scores.iter().map(Score::attainment).sum::<f64>() / scores.len().max(1) as f64;
        if !keeps || mean >= goal.attainment || n >= most.min(from + LARGER) {
            return Ok((n, scores));
        }
        n += 1;
    }
}

impl Yardstick {
    /// The rows beside the arms, which are paid for over the arms' span.
    pub fn beside(&self, span_s: f64) -> Beside {
        let fleet = |n: u32, scores: &[Score]| Side {
            name: format!("static-{n}"),
            gpus_per_replica: self.gpus,
            // Ready from before the load on, and for ever.
            runs: scores
                .iter()
                .map(|s| Tally { replica_seconds: Some((f64::from(n) * span_s * 1e3).round() / 1e3), ..Tally::of_score(s, None, span_s) })
                .collect(),
            ..Side::default()
        };
        let foresight =
            |r: &Run| Side { name: "foresight".into(), gpus_per_replica: self.gpus, runs: vec![r.tally(span_s)], ..Side::default() };
        Beside {
            best_static: self.best.as_ref().map(|(n, scores)| fleet(*n, scores)),
            foresight: self.foresight.as_ref().map(foresight),
            fleets: self.fleets.iter().map(|(n, s)| fleet(*n, std::slice::from_ref(s))).collect(),
        }
    }
}

fn fraction(s: &Score) -> Option<f64> {
    Some(s.attainment()).filter(|a| a.is_finite())
}

/// GPUs that a replica is paid for: one where it asks for none, as a simulated server does.
pub fn price(plan: &Plan) -> f64 {
    Some(gpus(&plan.scenario)).filter(|n| *n > 0.0).unwrap_or(1.0)
}

/// Holds arms against the goal.
pub(super) fn judge(arms: &[Arm<'_>], yard: Option<&Yardstick>, goal: Goal, assumptions: Vec<String>) -> Judgement {
    let lives = |a: &Arm<'_>| a.runs.iter().filter_map(|r| r.lives.clone()).collect::<Vec<_>>();
    let named: Vec<(String, Vec<Lives>)> = arms.iter().map(|a| (a.name.clone(), lives(a))).collect();
    let span_s = judgement::span_s(named.iter().flat_map(|(_, l)| l)).unwrap_or(0.0);
    let side = |a: &Arm<'_>| Side {
        name: a.name.clone(),
        gpus_per_replica: price(a.plan),
        runs: a.runs.iter().map(|r| r.tally(span_s)).collect(),
        ..Side::default()
    };
    judgement::judge(&Case {
        goal,
        span_s,
        arms: arms.iter().map(side).collect(),
        beside: yard.map(|y| y.beside(span_s)).unwrap_or_default(),
        assumptions,
        notes: judgement::notes(&named, span_s),
    })
}

/// What becomes of the answer under the routers of the usual paths (a plain Service under kept connections, the endpoint picker, a proxy
/// that takes turns), in sentences: the first says whether it turns.
pub(super) fn under_others(
    played: &[Arm<'_>],
    plans: &[Plan],
    c: &Coefficients,
    o: &Options,
    first_seed: u64,
    w: &With<'_>,
) -> anyhow::Result<Vec<String>> {
    let Some(plan) = plans.first() else { return Ok(vec![]) };
    let (own, keeps) = (picker(&plan.scenario, c, o.router)?, traits(&plan.scenario)?.keeps_connections);
    let pinned = |p: Picker| p == Picker::Pinned;
    let others: Vec<Picker> =
        [Picker::Pinned, Picker::Epp, Picker::RoundRobin].into_iter().filter(|p| *p != own && (keeps || !pinned(*p))).collect();
    let seeds = ROUTER_SEEDS.min(played.first().map_or(1, |a| a.runs.len())).max(1);
    // By the same seeds, so that nothing but the router differs.
    let few = |a: &Arm<'_>| a.runs.iter().take(seeds).cloned().collect();
    let base: Vec<Arm<'_>> = played.iter().map(|a| Arm { name: a.name.clone(), plan: a.plan, runs: few(a) }).collect();
    let base = judge(&base, None, w.goal, vec![]);
    let mut experiments = Vec::new();
    for router in &others {
        for plan in plans {
            for k in 0..seeds as u64 {
                experiments.push((plan, experiment(plan, c, &Options { router: Some(*router), ..*o }, first_seed.wrapping_add(k))?));
            }
        }
    }
    let slo = slo(&w.goal.slo);
    let played = in_order(experiments.len(), w.threads, w.report, |i| {
        let (plan, e) = &experiments[i];
        Run::play(e, slo).map_err(|e| invalid(&e, plan))
    });
    let played = played.into_iter().collect::<anyhow::Result<Vec<Run>>>()?;
    let mut turned: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut same = Vec::new();
    for (router, of_router) in others.iter().zip(played.chunks(seeds * plans.len())) {
        let arms: Vec<Arm<'_>> = plans
            .iter()
            .zip(of_router.chunks(seeds))
            .map(|(plan, runs)| Arm { name: plan.arm.to_string(), plan, runs: runs.to_vec() })
            .collect();
        match judgement::turns(&base, &judge(&arms, None, w.goal, vec![])) {
            Some(said) => turned.entry(said).or_default().push(router.name()),
            None => same.push(router.name()),
        }
    }
    let of = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    let mut out: Vec<String> = turned
        .iter()
        .map(|(said, routers)| {
            format!("Under {} the answer turns: {said} ({of}).", bench_analysis::and(routers.iter().map(|s| (*s).to_owned())))
        })
        .collect();
    if out.is_empty() && !same.is_empty() {
        out.push(format!("The answer is the same under {} ({of}).", bench_analysis::and(same.iter().map(|s| (*s).to_owned()))));
    }
    Ok(out)
}
