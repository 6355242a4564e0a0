//! The namespace of the stack: made when absent, and only then removed at teardown.

use super::{Ctx, is_ours, stuck};
use crate::cluster::{Poll, Ref, wait_for};
use crate::config::manifests::{labels, own};
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
                Some(o) => Poll::Not(stuck::line(&ctx.cluster, &r, &o, None).await),
            })
        })
        .await?;
    }
    let mut object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    own(&mut object, ctx.namespace());
    ctx.cluster.create(&object).await?;
    Ok(((), format!("{name} created")))
}

/// What somebody else keeps in a namespace; what every namespace has by itself does not count.
///
/// A PersistentVolumeClaim always counts, whatever its labels: it holds data, such as a model that took an hour to load.
pub async fn strangers(ctx: &Ctx, name: &str) -> anyhow::Result<Vec<String>> {
    let mut out = vec![];
    let istio = &ctx.plan.scenario.gateway.control_plane.namespace;
    for kind in ["Deployment", "StatefulSet", "Job", "Pod", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim"] {
        for o in ctx.cluster.list(kind, Some(name), "").await? {
            let object = o.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let mine = super::label(&o, labels::MANAGED_BY) == Some(labels::BENCH);
            let own = kind != "PersistentVolumeClaim" && mine;
            // What a controller made goes with what it was made from, which counts itself.
            let child = o.pointer("/metadata/ownerReferences").is_some();
            // By Istio's control plane in every namespace, and for itself.
            let istios = super::label(&o, "istio.io/config") == Some("true")
                || (name == istio && (object.starts_with("istio-") && matches!(kind, "ConfigMap" | "Secret")));
            let usual = istios
                || matches!(object, "kube-root-ca.crt" | "openshift-service-ca.crt")
                || o["type"] == "kubernetes.io/service-account-token";
            let leaving = o.pointer("/metadata/deletionTimestamp").is_some();
            // Secrets that OpenShift gives every ServiceAccount.
            if !own && !child && !usual && !leaving && !object.contains("-dockercfg-") {
                out.push(format!("{kind} {object}{}", if mine { ", which bench made" } else { "" }));
            }
        }
    }
    Ok(out)
}

/// Removes the namespace when this stack made it, and nobody else uses it.
///
/// # Errors
/// When it does not end in time: with what holds it.
pub async fn remove(ctx: &Ctx, name: &str) -> anyhow::Result<Option<String>> {
    let r = Ref::new("Namespace", "", name);
    // Whoever may not look has made none.
    let found = ctx.cluster.get_if_allowed(&r).await?;
    let Some(object) = found.filter(|o| is_ours(o, ctx.namespace())) else { return Ok(None) };
    let strangers = strangers(ctx, name).await?;
    if !strangers.is_empty() {
        ctx.report.warn(format!("namespace {name} is kept, there are things in it that bench does not remove: {}", strangers.join(", ")));
        return Ok(None);
    }
    ctx.cluster.delete(&r, object.pointer("/metadata/uid").and_then(Value::as_str)).await?;
    wait_for(&format!("{r} to be gone"), ctx.limit(180), Duration::from_millis(500), async || {
        Ok(match ctx.cluster.get(&r).await? {
            None => Poll::Done(()),
            Some(o) => Poll::Not(stuck::line(&ctx.cluster, &r, &o, None).await),
        })
    })
    .await?;
    Ok(Some(format!("namespace {name}")))
}
