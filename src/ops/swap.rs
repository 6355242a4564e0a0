//! Puts the stack that is up under another arm.

use super::Session;
use crate::metrics::Prometheus;
use crate::steps::{Ctx, adapter, arm, others, owner, record};
use bench_model::plan::{Arm, Plan};

pub async fn swap(session: &Session, stack: Plan, to: Arm) -> anyhow::Result<Ctx> {
    let facts = stack.facts.clone();
    let notes = stack.notes.clone();
    let plan = Plan::new(stack.scenario, None, to, facts, notes);
    super::plan::buildable(&plan)?;
    let ctx = session.stack_ctx(plan);
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    super::run::refuse_live_run(&ctx, "").await?;
    let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan.scenario.monitoring.prometheus).await?;
    others::refuse(&ctx).await?;
    if matches!(to, Arm::Wva | Arm::Hpa) {
        ctx.step("adapter", "external metrics", adapter::ensure(&ctx, &prometheus)).await?;
    }
    ctx.step("record", "the arm is being swapped", record::write(&ctx, "swapping")).await?;
    arm::ensure(&ctx, &prometheus).await?;
    ctx.step("record", &format!("arm {to}"), record::write(&ctx, record::UP)).await?;
    if to == Arm::Hpa {
        ctx.report.note(format!(
            "the HPA selects metrics of namespace {}; the published text names three different ones (llm-d-autoscaler, llmdbench, llm-d-test-exp)",
            ctx.namespace()
        ));
    }
    Ok(ctx)
}
