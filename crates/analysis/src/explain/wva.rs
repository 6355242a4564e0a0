//! WVA's reconciles (v0.4), replayed from the recorded series by the exact controller; each starts from the number last recorded.

use super::input::Input;
use super::samples::before;
use bench_model::tables::{Decision, PodLife};
use bench_sim::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};
use bench_sim::autoscaler::wva::v042::{Analysis, Controller, Deployment, FixedAnswers, ListedPod, ReplicaSeen, Target, Variant, View};
use bench_sim::autoscaler::wva::{Thresholds, v042};

/// Whether this version decides as v0.4.2 does.
pub(super) fn is_v04(version: &str) -> bool {
    version.trim_start_matches('v').starts_with("0.4.")
}

/// One reconcile.
pub(super) struct Reconcile {
    pub t: f64,
    /// `status.replicas`, which WVA compares with the number it published.
    pub current: u32,
    /// The number published before it; 0: none.
    pub before: i64,
    /// By pod; what it counted.
    pub replicas: Vec<ReplicaSeen>,
    /// Those among them that had been deleted by then.
    pub ghosts: Vec<String>,
    /// `None`: no replica reported.
    pub analysis: Option<Analysis>,
    pub target: Option<Target>,
    /// What it would have been without the ghosts; only where there are any.
    pub without_ghosts: Option<i64>,
    /// The published number afterwards, replayed and as recorded.
    pub replayed: i64,
    pub recorded: Option<u32>,
}

impl Reconcile {
    pub fn saturated(&self) -> impl Iterator<Item = &ReplicaSeen> {
        self.replicas.iter().filter(|r| r.saturated)
    }

    /// What the analysis asks for, whether or not it is heeded: `Some(true)`: more.
    pub fn wants(&self) -> Option<bool> {
        let a = self.analysis.as_ref()?;
        if a.scale_up { Some(true) } else { a.down_safe.then_some(false) }
    }
}

/// When it ran. A measured controller writes the moment of each run into its status; a predicted one is told where something changed,
/// which gives the phases of its loops.
fn times(i: &Input<'_>, decisions: &[&Decision]) -> Vec<f64> {
    if i.measured() {
        let mut out = Vec::new();
        let mut last: Option<&str> = None;
        for d in decisions {
            let run = d.inputs.get("lastRunTime").map(|v| v.0.as_str());
            #[allow(clippy::cast_precision_loss)]
            let age = run.and_then(|r| chrono::DateTime::parse_from_rfc3339(r).ok()).map_or(0.0, |r| d.t - r.timestamp() as f64);
            // Another condition, or a status that was there when the recorder came.
            let another = run != last || run.is_none();
            if another && age.abs() < 5.0 {
                out.push(d.t);
            }
            last = run;
        }
        return out;
    }
    let period = f64::from(i.plan.scenario.wva.interval_s).max(1.0);
    let mut phases: Vec<f64> = Vec::new();
    for d in decisions {
        let p = d.t.rem_euclid(period);
        if !phases.iter().any(|q| (p - q).abs() < 1e-3 || (p - q).abs() > period - 1e-3) {
            phases.push(p);
        }
    }
    let mut out = Vec::new();
    for p in phases {
        let first = (i.span.0 - p).div_euclid(period).max(0.0);
        let all = (0..20_000).map(|k| p + (first + f64::from(k)) * period).take_while(|t| *t <= i.span.1);
        out.extend(all.filter(|t| *t >= i.span.0).map(|t| {
            let told = decisions.iter().find(|d| (d.t - t).abs() < 1e-3);
            // Its own digits: the sum above is off by some of the last.
            told.map_or(t, |d| d.t)
        }));
    }
    out.sort_by(f64::total_cmp);
    out
}

