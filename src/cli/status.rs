//! `bench status`.

use super::shared::Global;
use crate::ops;
use crate::report::Output;
use crate::steps::record;
use bench_model::exit::Exit;
use std::time::Duration;

/// What is up, which arm, replicas, live metrics
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Namespace of the stack; not needed when one is up
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// Again and again until Ctrl-C
    #[arg(long)]
    watch: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench status                             # once
  bench status --watch                     # every 5 s until Ctrl-C
  bench status -p llmdbench --output json  # one JSON object";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let session = g.session(None).await?;
    loop {
        let plan = record::find(&session.cluster, a.namespace.as_deref()).await?;
        let ctx = session.stack_ctx(plan);
        let s = ops::status::status(&ctx).await?;
        if g.output == Output::Json {
            outln!("{}", super::show::event("status", &s)?);
        } else {
            outln!("stack       {} in namespace {} ({})", s.scenario, s.namespace, s.phase);
            outln!("model       {} as Deployment {}", s.model, s.deployment);
            outln!("arm         {}", s.arm);
            outln!("{}", s.live.to_string().replacen("now | ", "live        ", 1));
            for h in &s.hpas {
                outln!(
                    "HPA         {} {} -> {}{}",
                    h.name,
                    h.current,
                    bench_analysis::count(h.desired as usize, "replica"),
                    if h.active { "" } else { " (NOT ACTIVE)" }
                );
                for m in &h.metrics {
                    outln!("            {m}");
                }
            }
            outln!("run         {}", s.running.as_deref().unwrap_or("none at work"));
        }
        if !a.watch {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
