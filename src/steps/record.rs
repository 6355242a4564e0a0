//! The stack's record in the cluster: a ConfigMap with the resolved plan, which owns all namespaced objects of the
//! stack. Any machine that may read it can go on.

use super::{Ctx, is_ours};
use crate::cluster::{Cluster, ClusterError, Ref};
use crate::config::manifests::{labels, own};
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use serde_json::{Value, json};

/// Phase of a stack whose arm is alive.
pub const UP: &str = "up";

/// Phase of a stack that is being put under another arm.
pub const SWAPPING: &str = "swapping";
/// Phase of a stack that is being stood up.
pub const STANDING_UP: &str = "standing-up";
/// Phase of somebody's stack that is being adopted.
pub const ADOPTING: &str = "adopting";
/// Phase of a stack that is being removed.
pub const TEARING_DOWN: &str = "tearing-down";

/// Name of the record.
pub const NAME: &str = "llmd-bench-stack";

/// Where it is.
pub fn at(namespace: &str) -> Ref {
    Ref::new("ConfigMap", namespace, NAME)
}

/// Writes the plan and the phase.
pub async fn write(ctx: &Ctx, phase: &str) -> anyhow::Result<((), String)> {
    let r = at(ctx.namespace());
    let found = ctx.cluster.get(&r).await?;
    if let Some(found) = &found
        && !is_ours(found, ctx.namespace())
    {
        return Err(not_ours(&r));
    }
    // The arm's state changes with every swap; the record must say what is there now.
    let mut plan = (*ctx.plan).clone();
    plan.profile = None;
    let text = serde_yaml::to_string(&plan).context("cannot write the plan as YAML")?;
    // A stack that is up as planned stays "up" while its steps look whether it still is.
    let held = |key: &str| found.as_ref().and_then(|f| f["data"][key].as_str()).unwrap_or_default();
    let annotations = super::owner::annotations(&ctx.cluster, found.as_ref()).await?;
    let said = |name: &str| found.as_ref().and_then(|f| f.pointer("/metadata/annotations")?.get(name)).is_some();
    if held("plan.yaml") == text && held("phase") == UP && said(super::owner::OWNER) {
        return Ok(((), format!("{NAME} unchanged")));
    }
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": ctx.namespace(), "annotations": annotations},
        "data": {"plan.yaml": text, "phase": phase, "arm": ctx.plan.arm},
    });
    own(&mut object, ctx.namespace());
    let (applied, _) = ctx.cluster.apply(&object).await?;
    Ok(((), format!("{NAME} {}", format!("{applied:?}").to_lowercase())))
}

/// Owner reference for objects in a stack's namespace; `None` before the record exists.
pub async fn owner(cluster: &Cluster, namespace: &str) -> Result<Option<Value>, ClusterError> {
    let found = cluster.get(&at(namespace)).await?;
    Ok(found
        .and_then(|o| o.pointer("/metadata/uid").cloned())
        .map(|uid| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": NAME, "uid": uid})))
}

fn none(namespace: Option<&str>) -> anyhow::Error {
    let place = namespace.map_or("in the cluster".into(), |n| format!("in namespace {n}"));
    Failure::new(Exit::Cluster, format!("no stack of bench is up {place}")).hint("stand one up: bench standup -c simulated --wva").into()
}

fn not_ours(r: &Ref) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("{r} exists but is not bench's: it lacks the labels"))
        .hint("choose another namespace with -p; whoever made it can remove it")
        .into()
}

/// The stack in a namespace, or the only one in the cluster.
///
/// # Errors
/// Exit 6 when there is none, or when there are several and none was named.
pub async fn find(cluster: &Cluster, namespace: Option<&str>) -> anyhow::Result<Plan> {
    let found = match namespace {
        Some(ns) => cluster.get(&at(ns)).await?.into_iter().collect(),
        None => all(cluster, None).await?,
    };
    let object = match found.as_slice() {
        [one] => one,
        [] => return Err(none(namespace)),
        many => {
            let names: Vec<&str> = many.iter().filter_map(|o| o.pointer("/metadata/namespace")?.as_str()).collect();
            return Err(Failure::new(Exit::Cluster, format!("several stacks are up: {}", names.join(", ")))
                .hint("name one with -p NAMESPACE")
                .into());
        }
    };
    let text = object.pointer("/data/plan.yaml").and_then(Value::as_str).unwrap_or_default();
    let name = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    if !is_ours(object, name) {
        return Err(not_ours(&at(name)));
    }
    serde_yaml::from_str(text).map_err(|e| {
        Failure::new(Exit::Cluster, format!("the stack's record in namespace {name} cannot be read: {e}"))
            .hint("it was written by another version of bench; `bench standup` writes it anew")
            .into()
    })
}

