//! `bench swap-to-hpa`, `swap-to-wva`, `swap-to-static`.

use super::shared::Global;
use crate::ops;
use crate::steps::record;
use bench_model::exit::Exit;
use bench_model::plan::Arm;

#[derive(Debug, Clone, clap::Args)]
struct Common {
    /// Namespace of the stack; not needed when one is up
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// Longest wait for any one condition, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
    /// Show what would be done and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Put the stack under a plain HPA on waiting requests and KV usage
#[derive(Debug, clap::Args)]
#[command(after_help = TO_HPA)]
pub struct HpaArgs {
    #[command(flatten)]
    common: Common,
}

/// Put the stack under llm-d's Workload-Variant-Autoscaler
#[derive(Debug, clap::Args)]
#[command(after_help = TO_WVA)]
pub struct WvaArgs {
    #[command(flatten)]
    common: Common,
}

/// Remove the autoscaler and pin the replicas
#[derive(Debug, clap::Args)]
#[command(after_help = TO_STATIC)]
pub struct StaticArgs {
    /// Replicas
    replicas: u32,
    #[command(flatten)]
    common: Common,
}

const TO_HPA: &str = "\
Examples:
  bench swap-to-hpa        # from whatever arm the stack is under
  bench swap-to-hpa -n     # what would be done; changes nothing
  bench run -w ramp_small  # the same load under it";

const TO_WVA: &str = "\
Examples:
  bench swap-to-wva        # ends when WVA has decided
  bench swap-to-wva -n     # what would be done; changes nothing
  bench run -w ramp_small  # the same load under it";

const TO_STATIC: &str = "\
Examples:
  bench swap-to-static 2               # two replicas, no autoscaler
  bench swap-to-static 3 -p llmdbench  # where several stacks are up
  bench run -w ramp_small              # the same load on a fixed fleet";

pub async fn to_hpa(g: &Global, a: HpaArgs) -> anyhow::Result<Exit> {
    swap(g, a.common, Arm::Hpa).await
}

pub async fn to_wva(g: &Global, a: WvaArgs) -> anyhow::Result<Exit> {
    swap(g, a.common, Arm::Wva).await
}

pub async fn to_static(g: &Global, a: StaticArgs) -> anyhow::Result<Exit> {
    swap(g, a.common, Arm::Static(a.replicas)).await
}

async fn swap(g: &Global, a: Common, to: Arm) -> anyhow::Result<Exit> {
    let session = g.session(a.wait_s).await?;
    let stack = record::find(&session.cluster, a.namespace.as_deref()).await?;
    let from = stack.arm;
    if a.dry_run {
        session.report.note(format!("would put {} in namespace {} from arm {from} under arm {to}", stack.deployment(), stack.namespace()));
        return Ok(Exit::Done);
    }
    let ctx = ops::swap::swap(&session, stack, to).await?;
    session.report.note(format!("{} is under arm {to} (it was under {from})", ctx.plan.deployment()));
    Ok(Exit::Done)
}
