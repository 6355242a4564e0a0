//! Autoscalers of an adopted stack: kept whole in the cluster before they are deleted, and made again as they were.

use super::model_server::{self, REPLICAS};
use super::{Ctx, is_ours, marks, others};
use crate::cluster::{Cluster, Poll, Ref, items_at, text_at, wait_for};
use crate::config::manifests::labels;
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::Value;
use std::time::Duration;

/// Names of marks that hold an autoscaler begin so.
const WHAT: &str = "autoscaler-";

/// What the server gives an object; it cannot be given back.
const OF_THE_SERVER: [&str; 8] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// An object as somebody wrote it.
fn as_written(mut o: Value) -> Value {
    if let Some(meta) = o.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for key in OF_THE_SERVER {
            meta.shift_remove(key);
        }
    }
    if let Some(o) = o.as_object_mut() {
        o.shift_remove("status");
    }
    o
}

/// Keeps and deletes what scaled the Deployment when it was adopted, and nothing else.
///
/// # Errors
/// Exit 6 when a controller would make it again.
pub async fn set_aside(ctx: &Ctx) -> anyhow::Result<((), String)> {
    let mut done = vec![];
    let adopted = ctx.plan.scenario.existing.iter().flat_map(|e| &e.autoscalers);
    let mut there = vec![];
    for a in adopted {
        let r = Ref::new(&a.kind, ctx.namespace(), &a.name);
        // Set aside by an earlier try, or withdrawn by its owner; one of bench's may have its name by now.
        let Some(found) = ctx.cluster.get(&r).await?.filter(|o| !is_ours(o, ctx.namespace())) else { continue };
        if let Some(owner) = items_at(&found, "/metadata/ownerReferences").find(|o| o["controller"] == true) {
            let owner = format!("{} {}", text_at(owner, "/kind"), text_at(owner, "/name"));
            return Err(Failure::new(Exit::Cluster, format!("{r} belongs to {owner}, which would make it again"))
                .hint(format!("stop {owner} first; bench run measures the stack as it is"))
                .into());
        }
        there.push((r, found));
    }
    if marks::get(&ctx.cluster, ctx.namespace(), REPLICAS).await?.is_none()
        && let Some(now) = model_server::replicas(ctx).await?
    {
        marks::save(ctx, REPLICAS, &model_server::deployment(ctx), "spec.replicas", &now.desired.to_string(), None).await?;
    }
    for (r, found) in there {
        let what = format!("{WHAT}{}-{}", r.kind.kind.to_lowercase(), r.name);
        let uid = text_at(&found, "/metadata/uid").to_string();
        marks::save(ctx, &what, &r, "object", &as_written(found).to_string(), None).await?;
        ctx.cluster.delete(&r, Some(&uid)).await?;
        wait_for(&format!("{r} to be gone"), ctx.limit(60), Duration::from_millis(500), async || {
            let now = ctx.cluster.get(&r).await?;
            let same = now.is_some_and(|n| text_at(&n, "/metadata/uid") == uid);
            Ok(if same { Poll::Not("a finalizer holds it".into()) } else { Poll::Done(()) })
        })
        .await?;
        done.push(r.to_string());
    }
    // KEDA's HPA goes with its ScaledObject, a moment later.
    wait_for("KEDA's HPA to be gone", ctx.limit(60), Duration::from_millis(500), async || {
        let of_keda = |h: &&Value| others::scaled_object_of(h).is_some();
        let all = others::hpas(ctx).await?;
        let left = all.iter().filter(of_keda).filter(|h| !is_ours(h, ctx.namespace())).count();
        Ok(if left == 0 { Poll::Done(()) } else { Poll::Not(format!("{left} left")) })
    })
    .await?;
    Ok((
        (),
        if done.is_empty() {
            "nothing scales it, or it is set aside already".into()
        } else {
            format!("{} kept and removed", done.join(", "))
        },
    ))
}

/// Marks that hold an autoscaler.
async fn kept(cluster: &Cluster, stack: &str) -> anyhow::Result<Vec<Value>> {
    let selector = format!("{}={},{}={stack}", labels::MANAGED_BY, labels::BENCH, labels::STACK);
    let mut all = cluster.list("ConfigMap", Some(stack), &selector).await?;
    let prefix = format!("{}{WHAT}", marks::PREFIX);
    all.retain(|o| text_at(o, "/metadata/name").starts_with(&prefix));
    Ok(all)
}

/// What is set aside, by kind and name.
pub async fn held(cluster: &Cluster, stack: &str) -> anyhow::Result<Vec<String>> {
    Ok(kept(cluster, stack).await?.iter().map(|m| text_at(m, "/data/object").to_string()).collect())
}

/// Makes again what was set aside, as it was. What somebody made again meanwhile is newer and stays.
///
/// # Errors
/// When one of bench's is still in its place, or the API server does not take it.
pub async fn give_back(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let mut done = vec![];
    for mark in kept(&ctx.cluster, ctx.namespace()).await? {
        let object: Value = serde_json::from_str(text_at(&mark, "/data/before"))?;
        let r = Ref::of(&object)?;
        match ctx.cluster.get(&r).await? {
            Some(o) if is_ours(&o, ctx.namespace()) => anyhow::bail!("{r} of bench's is still in the place of somebody's"),
            Some(_) => done.push(format!("{r} is there again and stays as it is")),
            None => match ctx.cluster.create(&object).await {
                Ok(_) => done.push(format!("{r} is back as it was")),
                // The answer to an earlier try was lost.
                Err(e) if e.is_conflict() => done.push(format!("{r} is back")),
                Err(e) => return Err(e.into()),
            },
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_kept_is_what_somebody_wrote() {
        let o = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {
                "name": "web", "namespace": "a", "labels": {"x": "y"}, "annotations": {"note": "ours"}, "finalizers": ["f"],
                "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": "t", "managedFields": [{}],
            },
            "spec": {"minReplicas": 1}, "status": {"currentReplicas": 2},
        });
        assert_eq!(
            as_written(o),
            json!({
                "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
                "metadata": {"name": "web", "namespace": "a", "labels": {"x": "y"}, "annotations": {"note": "ours"}, "finalizers": ["f"]},
                "spec": {"minReplicas": 1},
            })
        );
    }
}
