//! How long things take, reckoned from a plan before anything is done. Rules of thumb, each with what it counts; what a prediction
//! tells better (the tail of a run) is taken from there.

use super::change::Change;
use crate::config::coefficients::version;
use bench_model::coefficients::Coefficients;
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::{LoadMode, Method};

/// Recorder, load's pod, results: 33 MB streamed, a Job made, files fetched, on the cluster for tests.
const AROUND_S: f64 = 30.0;
/// Namespace, gateway, monitoring, adapter, arm, beside the model server's own start.
const STANDUP_S: f64 = 90.0;
/// HPA away, WVA's controller restarted and its gauge gone, HPA active.
const SWAP_S: f64 = 60.0;
/// What is left of a teardown when the pods are gone.
const TEARDOWN_S: f64 = 30.0;

fn pod_start_s(plan: &Plan, c: &Coefficients) -> f64 {
    match plan.scenario.model_server.method {
        Method::Simulator => c.cluster.pod_start.simulator.median_s,
        Method::Modelservice | Method::Standalone | Method::Existing => c.cluster.pod_start.vllm.median_s,
    }
}

/// The reset before a run: replicas settled, pods replaced, the window empty; for WVA its first decision.
pub fn reset_s(plan: &Plan, c: &Coefficients) -> f64 {
    let s = &plan.scenario;
    let window = s.reset.metric_window_s + s.monitoring.scrape_interval_s;
    let decision = if plan.arm == Arm::Wva { s.wva.interval_s } else { 0 };
    let own = match plan.arm {
        Arm::Wva | Arm::Hpa => s.reset.hpa_sync_period_s,
        Arm::Static(_) | Arm::None | Arm::Existing => 0,
    };
    AROUND_S + pod_start_s(plan, c) + f64::from(window.max(own) + decision + own)
}

/// All rates with the gaps between them.
pub fn load_s(plan: &Plan, c: &Coefficients) -> f64 {
    let Some(p) = &plan.profile else { return 0.0 };
    let g = &plan.scenario.load.guidellm;
    let own = version(&g.version);
    let gap = c.client.gaps.iter().rfind(|gap| version(&gap.from) <= own).or(c.client.gaps.first());
    let gap = gap.map_or(0.0, |gap| match plan.scenario.load.mode {
        LoadMode::PerRate => gap.new_process_s,
        LoadMode::Continuous => gap.base_s + gap.per_worker_s * f64::from(if g.workers == 0 { 10 } else { g.workers }),
    });
    let gaps = u32::try_from(p.rates.len().saturating_sub(1)).unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "seconds of a load")]
    let seconds = p.total_seconds() as f64;
    seconds + gap * f64::from(gaps)
}

/// From the load's end to the recording's: the window of scale-downs where something scales, then what has to stand still.
fn tail_s(plan: &Plan) -> f64 {
    let s = &plan.scenario;
    let down = if matches!(plan.arm, Arm::Wva | Arm::Hpa) { s.scaling.scale_down.stabilization_window_s } else { 0 };
    f64::from((down + s.recording.settle_s).min(s.recording.tail_limit_s))
}

/// A whole run.
pub fn run_s(plan: &Plan, c: &Coefficients) -> f64 {
    reset_s(plan, c) + load_s(plan, c) + tail_s(plan)
}

/// What comes before a run.
pub fn change_s(change: Change, plan: &Plan, c: &Coefficients) -> f64 {
    let s = &plan.scenario;
    let decision = if plan.arm == Arm::Wva { f64::from(s.wva.interval_s) } else { 0.0 };
    let standup = STANDUP_S + pod_start_s(plan, c) + decision;
    match change {
        Change::Nothing => 0.0,
        Change::Swap => SWAP_S + decision,
        Change::Standup => standup,
        Change::Rebuild => teardown_s(plan) + standup,
    }
}

pub fn teardown_s(plan: &Plan) -> f64 {
    TEARDOWN_S + f64::from(plan.scenario.model_server.termination_grace_s)
}

/// Replicas at the start of a run.
pub fn start_replicas(plan: &Plan) -> f64 {
    f64::from(match plan.arm {
        Arm::Static(n) => n,
        _ => plan.scenario.reset.start_replicas,
    })
}
