//! The run's record in the cluster: a ConfigMap with the plan and run.json, made before anything else of the run and
//! removed after everything else. While it is there, the run's results are not known to be home; any machine may fetch them.

use super::{Ctx, is_ours, label, lease, record};
use crate::cluster::{Applied, Cluster, Ref};
use crate::config::manifests::{labels, own, own_by_run};
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::names::object_name;
use bench_model::plan::Plan;
use bench_model::run::{RunRecord, files};
use serde_json::{Value, json};

const KIND_OF_OBJECT: &str = "llmd-bench-run";

/// Where it is.
pub fn at(namespace: &str, run: &str) -> Ref {
    Ref::new("ConfigMap", namespace, &object_name("run", run))
}

/// A run as its record in the cluster tells it.
#[derive(Debug, Clone)]
pub struct InCluster {
    pub run: RunRecord,
    pub plan: Plan,
    /// Text of plan.yaml as the first machine wrote it.
    pub plan_text: String,
    /// Who drives or drove it, and its directory there.
    pub home: String,
}

/// Writes what is known of the run now.
///
/// # Errors
/// Exit 6 when an object of that name is somebody else's.
pub async fn write(ctx: &Ctx, run: &RunRecord, dir: &std::path::Path) -> anyhow::Result<Applied> {
    let r = at(ctx.namespace(), &run.id);
    let plan = serde_yaml::to_string(&*ctx.plan).context("cannot write the plan as YAML")?;
    let phase = serde_json::to_value(run.state)?;
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": r.name, "namespace": ctx.namespace(), "labels": {"app.kubernetes.io/name": KIND_OF_OBJECT}},
        "data": {
            files::PLAN: plan,
            files::RUN: serde_json::to_string_pretty(run)?,
            "phase": phase,
            "load-uid": run.load_uid.clone().unwrap_or_default(),
            "home": format!("{}, {}", lease::myself(), std::path::absolute(dir).unwrap_or_else(|_| dir.into()).display()),
        },
    });
    own(&mut object, ctx.namespace());
    own_by_run(&mut object, &run.id);
    if let Some(owner) = record::owner(&ctx.cluster, ctx.namespace()).await? {
        object["metadata"]["ownerReferences"] = json!([owner]);
    }
    if let Some(found) = ctx.cluster.get(&r).await?
        && !(is_ours(&found, ctx.namespace()) && label(&found, labels::RUN) == Some(&run.id))
    {
        return Err(Failure::new(Exit::Cluster, format!("{r} exists but is not of run {}", run.id)).hint("remove it by hand").into());
    }
    Ok(ctx.cluster.apply(&object).await?.0)
}

/// Removes it: the run is over, and everything that can be had of it is home.
pub async fn remove(ctx: &Ctx, run: &str) -> anyhow::Result<()> {
    ctx.cluster.delete(&at(ctx.namespace(), run), None).await?;
    Ok(())
}

fn parse(object: &Value) -> anyhow::Result<InCluster> {
    let data = |key: &str| object["data"][key].as_str().unwrap_or_default();
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let broken = |what: &str, e: String| {
        Failure::new(Exit::Cluster, format!("the record {name} of a run cannot be read: {what}: {e}"))
            .hint("it was written by another version of bench")
    };
    Ok(InCluster {
        run: serde_json::from_str(data(files::RUN)).map_err(|e| broken(files::RUN, e.to_string()))?,
        plan: serde_yaml::from_str(data(files::PLAN)).map_err(|e| broken(files::PLAN, e.to_string()))?,
        plan_text: data(files::PLAN).into(),
        home: data("home").into(),
    })
}

/// The record of one run; `None` when there is none (any more).
pub async fn get(cluster: &Cluster, namespace: &str, run: &str) -> anyhow::Result<Option<InCluster>> {
    cluster.get(&at(namespace, run)).await?.as_ref().map(parse).transpose()
}

/// Ids of the runs in a namespace whose results are not known to be home, oldest first.
pub async fn ids(cluster: &Cluster, namespace: &str) -> anyhow::Result<Vec<String>> {
    let selector = format!("app.kubernetes.io/name={KIND_OF_OBJECT},{}={namespace}", labels::STACK);
    let found = cluster.list("ConfigMap", Some(namespace), &selector).await?;
    let mut ids: Vec<String> = found.iter().filter_map(|o| label(o, labels::RUN)).map(String::from).collect();
    ids.sort();
    Ok(ids)
}

/// All that this user can see, in one namespace or in all; only the context's when listing everywhere is forbidden.
pub async fn all(cluster: &Cluster, namespace: Option<&str>) -> anyhow::Result<Vec<InCluster>> {
    let selector = format!("app.kubernetes.io/name={KIND_OF_OBJECT},{}={}", labels::MANAGED_BY, labels::BENCH);
    let found = match cluster.list("ConfigMap", namespace, &selector).await {
        Err(e) if e.is_forbidden() && namespace.is_none() => cluster.list("ConfigMap", Some(&cluster.default_namespace), &selector).await?,
        other => other?,
    };
    let mut all = found.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
    all.sort_by_key(|r| r.run.times.created);
    Ok(all)
}

/// Two runs on one stack measure each other, and what is not collected is not disturbed.
///
/// # Errors
/// Exit 6 with the name of a run other than `own` that is at work or not collected.
pub async fn refuse_other_run(ctx: &Ctx, own: &str) -> anyhow::Result<()> {
    let Some(run) = ids(&ctx.cluster, ctx.namespace()).await?.into_iter().find(|id| id != own) else { return Ok(()) };
    Err(Failure::new(Exit::Cluster, format!("run {run} is at work in namespace {}, or its results are not collected", ctx.namespace()))
        .hint(format!("bench attach {run}   follows it and brings it home;   bench teardown --force   ends it"))
        .into())
}
