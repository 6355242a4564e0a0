//! What a reconcile leaves behind, and why: statuses, gauges, the replicas and verdicts it saw.

use super::analysis::Analysis;
use super::targets::{Action, Target};
use super::view::{Load, QueryError};
use crate::autoscaler::wva::config::{ReconcileError, Thresholds};

/// The status of a VA, as far as anything depends on it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// `desiredOptimizedAlloc.numReplicas`; 0 where none was published.
    pub desired: i64,
    /// `desiredOptimizedAlloc.accelerator`.
    pub desired_accelerator: String,
    /// `desiredOptimizedAlloc.lastRunTime`, ms.
    pub last_run_ms: Option<i64>,
    /// `currentAlloc`.
    pub alloc: Allocation,
}

/// `status.currentAlloc`. It is written only together with a decision.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Allocation {
    /// Empty: never filled, and nothing is published for the VA.
    pub accelerator: String,
    /// Deployment spec.replicas at the time.
    pub replicas: i64,
    /// replicas × cost.
    pub cost: f64,
    pub load: Load,
}

/// One series of each of the three gauges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gauges {
    pub desired: f64,
    pub current: f64,
    /// desired / current; desired where current is 0.
    pub ratio: f64,
}

impl Gauges {
    /// The series after an emission of these numbers.
    #[must_use]
    pub fn new(desired: i32, current: i32) -> Self {
        let (desired, current) = (f64::from(desired), f64::from(current));
        Self { desired, current, ratio: if current == 0.0 { desired } else { desired / current } }
    }
}

/// A replica as the analysis saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaSeen {
    pub pod: String,
    pub variant: String,
    /// Peak KV of the last minute, 0..1.
    pub kv: f64,
    /// Peak waiting requests of the last minute.
    pub queue: i64,
    pub saturated: bool,
}

/// What one reconcile made of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelOutcome {
    pub model: String,
    /// Of the first listed VA; the metrics of any other namespace are not asked for.
    pub namespace: String,
    pub thresholds: Thresholds,
    /// The KV or the queue query failed: the model is left out of this reconcile, without the safety net.
    pub failed: Option<QueryError>,
    /// By pod name.
    pub replicas: Vec<ReplicaSeen>,
    /// Pods with metrics that belong to no variant.
    pub unmatched: Vec<String>,
    /// `None` where no replica reports, or a query failed.
    pub analysis: Option<Analysis>,
}

/// What one reconcile made of a VA.
#[derive(Debug, Clone, PartialEq)]
pub struct VariantOutcome {
    pub name: String,
    pub namespace: String,
    /// Deployment spec.replicas and status.replicas; 0 without a Deployment.
    pub spec_replicas: i32,
    pub status_replicas: i32,
    /// D as the reconcile found it.
    pub desired_before: i64,
    /// The decision; it is made by name, so two VAs of one name show the same one. `None`: no reporting replica, or no analysis.
    pub decision: Option<Target>,
    /// The status was written and the gauges were set.
    pub published: bool,
    /// The gauges were set by the safety net; the status was not written.
    pub safety_net: bool,
    pub status: Status,
    /// The series with the label of now, or else of the last publication; `None`: never emitted.
    pub gauges: Option<Gauges>,
}

impl VariantOutcome {
    /// What the decision means, if there is one.
    #[must_use]
    pub fn action(&self) -> Option<Action> {
        self.decision.as_ref().map(|d| d.action)
    }
}

/// What one reconcile did.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// Nothing was done.
    pub error: Option<ReconcileError>,
    /// Ask for the next run after this many ns; `None` after an error.
    pub requeue_ns: Option<i64>,
    /// By model ID.
    pub models: Vec<ModelOutcome>,
    /// All VAs that are not being deleted, in the order of the list.
    pub variants: Vec<VariantOutcome>,
}
