//! `bench gc`.

use super::shared::Global;
use crate::ops;
use bench_model::exit::Exit;
use std::time::Duration;

/// Find and remove what bench made and nobody needs any more: by its labels alone
///
/// That is: everything of stacks that have no record any more, objects of runs that are over, leases that nobody renews,
/// namespaces that bench made and that are empty, settings left in somebody's adapter or WVA. Each is told with its reason.
/// A stack that somebody is at work on, and a run that is alive or not collected, are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only what belongs to the stack of this namespace
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// Longest wait for any one condition, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
    /// Leave alone what is younger: somebody may be standing it up
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=31_536_000))]
    older_than: u64,
    /// Also remove PersistentVolumeClaims with bench's labels, and the data in them
    #[arg(long)]
    volumes: bool,
    /// List what would be removed and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench gc -n            # what would be removed, and why
  bench gc               # remove it; exit code 8 when something stays
  bench gc -p llmdbench  # of one stack only";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let session = g.session(a.wait_s).await?;
    let options =
        ops::gc::Options { namespace: a.namespace, dry_run: a.dry_run, older_than: Duration::from_secs(a.older_than), volumes: a.volumes };
    let n = ops::gc::gc(&session, &options).await?;
    session.report.note(if a.dry_run { "nothing was changed".to_string() } else { format!("{n} things removed, no orphan is left") });
    Ok(Exit::Done)
}
