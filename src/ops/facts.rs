//! What the plan must know of the cluster.

use crate::cluster::{Cluster, text_at};
use crate::config::accelerator::{LABELS, RESOURCES};
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::{ClusterFacts, NodeFact};
use serde_json::Value;

/// From a file: the facts alone, or a plan that has them.
pub fn read(path: &std::path::Path) -> anyhow::Result<ClusterFacts> {
    let bad =
        |why: String| Failure::new(Exit::Usage, format!("{}: {why}", path.display())).hint("the `facts` of any run's plan.yaml will do");
    let text = std::fs::read_to_string(path).map_err(|e| bad(e.to_string()))?;
    let mut value: Value = serde_yaml::from_str(&text).map_err(|e| bad(e.to_string()))?;
    if let Some(facts) = value.get_mut("facts").map(Value::take) {
        value = facts;
    }
    serde_json::from_value(value).map_err(|e| bad(e.to_string()).into())
}

/// Version, flavour and nodes. Nodes are left out when this user may not list them.
pub async fn gather(cluster: &Cluster) -> anyhow::Result<ClusterFacts> {
    let version = cluster.get_path("/version").await?;
    let groups = cluster.get_path("/apis").await?;
    let openshift = groups["groups"].as_array().into_iter().flatten().any(|g| g["name"] == "route.openshift.io");
    let nodes = match cluster.list("Node", None, "").await {
        Ok(n) => n,
        Err(e) if e.is_forbidden() => vec![],
        Err(e) => return Err(e.into()),
    };
    let text = |v: &Value, p: &str| text_at(v, p).to_string();
    Ok(ClusterFacts { kubernetes: text(&version, "/gitVersion"), openshift, nodes: nodes.iter().map(node).collect(), accelerator: None })
}

/// GPUs that a node can give away.
fn gpus(node: &Value) -> u32 {
    let count = |r: &str| node.pointer("/status/allocatable").and_then(|a| a[r].as_str()?.parse::<u32>().ok()).unwrap_or(0);
    RESOURCES.iter().map(|r| count(r)).sum()
}

pub fn node(n: &Value) -> NodeFact {
    let text = |p: &str| text_at(n, p).to_string();
    let label = |name: &str| n.pointer("/metadata/labels").and_then(|l| l[name].as_str());
    let product = LABELS.iter().find_map(|l| Some((*l, label(l)?)));
    NodeFact {
        name: text("/metadata/name"),
        arch: text("/status/nodeInfo/architecture"),
        os_image: text("/status/nodeInfo/osImage"),
        gpu_product: product.map(|(_, p)| p.into()),
        gpu_label: product.map(|(l, _)| l).filter(|l| *l != LABELS[0]).map(Into::into),
        gpus: gpus(n),
        gpu_memory_mib: label("nvidia.com/gpu.memory").and_then(|m| m.parse().ok()),
    }
}
