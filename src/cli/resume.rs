//! `bench resume`.

use super::shared::{Global, HomeArgs};
use crate::ops::experiment;
use crate::ops::resume::{self, Resumed};
use bench_model::exit::Exit;
use bench_model::run::Source;

/// Carry on what was interrupted: standup, swap, run, experiment, collecting or teardown
///
/// After a crash, a kill, Ctrl-C or a lost laptop. A load that was begun is never begun again: it is waited for, collected
/// and judged. One that is gone from the cluster is lost, and said to be.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run or experiment: its id, the end of its id, its directory [default: whatever was begun last and is not at its end]
    #[arg(add = super::complete::open_runs_and_experiments())]
    run: Option<String>,
    /// Namespace of the stack, where several have something unfinished
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// What another machine began: plan and state come from the cluster, no results directory is needed
    #[arg(long)]
    from_cluster: bool,
    #[command(flatten)]
    home: HomeArgs,
    /// Of an experiment
    #[command(flatten)]
    end: super::experiment::EndArgs,
}

const EXAMPLES: &str = "\
Examples:
  bench resume                 # whatever was begun last and is not at its end
  bench resume 7f3a            # that run, by the end of its id
  bench resume --from-cluster  # what another machine began";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let gate = super::gate::prepare(g, a.home.gate.as_deref())?;
    let wanted = a.run.as_deref().filter(|r| *r != "last");
    if !a.from_cluster
        && let Some(kept) = experiment::to_resume(&g.results, wanted, a.namespace.as_deref(), &g.reporter())?
    {
        let again = super::experiment::again(g, &kept);
        let measured = kept.record.source == Source::Measured;
        let session = if measured { Some(g.session(a.home.wait_s).await?) } else { None };
        return super::experiment::carry_on(g, kept, session, false, &a.end).await.map_err(|e| super::experiment::what_next(e, again));
    }
    let session = g.session(a.home.wait_s).await?;
    match resume::resume(&session, wanted, a.namespace.as_deref(), a.from_cluster).await? {
        Resumed::Run(finished) => super::run::conclude(g, &finished, gate.as_ref()),
        Resumed::Stack(said) => {
            session.report.note(said);
            Ok(Exit::Done)
        }
    }
}
