//! Arms × seeds over threads. Each is played by itself, and results are put in their order, so the number of threads changes nothing.

use super::assumptions::Assumptions;
use super::judged::{self, Run};
use super::parallel::in_order;
use super::{Request, invalid, store};
use crate::ops::report::settings;
use bench_analysis::forecast::{Seed, seed};
use bench_model::run::Source;
use bench_model::tables::Tables;
use bench_sim::input::{Autoscaler, Experiment};
use bench_sim::tables::{Names, served, tables};

/// All seeds of an arm.
pub(super) struct ArmPlayed {
    /// In the order of the seeds.
    pub seeds: Vec<Seed>,
    /// The same in what is judged.
    pub runs: Vec<Run>,
    pub first: First,
}

/// The first seed's run.
pub(super) struct First {
    pub tables: Tables,
    /// Id under which it is kept.
    pub id: Option<String>,
}

pub(super) struct Played {
    /// In the order of the plans.
    pub seeds: Vec<ArmPlayed>,
    /// Most requests a second that one replica serves.
    pub knee: Option<f64>,
}

/// One piece of work.
enum Done {
    Seed(Box<(Seed, Run, Option<First>)>),
    Knee(Option<f64>),
}

pub(super) fn all(r: &Request<'_>, experiments: &[Vec<Experiment>], told: &Assumptions) -> anyhow::Result<Played> {
    // The knee is job 0, because it may take the longest; then first seeds, because these are written as well.
    let arms = experiments.len();
    let jobs = arms * r.seeds as usize + 1;
    let played = in_order(jobs, r.with.threads, r.with.report, |job| {
        let place = job.checked_sub(1).map(|j| (j % arms, j / arms));
        match place.and_then(|(arm, k)| Some((arm, k, experiments.get(arm)?.get(k)?))) {
            Some((arm, k, e)) => one(r, arm, e, k == 0, told).map(|d| Done::Seed(Box::new(d))),
            None => Ok(Done::Knee(experiments.first().and_then(|s| s.first()).and_then(bench_sim::score::knee))),
        }
    });
    let mut seeds: Vec<(Vec<Seed>, Vec<Run>, Option<First>)> = (0..arms).map(|_| (Vec::new(), Vec::new(), None)).collect();
    let mut knee = None;
    for (job, done) in played.into_iter().enumerate() {
        match done? {
            Done::Knee(k) => knee = k,
            Done::Seed(done) => {
                let (list, runs, first) = &mut seeds[job.saturating_sub(1) % arms];
                list.push(done.0);
                runs.push(done.1);
                *first = first.take().or(done.2);
            }
        }
    }
    let whole = |(seeds, runs, first): (Vec<Seed>, Vec<Run>, Option<First>)| Some(ArmPlayed { seeds, runs, first: first? });
    Ok(Played { seeds: seeds.into_iter().filter_map(whole).collect(), knee })
}

/// Plays one seed of an arm; the first one's tables are kept, in a run directory if there is to be one.
fn one(r: &Request<'_>, arm: usize, e: &Experiment, keep: bool, told: &Assumptions) -> anyhow::Result<(Seed, Run, Option<First>)> {
    let plan = &r.plans[arm];
    let played = bench_sim::run(e).map_err(|e| invalid(&e, plan))?;
    let run = Run::new(&played, e, judged::slo(&r.with.goal.slo));
    let s = &plan.scenario;
    let mut t = if keep {
        let deployment = plan.deployment();
        let hpa = match &e.autoscaler {
            Autoscaler::Static | Autoscaler::Schedule(_) => "",
            Autoscaler::Hpa(a) => &a.name,
            Autoscaler::Wva(a) => &a.hpa_name,
        };
        tables(&played, e, Names { model: &s.model, namespace: &s.namespace, deployment: &deployment, hpa })
    } else {
        served(&played, e)
    };
    t.gaps.extend(bench_analysis::gaps::between_rates(&t));
    let version = &s.load.guidellm.version;
    let record = store::record(plan, "", told);
    debug_assert_eq!(record.source, Source::Predicted);
    let kept = seed(&record, &t, version, &settings(Some(plan), vec![]));
    if !keep {
        return Ok((kept, run, None));
    }
    let id = r.keep_in.map(|results| store::begin(results, plan, &t)).transpose()?;
    Ok((kept, run, Some(First { tables: t, id })))
}
