//! `bench attach`.

use super::shared::{Global, HomeArgs};
use crate::ops;
use crate::ops::run::Until;
use bench_model::exit::Exit;

/// Follow a run that is at work, and bring it home at its end
///
/// For a run begun with --detach, and for one whose bench is gone. A run that is not on this machine is taken from the
/// cluster. Ctrl-C leaves the load at work; attach again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run: its id, the end of its id, its directory [default: the unfinished one here, or the only one in the cluster]
    #[arg(add = super::complete::open_runs())]
    run: Option<String>,
    /// Namespace of the stack, where several have a run
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    #[command(flatten)]
    home: HomeArgs,
}

const EXAMPLES: &str = "\
Examples:
  bench run -w chatbot_synthetic --detach  # ends once the load is at work
  bench attach                             # the only run that is at work
  bench attach 7f3a -p llmdbench           # that run, from any machine";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let gate = super::gate::prepare(g, a.home.gate.as_deref())?;
    let session = g.session(a.home.wait_s).await?;
    let wanted = a.run.as_deref().filter(|r| *r != "last");
    let (dir, run) = ops::attach::find(&session, wanted, a.namespace.as_deref()).await?;
    session.report.note(format!("run {}", run.id));
    match ops::run::resume(&session, &dir, run, Until::Home).await? {
        Some(finished) => super::run::conclude(g, &finished, gate.as_ref()),
        None => Ok(Exit::Done),
    }
}
