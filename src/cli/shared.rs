//! Arguments that several commands share, and the session they make.

use crate::cluster::Cluster;
use crate::config::Lookup;
use crate::config::profile::ProfileArgs;
use crate::config::scenario::ScenarioArgs;
use crate::ops::Session;
use crate::ops::plan::Intent;
use crate::report::{Output, Reporter};
use bench_model::judgement::{GoalTerms, Share};
use bench_model::plan::Arm;
use bench_model::scenario::{LoadMode, Method};
use bench_model::scorecard::Slo;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// human: bars on a terminal, plain lines elsewhere; json: one event a line on standard output
    #[arg(long, value_enum, default_value = "human", global = true)]
    pub output: Output,
    /// Directory of all runs
    #[arg(long, default_value = "results", env = "BENCH_RESULTS", global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub results: PathBuf,
    /// Looked into before ./ and the embedded files: scenarios/, profiles/guidellm/, coefficients/ and experiments/
    #[arg(long, env = "BENCH_CONFIG_DIR", global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub config_dir: Option<PathBuf>,
    /// Instead of $KUBECONFIG, ~/.kube/config, or the pod's own account
    #[arg(short = 'k', long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, global = true)]
    pub context: Option<String>,
}

impl Global {
    pub fn lookup(&self) -> Lookup {
        Lookup { config_dir: self.config_dir.clone(), current_dir: PathBuf::from(".") }
    }

    pub fn reporter(&self) -> Reporter {
        Reporter::new(self.output)
    }

    pub async fn session(&self, wait_s: Option<u64>) -> anyhow::Result<Session> {
        let cluster = Cluster::connect(self.kubeconfig.as_deref(), self.context.as_deref()).await?;
        Ok(Session { cluster, report: self.reporter(), results: self.results.clone(), patience: wait_s.map(Duration::from_secs) })
    }
}

/// Which stack.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct StackArgs {
    /// Scenario: a name (`bench plan --list`) or a file
    #[arg(short = 'c', long, value_name = "SCENARIO", default_value = "", add = super::complete::scenarios())]
    pub scenario: String,
    /// Namespace of the stack
    #[arg(short = 'p', long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Model to serve
    #[arg(short = 'm', long = "models", alias = "model", value_name = "MODEL")]
    pub model: Option<String>,
    /// Refuse unless the scenario deploys by this method: simulator, modelservice, standalone or existing
    #[arg(short = 't', long = "methods", value_name = "METHOD", value_parser = method)]
    pub method: Option<Method>,
    /// Change one key of the scenario; may be given again. BENCH_SET holds more, separated by `;`
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Pin images by the digests in a file of bench plan --lock; exit code 2 when it does not fit the plan
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub locked: Option<PathBuf>,
}

fn method(text: &str) -> Result<Method, String> {
    match text {
        "simulator" => Ok(Method::Simulator),
        "modelservice" => Ok(Method::Modelservice),
        "standalone" => Ok(Method::Standalone),
        "existing" => Ok(Method::Existing),
        _ => Err("simulator, modelservice, standalone or existing".into()),
    }
}

/// Which arm.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(multiple = false)]
pub struct ArmArgs {
    /// The arm of llm-d's Workload-Variant-Autoscaler
    #[arg(short = 'u', long)]
    pub wva: bool,
    /// The arm of a plain HPA on waiting requests and KV usage
    #[arg(long)]
    pub hpa: bool,
    /// No autoscaler, N replicas
    #[arg(long = "static", value_name = "N")]
    pub fixed: Option<u32>,
}

impl ArmArgs {
    pub fn arm(&self) -> Option<Arm> {
        match self {
            Self { wva: true, .. } => Some(Arm::Wva),
            Self { hpa: true, .. } => Some(Arm::Hpa),
            Self { fixed: Some(n), .. } => Some(Arm::Static(*n)),
            _ => None,
        }
    }
}

