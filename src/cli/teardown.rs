//! `bench teardown`.

use super::shared::Global;
use crate::ops;
use bench_model::exit::Exit;

/// Remove everything that bench made for a stack, and only that; put back what it changed
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Namespace of the stack; not needed when one is up
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// Longest wait for any one condition, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
    /// Also while a run is at work: its load ends, and what was not fetched is lost
    #[arg(long)]
    force: bool,
    /// Also when the stack is another user's
    #[arg(long)]
    take_over: bool,
    /// List what would be removed and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench teardown -n                    # what would be removed and put back
  bench teardown                       # exit code 8 when anything is left
  bench teardown -p llmdbench --force  # also while a run is at work: what was not fetched is lost";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let session = g.session(a.wait_s).await?;
    let Some(plan) = ops::teardown::find(&session, a.namespace.as_deref()).await? else { return Ok(Exit::Done) };
    if a.dry_run {
        let (all, refused) = ops::teardown::dry_run(&session, plan, a.force, a.take_over).await?;
        for what in all {
            session.report.note(what);
        }
        return refused.map(|()| Exit::Done);
    }
    if a.take_over {
        ops::take_over(&session, plan.namespace()).await?;
    }
    let n = ops::teardown::teardown(&session, plan, a.force).await?;
    session.report.note(format!("{n} objects removed, nothing of bench's is left"));
    Ok(Exit::Done)
}