/// Replays every reconcile.
pub(super) fn replay(i: &Input<'_>) -> Vec<Reconcile> {
    let w = &i.plan.scenario.wva;
    let decisions = i.decisions("wva");
    let main = MainConfigMap::Found { interval: Some(format!("{}s", w.interval_s)) };
    let thresholds = Thresholds::from(w.thresholds);
    let capacity = CapacityConfigMap::only_default(thresholds);
    let (namespace, name) = (i.run.namespace.as_str(), i.run.deployment.as_str());
    let mut controller = Controller::new();
    let mut out = Vec::new();
    for t in times(i, &decisions) {
        let lag = if i.measured() { 1.0 } else { 0.0 };
        let Some(point) = before(&i.tables.replicas, t - lag) else { continue };
        let known = decisions.iter().rev().find(|d| d.t < t - 1e-6).and_then(|d| d.desired);
        let mut status = controller.status(namespace, name).cloned().unwrap_or_default();
        status.desired = known.map_or(status.desired, i64::from);
        let desired_before = status.desired;
        controller.set_status(namespace, name, status);
        let (kv, queue) = (i.kv.peaks(t), i.queue.peaks(t));
        let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let variant = Variant {
            name: name.into(),
            namespace: namespace.into(),
            model: i.run.model.clone(),
            cost: w.variant_cost.clone(),
            accelerator: w.accelerator.clone(),
            deleting: false,
            deployment: Some(Deployment {
                spec_replicas: count(point.desired),
                status_replicas: count(point.current),
                ready_replicas: count(point.ready),
                selector: name.into(),
            }),
        };
        let listed: Vec<ListedPod<'_>> =
            i.tables.pods.iter().filter(|p| alive(p, t)).map(|p| ListedPod { namespace, name: &p.name, app: name }).collect();
        let own = |answer: &[(&str, f64)]| answer.iter().map(|(p, v)| ((*p).to_owned(), *v)).collect::<Vec<_>>();
        let answers =
            FixedAnswers { running: Ok(!kv.is_empty()), kv: Ok(own(&kv)), queue: Ok(own(&queue)), load: Ok(v042::Load::default()) };
        let variants = [variant];
        let view = View { main_config: &main, capacity_config: &capacity, variants: &variants, pods: &listed, answers: &answers };
        let trial = controller.clone();
        let mut done = controller.reconcile(now_ms(t), &view);
        let (Some(model), Some(v)) = (done.models.pop(), done.variants.pop()) else { continue };
        let ghosts = ghosts(&model.replicas, &i.tables.pods, t);
        let without_ghosts = (!ghosts.is_empty()).then(|| {
            let living = |a: &[(&str, f64)]| own(a).into_iter().filter(|(p, _)| !ghosts.contains(p)).collect::<Vec<_>>();
            let answers = FixedAnswers { kv: Ok(living(&kv)), queue: Ok(living(&queue)), ..answers.clone() };
            let view = View { answers: &answers, ..view };
            trial.clone().reconcile(now_ms(t), &view).variants.pop().map_or(0, |v| v.status.desired)
        });
        out.push(Reconcile {
            t,
            current: point.current,
            before: desired_before,
            replicas: model.replicas,
            ghosts,
            analysis: model.analysis,
            target: v.decision,
            without_ghosts,
            replayed: v.status.desired,
            recorded: decisions.iter().rev().find(|d| d.t <= t + 1e-6).and_then(|d| d.desired),
        });
    }
    out
}

#[allow(clippy::cast_possible_truncation)]
fn now_ms(t: f64) -> i64 {
    (t * 1000.0).floor().clamp(-1e15, 1e15) as i64
}

fn alive(p: &PodLife, t: f64) -> bool {
    p.created <= t && p.deleted.is_none_or(|d| d > t)
}

/// Pods that were counted though they had gone. A pod that nobody recorded is not called one.
fn ghosts(replicas: &[ReplicaSeen], pods: &[PodLife], t: f64) -> Vec<String> {
    let gone = |name: &str| pods.iter().any(|p| p.name == name && p.deleted.is_some_and(|d| d <= t));
    replicas.iter().filter(|r| gone(&r.pod)).map(|r| r.pod.clone()).collect()
}

/// How WVA would see the replicas at `t`: for the arm in which it does not act.
pub(super) fn view(i: &Input<'_>, t: f64) -> (Vec<ReplicaSeen>, Analysis) {
    let thresholds = Thresholds::from(i.plan.scenario.wva.thresholds);
    let (kv, queue) = (i.kv.peaks(t), i.queue.peaks(t));
    #[allow(clippy::cast_possible_truncation)]
    let waiting = |pod: &str| queue.iter().find(|(p, _)| *p == pod).map_or(0, |q| q.1 as i64);
    let replicas: Vec<v042::Replica<'_>> =
        kv.iter().map(|(pod, k)| v042::Replica { pod, variant: &i.run.deployment, kv: *k, queue: waiting(pod) }).collect();
    let seen = replicas
        .iter()
        .map(|r| ReplicaSeen {
            pod: r.pod.into(),
            variant: r.variant.into(),
            kv: r.kv,
            queue: r.queue,
            saturated: r.saturated(&thresholds),
        })
        .collect();
    (seen, v042::analyze(&replicas, &thresholds))
}