/// Which load.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LoadArgs {
    /// Load generator
    #[arg(short = 'l', long, default_value = "guidellm", value_parser = ["guidellm"])]
    pub harness: String,
    /// Profile: a name (`bench plan --list`) or a file, also one straight out of llm-d-benchmark
    #[arg(short = 'w', long, value_name = "PROFILE", add = super::complete::profiles())]
    pub workload: Option<String>,
    /// Change keys of the profile: key=value,key2=value2; lists in brackets
    #[arg(short = 'o', long = "overrides", value_name = "KEY=VALUE,…")]
    pub overrides: Vec<String>,
    /// Requests per second, one after the other: 2,3,5,6
    #[arg(long, value_name = "R,R,…")]
    pub rates: Option<String>,
    /// Seconds per rate
    #[arg(long, value_name = "S")]
    pub max_seconds: Option<u32>,
    /// Use the seed that the published runs really had (42: guidellm 0.5 ignores the profile's)
    #[arg(long)]
    pub as_published: bool,
    /// One guidellm process a rate: a finished rate survives the next one's death
    #[arg(long, conflicts_with = "continuous")]
    pub per_rate: bool,
    /// One guidellm process over all rates, as published
    #[arg(long)]
    pub continuous: bool,
}

impl LoadArgs {
    pub fn mode(&self) -> Option<LoadMode> {
        if self.per_rate { Some(LoadMode::PerRate) } else { self.continuous.then_some(LoadMode::Continuous) }
    }

    /// `None` without `-w`.
    pub fn profile(&self) -> Option<ProfileArgs> {
        Some(ProfileArgs {
            name: self.workload.clone()?,
            overrides: self.overrides.clone(),
            rates: self.rates.clone(),
            max_seconds: self.max_seconds,
            as_published: self.as_published,
        })
    }
}

/// How long a command stays with a run, and by what it judges it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HomeArgs {
    /// Longest wait for any one condition and for the load's end, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    pub wait_s: Option<u64>,
    /// Judge the run by a file of rules at its end (`bench gate --help`); exit code 3 when one is broken
    #[arg(long, value_name = "FILE", add = super::complete::yaml_files())]
    pub gate: Option<PathBuf>,
}

/// By what arms are judged; what is not said is the experiment's or the scenario's, and else the default.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[command(next_help_heading = "The goal")]
pub struct GoalArgs {
    /// What a request must keep to be good: TTFT and E2E from when it was due, ITL between two tokens [default: ttft=500ms,itl=50ms]
    #[arg(long, value_name = "LIMITS")]
    slo: Option<Slo>,
    /// Least share of the requests that are good [default: 99%]
    #[arg(long, value_name = "SHARE")]
    attain: Option<Share>,
    /// Price of an hour of one GPU, in any currency
    #[arg(long, value_name = "PRICE", value_parser = price, allow_negative_numbers = true)]
    gpu_hour: Option<f64>,
}

impl GoalArgs {
    pub fn terms(&self) -> GoalTerms {
        GoalTerms { slo: self.slo, attain: self.attain, gpu_hour: self.gpu_hour }
    }
}

pub fn price(s: &str) -> Result<f64, String> {
    s.parse().ok().filter(|v: &f64| (0.0..=1e6).contains(v)).ok_or_else(|| "a price is a number from 0 to 1000000".into())
}

/// Columns of this terminal: those that the shell tells, or else its own; 80 where there is none.
pub fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    told.or_else(|| terminal_size::terminal_size().map(|(w, _)| w.0.into())).unwrap_or(80)
}

/// The intent of a command that begins from a scenario.
pub fn intent(stack: &StackArgs, arm: &ArmArgs, load: Option<&LoadArgs>) -> Intent {
    Intent {
        scenario: ScenarioArgs {
            name: stack.scenario.clone(),
            env_set: std::env::var("BENCH_SET").ok(),
            set: stack.set.clone(),
            namespace: stack.namespace.clone(),
            model: stack.model.clone(),
        },
        profile: load.and_then(LoadArgs::profile),
        arm: arm.arm(),
        mode: load.and_then(LoadArgs::mode),
        method: stack.method,
        lock: stack.locked.clone(),
    }
}

/// Tells warnings and notes of a plan.
pub fn tell_plan(report: &Reporter, notes: &[String], warnings: &[String]) {
    for w in warnings {
        report.warn(w.clone());
    }
    for n in notes {
        report.note(n.clone());
    }
}

/// The name of a namespace, before it becomes part of a request's path.
pub fn namespace(text: &str) -> Result<String, String> {
    match crate::config::values::label_fault(text, 63) {
        Some(fault) => Err(format!("it {fault}: use lower-case letters, digits and `-`, at most 63, a letter or digit at both ends")),
        None => Ok(text.into()),
    }
}

/// Is this a terminal that shows colours, and wants them? By no-color.org, an empty `NO_COLOR` says nothing.
pub fn color(out: &impl std::io::IsTerminal) -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
    out.is_terminal() && !unwanted && !dumb
}
