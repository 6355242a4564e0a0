//! What the plan must know of the cluster.

use crate::cluster::{Cluster, text_at};
use bench_model::plan::{ClusterFacts, NodeFact};
use serde_json::Value;

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
    Ok(ClusterFacts {
        kubernetes: text(&version, "/gitVersion"),
        openshift,
        nodes: nodes
            .iter()
            .map(|n| NodeFact {
                name: text(n, "/metadata/name"),
                arch: text(n, "/status/nodeInfo/architecture"),
                os_image: text(n, "/status/nodeInfo/osImage"),
                gpu_product: n.pointer("/metadata/labels").and_then(|l| l["nvidia.com/gpu.product"].as_str()).map(String::from),
                gpus: n.pointer("/status/allocatable").and_then(|a| a["nvidia.com/gpu"].as_str()?.parse().ok()).unwrap_or(0),
            })
            .collect(),
    })
}
