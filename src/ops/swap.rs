//! Puts the stack that is up under another arm.

use super::Session;
use super::drive::{Driver, drive};
use crate::metrics::Prometheus;
use crate::steps::{Ctx, adapter, arm, keda, monitoring, others, owner, record, set_aside};
use bench_model::intent::{Intent, Operation};
use bench_model::plan::{Arm, Plan};

pub async fn swap(session: &Session, stack: Plan, to: Arm) -> anyhow::Result<Ctx> {
    let facts = stack.facts.clone();
    let notes = stack.notes.clone();
    let plan = Plan::new(stack.scenario, None, to, facts, notes);
    super::plan::buildable(&plan)?;
    // Before an intent of its own takes the place of what is unfinished.
    record::require_up_or_swapping(&session.stack_ctx(plan.clone())).await?;
    carry_out(session, Intent::new(Operation::Swap, plan)).await
}

/// From whatever is there already; the intent's plan has the arm to come.
pub async fn carry_out(session: &Session, intent: Intent) -> anyhow::Result<Ctx> {
    drive(session, intent, async |d| d.stoppable(act(d)).await.map(|()| d.ctx.clone())).await
}

async fn act(d: &Driver) -> anyhow::Result<()> {
    let ctx = &d.ctx;
    let to = ctx.plan.arm;
    owner::require(&ctx.cluster, ctx.namespace()).await?;
    d.lease().await?;
    super::run::refuse_live_run(ctx, "").await?;
    let prometheus = Prometheus::discover(&ctx.cluster, &ctx.plan).await?;
    let adopted = ctx.plan.is_adopted();
    if adopted {
        others::refuse_unadopted(ctx).await?;
    } else {
        others::refuse(ctx).await?;
    }
    d.begin();
    // First of all: another machine that carries on must find the arm to come.
    ctx.step("record", "the arm is being swapped", record::write(ctx, record::SWAPPING)).await?;
    if adopted {
        ctx.step("set-aside", "what scaled the stack, kept whole", set_aside::set_aside(ctx)).await?;
        ctx.step("monitoring", "Prometheus sees every pod", monitoring::ensure(ctx)).await?;
    }
    if ctx.plan.by_keda() {
        ctx.step("keda", "what makes the HPA", keda::ensure(ctx)).await?;
    }
    if ctx.plan.by_adapter() {
        ctx.step("adapter", "external metrics", adapter::ensure(ctx, &prometheus)).await?;
    }
    arm::ensure(ctx, &prometheus).await?;
    ctx.step("record", &format!("arm {to}"), record::write(ctx, record::UP)).await?;
    if to == Arm::Hpa && ctx.plan.by_adapter() {
        ctx.report.note(format!(
            "the HPA selects metrics of namespace {}; the published text names three different ones (llm-d-autoscaler, llmdbench, llm-d-test-exp)",
            ctx.namespace()
        ));
    }
    Ok(())
}
