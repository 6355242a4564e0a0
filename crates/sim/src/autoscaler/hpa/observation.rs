//! What the controller sees at a sync.

/// The target's scale, the metrics APIs' answers, and the pods.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// `spec.replicas` of the target's scale.
    pub spec_replicas: i32,
    /// `status.replicas` of the target's scale.
    pub status_replicas: i32,
    /// One for each metric of the spec, in its order; one that is not there counts as [`Reading::Failed`].
    pub readings: &'a [Reading<'a>],
    /// The pods of the target's selector, each once. Only read for Pods and Resource metrics and for targets of type Value.
    pub pods: &'a [Pod],
}

/// What a metrics API answered for one metric. An empty answer is a failure to the controller, not a zero.
#[derive(Clone, Copy, Debug)]
pub enum Reading<'a> {
    /// External: the values of all series returned; Object: the one value. Milli-units.
    Values(&'a [i64]),
    /// Pods and Resource metrics: the samples by pod.
    Pods(&'a [PodSample]),
    /// The request failed.
    Failed,
}

/// A pod's sample of a Pods or Resource metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodSample {
    /// The pod's [`Pod::id`]; of two samples of one pod the later in the list counts.
    pub pod: u32,
    /// Milli-units, summed over the containers.
    pub milli: i64,
    /// When it was taken. Only read for CPU. The API carries whole seconds.
    pub at_ms: i64,
    /// Seconds over which it was measured. Only read for CPU.
    pub window_s: i64,
}

/// A pod as the API lists it. The API keeps times in whole seconds, so the caller rounds them down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Stands for the pod's name.
    pub id: u32,
    pub phase: Phase,
    /// The condition Ready.
    pub ready: Readiness,
    /// Last transition of the condition Ready.
    pub ready_changed_ms: i64,
    /// `status.startTime`, unless the kubelet has not yet seen the pod.
    pub start_ms: Option<i64>,
    /// It has a deletion timestamp.
    pub deleting: bool,
    /// Requested CPU in milli-units; `None` when some container requests none.
    pub cpu_request: Option<i64>,
    /// Requested memory in milli-bytes; `None` when some container requests none.
    pub memory_request: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Pending,
    Running,
    Succeeded,
    Failed,
    Unknown,
}

/// Status of a pod's condition Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    True,
    False,
    Unknown,
    /// The pod has no such condition.
    Absent,
}
