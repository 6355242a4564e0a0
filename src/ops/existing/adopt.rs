//! `bench adopt`: a stack that was found becomes one of bench's stacks, as it is.

use super::discover::{self, Found};
use super::{Hints, around, is_benchs, words};
use crate::cluster::Ref;
use crate::config::Lookup;
use crate::config::manifests;
use crate::config::scenario::ScenarioArgs;
use crate::failure::Failure;
use crate::metrics::Prometheus;
use crate::ops::drive::{Driver, drive};
use crate::ops::{Session, facts, run};
use crate::steps::{Ctx, gateway, owner, record};
use bench_analysis::count;
use bench_model::exit::Exit;
use bench_model::intent::{Intent, Operation};
use bench_model::plan::{Arm, Plan};
use serde_json::Value;

/// Kinds that scale a Deployment.
pub const AUTOSCALERS: [&str; 3] = ["HorizontalPodAutoscaler", "ScaledObject", "VariantAutoscaling"];

/// Finds the stack, and what adopting it would write down. Changes nothing.
///
/// # Errors
/// Exit 6 when there is no such stack, more than one, or one of bench's already.
pub async fn look(session: &Session, lookup: &Lookup, args: &ScenarioArgs, hints: &Hints) -> anyhow::Result<(Found, Plan)> {
    let cluster = &session.cluster;
    refuse_benchs_own(session, &hints.namespace).await?;
    let mut found = discover::stack(cluster, hints).await?;
    let mut scenario = around(lookup, args, &found.model, found.existing.clone())?;
    scenario.namespace.clone_from(&found.namespace);
    if let Some(port) = found.metrics_port {
        (scenario.model_server.port, scenario.model_server.metrics_port) = (port, port);
    }
    if let Some(s) = found.grace_s {
        scenario.model_server.termination_grace_s = s;
    }
    // Another arm gets the bounds that the stack had, unless the user says otherwise.
    if !args.set.iter().any(|s| s.trim_start().starts_with("scaling.")) {
        let bounds = found.existing.autoscalers.iter().find_map(|a| Some((a.min_replicas.unwrap_or(1).max(1), a.max_replicas?)));
        if let Some((low, high)) = bounds {
            (scenario.scaling.min_replicas, scenario.scaling.max_replicas) = (low, high);
            scenario.reset.start_replicas = scenario.reset.start_replicas.clamp(low, high);
        }
    }
    let facts = facts::gather(cluster).await?;
    let mut plan = Plan::new(scenario, None, Arm::Existing, Some(facts), vec![]);
    if let Some(why) = Prometheus::if_any(cluster, &plan).await.absent() {
        found.existing.missing.push(format!("stack: no metrics of the servers: {why}"));
        plan.scenario.existing = Some(found.existing.clone());
        plan = Plan::new(plan.scenario, None, plan.arm, plan.facts, vec![]);
    }
    Ok((found, plan))
}

/// A stack that bench stood up is none of somebody else's.
async fn refuse_benchs_own(session: &Session, namespace: &str) -> anyhow::Result<()> {
    let Some(found) = session.cluster.get(&record::at(namespace)).await? else { return Ok(()) };
    let plan = found.pointer("/data/plan.yaml").and_then(Value::as_str).and_then(|t| serde_yaml::from_str::<Plan>(t).ok());
    match plan {
        Some(p) if p.is_adopted() && p.arm == Arm::Existing => Ok(()),
        Some(p) if p.is_adopted() => {
            Err(Failure::new(Exit::Cluster, format!("the stack in namespace {namespace} is adopted already, and under arm {}", p.arm))
                .hint(format!("bench teardown -p {namespace}   gives it back as it was"))
                .into())
        }
        _ => Err(Failure::new(Exit::Cluster, format!("bench itself stood up the stack in namespace {namespace}"))
            .hint("bench run measures it as it is")
            .into()),
    }
}

/// Writes down that the stack is bench's to measure. Nothing of the stack itself is changed.
pub async fn adopt(session: &Session, plan: Plan) -> anyhow::Result<Ctx> {
    carry_out(session, Intent::new(Operation::Adopt, plan)).await
}

/// From whatever is there already.
pub async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<Ctx> {
    drive(session, intent, async |d| d.stoppable(act(session, d)).await.map(|()| d.ctx.clone())).await
}

async fn act(session: &Session, d: &Driver) -> anyhow::Result<()> {
    let ctx = &d.ctx;
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    d.lease().await?;
    refuse_benchs_own(session, ctx.namespace()).await?;
    run::refuse_live_run(ctx, "").await?;
    still_there(ctx).await?;
    d.begin();
    ctx.step("record", "the stack's record in the cluster", record::write(ctx, record::ADOPTING)).await?;
    ctx.step("recorder-rights", "read-only ServiceAccount of the recorder", async {
        let t = ctx.apply_all(manifests::objects(&ctx.plan, "agent-rbac.yaml", Value::Null)?).await?;
        Ok(((), t.to_string()))
    })
    .await?;
    ctx.step("endpoint", &ctx.plan.target(), gateway::answers(ctx, ctx.limit(60))).await?;
    ctx.step("record", "the stack is adopted", record::write(ctx, record::UP)).await
}

/// What was found may have gone while the user looked at it.
async fn still_there(ctx: &Ctx) -> anyhow::Result<()> {
    let r = Ref::new("Deployment", ctx.namespace(), &ctx.plan.deployment());
    match ctx.cluster.get(&r).await? {
        Some(d) if !is_benchs(&d) => Ok(()),
        Some(_) => Err(Failure::new(Exit::Cluster, format!("{r} is bench's own")).into()),
        None => Err(Failure::new(Exit::Cluster, format!("{r} does not exist any more")).hint("bench adopt looks again").into()),
    }
}

/// What was found, for people.
pub fn lines(found: &Found, plan: &Plan) -> Vec<String> {
    let e = &found.existing;
    let scaled = if e.autoscalers.is_empty() { "none".into() } else { e.autoscalers.iter().map(words).collect::<Vec<_>>().join(", ") };
    let mut out = vec![
        format!("namespace    {}", found.namespace),
        format!("model        {}", found.model),
        format!("deployment   {} ({}), {}", e.deployment, found.known_by, count(found.replicas as usize, "replica")),
        format!("endpoint     {}", e.endpoint),
    ];
    out.extend((!e.path.is_empty()).then(|| format!("by way of    {}", e.path.join(", "))));
    out.push(format!("autoscaler   {scaled}"));
    out.push(format!("other arms   {} to {} replicas", plan.scenario.scaling.min_replicas, plan.scenario.scaling.max_replicas));
    out.extend(e.missing.iter().map(|m| format!("missing      {}", m.strip_prefix("stack: ").unwrap_or(m))));
    out
}
