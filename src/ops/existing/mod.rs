//! A stack that somebody else stood up: found, measured as it is, or put under another arm and given back.

pub mod adopt;
pub mod discover;
pub mod endpoint;
pub mod traits;

use crate::config::scenario::{self, ScenarioArgs};
use crate::config::{Lookup, manifests::labels};
use bench_model::existing::{Existing, ExistingAutoscaler};
use bench_model::scenario::{GatewayKind, Method, Scenario};
use serde_json::Value;

/// What the user says of a stack instead of letting it be found.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    pub namespace: String,
    pub deployment: Option<String>,
    pub endpoint: Option<String>,
    pub model: Option<String>,
}

/// Is it bench's own, of whatever stack?
fn is_benchs(o: &Value) -> bool {
    crate::steps::label(o, labels::MANAGED_BY) == Some(labels::BENCH)
}

/// A scenario's settings of load, arms and recording around a stack that is there.
fn around(lookup: &Lookup, args: &ScenarioArgs, model: &str, existing: Existing) -> anyhow::Result<Scenario> {
    let args = ScenarioArgs { model: Some(model.into()), ..args.clone() };
    let mut s = scenario::load(lookup, &args)?.scenario;
    s.name = "existing".into();
    s.description = format!("a stack that was there; arms, load and recording as in scenario {}", said(&args.name));
    s.model_server.method = Method::Existing;
    s.model_server.check_capacity = false;
    s.gateway.kind = GatewayKind::None;
    s.scheduler.enabled = false;
    if let Some(service) = &existing.service {
        s.gateway.port = service.port;
    }
    s.existing = Some(existing);
    Ok(s)
}

fn said(name: &str) -> &str {
    if name.is_empty() { scenario::DEFAULT } else { name }
}

/// An autoscaler in a few words: `HPA web (1 to 4 replicas)`.
pub fn words(a: &ExistingAutoscaler) -> String {
    let kind = if a.kind == "HorizontalPodAutoscaler" { "HPA" } else { &a.kind };
    let bound = |n: Option<u32>| n.map_or("?".into(), |n| n.to_string());
    match (a.min_replicas, a.max_replicas) {
        (None, None) => format!("{kind} {}", a.name),
        (low, high) => format!("{kind} {} ({} to {} replicas)", a.name, bound(low), bound(high)),
    }
}
