//! What one reconcile sees: the objects of the API and the answers of Prometheus.

use crate::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};

/// A VariantAutoscaling without its status, which the controller holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Variant {
    /// Also the name of its Deployment.
    pub name: String,
    pub namespace: String,
    /// `spec.modelID`.
    pub model: String,
    /// `spec.variantCost`, text as in the object.
    pub cost: String,
    /// The label `inference.optimization/acceleratorName`; empty where it is absent.
    pub accelerator: String,
    /// Marked for deletion: the object is still listed and is left out of everything.
    pub deleting: bool,
    /// The Deployment of the same name and namespace, if there is one.
    pub deployment: Option<Deployment>,
}

/// What the controller reads of a Deployment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Deployment {
    pub spec_replicas: i32,
    /// Counts pending and unready pods too, not terminating ones.
    pub status_replicas: i32,
    /// Only v0.5 looks at it.
    pub ready_replicas: i32,
    /// The label value its selector asks for; a pod with the same [`ListedPod::app`] matches.
    pub selector: String,
}

/// A pod that a list of the API holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedPod<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// The value of the label that the Deployments select by.
    pub app: &'a str,
}

/// A query failed: an outage, a timeout, a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the query failed")]
pub struct QueryError;

/// The five informational rates of a model in one namespace. They go into `currentAlloc` and decide nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Load {
    /// Requests per minute.
    pub arrival_rate: f64,
    /// Mean prompt tokens per request.
    pub input_tokens: f64,
    /// Mean generated tokens per request.
    pub output_tokens: f64,
    /// Mean time to first token in ms.
    pub ttft_ms: f64,
    /// Mean inter-token latency in ms.
    pub itl_ms: f64,
}

/// The answers of Prometheus at the time of the reconcile.
pub trait Answers {
    /// Peak KV usage (0..1) of the last minute per pod name, see [`crate::autoscaler::wva::window::peaks`].
    fn kv(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError>;
    /// Peak waiting requests of the last minute per pod name.
    fn queue(&self, model: &str, namespace: &str) -> Result<Vec<(&str, f64)>, QueryError>;
    /// Whether the instant query of `vllm:num_requests_running` gives a series; without a namespace: in any.
    fn running(&self, model: &str, namespace: Option<&str>) -> Result<bool, QueryError>;
    /// The five rates; an error of any of them is an error.
    fn load(&self, model: &str, namespace: &str) -> Result<Load, QueryError>;
}

/// The same answers whatever is asked: for one model in one namespace, and for replays.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedAnswers {
    pub kv: Result<Vec<(String, f64)>, QueryError>,
    pub queue: Result<Vec<(String, f64)>, QueryError>,
    pub running: Result<bool, QueryError>,
    pub load: Result<Load, QueryError>,
}

impl FixedAnswers {
    /// Both peaks of each pod, everything else in order.
    pub fn peaks<'a>(pods: impl IntoIterator<Item = (&'a str, f64, f64)>) -> Self {
        let (mut kv, mut queue) = (Vec::new(), Vec::new());
        for (pod, k, q) in pods {
            kv.push((pod.to_owned(), k));
            queue.push((pod.to_owned(), q));
        }
        let running = Ok(!kv.is_empty());
        Self { kv: Ok(kv), queue: Ok(queue), running, load: Ok(Load::default()) }
    }
}

fn borrowed(answer: &Result<Vec<(String, f64)>, QueryError>) -> Result<Vec<(&str, f64)>, QueryError> {
    answer.as_ref().map(|pods| pods.iter().map(|(pod, value)| (pod.as_str(), *value)).collect()).map_err(|e| *e)
}

impl Answers for FixedAnswers {
    fn kv(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        borrowed(&self.kv)
    }
    fn queue(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, QueryError> {
        borrowed(&self.queue)
    }
    fn running(&self, _: &str, _: Option<&str>) -> Result<bool, QueryError> {
        self.running
    }
    fn load(&self, _: &str, _: &str) -> Result<Load, QueryError> {
        self.load
    }
}

/// Everything one reconcile sees.
pub struct View<'a> {
    pub main_config: &'a MainConfigMap,
    pub capacity_config: &'a CapacityConfigMap,
    /// In the order the API lists them; it decides which namespace a group takes and which of two equal names wins.
    pub variants: &'a [Variant],
    pub pods: &'a [ListedPod<'a>],
    pub answers: &'a dyn Answers,
}
