//! Why is it still there? What holds an object that was to be deleted, and who put that there.

use crate::cluster::{Cluster, ClusterError, Ref, items_at, text_at};
use serde_json::Value;

fn conditions(o: &Value) -> impl Iterator<Item = &Value> {
    items_at(o, "/status/conditions")
}

/// One line: the object, and every cause that can be seen. `refused` is what the API server said to the deletion.
pub async fn line(cluster: &Cluster, r: &Ref, object: &Value, refused: Option<&ClusterError>) -> String {
    let mut causes: Vec<String> = refused.map(|e| refusal(&e.to_string())).into_iter().collect();
    causes.extend(finalizers(object));
    if r.kind.kind == "Namespace" {
        causes.extend(namespace(object));
        // A namespace ends only when every API could be asked what is in it.
        if conditions(object).any(|c| c["type"] == "NamespaceDeletionDiscoveryFailure" && c["status"] == "True") {
            causes.extend(dead_apis(cluster).await);
        }
    }
    let leaving = text_at(object, "/metadata/deletionTimestamp");
    if !leaving.is_empty() {
        causes.insert(0, format!("being deleted since {leaving}"));
    }
    let owner = object.pointer("/metadata/ownerReferences/0");
    if let Some(o) = owner.filter(|_| causes.is_empty()) {
        causes.push(format!("it goes with {} {}, which made it", text_at(o, "/kind"), text_at(o, "/name")));
    }
    if causes.is_empty() {
        causes.push("nothing holds it: it was made again, or its deletion has not begun".into());
    }
    format!("{r}: {}", causes.join("; "))
}

/// The API server's refusal, a webhook's by its name.
fn refusal(message: &str) -> String {
    let named = |before: &str| message.split_once(before).and_then(|(_, rest)| rest.split('"').next());
    match named("admission webhook \"").or_else(|| named("failed calling webhook \"")) {
        Some(name) => format!("webhook {name} refuses its deletion: {message}"),
        None => format!("its deletion is refused: {message}"),
    }
}

/// Each finalizer, and which client set it when.
fn finalizers(object: &Value) -> Vec<String> {
    items_at(object, "/metadata/finalizers")
        .filter_map(Value::as_str)
        .map(|f| {
            let key = format!("v:\"{f}\"");
            let sets = |m: &&Value| m.pointer("/fieldsV1/f:metadata/f:finalizers").is_some_and(|s| s.get(&key).is_some());
            match items_at(object, "/metadata/managedFields").find(sets) {
                Some(m) => format!("finalizer {f}, set by {} at {}", text_at(m, "/manager"), text_at(m, "/time")),
                None => format!("finalizer {f}"),
            }
        })
        .collect()
}

/// What a namespace says of its own end.
pub fn namespace(object: &Value) -> Vec<String> {
    conditions(object)
        .filter(|c| c["status"] == "True" && text_at(c, "/type").starts_with("Namespace"))
        .map(|c| format!("{}: {}", text_at(c, "/type"), text_at(c, "/message")))
        .collect()
}

/// Aggregated APIs that do not answer.
async fn dead_apis(cluster: &Cluster) -> Vec<String> {
    let all = cluster.list("APIService", None, "").await.unwrap_or_default();
    all.iter()
        .filter_map(|a| {
            let c = conditions(a).find(|c| c["type"] == "Available" && c["status"] == "False")?;
            let service = format!("{}/{}", text_at(a, "/spec/service/namespace"), text_at(a, "/spec/service/name"));
            Some(format!("APIService {} of Service {service} is down: {}", text_at(a, "/metadata/name"), text_at(c, "/message")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_finalizer_is_told_with_who_set_it() {
        let o = json!({"metadata": {
            "finalizers": ["example.com/hold", "other"],
            "managedFields": [
                {"manager": "kubectl-create", "time": "t0", "fieldsV1": {"f:data": {}}},
                {"manager": "kubectl-edit", "time": "t1", "fieldsV1": {"f:metadata": {"f:finalizers": {".": {}, "v:\"example.com/hold\"": {}}}}},
            ],
        }});
        assert_eq!(finalizers(&o), ["finalizer example.com/hold, set by kubectl-edit at t1", "finalizer other"]);
    }

    #[test]
    fn a_webhook_that_refuses_is_named() {
        let denied = "not allowed to delete ConfigMap a/b: admission webhook \"keep.example.com\" denied the request: no";
        assert!(refusal(denied).starts_with("webhook keep.example.com refuses"), "{}", refusal(denied));
        let silent = "Internal error occurred: failed calling webhook \"gone.example.com\": no endpoints";
        assert!(refusal(silent).starts_with("webhook gone.example.com refuses"));
        assert!(refusal("cannot delete x: no").starts_with("its deletion is refused"));
    }

    #[test]
    fn a_namespace_tells_only_conditions_that_hold() {
        let o = json!({"status": {"conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "True", "message": "metrics.k8s.io/v1beta1: stale"},
            {"type": "NamespaceContentRemaining", "status": "False", "message": "all gone"},
        ]}});
        assert_eq!(namespace(&o), ["NamespaceDeletionDiscoveryFailure: metrics.k8s.io/v1beta1: stale"]);
    }
}
