//! What a sync decided, and why.

/// The whole of one sync: the decision, each step towards it, and the HPA's status afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Which of the controller's branches was taken.
    pub branch: Branch,
    /// Each metric of the spec, in its order; empty when the branch reads no metrics. `currentMetrics` of the status shows the same:
    /// [`Evaluation::shown`], or an empty entry for a failure.
    pub metrics: Vec<Result<Evaluation, Failure>>,
    /// The greatest of the metrics' proposals, before stabilization and limits. `None` unless [`Branch::Metrics`].
    pub proposal: Option<i32>,
    /// Index of the metric whose proposal that is.
    pub winner: Option<usize>,
    /// The proposal after the stabilization windows.
    pub stabilized: Option<Stabilized>,
    /// The stabilized value after scaling policies, minimum and maximum.
    pub limit: Option<Limit>,
    /// Written to the scale's `spec.replicas`; `None`: not written.
    pub scale_to: Option<i32>,
    /// `status.desiredReplicas`.
    pub desired: i32,
    /// `status.currentReplicas`: the scale's `spec.replicas` before this sync.
    pub current: i32,
    /// Condition AbleToScale. The three conditions are `None` as long as they were never set.
    pub able: Option<Condition>,
    /// Condition ScalingActive.
    pub active: Option<Condition>,
    /// Condition ScalingLimited.
    pub limited: Option<Condition>,
}

/// The branches of horizontal.go, reconcileAutoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// The target has 0 replicas and the minimum is not 0: nothing is done.
    Disabled,
    /// Above the maximum: set to it at once, without metrics, stabilization or policies.
    AboveMax,
    /// Below the minimum: set to it at once, without metrics, stabilization or policies.
    BelowMin,
    /// All metrics failed, or some did and the others would scale down: nothing is done.
    MetricsFailed,
    /// The metrics decide.
    Metrics,
}

/// One metric's proposal and how it came about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    pub proposal: i32,
    /// Usage over target. Infinite or NaN where the controller divides by 0.
    pub ratio: f64,
    /// The ratio once missing and unready pods had been given assumed values, if that was necessary.
    pub refilled_ratio: Option<f64>,
    pub verdict: Verdict,
    /// What `currentMetrics` shows.
    pub shown: Shown,
    /// How the pods were counted, for Pods and Resource metrics.
    pub pods: Option<PodCounts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The proposal follows from the ratio.
    Scale,
    /// The (refilled) ratio is within tolerance: the proposal is the replicas there are.
    WithinTolerance,
    /// The assumed values of missing or unready pods turn the direction: the proposal is the replicas there are.
    WouldReverse,
}

/// An entry of `currentMetrics`: milli-units, and percent of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub value: Option<i64>,
    pub average: Option<i64>,
    pub utilization: Option<i32>,
}

/// The groups of replica_calculator.go, groupPods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    pub ready: u32,
    pub unready: u32,
    /// Without a sample.
    pub missing: u32,
    /// Being deleted, or failed.
    pub ignored: u32,
}

/// Why a metric made no proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request failed, or returned nothing.
    Unavailable,
    /// The selector finds no pod.
    NoPods,
    /// No sample is of a pod that counts.
    NoSamples,
    /// A pod does not request the resource.
    NoRequest,
    /// The samples' pods request nothing in sum.
    NothingRequested,
}

/// Result of the stabilization windows. The value is the current replicas, brought to within `lowest` and `highest`, in that order.
/// On the path without `behavior` it is `highest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stabilized {
    pub value: i32,
    /// The least proposal within the scale-up window, this one included.
    pub lowest: i32,
    /// The greatest proposal within the scale-down window, this one included.
    pub highest: i32,
}

/// Result of scaling policies, minimum and maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub value: i32,
    /// The bound in the direction of the change; `None` when there is no change to bound.
    pub bound: Option<i32>,
    /// Which bound was reached, or [`Reason::DesiredWithinRange`].
    pub reason: Reason,
}

/// Status and reason of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub status: bool,
    pub reason: Reason,
}

impl Condition {
    pub(super) fn yes(reason: Reason) -> Option<Self> {
        Some(Condition { status: true, reason })
    }

    pub(super) fn no(reason: Reason) -> Option<Self> {
        Some(Condition { status: false, reason })
    }

    /// The status as the API spells it.
    pub fn status_str(self) -> &'static str {
        if self.status { "True" } else { "False" }
    }
}

/// The conditions' reasons that this controller gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    SucceededGetScale,
    SucceededRescale,
    ReadyForNewScale,
    ScaleUpStabilized,
    ScaleDownStabilized,
    ValidMetricFound,
    ScalingDisabled,
    FailedGetExternalMetric,
    FailedGetObjectMetric,
    FailedGetPodsMetric,
    FailedGetResourceMetric,
    DesiredWithinRange,
    ScaleUpLimit,
    ScaleDownLimit,
    TooManyReplicas,
    TooFewReplicas,
}

impl Reason {
    /// The reason as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::SucceededGetScale => "SucceededGetScale",
            Reason::SucceededRescale => "SucceededRescale",
            Reason::ReadyForNewScale => "ReadyForNewScale",
            Reason::ScaleUpStabilized => "ScaleUpStabilized",
            Reason::ScaleDownStabilized => "ScaleDownStabilized",
            Reason::ValidMetricFound => "ValidMetricFound",
            Reason::ScalingDisabled => "ScalingDisabled",
            Reason::FailedGetExternalMetric => "FailedGetExternalMetric",
            Reason::FailedGetObjectMetric => "FailedGetObjectMetric",
            Reason::FailedGetPodsMetric => "FailedGetPodsMetric",
            Reason::FailedGetResourceMetric => "FailedGetResourceMetric",
            Reason::DesiredWithinRange => "DesiredWithinRange",
            Reason::ScaleUpLimit => "ScaleUpLimit",
            Reason::ScaleDownLimit => "ScaleDownLimit",
            Reason::TooManyReplicas => "TooManyReplicas",
            Reason::TooFewReplicas => "TooFewReplicas",
        }
    }
}
