//! One metric's proposal: External and Object metrics, and the tolerance (replica_calculator.go).

use super::number::{to_i32, to_i64};
use super::observation::{Observation, Phase, Readiness, Reading};
use super::outcome::{Evaluation, Failure, Reason, Shown, Verdict};
use super::pods::{self, Usage};
use super::spec::{Behavior, Config, MetricSpec, ResourceTarget, Target, ToleranceFlavour};

/// The tolerances in force for one HPA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerances {
    down: f64,
    up: f64,
    flavour: ToleranceFlavour,
}

impl Tolerances {
    /// horizontal.go, tolerancesForHpa.
    pub fn of(config: &Config, behavior: Option<&Behavior>) -> Self {
        let mut t = Tolerances { down: config.tolerance, up: config.tolerance, flavour: config.flavour };
        if let (Some(behavior), true, ToleranceFlavour::Bounds) = (behavior, config.gates.configurable_tolerance, config.flavour) {
            t.down = behavior.down.tolerance.unwrap_or(t.down);
            t.up = behavior.up.tolerance.unwrap_or(t.up);
        }
        t
    }

    pub fn keep(self, ratio: f64) -> bool {
        match self.flavour {
            ToleranceFlavour::Distance => (1.0 - ratio).abs() <= self.up,
            ToleranceFlavour::Bounds => (1.0 - self.down) <= ratio && ratio <= (1.0 + self.up),
        }
    }
}

/// What all metrics of a sync have in common.
pub(super) struct Context<'a> {
    pub config: &'a Config,
    pub tolerances: Tolerances,
    pub now_ms: i64,
    pub seen: &'a Observation<'a>,
}

/// horizontal.go, computeReplicasForMetric.
pub(super) fn evaluate(cx: &Context<'_>, metric: MetricSpec, reading: Reading<'_>) -> Result<Evaluation, Failure> {
    match (metric, reading) {
        (MetricSpec::External(target), Reading::Values(values)) if !values.is_empty() => external(cx, target, values),
        (MetricSpec::Object(target), Reading::Values([value, ..])) => object(cx, target, *value),
        (MetricSpec::Pods { average_value }, Reading::Pods(samples)) if !samples.is_empty() => {
            pods::evaluate(cx, samples, Usage::Plain { target: average_value, resource: None })
        }
        (MetricSpec::Resource { resource, target }, Reading::Pods(samples)) if !samples.is_empty() => {
            let usage = match target {
                ResourceTarget::AverageValue(target) => Usage::Plain { target, resource: Some(resource) },
                ResourceTarget::Utilization(target) => Usage::OfRequest { target, resource },
            };
            pods::evaluate(cx, samples, usage)
        }
        _ => Err(Failure::Unavailable),
    }
}

/// The reason that ScalingActive gives when this metric fails.
pub(super) fn failure_reason(metric: MetricSpec) -> Reason {
    match metric {
        MetricSpec::External(_) => Reason::FailedGetExternalMetric,
        MetricSpec::Object(_) => Reason::FailedGetObjectMetric,
        MetricSpec::Pods { .. } => Reason::FailedGetPodsMetric,
        MetricSpec::Resource { .. } => Reason::FailedGetResourceMetric,
    }
}

/// GetExternalPerPodMetricReplicas and GetExternalMetricReplicas.
fn external(cx: &Context<'_>, target: Target, values: &[i64]) -> Result<Evaluation, Failure> {
    match target {
        Target::Value(target) => value(cx, target, values.iter().fold(0, |sum, v| i64::wrapping_add(sum, *v))),
        Target::AverageValue(target) => {
            let mut usage = 0i64;
            for v in values {
                usage = usage.wrapping_add(*v);
                if usage < 0 {
                    // Meant to catch an overflow; the controller takes any negative sum for one.
                    usage = i64::MAX;
                    break;
                }
            }
            let mut e = per_pod(cx, target, usage);
            if e.verdict == Verdict::Scale {
                // Unlike with Object metrics, the conversion is guarded above.
                let replicas = (usage as f64 / target as f64).ceil();
                e.proposal = if replicas > f64::from(i32::MAX) { i32::MAX } else { to_i32(replicas) };
            }
            if usage as f64 >= i64::MAX as f64 {
                e.shown.average = Some(i64::MAX);
            }
            Ok(e)
        }
    }
}

/// GetObjectPerPodMetricReplicas and GetObjectMetricReplicas.
fn object(cx: &Context<'_>, target: Target, usage: i64) -> Result<Evaluation, Failure> {
    match target {
        Target::Value(target) => value(cx, target, usage),
        Target::AverageValue(target) => Ok(per_pod(cx, target, usage)),
    }
}

/// A total that is shared by all pods. Within tolerance it proposes the scale's *status*, which may lag behind its spec.
fn per_pod(cx: &Context<'_>, target: i64, usage: i64) -> Evaluation {
    let status = f64::from(cx.seen.status_replicas);
    let ratio = usage as f64 / (target as f64 * status);
    let (proposal, verdict) = if cx.tolerances.keep(ratio) {
        (cx.seen.status_replicas, Verdict::WithinTolerance)
    } else {
        (to_i32((usage as f64 / target as f64).ceil()), Verdict::Scale)
    };
    let shown = Shown { average: Some(to_i64((usage as f64 / status).ceil())), ..Shown::default() };
    Evaluation { proposal, ratio, refilled_ratio: None, verdict, shown, pods: None }
}

/// A value that is compared as a whole (getUsageRatioReplicaCount): the ratio scales the pods that are ready, and from 0 replicas it is
/// itself the count.
fn value(cx: &Context<'_>, target: i64, usage: i64) -> Result<Evaluation, Failure> {
    let ratio = usage as f64 / target as f64;
    let spec = cx.seen.spec_replicas;
    let (proposal, verdict) = if spec == 0 {
        (to_i32(ratio.ceil()), Verdict::Scale)
    } else if cx.tolerances.keep(ratio) {
        (spec, Verdict::WithinTolerance)
    } else if cx.seen.pods.is_empty() {
        return Err(Failure::NoPods);
    } else {
        let ready = cx.seen.pods.iter().filter(|p| p.phase == Phase::Running && p.ready == Readiness::True).count();
        (to_i32((ratio * ready as f64).ceil()), Verdict::Scale)
    };
    let shown = Shown { value: Some(usage), ..Shown::default() };
    Ok(Evaluation { proposal, ratio, refilled_ratio: None, verdict, shown, pods: None })
}
