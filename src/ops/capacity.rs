//! Is there room for the stack? Asked before anything is made: GPUs for the most replicas, KV cache for the longest request.

use super::predict::kv_tokens;
use crate::cluster::{Cluster, ClusterError, items_at, text_at};
use crate::config::accelerator::RESOURCES;
use crate::config::{Lookup, scenario};
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use serde_json::Value;
use std::collections::BTreeMap;

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub what: &'static str,
    pub ok: bool,
    pub detail: String,
    pub remedy: String,
}

/// All of them; none for a stack without GPUs.
pub async fn check(cluster: &Cluster, plan: &Plan) -> Result<Vec<Verdict>, ClusterError> {
    let mut out = vec![];
    if plan.scenario.model_server.method.is_vllm() {
        out.extend(gpus(cluster, plan).await?);
        out.extend(kv_cache(plan));
    }
    Ok(out)
}

/// # Errors
/// Exit 6 with what there is no room for, unless the scenario says that this is not to be looked at.
pub async fn require(cluster: &Cluster, plan: &Plan) -> anyhow::Result<()> {
    if !plan.scenario.model_server.check_capacity {
        return Ok(());
    }
    let Some(bad) = check(cluster, plan).await?.into_iter().find(|v| !v.ok) else { return Ok(()) };
    let hint = format!("{}; --set model_server.check_capacity=false stands it up all the same", bad.remedy);
    Err(Failure::new(Exit::Cluster, format!("no room for the stack: {}: {}", bad.what, bad.detail)).hint(hint).into())
}

/// GPUs that one replica takes, and the resource they are.
fn per_replica(plan: &Plan) -> Option<(&'static str, u32)> {
    let limits = &plan.scenario.model_server.resources.limits;
    RESOURCES.iter().find_map(|r| Some((*r, limits.get(*r)?.parse::<u32>().ok()?))).filter(|(_, n)| *n > 0)
}

/// Replicas that the arm can come to.
fn most(plan: &Plan) -> u32 {
    match plan.arm {
        Arm::Static(n) => n,
        _ => plan.scenario.scaling.max_replicas,
    }
}

async fn gpus(cluster: &Cluster, plan: &Plan) -> Result<Option<Verdict>, ClusterError> {
    let Some((resource, each)) = per_replica(plan) else { return Ok(None) };
    let replicas = most(plan);
    let what = "GPUs";
    let pass = |detail: String| Some(Verdict { what, ok: true, detail, remedy: String::new() });
    let nodes = match cluster.list("Node", None, "").await {
        Err(e) if e.is_forbidden() => {
            return Ok(pass(format!("not allowed to look at nodes; {} needed for {replicas} replicas", each * replicas)));
        }
        other => other?,
    };
    let pods = match cluster.list("Pod", None, "").await {
        Err(e) if e.is_forbidden() => None,
        other => Some(other?),
    };
    let free = free(&nodes, pods.as_deref().unwrap_or_default(), plan, resource);
    // A replica's GPUs are on one node.
    let room: u32 = free.values().map(|n| n / each).sum();
    let total: u32 = free.values().sum();
    let on = plan.facts.as_ref().and_then(|f| f.accelerator.as_ref()).map(|a| format!(" of {}", a.product)).unwrap_or_default();
    let known = if pods.is_some() { "free" } else { "allocatable (who uses them may not be seen)" };
    let detail = format!("{total} {resource}{on} {known}, {each} for each of {replicas} replicas");
    if room >= replicas {
        return Ok(pass(detail));
    }
    let remedy = match room {
        0 => "add GPU nodes, or free some".into(),
        n => format!("add GPU nodes, or --set scaling.max_replicas={n}"),
    };
    Ok(Some(Verdict { what, ok: false, detail: format!("{detail}: room for {room}"), remedy }))
}

