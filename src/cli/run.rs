//! `bench run`.

use super::shared::{Global, HomeArgs, LoadArgs, tell_plan};
use crate::config::profile::{self, ProfileArgs};
use crate::config::scenario::ScenarioArgs;
use crate::failure::Failure;
use crate::ops;
use crate::ops::Session;
use crate::ops::existing::Hints;
use crate::ops::gate::Ready;
use crate::ops::run::{Finished, Until};
use crate::report::Output;
use crate::steps::record;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use bench_model::run::files;

/// One run of a load under the arm that is up
///
/// Resets the arm, makes the load inside the cluster, records until replicas have settled, brings everything into
/// a run directory, judges whether it is valid, and prints the report. The load needs nothing of this machine: whatever
/// happens to it, `bench resume` or `bench attach` bring the run home.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    load: LoadArgs,
    /// Namespace of the stack; not needed when one is up. With --endpoint: where the load runs
    #[arg(short = 'p', long, value_name = "NAMESPACE", value_parser = super::shared::namespace)]
    namespace: Option<String>,
    /// Load this OpenAI-compatible URL, which bench did not stand up; nothing but the run's own objects are made
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Model of the endpoint; found from its /v1/models when it serves one
    #[arg(short = 'm', long = "models", alias = "model", value_name = "MODEL", requires = "endpoint")]
    model: Option<String>,
    /// Scenario whose load and recording are used for the endpoint
    #[arg(short = 'c', long, value_name = "SCENARIO", requires = "endpoint", add = super::complete::scenarios())]
    scenario: Option<String>,
    /// Change one key of the scenario's load, reset or recording; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    home: HomeArgs,
    /// Leave out reset steps: delete-hpa, delete-variant, replicas, pods, warmup, drain, window, variant, hpa
    #[arg(long, value_name = "STEP,…", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(ops::reset::STEPS))]
    skip_reset: Vec<String>,
    /// End once the load is at work; `bench attach` follows it and brings it home, from any machine
    #[arg(long, conflicts_with = "gate")]
    detach: bool,
    /// Show the plan of the run and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench run -w ramp_small                                       # reset, load, collect, judge, report
  bench run -w chatbot_synthetic --rates 2,4 --max-seconds 120  # another load
  bench run --endpoint http://vllm.models:8000 -p load -w ramp_small  # a URL that bench did not stand up
  bench run -w ramp_small -n                                    # the plan of the run; changes nothing
  bench run -w ramp_small --gate gate.yaml                      # exit code 3 when a rule is broken
  bench run -w chatbot_synthetic --detach                       # begin it and go away
  bench attach                                                  # and bring it home later";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let Some(args) = a.load.profile() else {
        return Err(Failure::new(Exit::Usage, "which load? -w PROFILE is missing").hint("bench plan --list shows the profiles").into());
    };
    check_before_the_cluster(g, &args, &a.set)?;
    let gate = super::gate::prepare(g, a.home.gate.as_deref())?;
    let session = g.session(a.home.wait_s).await?;
    let mut stack = match &a.endpoint {
        Some(_) => of_endpoint(g, &session, &a).await?,
        None => record::find(&session.cluster, a.namespace.as_deref()).await?,
    };
    let own = std::env::var("BENCH_SET").unwrap_or_default();
    let mut sets: Vec<String> = crate::config::path::split_outside(&own, ';').into_iter().map(String::from).collect();
    sets.retain(|s| run_level(s));
    sets.extend(a.set);
    crate::config::scenario::override_resolved(&mut stack.scenario, &sets)?;
    if let Some(mode) = a.load.mode() {
        stack.scenario.load.mode = mode;
    }
    let ops::plan::Loaded { plan, notes, warnings } = ops::plan::with_profile(&g.lookup(), &stack, &args)?;
    tell_plan(&session.report, &notes, &warnings);
    if a.dry_run {
        for o in ops::plan::objects(&plan)? {
            session.report.note(format!("{}", crate::cluster::Ref::of(&o)?));
        }
        session.report.note(format!("plan {} under arm {}", plan.hashes.plan, plan.arm));
        return Ok(Exit::Done);
    }
    let until = if a.detach { Until::Loading } else { Until::Home };
    match ops::run::run(&session, plan, &a.skip_reset, until).await? {
        Some(finished) => conclude(g, &finished, gate.as_ref()),
        None => {
            session.report.note("the load is at work; bench attach follows it and brings it home, from any machine");
            Ok(Exit::Done)
        }
    }
}

/// The plan of an endpoint alone.
async fn of_endpoint(g: &Global, session: &Session, a: &Args) -> anyhow::Result<Plan> {
    let args =
        ScenarioArgs { name: a.scenario.clone().unwrap_or_default(), env_set: std::env::var("BENCH_SET").ok(), ..ScenarioArgs::default() };
    let hints = Hints {
        namespace: a.namespace.clone().unwrap_or_else(|| session.cluster.default_namespace.clone()),
        deployment: None,
        endpoint: a.endpoint.clone(),
        model: a.model.clone(),
    };
    let plan = ops::existing::endpoint::plan(session, &g.lookup(), &args, &hints).await?;
    let missing = plan.scenario.existing.iter().flat_map(|e| e.missing.clone());
    for m in missing {
        session.report.warn(format!("missing: {m}"));
    }
    Ok(plan)
}

/// What is wrong whatever stack is up is told without asking for it.
fn check_before_the_cluster(g: &Global, args: &ProfileArgs, sets: &[String]) -> anyhow::Result<()> {
    if let Some(bad) = sets.iter().find(|s| !run_level(s)) {
        return Err(Failure::new(
            Exit::Usage,
            format!("--set {}: a run can change only load, reset and recording", crate::config::secrets::redact_assignment(bad)),
        )
        .hint("the stack's own keys are set at standup: bench standup --set …")
        .into());
    }
    let anywhere = profile::Context {
        target: "http://endpoint".into(),
        model: "model".into(),
        tokenizer: "model".into(),
        env: crate::config::profile::environment(),
        ..profile::Context::default()
    };
    profile::load(&g.lookup(), args, &anywhere)?;
    Ok(())
}

fn run_level(assignment: &str) -> bool {
    ["load.", "reset.", "recording."].iter().any(|p| assignment.trim().starts_with(p))
}

pub(super) fn conclude(g: &Global, f: &Finished, gate: Option<&Ready>) -> anyhow::Result<Exit> {
    let exit = ops::report::exit_of(&f.reported.summary);
    if g.output == Output::Json {
        outln!("{}", serde_json::json!({"event": "run", "run": f.run, "directory": f.dir, "summary": f.reported.summary}));
    } else {
        let page = f.dir.join(files::REPORT);
        super::report::show(&f.reported, false, if page.exists() { &page } else { &f.dir }, None);
    }
    // Everything is on disk by now: a gate that fails takes nothing away.
    gate.map_or(Ok(exit), |ready| super::gate::conclude(g, &f.dir, ready))
}
