//! Stands a stack up under an arm. Standing up again changes nothing.

use super::Session;
use crate::steps::{Ctx, adapter, arm, gateway, model_server, monitoring, namespace, others, owner, record};
use bench_model::plan::{Arm, Plan};
use serde_json::Value;

/// Ends only when the arm is alive: metrics served, HPA active, for WVA a decision and one gauge series.
pub async fn standup(session: &Session, plan: Plan) -> anyhow::Result<Ctx> {
    super::plan::buildable(&plan)?;
    let ctx = session.stack_ctx(plan);
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    // What is refused leaves no namespace behind.
    others::refuse(&ctx).await?;
    ctx.step("namespace", ctx.namespace(), namespace::ensure(&ctx)).await?;
    record::refuse_other_stack(&ctx).await?;
    super::run::refuse_live_run(&ctx, "").await?;
    ctx.step("record", "the stack's record in the cluster", record::write(&ctx, "standing-up")).await?;
    ctx.step("model-server", &ctx.plan.deployment(), model_server::ensure(&ctx)).await?;
    ctx.step("gateway", &ctx.plan.gateway_service(), gateway::ensure(&ctx)).await?;
    ctx.step("endpoint", &ctx.plan.target(), gateway::answers(&ctx, ctx.limit(90))).await?;
    ctx.step("recorder-rights", "read-only ServiceAccount of the recorder", async {
        let t = ctx.apply_all(crate::config::manifests::objects(&ctx.plan, "agent-rbac.yaml", Value::Null)?).await?;
        Ok(((), t.to_string()))
    })
    .await?;
    let prometheus = ctx.step("monitoring", "Prometheus sees every pod", monitoring::ensure(&ctx)).await?;
    if matches!(ctx.plan.arm, Arm::Wva | Arm::Hpa) {
        ctx.step("adapter", "external metrics", adapter::ensure(&ctx, &prometheus)).await?;
    }
    arm::ensure(&ctx, &prometheus).await?;
    ctx.step("record", "the stack is up", record::write(&ctx, record::UP)).await?;
    Ok(ctx)
}
