//! `bench adopt`.

use super::shared::Global;
use crate::config::scenario::ScenarioArgs;
use crate::ops;
use crate::ops::existing::{Hints, adopt};
use crate::report::Output;
use bench_model::exit::Exit;

/// Take a stack that somebody else stood up as it is, so that run and swap work on it
///
/// Finds Gateway, route, pool, Deployment, model and autoscaler in a namespace, and writes down what it found. Nothing of the
/// stack is changed: `bench run` measures it as it is (arm `existing`). A swap sets its autoscaler aside, kept whole in
/// the cluster; `bench teardown` puts everything back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Namespace of the stack
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: String,
    /// Deployment of the model servers, where several serve a model or none is known to
    #[arg(long, value_name = "NAME")]
    deployment: Option<String>,
    /// URL that the load is sent to, where none or several ways lead to the pods
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Model, where the endpoint serves several
    #[arg(short = 'm', long = "models", alias = "model", value_name = "MODEL")]
    model: Option<String>,
    /// Scenario whose arms, load and recording are used
    #[arg(short = 'c', long, value_name = "SCENARIO", default_value = "", add = super::complete::scenarios())]
    scenario: String,
    /// Change one key of the scenario; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Longest wait for any one condition, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
    /// Show what was found and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench adopt -p NAMESPACE -n                        # what is there?
  bench adopt -p NAMESPACE                           # take it as it is
  bench adopt -p NAMESPACE --deployment NAME         # where several serve a model
  bench run -p NAMESPACE -w ramp_small               # arm existing: nothing of the stack is changed
  bench swap-to-hpa -p NAMESPACE                     # its autoscaler is set aside
  bench teardown -p NAMESPACE                        # everything is as it was";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let session = g.session(a.wait_s).await?;
    let args = ScenarioArgs { name: a.scenario, env_set: std::env::var("BENCH_SET").ok(), set: a.set, ..ScenarioArgs::default() };
    let hints = Hints { namespace: a.namespace, deployment: a.deployment, endpoint: a.endpoint, model: a.model };
    let (found, plan) = adopt::look(&session, &g.lookup(), &args, &hints).await?;
    if g.output == Output::Json {
        outln!("{}", serde_json::json!({"event": "found", "found": found}));
    } else {
        for line in adopt::lines(&found, &plan) {
            outln!("{line}");
        }
    }
    if a.dry_run {
        return Ok(Exit::Done);
    }
    let ctx = ops::existing::adopt::adopt(&session, plan).await?;
    session.report.note(format!("{} is adopted as it is: bench run -p {} -w PROFILE", ctx.plan.deployment(), ctx.namespace()));
    Ok(Exit::Done)
}