/// Changes nothing but the phase, and makes no record where there is none.
pub async fn set_phase(ctx: &Ctx, phase: &str) -> anyhow::Result<()> {
    let r = at(ctx.namespace());
    let found = ctx.cluster.get(&r).await?.filter(|o| is_ours(o, ctx.namespace()) && o["data"]["phase"] != phase);
    let Some(found) = found else { return Ok(()) };
    // By apply, as everything of the record: a patch would own the field, and the next standup could not set it.
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": NAME, "namespace": ctx.namespace(), "annotations": super::owner::annotations(&ctx.cluster, Some(&found)).await?,
        },
        "data": {"plan.yaml": found["data"]["plan.yaml"], "phase": phase, "arm": found["data"]["arm"]},
    });
    own(&mut object, ctx.namespace());
    ctx.cluster.apply(&object).await?;
    Ok(())
}

/// [`STANDING_UP`], [`SWAPPING`], [`TEARING_DOWN`] or [`UP`]; empty without a record.
pub async fn phase(cluster: &Cluster, namespace: &str) -> anyhow::Result<String> {
    let found = cluster.get(&at(namespace)).await?;
    Ok(found.and_then(|o| Some(o.pointer("/data/phase")?.as_str()?.to_string())).unwrap_or_default())
}

/// # Errors
/// Exit 6 when standing up or swapping has not come to its end: nothing could be believed of a run.
pub async fn require_up(ctx: &Ctx) -> anyhow::Result<()> {
    require(ctx, &[UP]).await
}

/// The same for a swap, which also takes up where another one ended early.
///
/// # Errors
/// Exit 6 while a standup or a teardown did not come to its end: what it left to do would be forgotten.
pub async fn require_up_or_swapping(ctx: &Ctx) -> anyhow::Result<()> {
    require(ctx, &[UP, SWAPPING]).await
}

async fn require(ctx: &Ctx, phases: &[&str]) -> anyhow::Result<()> {
    let found = phase(&ctx.cluster, ctx.namespace()).await?;
    if phases.contains(&found.as_str()) {
        return Ok(());
    }
    if found.is_empty() {
        return Err(none(Some(ctx.namespace())));
    }
    Err(Failure::new(Exit::Cluster, format!("the stack in namespace {} is not up: {found} did not come to its end", ctx.namespace()))
        .hint("bench resume   carries it on;   what another machine began: bench resume --from-cluster")
        .into())
}

/// The plan of the stack that is there, when it is under another arm or serves another model than ours.
pub async fn now(ctx: &Ctx) -> anyhow::Result<Option<Plan>> {
    let found = ctx.cluster.get(&at(ctx.namespace())).await?;
    let text = found.as_ref().and_then(|f| f["data"]["plan.yaml"].as_str()).unwrap_or_default();
    // A record that cannot be read says nothing against it.
    let Ok(now) = serde_yaml::from_str::<Plan>(text) else { return Ok(None) };
    Ok((now.arm != ctx.plan.arm || now.deployment() != ctx.plan.deployment()).then_some(now))
}

/// # Errors
/// Exit 6 when the stack was put under another arm, or serves another model, since the plan was made.
pub async fn require_same(ctx: &Ctx) -> anyhow::Result<()> {
    let Some(now) = now(ctx).await? else { return Ok(()) };
    let (was, is) = (ctx.plan.arm, now.arm);
    let text =
        format!("the run was to be under arm {was} of {}, the stack is under arm {is} of {}", ctx.plan.scenario.model, now.scenario.model);
    Err(Failure::new(Exit::Cluster, text).hint("put the stack back (bench swap-to-…), or begin another run: bench run -w PROFILE").into())
}

/// # Errors
/// Exit 6 when the namespace holds the stack of another model: its Deployment and autoscaler would go on beside ours.
pub async fn refuse_other_stack(ctx: &Ctx) -> anyhow::Result<()> {
    let Some(found) = ctx.cluster.get(&at(ctx.namespace())).await? else { return Ok(()) };
    let text = found.pointer("/data/plan.yaml").and_then(Value::as_str).unwrap_or_default();
    // A record that cannot be read is written anew.
    let Ok(old) = serde_yaml::from_str::<Plan>(text) else { return Ok(()) };
    if old.deployment() == ctx.plan.deployment() && old.is_adopted() == ctx.plan.is_adopted() {
        return Ok(());
    }
    Err(Failure::new(Exit::Cluster, format!("namespace {} holds the stack of {} already", ctx.namespace(), old.scenario.model))
        .hint("bench teardown first, or another namespace with -p")
        .into())
}

/// All records that this user can see; only the context's namespace when listing everywhere is forbidden.
pub async fn all(cluster: &Cluster, namespace: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let selector = format!("{}={}", labels::MANAGED_BY, labels::BENCH);
    let mut list = match cluster.list("ConfigMap", namespace, &selector).await {
        Err(e) if e.is_forbidden() && namespace.is_none() => cluster.list("ConfigMap", Some(&cluster.default_namespace), &selector).await?,
        other => other?,
    };
    list.retain(|o| o.pointer("/metadata/name").and_then(Value::as_str) == Some(NAME));
    Ok(list)
}
