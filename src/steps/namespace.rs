//! The namespace of the stack: made when absent, and only then removed at teardown.

use super::{Ctx, is_ours};
use crate::cluster::{Poll, Ref, wait_for};
use crate::config::manifests::own;
use serde_json::{Value, json};
use std::time::Duration;

pub async fn ensure(ctx: &Ctx) -> anyhow::Result<((), String)> {
    ensure_named(ctx, ctx.namespace()).await
}

/// Makes a namespace unless it exists, whoever made it.
pub async fn ensure_named(ctx: &Ctx, name: &str) -> anyhow::Result<((), String)> {
    let r = Ref::new("Namespace", "", name);
    let found = match ctx.cluster.get(&r).await {
        // Whoever may not look at namespaces has been given one; if not, the first object to be made says so.
        Err(e) if e.is_forbidden() => return Ok(((), format!("{name} is taken to be there; this user may not look"))),
        other => other?,
    };
    if let Some(found) = found {
        if found.pointer("/metadata/deletionTimestamp").is_none() {
            return Ok(((), format!("{name} is there")));
        }
        // The last teardown may still be at it.
        wait_for(&format!("the old namespace {name} to be gone"), ctx.limit(120), Duration::from_secs(1), async || {
            Ok(match ctx.cluster.get(&r).await? {
                None => Poll::Done(()),
                Some(o) => Poll::Not(stuck(&o)),
            })
        })
        .await?;
    }
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    own(&mut object, ctx.namespace());
    ctx.cluster.create(&object).await?;
    Ok(((), format!("{name} created")))
}

/// Why a namespace does not end.
fn stuck(namespace: &Value) -> String {
    let conditions = namespace.pointer("/status/conditions").and_then(Value::as_array);
    let said: Vec<&str> =
        conditions.into_iter().flatten().filter(|c| c["status"] == "True").filter_map(|c| c["message"].as_str()).collect();
    if said.is_empty() { "it is terminating".into() } else { said.join("; ") }
}

/// What somebody else keeps in a namespace; what every namespace has by itself does not count.
async fn strangers(ctx: &Ctx, name: &str) -> anyhow::Result<Vec<String>> {
    let mut out = vec![];
    for kind in ["Deployment", "StatefulSet", "Job", "Service", "ConfigMap", "Secret"] {
        for o in ctx.cluster.list(kind, Some(name), "").await? {
            let object = o.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let own = super::label(&o, crate::config::manifests::labels::MANAGED_BY) == Some(crate::config::manifests::labels::BENCH);
            let usual =
                matches!(object, "kube-root-ca.crt" | "openshift-service-ca.crt") || o["type"] == "kubernetes.io/service-account-token";
            let leaving = o.pointer("/metadata/deletionTimestamp").is_some();
            // Secrets that OpenShift gives every ServiceAccount.
            if !own && !usual && !leaving && !object.contains("-dockercfg-") {
                out.push(format!("{kind} {object}"));
            }
        }
    }
    Ok(out)
}

/// Removes the namespace when this stack made it.
pub async fn remove(ctx: &Ctx, name: &str) -> anyhow::Result<Option<String>> {
    let r = Ref::new("Namespace", "", name);
    // Whoever may not look has made none.
    match ctx.cluster.get_if_allowed(&r).await? {
        Some(o) if is_ours(&o, ctx.namespace()) => {
            let strangers = strangers(ctx, name).await?;
            if !strangers.is_empty() {
                ctx.report.warn(format!("namespace {name} is kept, somebody else put things into it: {}", strangers.join(", ")));
                return Ok(None);
            }
            ctx.cluster.delete_and_wait(&r, ctx.limit(180)).await?;
            Ok(Some(format!("namespace {name}")))
        }
        _ => Ok(None),
    }
}
