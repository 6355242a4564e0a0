//! What a stack made for the whole cluster, and another stack of bench uses, is handed over to that one instead of taken away:
//! labels and marks move.

use super::marks::{self, Mark};
use super::owned::{self, Object};
use super::release::Part;
use super::{Ctx, adapter, is_ours, label, record, wva};
use crate::cluster::{Ref, Release};
use crate::config::manifests::labels;
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::{Value, json};

/// Another stack that has a record, and the mark, or an arm that needs an adapter.
async fn heir(ctx: &Ctx, mark: &str, of: impl Fn(&Mark) -> bool, arms: &[&str]) -> anyhow::Result<Option<String>> {
    let marked = marks::of_others(&ctx.cluster, ctx.namespace(), mark).await?;
    let records = record::all(&ctx.cluster, None).await?;
    let stacks =
        records.iter().filter(|r| label(r, labels::STACK) != Some(ctx.namespace()) && r.pointer("/metadata/deletionTimestamp").is_none());
    for r in stacks {
        let Some(stack) = label(r, labels::STACK) else { continue };
        if marked.iter().any(|m| m.stack == stack && of(m)) || arms.iter().any(|a| r["data"]["arm"] == *a) {
            return Ok(Some(stack.to_string()));
        }
    }
    Ok(None)
}

async fn relabel(ctx: &Ctx, r: &Ref, heir: &str) -> anyhow::Result<()> {
    ctx.cluster.merge_patch(r, None, &json!({"metadata": {"labels": {labels::STACK: heir}}})).await?;
    Ok(())
}

fn refuse_inside(ctx: &Ctx, what: &str, heir: &str) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("{what} lives in namespace {} itself, and stack {heir} uses it", ctx.namespace()))
        .hint(format!("tear that one down first: bench teardown -p {heir}"))
        .into()
}

/// The adapter of bench's own that this stack made.
///
/// The APIService is handed over last: until then a second try finds what the first one left.
pub async fn adapter(ctx: &Ctx) -> anyhow::Result<Option<String>> {
    let r = Ref::new("APIService", "", adapter::API_SERVICE);
    let api = match ctx.cluster.get(&r).await {
        Err(e) if e.is_forbidden() => None,
        other => other?,
    };
    let Some(api) = api.filter(|o| is_ours(o, ctx.namespace())) else { return Ok(None) };
    let Some(heir) = heir(ctx, adapter::USED, |_| true, &["wva", "hpa"]).await? else { return Ok(None) };
    let namespace = api.pointer("/spec/service/namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace == ctx.namespace() {
        return Err(refuse_inside(ctx, "the adapter", &heir));
    }
    let found = owned::of_stack(&ctx.cluster, ctx.namespace()).await;
    // Of what else lies outside the stack's namespace, nothing is the adapter's.
    let outside = |o: &&Object| {
        let named = ["llmd-bench-adapter-", "llmd-bench-external-metrics-"].iter().any(|p| o.at.name.starts_with(p));
        o.at.namespace.as_deref() != Some(ctx.namespace())
            && !o.is_helms()
            && o.at != r
            && (named || o.at.namespace.as_deref() == Some(namespace))
    };
    let mut moved = 0;
    for o in found.objects.iter().filter(outside) {
        relabel(ctx, &o.at, &heir).await?;
        moved += 1;
    }
    let r_namespace = Ref::new("Namespace", "", namespace);
    if ctx.cluster.get(&r_namespace).await?.is_some_and(|o| is_ours(&o, ctx.namespace())) {
        relabel(ctx, &r_namespace, &heir).await?;
    }
    relabel(ctx, &r, &heir).await?;
    Ok(Some(format!("stack {heir} uses the adapter: handed over to it, {} objects", moved + 1)))
}

/// The release of WVA that this stack installed.
pub async fn wva(ctx: &Ctx, r: &Release) -> anyhow::Result<Option<String>> {
    let part = Part { installed: wva::INSTALLED, used: wva::USED };
    let mine = Mark {
        stack: ctx.namespace().into(),
        object: Ref::new("Namespace", "", &r.namespace).to_string(),
        key: r.name.clone(),
        before: r.namespace.clone(),
        ours: vec![],
    };
    releases(ctx, part, &mine, &[&r.name]).await
}

/// Releases that this stack installed and another one uses.
pub async fn releases(ctx: &Ctx, part: Part, mine: &Mark, names: &[&str]) -> anyhow::Result<Option<String>> {
    let place = &mine.before;
    let Some(heir) = heir(ctx, part.used, |m| m.before == *place, &[]).await? else { return Ok(None) };
    let what = names.join(", ");
    if place == ctx.namespace() {
        return Err(refuse_inside(ctx, &format!("helm release {what}"), &heir));
    }
    for name in names {
        let secrets = ctx.cluster.list("Secret", Some(place), &format!("owner=helm,name={name}")).await?;
        for s in secrets.iter().filter(|s| is_ours(s, ctx.namespace())) {
            relabel(ctx, &Ref::new("Secret", place, s.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()), &heir)
                .await?;
        }
    }
    let namespace = Ref::new("Namespace", "", place);
    if ctx.cluster.get(&namespace).await?.is_some_and(|o| is_ours(&o, ctx.namespace())) {
        relabel(ctx, &namespace, &heir).await?;
    }
    // What else of this stack lies in a namespace that is the heir's now.
    let found = owned::of_stack(&ctx.cluster, ctx.namespace()).await;
    for o in found.objects.iter().filter(|o| o.at.namespace.as_deref() == Some(place) && !o.is_helms() && !o.is_child()) {
        relabel(ctx, &o.at, &heir).await?;
    }
    // The heir's mark makes it the one that uninstalls; it comes last, for a second try.
    marks::create(&ctx.cluster, part.installed, &Mark { stack: heir.clone(), ..mine.clone() }).await?;
    Ok(Some(format!("stack {heir} uses release {what} of {place}: handed over to it")))
}
