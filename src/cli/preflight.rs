//! `bench preflight`.

use super::shared::{ArmArgs, Global, StackArgs, intent, tell_plan};
use crate::ops;
use bench_model::exit::Exit;

/// Can this cluster and this user do it? Every check, its verdict, and the remedy; nothing is changed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    arm: ArmArgs,
}

const EXAMPLES: &str = "\
Examples:
  bench preflight -c simulated        # for the arm of WVA
  bench preflight -p llmdbench --hpa  # the published stack in a namespace, under a plain HPA
  bench preflight -c simulated --static 2 --output json  # each verdict as a line of JSON";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let (plan, warnings) = ops::plan::resolve(&g.lookup(), &intent(&a.stack, &a.arm, None), None)?;
    let session = g.session(None).await?;
    tell_plan(&session.report, &[], &warnings);
    let checks = ops::preflight::preflight(&session.cluster, &plan, &session.report).await?;
    let failed = checks.iter().filter(|c| !c.ok).count();
    if failed == 0 {
        session.report.note(format!("all {} checks passed", checks.len()));
        return Ok(Exit::Done);
    }
    session.report.note(format!("{failed} of {} checks failed", checks.len()));
    Ok(Exit::Cluster)
}
