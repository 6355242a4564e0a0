//! The Kubernetes HPA controller (autoscaling/v2): one HPA, sync by sync, with the same decisions, conditions and shown metrics as
//! kube-controller-manager, down to its integer and float64 arithmetic on amd64.
//!
//! Comments name the file and function of Kubernetes 1.34 (pkg/controller/podautoscaler) that a rule is from. Not part of it: container
//! metrics, several HPAs on one target, failing reads and writes of the scale, which the caller would have to stand in for.
//!
//! ```
//! use bench_sim::autoscaler::hpa::{Config, Controller, Gates, MetricSpec, Observation, Reading, Target, WrittenSpec};
//!
//! let written = WrittenSpec { max: 10, metrics: vec![MetricSpec::External(Target::AverageValue(1000))], ..WrittenSpec::default() };
//! let spec = written.admit(Gates::default())?;
//! let mut controller = Controller::new(Config::default());
//! let seen = Observation { spec_replicas: 2, status_replicas: 2, readings: &[Reading::Values(&[2_500])], pods: &[] };
//! assert_eq!(controller.sync(&spec, 15_000, &seen).scale_to, Some(3));
//! # Ok::<(), bench_sim::autoscaler::hpa::Refusal>(())
//! ```

mod admit;
mod metric;
mod number;
mod observation;
mod outcome;
mod pods;
mod rate;
mod spec;
mod stabilize;
#[cfg(test)]
mod tests;

pub use admit::{Refusal, WrittenBehavior, WrittenRules, WrittenSpec};
pub use observation::{Observation, Phase, Pod, PodSample, Readiness, Reading};
pub use outcome::{Branch, Condition, Evaluation, Failure, Limit, Outcome, PodCounts, Reason, Shown, Stabilized, Verdict};
pub use spec::{
    Behavior, Config, Gates, MetricSpec, Policy, PolicyKind, Resource, ResourceTarget, Rules, SelectPolicy, Spec, Target, ToleranceFlavour,
    quantity_as_f64,
};

use metric::{Context, Tolerances};
use rate::ScaleEvents;
use stabilize::Recommendations;

/// `--horizontal-pod-autoscaler-sync-period`, default. The first sync falls due one period after the HPA's creation or the controller's
/// start, the next one period after each.
pub const SYNC_PERIOD_MS: i64 = 15_000;

/// The controller's dealings with one HPA: what it remembers, and the HPA's status.
#[derive(Clone, Debug)]
pub struct Controller {
    config: Config,
    recommendations: Recommendations,
    events: ScaleEvents,
    status: Status,
}

/// What outlives a sync in `.status` of the HPA, and thus a restart of the controller.
#[derive(Clone, Copy, Debug, Default)]
struct Status {
    desired: i32,
    able: Option<Condition>,
    active: Option<Condition>,
    limited: Option<Condition>,
}

/// Whether to write the scale, and the steps that led there.
struct Decision {
    branch: Branch,
    proposal: Option<i32>,
    winner: Option<usize>,
    stabilized: Option<Stabilized>,
    limit: Option<Limit>,
    scale_to: Option<i32>,
    desired: i32,
}

