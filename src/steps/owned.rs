//! What carries bench's labels, found by them and by nothing else.

use crate::cluster::{Cluster, ClusterError, KINDS, Kind, Ref, items_at, text_at};
use crate::config::manifests::labels;
use serde_json::Value;

/// Kinds that bench makes, by itself or through a controller; namespaces are looked for separately, events expire.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    // A CRD that bench made goes by a step of its own, once nobody uses it; what is on a claim outlives the stack.
    const NEVER: [&str; 10] = [
        "Event",
        "Node",
        "Namespace",
        "CustomResourceDefinition",
        "Prometheus",
        "PersistentVolumeClaim",
        "GatewayClass",
        "InferencePool",
        "Route",
        "SecurityContextConstraints",
    ];
    KINDS.iter().filter(|k| !NEVER.contains(&k.kind))
}

/// An object as it was found.
#[derive(Debug, Clone)]
pub struct Object {
    pub at: Ref,
    pub uid: String,
    pub object: Value,
}

impl Object {
    /// Made by a controller from another object, with which it goes.
    pub fn is_child(&self) -> bool {
        items_at(&self.object, "/metadata/ownerReferences").any(|o| o["controller"] == true)
    }

    /// Where helm keeps a release; only helm may delete it.
    pub fn is_helms(&self) -> bool {
        self.object["type"] == "helm.sh/release.v1"
    }

    pub fn label(&self, name: &str) -> &str {
        super::label(&self.object, name).unwrap_or_default()
    }
}

/// All that was found, and kinds that could not be looked for.
#[derive(Debug, Default)]
pub struct Owned {
    pub objects: Vec<Object>,
    /// Kind and why: its API is down, its webhook does not answer.
    pub blind: Vec<(&'static str, String)>,
}

/// Everything that carries a stack's labels, in the whole cluster where that may be read.
///
/// A kind whose API does not answer hides nothing of the others.
pub async fn of_stack(cluster: &Cluster, stack: &str) -> Owned {
    let selector = format!("{}={},{}={stack}", labels::MANAGED_BY, labels::BENCH, labels::STACK);
    find(cluster, &selector, stack).await
}

/// Everything with bench's labels of whichever stack; only of one namespace where not all may be read.
pub async fn of_all(cluster: &Cluster, fallback: &str) -> Owned {
    find(cluster, &format!("{}={},{}", labels::MANAGED_BY, labels::BENCH, labels::STACK), fallback).await
}

async fn find(cluster: &Cluster, selector: &str, fallback: &str) -> Owned {
    let mut out = Owned::default();
    for k in kinds() {
        match list(cluster, k, selector, fallback).await {
            Ok(found) => out.objects.extend(found),
            // A kind that the cluster does not have, or a cluster-scoped one that this user never made.
            Err(e) if e.is_not_found() || e.is_forbidden() => {}
            Err(e) => out.blind.push((k.kind, e.to_string())),
        }
    }
    out
}

async fn list(cluster: &Cluster, k: &'static Kind, selector: &str, fallback: &str) -> Result<Vec<Object>, ClusterError> {
    let found = match cluster.list(k.kind, None, selector).await {
        Err(e) if e.is_forbidden() && k.namespaced => cluster.list(k.kind, Some(fallback), selector).await,
        other => other,
    }?;
    Ok(found.into_iter().map(|o| object(k, o)).collect())
}

fn object(k: &Kind, o: Value) -> Object {
    let text = |p: &str| text_at(&o, p);
    Object { at: Ref::new(k.kind, text("/metadata/namespace"), text("/metadata/name")), uid: text("/metadata/uid").into(), object: o }
}

/// Namespaces that bench made, of one stack or of all.
pub async fn namespaces(cluster: &Cluster, stack: Option<&str>) -> Result<Vec<Object>, ClusterError> {
    let of = stack.map(|s| format!("{}={s}", labels::STACK)).unwrap_or_else(|| labels::STACK.into());
    let k = crate::cluster::kind("Namespace");
    match cluster.list("Namespace", None, &format!("{}={},{of}", labels::MANAGED_BY, labels::BENCH)).await {
        Ok(found) => Ok(found.into_iter().map(|o| object(k, o)).collect()),
        // Whoever may not list them may still read the one by its name.
        Err(e) if e.is_forbidden() => {
            let Some(stack) = stack else { return Ok(vec![]) };
            match cluster.get(&Ref::new("Namespace", "", stack)).await {
                Ok(found) => Ok(found.filter(|o| super::is_ours(o, stack)).map(|o| object(k, o)).into_iter().collect()),
                Err(e) if e.is_forbidden() => Ok(vec![]),
                Err(e) => Err(e),
            }
        }
        Err(e) => Err(e),
    }
}
