//! `bench standup`.

use super::shared::{ArmArgs, Global, StackArgs, intent, tell_plan};
use crate::failure::Failure;
use crate::ops;
use bench_model::exit::Exit;

/// Stand the stack up under an arm; standing up again changes nothing
///
/// Ends when the arm is alive: its metrics are served, its HPA is active, and for WVA there is a decision.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    arm: ArmArgs,
    /// Longest wait for any one condition, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
    /// Make another user's stack yours; nobody but its owner may change it otherwise
    #[arg(long)]
    take_over: bool,
    /// Show what would be applied and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench standup -c simulated --wva                               # no GPU is needed
  bench standup -p llmdbench -m Qwen/Qwen3-0.6B --hpa            # the published stack, under a plain HPA
  bench standup -c simulated --static 2                          # two replicas, no autoscaler
  bench standup -c simulated --wva --set scaling.max_replicas=4  # with a key of the scenario changed
  bench standup -c simulated --wva -n                            # what would be applied; changes nothing";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let wanted = intent(&a.stack, &a.arm, None);
    let (plan, _) = ops::plan::resolve(&g.lookup(), &wanted, None)?;
    ops::plan::buildable(&plan)?;
    let session = g.session(a.wait_s).await?;
    let facts = ops::facts::gather(&session.cluster).await?;
    let (plan, warnings) = ops::plan::resolve(&g.lookup(), &wanted, Some(facts))?;
    tell_plan(&session.report, &plan.notes, &warnings);
    let s = &plan.scenario;
    session.report.note(format!(
        "scenario {}, arm {}: windows {}/{} s, one step up per {} s, WVA every {} s{}",
        s.name,
        plan.arm,
        s.scaling.scale_up.stabilization_window_s,
        s.scaling.scale_down.stabilization_window_s,
        s.scaling.scale_up.policies.first().map_or(0, |p| p.period_s),
        super::plan::wva_every_s(s),
        if s.name == "simulated" { " (shortened; published: 240/240 s, 60 s, 60 s)" } else { "" }
    ));
    if a.dry_run {
        let (changes, spoken_against) = ops::standup::dry_run(&session, plan).await?;
        for c in &changes {
            let why = if c.action == "error" { format!(": {}", c.fields.join("; ")) } else { String::new() };
            session.report.note(format!("{:<7} {}{why}", c.action, c.object));
        }
        let refused = changes.iter().filter(|c| c.action == "error").count();
        if refused > 0 {
            return Err(Failure::new(Exit::Cluster, format!("{refused} of {} objects cannot be applied", changes.len()))
                .hint("what somebody else has there, he can remove; or choose another namespace with -p")
                .into());
        }
        return spoken_against.map(|()| Exit::Done);
    }
    if a.take_over {
        ops::take_over(&session, plan.namespace()).await?;
    }
    let ctx = ops::standup::standup(&session, plan).await?;
    session.report.note(format!("{} is up under arm {}: {}", ctx.plan.deployment(), ctx.plan.arm, ctx.plan.target()));
    Ok(Exit::Done)
}