/// Node → GPUs that nobody has asked for, on nodes that the stack may run on. What its own pods have is free for it.
fn free(nodes: &[Value], pods: &[Value], plan: &Plan, resource: &str) -> BTreeMap<String, u32> {
    let wanted = plan.facts.as_ref().and_then(|f| f.accelerator.as_ref());
    let fits = |n: &&Value| {
        let label = |a: &bench_model::plan::Accelerator| n.pointer("/metadata/labels").is_some_and(|l| l[&a.label] == a.product.as_str());
        n.pointer("/spec/unschedulable") != Some(&Value::Bool(true)) && wanted.is_none_or(label)
    };
    let count = |v: Option<&Value>| v.and_then(|l| l[resource].as_str()?.parse::<u32>().ok()).unwrap_or(0);
    let mut out: BTreeMap<String, u32> = nodes
        .iter()
        .filter(fits)
        .map(|n| (text_at(n, "/metadata/name").to_string(), count(n.pointer("/status/allocatable"))))
        .filter(|(_, n)| *n > 0)
        .collect();
    let label = plan.label();
    for p in pods {
        let mine = text_at(p, "/metadata/namespace") == plan.namespace()
            && p.pointer("/metadata/labels").is_some_and(|l| l["llm-d.ai/model"] == label.as_str());
        let over = matches!(text_at(p, "/status/phase"), "Succeeded" | "Failed");
        if mine || over {
            continue;
        }
        let taken: u32 = items_at(p, "/spec/containers").map(|c| count(c.pointer("/resources/limits"))).sum();
        if let Some(n) = out.get_mut(text_at(p, "/spec/nodeName")) {
            *n = n.saturating_sub(taken);
        }
    }
    out
}

/// vLLM does not start when one request of the greatest length has no room in its KV cache.
fn kv_cache(plan: &Plan) -> Option<Verdict> {
    let longest = scenario::max_model_len(&plan.scenario)?;
    // Without coefficients for this model on this card nobody knows.
    let tokens = kv_tokens(&Lookup::default(), plan)?;
    let what = "KV cache";
    let card = &plan.scenario.wva.accelerator;
    let detail = format!("{tokens} tokens a replica on {card}, the longest request has {longest}");
    let remedy = "lower --max-model-len or raise --gpu-memory-utilization in model_server.args".to_string();
    Some(Verdict { what, ok: tokens >= longest, detail, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::scenario::ScenarioArgs;
    use crate::ops::plan::{Intent, resolve};
    use bench_model::plan::ClusterFacts;
    use serde_json::json;

    fn plan(nodes: &[Value], set: &[&str]) -> Plan {
        let intent = Intent {
            scenario: ScenarioArgs { set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() },
            ..Intent::default()
        };
        let facts = ClusterFacts { nodes: nodes.iter().map(crate::ops::facts::node).collect(), ..ClusterFacts::default() };
        resolve(&Lookup { config_dir: None, current_dir: "/nonexistent".into() }, &intent, Some(facts)).unwrap().0
    }

    fn node(name: &str, product: &str, gpus: u32) -> Value {
        json!({"metadata": {"name": name, "labels": {"nvidia.com/gpu.product": product}}, "status": {"allocatable": {"nvidia.com/gpu": gpus.to_string()}}})
    }

    fn pod(ns: &str, node: &str, gpus: u32, phase: &str) -> Value {
        json!({"metadata": {"namespace": ns, "labels": {}}, "status": {"phase": phase}, "spec": {"nodeName": node,
            "containers": [{"resources": {"limits": {"nvidia.com/gpu": gpus.to_string()}}}, {}]}})
    }

    #[test]
    fn free_is_what_nobody_else_has_on_nodes_of_the_right_kind() {
        let mut closed = node("d", "NVIDIA-H100-80GB-HBM3", 8);
        closed["spec"] = json!({"unschedulable": true});
        let nodes = [node("a", "NVIDIA-H100-80GB-HBM3", 8), node("b", "NVIDIA-H100-80GB-HBM3", 8), node("c", "NVIDIA-L40S", 4), closed];
        let p = plan(&nodes, &[]);
        let mut mine = pod("llmdbench", "a", 1, "Running");
        mine["metadata"]["labels"] = json!({"llm-d.ai/model": p.label()});
        let pods =
            [pod("x", "a", 6, "Running"), pod("x", "b", 3, "Succeeded"), pod("x", "c", 4, "Running"), pod("x", "", 8, "Pending"), mine];
        assert_eq!(free(&nodes, &pods, &p, "nvidia.com/gpu"), BTreeMap::from([("a".into(), 2), ("b".into(), 8)]));
    }

    #[test]
    fn the_longest_request_must_fit() {
        let nodes = [node("a", "NVIDIA-H100-80GB-HBM3", 8)];
        let fits = kv_cache(&plan(&nodes, &[])).expect("there are coefficients for it");
        assert!(fits.ok && fits.detail.contains("16000"), "{fits:?}");
        let args = "model_server.args=[--max-model-len, \"16000\", --gpu-memory-utilization, \"0.05\", --enforce-eager]";
        let none = kv_cache(&plan(&nodes, &[args])).expect("there are coefficients for it");
        assert!(!none.ok, "{none:?}");
    }
}
