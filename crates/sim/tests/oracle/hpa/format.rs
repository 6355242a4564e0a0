//! The vectors' file format, as far as a test of the algorithm needs it (README.md and scenario.go of the oracle).

use std::collections::BTreeMap;

use bench_sim::autoscaler::hpa::{
    Behavior, MetricSpec, Phase, Pod, PodSample, Policy, PolicyKind, Readiness, Resource, ResourceTarget, Rules, SelectPolicy, Spec, Target,
};
use serde::Deserialize;

use super::written::Written;

#[derive(Deserialize)]
pub struct File {
    pub scenarios: Vec<Scenario>,
}

#[derive(Clone, Deserialize)]
pub struct Scenario {
    pub name: String,
    pub gates: BTreeMap<String, bool>,
    pub hpa: Written,
    pub flat: Flat,
    pub sync_ms: i64,
    pub tolerance: f64,
    pub down_window_s: i64,
    pub cpu_init_s: i64,
    pub ready_delay_s: i64,
    pub pod_model: PodModel,
    pub events: Vec<Event>,
    pub syncs: Vec<Sync>,
}

#[derive(Clone, Deserialize)]
pub struct PodModel {
    pub request_milli: i64,
}

#[derive(Clone, Deserialize)]
pub struct Event {
    pub at_ms: i64,
    #[serde(default)]
    pub action: String,
    pub hpa: Option<Written>,
    pub flat: Option<Flat>,
}

#[derive(Clone, Deserialize)]
pub struct Sync {
    pub t_ms: i64,
    pub spec: i32,
    pub status: i32,
    pub inputs: Vec<Option<Input>>,
    #[serde(default)]
    pub pods: Vec<SeenPod>,
    #[serde(flatten)]
    pub expected: Expected,
}

/// What the real controller did and then showed.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Expected {
    pub proposal: Option<i32>,
    pub scaled_to: Option<i32>,
    pub desired: i32,
    pub current: i32,
    pub able: Option<[String; 2]>,
    pub active: Option<[String; 2]>,
    pub limited: Option<[String; 2]>,
    pub metrics: Vec<Option<Shown>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Shown {
    pub value: Option<i64>,
    pub average: Option<i64>,
    pub utilization: Option<i32>,
}

#[derive(Clone, Deserialize)]
pub struct Input {
    #[serde(default)]
    pub values: Vec<i64>,
    #[serde(default)]
    pods: Vec<Sample>,
    #[serde(default)]
    pub error: bool,
}

#[derive(Clone, Deserialize)]
struct Sample {
    pod: u32,
    milli: i64,
    #[serde(default)]
    t_ms: i64,
    #[serde(default)]
    window_s: i64,
}

impl Input {
    pub fn samples(&self) -> Vec<PodSample> {
        self.pods.iter().map(|s| PodSample { pod: s.pod, milli: s.milli, at_ms: s.t_ms, window_s: s.window_s }).collect()
    }
}

#[derive(Clone, Deserialize)]
pub struct SeenPod {
    pod: u32,
    phase: String,
    ready: bool,
    start_ms: i64,
    changed_ms: i64,
    #[serde(default)]
    deleting: bool,
}

impl SeenPod {
    pub fn pod(&self, request_milli: i64) -> Pod {
        let request = (request_milli > 0).then_some(request_milli);
        Pod {
            id: self.pod,
            phase: match &*self.phase {
                "Pending" => Phase::Pending,
                "Running" => Phase::Running,
                "Failed" => Phase::Failed,
                other => panic!("unknown phase {other:?}"),
            },
            ready: if self.ready { Readiness::True } else { Readiness::False },
            ready_changed_ms: self.changed_ms,
            start_ms: Some(self.start_ms),
            deleting: self.deleting,
            cpu_request: request,
            memory_request: request,
        }
    }
}

/// The HPA after defaulting.
#[derive(Clone, Deserialize)]
pub struct Flat {
    min: i32,
    max: i32,
    metrics: Vec<FlatMetric>,
    behavior: Option<FlatBehavior>,
}

#[derive(Clone, Deserialize)]
struct FlatMetric {
    kind: String,
    target: String,
    resource: Option<String>,
    amount: i64,
}

#[derive(Clone, Deserialize)]
struct FlatBehavior {
    up: FlatRules,
    down: FlatRules,
}

#[derive(Clone, Deserialize)]
struct FlatRules {
    window_s: Option<i32>,
    select: String,
    policies: Vec<FlatPolicy>,
    tolerance: Option<f64>,
}

#[derive(Clone, Deserialize)]
struct FlatPolicy {
    #[serde(rename = "type")]
    kind: String,
    value: i32,
    period_s: i32,
}

impl Flat {
    pub fn spec(&self) -> Spec {
        Spec {
            min: self.min,
            max: self.max,
            metrics: self.metrics.iter().map(FlatMetric::metric).collect(),
            behavior: self.behavior.as_ref().map(|b| Behavior { up: b.up.rules(), down: b.down.rules() }),
        }
    }
}

impl FlatMetric {
    fn metric(&self) -> MetricSpec {
        let target = || match &*self.target {
            "value" => Target::Value(self.amount),
            "average_value" => Target::AverageValue(self.amount),
            other => panic!("unknown target {other:?}"),
        };
        match &*self.kind {
            "external" => MetricSpec::External(target()),
            "object" => MetricSpec::Object(target()),
            "pods" => MetricSpec::Pods { average_value: self.amount },
            "resource" => MetricSpec::Resource {
                resource: resource(self.resource.as_deref().unwrap_or_default()),
                target: match &*self.target {
                    "utilization" => ResourceTarget::Utilization(self.amount.try_into().expect("a percentage")),
                    _ => ResourceTarget::AverageValue(self.amount),
                },
            },
            other => panic!("unknown kind {other:?}"),
        }
    }
}

pub fn resource(name: &str) -> Resource {
    match name {
        "cpu" => Resource::Cpu,
        "memory" => Resource::Memory,
        other => panic!("unknown resource {other:?}"),
    }
}

pub fn select(name: &str) -> SelectPolicy {
    match name {
        "Max" => SelectPolicy::Max,
        "Min" => SelectPolicy::Min,
        "Disabled" => SelectPolicy::Disabled,
        other => panic!("unknown selectPolicy {other:?}"),
    }
}

pub fn policy(kind: &str, value: i32, period_s: i32) -> Policy {
    let kind = match kind {
        "Pods" => PolicyKind::Pods,
        "Percent" => PolicyKind::Percent,
        other => panic!("unknown policy {other:?}"),
    };
    Policy { kind, value, period_s }
}

impl FlatRules {
    fn rules(&self) -> Rules {
        Rules {
            window_s: self.window_s,
            select: select(&self.select),
            policies: self.policies.iter().map(|p| policy(&p.kind, p.value, p.period_s)).collect(),
            tolerance: self.tolerance,
        }
    }
}