impl Controller {
    /// A controller that has not seen the HPA yet.
    pub fn new(config: Config) -> Self {
        Controller { config, recommendations: Recommendations::default(), events: ScaleEvents::default(), status: Status::default() }
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The controller's process starts anew (or its leader changes): what it remembered is lost, the HPA's status is not.
    /// The next sync falls due one period later.
    pub fn restart(&mut self) {
        self.recommendations.clear();
        self.events.clear();
    }

    /// The HPA is deleted: its status is gone. What the controller remembers is kept until a sync falls due, see
    /// [`Controller::sync_without_hpa`]; an HPA recreated before that inherits it, and the phase of the syncs.
    pub fn hpa_deleted(&mut self) {
        self.status = Status::default();
    }

    /// A sync falls due while the HPA does not exist: only now the controller forgets it (horizontal.go, reconcileKey). No further sync
    /// falls due until one period after the HPA's next creation.
    pub fn sync_without_hpa(&mut self) {
        self.recommendations.clear();
        self.events.clear();
    }

    /// One sync (horizontal.go, reconcileAutoscaler). `now_ms` counts from any origin and should not go back.
    /// If the outcome has a `scale_to`, the controller takes it for written.
    pub fn sync(&mut self, spec: &Spec, now_ms: i64, seen: &Observation<'_>) -> Outcome {
        let outcome = self.consider(spec, now_ms, seen);
        if let Some(replicas) = outcome.scale_to {
            self.wrote(spec, outcome.current, replicas, now_ms);
        }
        outcome
    }

    /// A sync that takes nothing for written. A replay says by [`Controller::wrote`] what really was, so that one difference from the
    /// record does not bend all that follows.
    pub fn consider(&mut self, spec: &Spec, now_ms: i64, seen: &Observation<'_>) -> Outcome {
        let current = seen.spec_replicas;
        self.status.able = Condition::yes(Reason::SucceededGetScale);
        self.recommendations.record_initial(current, now_ms);

        let mut metrics = Vec::new();
        let decision = if current == 0 && spec.min != 0 {
            self.status.active = Condition::no(Reason::ScalingDisabled);
            Decision::without_metrics(Branch::Disabled, None, current)
        } else if current > spec.max {
            Decision::without_metrics(Branch::AboveMax, Some(spec.max), spec.max)
        } else if current < spec.min {
            Decision::without_metrics(Branch::BelowMin, Some(spec.min), spec.min)
        } else {
            metrics.reserve_exact(spec.metrics.len());
            match self.propose(spec, now_ms, seen, &mut metrics) {
                Some((proposal, winner)) => self.decide(spec, now_ms, current, proposal, winner),
                None => Decision::without_metrics(Branch::MetricsFailed, None, self.status.desired),
            }
        };

        if decision.scale_to.is_some() {
            self.status.able = Condition::yes(Reason::SucceededRescale);
        }
        self.status.desired = decision.desired;
        let Status { desired, able, active, limited } = self.status;
        let Decision { branch, proposal, winner, stabilized, limit, scale_to, .. } = decision;
        Outcome { branch, metrics, proposal, winner, stabilized, limit, scale_to, desired, current, able, active, limited }
    }

    /// The scale was written at the sync of `now_ms`: the policies count it from now on.
    pub fn wrote(&mut self, spec: &Spec, before: i32, after: i32, now_ms: i64) {
        if let Some(behavior) = &spec.behavior {
            self.events.store(behavior, before, after, now_ms);
        }
    }

    /// The greatest proposal and its metric (computeReplicasForMetrics); `None` if too many metrics failed. Fills `metrics`.
    fn propose(
        &mut self,
        spec: &Spec,
        now_ms: i64,
        seen: &Observation<'_>,
        metrics: &mut Vec<Result<Evaluation, Failure>>,
    ) -> Option<(i32, Option<usize>)> {
        let tolerances = Tolerances::of(&self.config, spec.behavior.as_ref());
        let cx = Context { config: &self.config, tolerances, now_ms, seen };
        let (mut replicas, mut winner) = (0, None);
        let mut first_failure = None;
        let mut valid = 0;
        for (i, metric) in spec.metrics.iter().enumerate() {
            let reading = seen.readings.get(i).copied().unwrap_or(Reading::Failed);
            let result = metric::evaluate(&cx, *metric, reading);
            match &result {
                Ok(e) => {
                    valid += 1;
                    if replicas == 0 || e.proposal > replicas {
                        (replicas, winner) = (e.proposal, Some(i));
                    }
                }
                Err(_) => first_failure = first_failure.or(Some(*metric)),
            }
            metrics.push(result);
        }
        match first_failure {
            Some(metric) if valid == 0 || replicas < seen.spec_replicas => {
                self.status.active = Condition::no(metric::failure_reason(metric));
                None
            }
            // The API never stores an HPA without metrics. The controller would take its own mark of failure, −1, for a proposal, and
            // leave ScalingActive as it was.
            None if valid == 0 => Some((-1, None)),
            _ => {
                self.status.active = Condition::yes(Reason::ValidMetricFound);
                Some((replicas, winner))
            }
        }
    }

    /// From the proposal to the replicas: stabilization, then limits (normalizeDesiredReplicas…).
    fn decide(&mut self, spec: &Spec, now_ms: i64, current: i32, proposal: i32, winner: Option<usize>) -> Decision {
        let wanted = proposal.max(0);
        let (stabilized, limit) = match &spec.behavior {
            None => {
                let stabilized = self.recommendations.stabilize_down(wanted, self.config.down_window_s, now_ms);
                (stabilized, rate::limit_without_behavior(spec, current, stabilized.value))
            }
            Some(behavior) => {
                let up_window_s = behavior.up.window_s.unwrap_or(0).into();
                let down_window_s = behavior.down.window_s.map_or(self.config.down_window_s, i64::from);
                let stabilized = self.recommendations.stabilize(wanted, current, up_window_s, down_window_s, now_ms);
                (stabilized, self.events.limit(spec, behavior, current, stabilized.value, now_ms))
            }
        };
        self.status.able = Condition::yes(if stabilized.value == wanted {
            Reason::ReadyForNewScale
        } else if spec.behavior.is_some() && wanted >= current {
            Reason::ScaleUpStabilized
        } else {
            Reason::ScaleDownStabilized
        });
        self.status.limited = Some(Condition { status: limit.value != stabilized.value, reason: limit.reason });
        Decision {
            branch: Branch::Metrics,
            proposal: Some(proposal),
            winner,
            stabilized: Some(stabilized),
            limit: Some(limit),
            scale_to: (limit.value != current).then_some(limit.value),
            desired: limit.value,
        }
    }
}

impl Decision {
    fn without_metrics(branch: Branch, scale_to: Option<i32>, desired: i32) -> Self {
        Decision { branch, proposal: None, winner: None, stabilized: None, limit: None, scale_to, desired }
    }
}
