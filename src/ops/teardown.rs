//! Removes what bench made, by label, and puts back what it changed; then looks whether anything is left.

use super::Session;
use crate::cluster::{Cluster, KINDS, Ref};
use crate::config::manifests::labels;
use crate::failure::Failure;
use crate::steps::{Ctx, adapter, namespace, record, wva};
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use serde_json::Value;
use std::time::Duration;

/// Kinds that teardown looks for; the namespace comes last and separately.
fn kinds() -> impl Iterator<Item = &'static crate::cluster::Kind> {
    KINDS.iter().filter(|k| !matches!(k.kind, "Event" | "Node" | "Namespace" | "ReplicaSet" | "CustomResourceDefinition" | "Prometheus"))
}

/// Everything that carries this stack's labels, in the whole cluster where that may be read.
pub async fn owned(cluster: &Cluster, stack: &str) -> anyhow::Result<Vec<(Ref, Option<String>)>> {
    let selector = format!("{}={},{}={stack}", labels::MANAGED_BY, labels::BENCH, labels::STACK);
    let mut out = vec![];
    for k in kinds() {
        let found = match cluster.list(k.kind, None, &selector).await {
            Err(e) if e.is_forbidden() && k.namespaced => cluster.list(k.kind, Some(stack), &selector).await,
            other => other,
        };
        let found = match found {
            Ok(f) => f,
            // A kind that the cluster does not have, or a cluster-scoped one that this user never made.
            Err(e) if e.is_not_found() || e.is_forbidden() => continue,
            Err(e) => return Err(e.into()),
        };
        for o in found {
            let text = |p: &str| o.pointer(p).and_then(Value::as_str).unwrap_or_default();
            // Children of labelled objects go with their owner; they need no delete of their own.
            out.push((Ref::new(k.kind, text("/metadata/namespace"), text("/metadata/name")), Some(text("/metadata/uid").to_string())));
        }
    }
    Ok(out)
}

/// What would be removed or put back.
pub async fn dry_run(session: &Session, plan: &Plan) -> anyhow::Result<Vec<String>> {
    let stack = plan.namespace();
    let mut out: Vec<String> = owned(&session.cluster, stack).await?.iter().map(|(r, _)| r.to_string()).collect();
    for ns in [plan.scenario.wva.namespace.as_str(), plan.scenario.adapter.namespace.as_str(), stack] {
        if let Some(o) = session.cluster.get_if_allowed(&Ref::new("Namespace", "", ns)).await?
            && crate::steps::is_ours(&o, stack)
        {
            out.push(format!("Namespace {ns}"));
        }
    }
    Ok(out)
}

/// Every step is tried, also after one that failed. The stack's record goes last: it is what a second try needs.
///
/// # Errors
/// Exit 6 while a run is at work, unless forced; exit 8 with a list when something is left.
pub async fn teardown(session: &Session, plan: Plan, force: bool) -> anyhow::Result<usize> {
    let ctx = session.stack_ctx(plan);
    let stack = ctx.namespace().to_string();
    if !force {
        super::run::refuse_live_run(&ctx, "").await?;
    }
    let mut failed: Vec<String> = vec![];
    let mut note = |what: &str, e: anyhow::Error| failed.push(format!("{what}: {e:#}"));
    let mut count = 0;
    // What acts on others goes first: autoscalers, loads. Then what was changed of others, while the saved originals exist.
    let acting = ["HorizontalPodAutoscaler", "VariantAutoscaling", "Job", "Pod"];
    match ctx.step("autoscalers", "HPAs, VariantAutoscaling, loads", remove_kinds(&ctx, &acting)).await {
        Ok(n) => count += n,
        Err(e) => note("autoscalers", e),
    }
    let wva = ctx.step("wva", "Workload-Variant-Autoscaler", async {
        let done = wva::remove(&ctx).await?;
        Ok(((), if done.is_empty() { "nothing of bench's".into() } else { done.join("; ") }))
    });
    let mut restored = true;
    if let Err(e) = wva.await {
        restored = false;
        note("wva", e);
    }
    let adapter = ctx.step("adapter", "external metrics", async {
        let done = adapter::remove(&ctx).await?;
        Ok(((), done.unwrap_or_else(|| "nothing of bench's in somebody's adapter".into())))
    });
    if let Err(e) = adapter.await {
        restored = false;
        note("adapter", e);
    }
    if restored {
        match ctx.step("objects", "everything labelled", remove_kinds(&ctx, &[])).await {
            Ok(n) => count += n,
            Err(e) => note("objects", e),
        }
    }
    if failed.is_empty() {
        failed = left(&ctx).await?;
    }
    if failed.is_empty() {
        ctx.step("namespaces", &stack, async {
            ctx.cluster.delete(&record::at(&stack), None).await?;
            let mut gone = vec![];
            for ns in [ctx.plan.scenario.adapter.namespace.as_str(), ctx.plan.scenario.wva.namespace.as_str(), stack.as_str()] {
                gone.extend(namespace::remove(&ctx, ns).await?);
            }
            Ok(((), if gone.is_empty() { "none was made by bench".into() } else { gone.join(", ") }))
        })
        .await
        .map_err(|e| {
            Failure::new(Exit::Leftovers, format!("a namespace is left: {e:#}")).hint("kubectl get namespace -o yaml names what holds it")
        })?;
        return Ok(count);
    }
    Err(Failure::new(Exit::Leftovers, format!("teardown is not complete: {} things are left", failed.len()))
        .hint("run bench teardown again; an object with a finalizer waits for whoever put it there")
        .evidence(failed)
        .into())
}

/// Deletes labelled objects of some kinds (all when none is named) and waits until they are gone.
async fn remove_kinds(ctx: &Ctx, only: &[&str]) -> anyhow::Result<(usize, String)> {
    let mut found = owned(&ctx.cluster, ctx.namespace()).await?;
    found.retain(|(r, _)| (only.is_empty() || only.contains(&r.kind.kind)) && *r != record::at(ctx.namespace()));
    for (r, uid) in &found {
        match ctx.cluster.delete(r, uid.as_deref()).await {
            Ok(_) => {}
            // Another uid by now: it is somebody else's.
            Err(e) if e.is_conflict() => {}
            Err(e) => return Err(e.into()),
        }
    }
    let deadline = tokio::time::Instant::now() + ctx.limit(120);
    loop {
        let mut left = 0;
        for (r, uid) in &found {
            let now = ctx.cluster.get(r).await?;
            left += usize::from(now.is_some_and(|o| o.pointer("/metadata/uid").and_then(Value::as_str) == uid.as_deref()));
        }
        if left == 0 || tokio::time::Instant::now() >= deadline {
            // What is still there is named by the verification at the end.
            return Ok((found.len(), format!("{} removed", found.len() - left)));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What still carries our labels, but for the record.
async fn left(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let mut left: Vec<String> = vec![];
    for (r, _) in owned(&ctx.cluster, ctx.namespace()).await? {
        let Some(o) = ctx.cluster.get(&r).await? else { continue };
        if r == record::at(ctx.namespace()) {
            continue;
        }
        let finalizers = o.pointer("/metadata/finalizers").map(|f| format!(", finalizers {f}")).unwrap_or_default();
        left.push(format!("{r}{finalizers}"));
    }
    Ok(left)
}
