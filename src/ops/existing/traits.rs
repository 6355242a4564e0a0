//! By what a Deployment is known to serve a model, what it serves, and what scales it. Pure.

use crate::cluster::{items_at, text_at};
use crate::steps::others;
use bench_model::existing::ExistingAutoscaler;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Labels of a Deployment's pods.
pub fn pod_labels(deployment: &Value) -> Option<&Map<String, Value>> {
    deployment.pointer("/spec/template/metadata/labels")?.as_object()
}

/// Does a selector choose these pods? An empty one chooses none here.
pub fn selects(selector: Option<&Map<String, Value>>, labels: Option<&Map<String, Value>>) -> bool {
    let (Some(selector), Some(labels)) = (selector, labels) else { return false };
    !selector.is_empty() && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// Selector of an InferencePool: `matchLabels` since v1, the labels themselves before.
pub fn pool_selector(pool: &Value) -> Option<&Map<String, Value>> {
    let selector = pool.pointer("/spec/selector")?;
    selector.get("matchLabels").unwrap_or(selector).as_object()
}

fn words(container: &Value) -> Vec<&str> {
    let of = |key: &str| container[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let all = [of("command"), of("args")].concat();
    // A shell has the whole command in one argument.
    all.into_iter().flat_map(|w| w.split_whitespace().collect::<Vec<_>>()).collect()
}

/// Value of `--name value` or `--name=value`.
fn option<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(i, w)| match w.strip_prefix(name)? {
        "" => words.get(i + 1).copied().filter(|v| !v.starts_with('-')),
        rest => rest.strip_prefix('='),
    })
}

fn containers(deployment: &Value) -> impl Iterator<Item = &Value> {
    items_at(deployment, "/spec/template/spec/containers")
}

/// Does a container take vLLM's arguments?
fn is_server(container: &Value) -> bool {
    let words = words(container);
    let vllm = words.iter().any(|w| w.ends_with("vllm") || w.starts_with("vllm.entrypoints"));
    (vllm && words.contains(&"serve"))
        || words.iter().any(|w| w.starts_with("vllm.entrypoints"))
        || (option(&words, "--model").is_some() && (option(&words, "--port").is_some() || option(&words, "--served-model-name").is_some()))
        || (["vllm", "llm-d-inference-sim", "llm-d-cuda"].iter().any(|i| image(container).contains(i)) && !words.is_empty())
}

/// Name of the image, without registry and tag.
fn image(container: &Value) -> &str {
    let name = text_at(container, "/image");
    let name = name.split('@').next().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default()
}

/// By what a Deployment is known to serve a model; `None` when it does not, or only prefills.
pub fn serves(deployment: &Value, pools: &[Value]) -> Option<String> {
    let labels = pod_labels(deployment)?;
    let role = labels.get("llm-d.ai/role").and_then(Value::as_str).unwrap_or_default();
    if role == "prefill" {
        return None;
    }
    if let Some(pool) = pools.iter().find(|p| selects(pool_selector(p), Some(labels))) {
        return Some(format!("InferencePool {} selects its pods", text_at(pool, "/metadata/name")));
    }
    if let Some(l) = ["llm-d.ai/model", "llm-d.ai/inferenceServing", "llm-d.ai/inference-serving"].iter().find(|l| labels.contains_key(**l))
    {
        return Some(format!("its pods are labelled {l}"));
    }
    let server = containers(deployment).find(|c| is_server(c))?;
    Some(format!("container {} takes a model server's arguments", text_at(server, "/name")))
}

fn server(deployment: &Value) -> Option<&Value> {
    containers(deployment).find(|c| is_server(c)).or_else(|| containers(deployment).next())
}

/// The served model's name by the arguments: the served name before the path.
pub fn model(deployment: &Value) -> Option<String> {
    let words = words(server(deployment)?);
    let after = |word: &str| words.iter().position(|w| *w == word).and_then(|i| words.get(i + 1)).copied().filter(|w| !w.starts_with('-'));
    let name = option(&words, "--served-model-name").or_else(|| option(&words, "--model")).or_else(|| after("serve"))?;
    (!name.contains('$')).then(|| name.trim_matches(['"', '\'']).to_string())
}

/// Port of `/metrics` in the pod: vLLM's own, which is also where it serves.
pub fn metrics_port(deployment: &Value) -> Option<u16> {
    let container = server(deployment)?;
    let words = words(container);
    if let Some(port) = option(&words, "--port").and_then(|p| p.parse().ok()) {
        return Some(port);
    }
    let ports: Vec<&Value> = items_at(container, "/ports").collect();
    let named = ports.iter().find(|p| matches!(text_at(p, "/name"), "metrics" | "http" | "vllm"));
    u16::try_from(named.or(ports.first())?.get("containerPort")?.as_u64()?).ok()
}

/// Labels by which it selects its pods; `None` when it also has expressions, which are not followed.
pub fn selector(deployment: &Value) -> Option<BTreeMap<String, String>> {
    let selector = deployment.pointer("/spec/selector")?;
    if selector.get("matchExpressions").and_then(Value::as_array).is_some_and(|e| !e.is_empty()) {
        return None;
    }
    let labels = selector.get("matchLabels")?.as_object()?;
    Some(labels.iter().filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string()))).collect())
}

/// Does it scale this Deployment? WVA 0.4 goes by its own name alone.
fn scales(o: &Value, kind: &str, deployment: &str) -> bool {
    let by_name = kind == "VariantAutoscaling" && text_at(o, "/spec/scaleTargetRef/name").is_empty();
    others::targets(o, deployment) || (by_name && text_at(o, "/metadata/name") == deployment)
}

/// What scales a Deployment, of objects of one kind. An HPA that KEDA made is its ScaledObject's.
pub fn autoscalers(objects: &[Value], kind: &str, deployment: &str) -> Vec<ExistingAutoscaler> {
    let keys = if kind == "ScaledObject" { ("minReplicaCount", "maxReplicaCount") } else { ("minReplicas", "maxReplicas") };
    let number = |o: &Value, key: &str| o["spec"][key].as_u64().and_then(|n| u32::try_from(n).ok());
    let all = objects.iter().filter(|o| scales(o, kind, deployment) && !super::is_benchs(o));
    all.filter(|o| others::scaled_object_of(o).is_none())
        .map(|o| ExistingAutoscaler {
            kind: kind.into(),
            name: text_at(o, "/metadata/name").into(),
            min_replicas: number(o, keys.0),
            max_replicas: number(o, keys.1),
        })
        .collect()
}

#[cfg(test)]
#[path = "traits_tests.rs"]
mod tests;
