//! What any autoscaler could have saved under a run's load. From the run directory alone; needs no cluster.

use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use crate::ops::predict::judged::{With, Yardstick, yardstick};
use crate::ops::predict::{Options, experiment};
use bench_model::coefficients::Picker;
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_model::run::{RunRecord, Source};
use bench_model::tables::Tables;
use bench_sim::input::{Experiment, Fleet, Stepping};
use bench_sim::time::{from_seconds, seconds};

/// What is asked.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub run: &'a RunRecord,
    pub plan: &'a Plan,
    /// Of the run: its pods' start times, if it measured them.
    pub tables: &'a Tables,
    pub coefficients: &'a LoadedCoefficients,
    /// Seeds 1, 2, … of the fixed fleet; the schedule is that of the first.
    pub seeds: u32,
    pub with: With<'a>,
}

/// Plays fixed fleets and searches the cheapest schedule.
///
/// The arrivals are those of the profile's own schedule and guidellm's own lengths, which are the same for every arm by design; those
/// that a measured run recorded differ from them by the generator's lateness alone, and are not read.
///
/// # Errors
/// Exit code 2 when the plan cannot be simulated (no coefficients for its model, an unknown version of guidellm).
pub fn bounds(r: &Request<'_>) -> anyhow::Result<Yardstick> {
    let mut basis = vec![
        "computed in the simulator's model of the stack, not measured".to_owned(),
        "the perfect autoscaler is the best found by a clairvoyant search; a cheaper one may exist, but none below least_replica_s".into(),
        "arrivals and lengths: the profile's own schedule, the same for every arm".into(),
    ];
    let router = router(r.run);
    let options = Options { router, draw_coefficients: false, stepping: Stepping::Coalesced };
    // What scales is replaced by schedules: an autoscaler that the simulation does not know is no obstacle.
    let plan = Plan { arm: Arm::None, ..r.plan.clone() };
    let seeds = (1..=u64::from(r.seeds.max(1))).map(|seed| experiment(&plan, &r.coefficients.coefficients, &options, seed));
    let mut seeds = seeds.collect::<anyhow::Result<Vec<Experiment>>>()?;
    let name = router.map_or("the gateway's own", Picker::name);
    basis.push(format!("coefficients {}, router {name}, seed 1", r.coefficients.source));
    let mut told = String::new();
    for e in &mut seeds {
        told = pod_start(&mut e.fleet, r);
    }
    basis.push(told);
    let refused = |i: bench_sim::engine::Invalid| Failure::new(Exit::Usage, format!("the bounds cannot be computed: {i}"));
    let found = yardstick(&seeds, &plan, 1, basis, &r.with).map_err(refused)?;
    found.ok_or_else(|| anyhow::anyhow!("there is no seed to play"))
}

/// The router with which a run was predicted, from its record; a measured one says nothing of it.
pub(super) fn router(run: &RunRecord) -> Option<Picker> {
    let name = run.notes.iter().find_map(|n| n.strip_prefix("predicted with router ")?.split(':').next())?;
    serde_yaml::from_str(name).ok()
}

/// Puts in the start times of the pods that a run measured, and says what is assumed.
fn pod_start(fleet: &mut Fleet, r: &Request<'_>) -> String {
    let assumed = |f: &Fleet| format!("pods answer {:.0} s after they are scheduled (by the coefficients)", seconds(f.start_median));
    if r.run.source == Source::Predicted {
        return assumed(fleet);
    }
    let starts = r.tables.pods.iter().filter_map(|p| Some(p.ready? - p.scheduled?));
    let mut starts: Vec<f64> = starts.filter(|s| s.is_finite() && *s > 0.0 && *s < 86_400.0).collect();
    starts.sort_by(f64::total_cmp);
    let Some(median) = starts.get(starts.len() / 2).copied() else {
        return format!("{}; the run measured none", assumed(fleet));
    };
    // It answered on average half a look of the readiness probe before it was seen to.
    fleet.start_median = from_seconds(median - seconds(fleet.readiness_period) / 2.0).max(0);
    #[allow(clippy::cast_precision_loss)]
    let n = starts.len() as f64;
    if starts.len() >= 3 {
        let mean = starts.iter().sum::<f64>() / n;
        let variance = starts.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
        fleet.start_spread = (variance.sqrt() / median).min(2.0);
    }
    format!("pods are ready {median:.0} s after they are scheduled: the median of {n} that this run measured")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Lookup, coefficients};
    use crate::ops::report;
    use crate::report::{Output, Reporter};
    use bench_model::bounds::Bounds;
    use bench_model::judgement::Goal;
    use bench_model::scorecard::Slo;
    use bench_model::tables::PodLife;
    use std::path::Path;

    const SLO: Slo = Slo { ttft_ms: Some(1000.0), itl_ms: Some(50.0), e2e_ms: None };
    const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c");

    fn of_fixture(change: impl Fn(&mut Tables, &mut RunRecord), threads: usize) -> anyhow::Result<Bounds> {
        let mut ingested = bench_analysis::ingest::run_dir(Path::new(RUN)).unwrap();
        change(&mut ingested.tables, &mut ingested.run);
        bounds(&Request {
            run: &ingested.run,
            plan: &report::plan(Path::new(RUN)).unwrap(),
            tables: &ingested.tables,
            coefficients: &coefficients::load(&Lookup { config_dir: None, current_dir: "/nowhere".into() }, "").unwrap(),
            seeds: 1,
            with: With { goal: Goal { slo: SLO, ..Goal::default() }, threads, report: &Reporter::new(Output::Human) },
        })
        .map(|y| y.bounds)
    }

    #[test]
    fn a_measured_run_is_bounded_with_its_own_start_times() {
        let b = of_fixture(|_, _| {}, 1).unwrap();
        assert!(b.basis.iter().any(|s| s.contains("this run measured")), "{:?}", b.basis);
        let (perfect, least) = (b.perfect.clone().unwrap(), b.least_static().unwrap());
        assert!(b.least_replica_s <= perfect.paid_replica_s && perfect.paid_replica_s <= least.paid_replica_s);
        assert!(perfect.goodput_fraction.unwrap() >= 0.99 && perfect.replicas[0].0 == 0.0);
        assert_eq!(of_fixture(|_, _| {}, 4).unwrap(), b);
    }

    #[test]
    fn slower_pods_cost_more_and_a_run_that_measured_none_says_so() {
        let pod =
            |start: f64| PodLife { name: "p".into(), created: 0.0, scheduled: Some(0.0), ready: Some(start), deleted: None, restarts: 0 };
        let with = |start: f64| of_fixture(move |t, _| t.pods = vec![pod(start)], 1).unwrap().perfect.unwrap().paid_replica_s;
        assert!(with(5.0) < with(60.0), "{} {}", with(5.0), with(60.0));
        for odd in [f64::NAN, -4.0, f64::INFINITY] {
            let b = of_fixture(|t, _| t.pods = vec![pod(odd)], 1).unwrap();
            assert!(b.basis.iter().any(|s| s.contains("the run measured none")), "{:?}", b.basis);
        }
    }

    #[test]
    fn the_router_of_a_prediction_is_its_own() {
        let mut run = bench_analysis::ingest::run_record(Path::new(RUN)).unwrap();
        assert_eq!(router(&run), None);
        run.notes = vec!["x".into(), "predicted with router pinned-epp: kept".into()];
        assert_eq!(router(&run), Some(Picker::PinnedEpp));
        run.notes = vec!["predicted with router witchcraft".into()];
        assert_eq!(router(&run), None);
    }
}
