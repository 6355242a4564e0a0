//! The namespace of the stack: made when absent, and only then removed at teardown.

use super::strangers::strangers;
use super::{Ctx, is_ours, stuck};
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
