//! Stands a stack up under an arm. Standing up again changes nothing.

use super::drive::{Driver, drive};
use super::plan::Change;
use super::{Session, capacity};
use crate::steps::{
    Ctx, adapter, arm, control_plane, crds, gateway, keda, lease, model_server, monitoring, monitoring_stack, namespace, others, owner,
    record, scheduler, weights,
};
use bench_model::intent::{Intent, Operation};
use bench_model::plan::Plan;
use serde_json::Value;

/// Ends only when the arm is alive: metrics served, HPA active, for WVA a decision and one gauge series.
pub async fn standup(session: &Session, plan: Plan) -> anyhow::Result<Ctx> {
    super::plan::buildable(&plan)?;
    carry_out(session, Intent::new(Operation::Standup, plan)).await
}

/// From whatever is there already.
pub async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<Ctx> {
    drive(session, intent, async |d| d.stoppable(act(d)).await.map(|()| d.ctx.clone())).await
}

async fn refuse(ctx: &Ctx) -> anyhow::Result<()> {
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    others::refuse(ctx).await?;
    record::refuse_other_stack(ctx).await?;
    if ctx.plan.by_keda() {
        keda::require(ctx).await?;
    }
    super::run::refuse_live_run(ctx, "").await
}

/// What would be applied, object by object, and what speaks against it.
pub async fn dry_run(session: &Session, plan: Plan) -> anyhow::Result<(Vec<Change>, anyhow::Result<()>)> {
    let ctx = session.stack_ctx(plan);
    let refused = async {
        lease::refuse_held(&ctx).await?;
        refuse(&ctx).await?;
        capacity::require(&ctx.cluster, &ctx.plan).await
    };
    Ok((super::plan::diff(&ctx.cluster, &ctx.plan).await?, refused.await))
}

async fn act(d: &Driver) -> anyhow::Result<()> {
    let ctx = &d.ctx;
    // What is refused leaves no namespace behind; whatever comes while it is made is seen under the lease.
    refuse(ctx).await?;
    capacity::require(&ctx.cluster, &ctx.plan).await?;
    ctx.step("namespace", ctx.namespace(), namespace::ensure(ctx)).await?;
    d.lease().await?;
    refuse(ctx).await?;
    d.begin();
    ctx.step("record", "the stack's record in the cluster", record::write(ctx, record::STANDING_UP)).await?;
    serving(ctx).await?;
    ctx.step("recorder-rights", "read-only ServiceAccount of the recorder", async {
        let t = ctx.apply_all(crate::config::manifests::objects(&ctx.plan, "agent-rbac.yaml", Value::Null)?).await?;
        Ok(((), t.to_string()))
    })
    .await?;
    let prometheus = ctx.step("monitoring", "Prometheus sees every pod", monitoring::ensure(ctx)).await?;
    if ctx.plan.by_adapter() {
        ctx.step("adapter", "external metrics", adapter::ensure(ctx, &prometheus)).await?;
    }
    arm::ensure(ctx, &prometheus).await?;
    ctx.step("record", "the stack is up", record::write(ctx, record::UP)).await
}

/// Everything between a request and its answer, and what it stands on: the slow last, so that what fails fails early.
async fn serving(ctx: &Ctx) -> anyhow::Result<()> {
    let s = &ctx.plan.scenario;
    let (gateway_api, schedules) = (s.gateway.kind.is_gateway_api(), s.gateway.kind.can_schedule());
    ctx.step("monitoring-stack", "a Prometheus, and that it may be asked", monitoring_stack::ensure(ctx)).await?;
    if ctx.plan.by_keda() {
        ctx.step("keda", "what makes the HPA", keda::ensure(ctx)).await?;
    }
    if schedules {
        ctx.step("crds", "Gateway API and its inference extension", crds::ensure(ctx)).await?;
    }
    if gateway_api {
        ctx.step("control-plane", "what carries the Gateway out", control_plane::ensure(ctx)).await?;
    }
    if s.model_server.method.is_vllm() {
        ctx.step("token", "the Hub's token", weights::token(ctx)).await?;
        ctx.step("weights", &s.model, weights::ensure(ctx)).await?;
    }
    if gateway_api {
        ctx.step("gateway", &s.gateway.name, gateway::ensure(ctx)).await?;
    }
    if schedules && s.scheduler.enabled {
        ctx.step("scheduler", &ctx.plan.pool(), scheduler::ensure(ctx)).await?;
    }
    if gateway_api {
        ctx.step("route", &ctx.plan.label(), scheduler::route(ctx)).await?;
    }
    ctx.step("model-server", &ctx.plan.deployment(), model_server::ensure(ctx)).await?;
    if !schedules {
        ctx.step("gateway", &ctx.plan.gateway_service(), gateway::ensure(ctx)).await?;
    }
    ctx.step("endpoint", &ctx.plan.target(), gateway::answers(ctx, ctx.limit(if schedules { 180 } else { 90 }))).await
}
