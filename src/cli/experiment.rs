//! `bench experiment`.

use super::shared::{Global, GoalArgs};
use super::show;
use crate::config::experiment::ExperimentArgs;
use crate::failure::{Failure, ends_with, enrich};
use crate::ops::experiment::conclude::{self, With};
use crate::ops::experiment::outlook::{Asked, outlook};
use crate::ops::experiment::state::{self, Kept};
use crate::ops::experiment::{self, measure, predicted, send};
use crate::report::Output;
use bench_analysis::report::experiment as told;
use bench_model::comparison::Comparison;
use bench_model::exit::Exit;
use bench_model::experiment::{Compared, State, files};
use bench_model::plan::Arm;
use bench_model::run::Source;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arms × repeats of one profile, in a stated order, to one comparison
///
/// Stands the stack up, makes each run, swaps the arm in between, judges, makes again what is not valid, compares over the repeats.
/// Given again, it carries on from wherever it was: no run is made twice. Exit code 4 when a run stayed invalid, 3 when a gate failed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Experiment: a name (`bench plan --list`) or a file
    #[arg(value_name = "FILE", add = super::complete::experiments())]
    name: String,
    /// Show the schedule, what it takes and costs, and what the simulator says of each run; change nothing and ask no cluster
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Play it in the simulator instead, a seed a repeat, to the same comparison; needs no cluster
    #[arg(long, conflicts_with_all = ["dry_run", "replace", "wait_s"])]
    predicted: bool,
    /// Show how far the last one of this name is, and do nothing
    #[arg(long, conflicts_with_all = ["dry_run", "predicted", "new"])]
    status: bool,
    /// Begin another one, also where one of this name is not at its end
    #[arg(long, conflicts_with = "dry_run")]
    new: bool,
    /// Remove another stack that is in the namespace
    #[arg(long, conflicts_with = "dry_run")]
    replace: bool,
    #[command(flatten)]
    change: Change,
    /// Seeds that --dry-run predicts each run with; 0 predicts nothing
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(0..=1000))]
    seeds: u32,
    #[command(flatten)]
    end: EndArgs,
    /// Longest wait for any one condition and for a load's end, in seconds
    #[arg(short = 's', long = "wait", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    wait_s: Option<u64>,
}

/// What becomes of the result.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EndArgs {
    /// Show everything, not only the answer and what it rests on
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    goal: GoalArgs,
    /// Write JUnit XML there: a test case a run
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Append Markdown there, for a pull request or $GITHUB_STEP_SUMMARY
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Send its runs there at its end: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or file:///DIRECTORY, as bench results push does
    #[arg(long, value_name = "URL")]
    push: Option<String>,
}

/// What is otherwise than the file says.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Instead of what the file says")]
struct Change {
    /// Scenario: a name or a file
    #[arg(short = 'c', long, value_name = "SCENARIO", add = super::complete::scenarios())]
    scenario: Option<String>,
    /// Namespace of the stack
    #[arg(short = 'p', long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Model to serve
    #[arg(short = 'm', long = "models", alias = "model", value_name = "MODEL")]
    model: Option<String>,
    /// Change one key of the scenario in every run; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Pin the images of every run by the digests in a file of bench plan --lock
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    locked: Option<String>,
    /// Profile: a name or a file
    #[arg(short = 'w', long, value_name = "PROFILE", add = super::complete::profiles())]
    workload: Option<String>,
    /// Change keys of the profile in every run
    #[arg(short = 'o', long = "overrides", value_name = "KEY=VALUE,…")]
    overrides: Vec<String>,
    /// Requests per second, one after the other
    #[arg(long, value_name = "R,R,…")]
    rates: Option<String>,
    /// Seconds per rate
    #[arg(long, value_name = "S")]
    max_seconds: Option<u32>,
    /// Arms: wva, hpa, static-N
    #[arg(long, value_name = "ARM,…", value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Runs of each arm
    #[arg(long, value_name = "N")]
    repeats: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  bench experiment wva-vs-hpa --dry-run    # the published comparison: hours, GPU-hours, what to expect
  bench experiment wva-vs-hpa --dry-run --gpu-hour 2.5  # and what it costs
  bench experiment wva-vs-hpa --predicted  # the same in the simulator
  bench experiment simulated               # in small, on any cluster, without a GPU
  bench experiment simulated --repeats 1 --arms wva,hpa,static-2  # other arms, one run of each
  bench experiment simulated --push s3://bucket/bench  # its runs, to where they outlive this machine
  bench experiment simulated --status      # how far it is
  bench resume                             # carries on, too";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    if a.status {
        return status(g, &a);
    }
    let args = arguments(&a);
    let defined = experiment::define(&g.lookup(), &args, None)?;
    let report = g.reporter();
    defined.treatments.warnings.iter().for_each(|w| report.warn(w.clone()));
    // What would only show after hours is told now.
    let gate = experiment::check_gate(&g.results, &defined)?;
    a.end.check()?;
    if a.dry_run {
        let g = g.clone();
        return tokio::task::spawn_blocking(move || {
            let asked = Asked { seeds: a.seeds, threads: cores(), report: &g.reporter(), gpu_hour: a.end.goal.terms().gpu_hour };
            let o = outlook(&defined, &asked);
            match g.output {
                Output::Json => outln!("{}", json!({"event": "outlook", "outlook": o})),
                Output::Human => show::document(&told::outlook(&o), a.end.full),
            }
            Ok(Exit::Done)
        })
        .await?;
    }
    let source = if a.predicted { Source::Predicted } else { Source::Measured };
    if a.predicted {
        predicted::check(&defined)?;
    } else {
        // What no cluster could do is told without asking one.
        defined.treatments.all.iter().try_for_each(|t| crate::ops::plan::buildable(&t.plan))?;
    }
    if let Some(url) = &a.end.push {
        send::check(url).await?;
    }
    let (session, defined) = if a.predicted {
        (None, defined)
    } else {
        let session = g.session(a.wait_s).await?;
        let facts = crate::ops::facts::gather(&session.cluster).await?;
        (Some(session), experiment::define(&g.lookup(), &args, Some(&facts))?)
    };
    let kept = experiment::begin(&g.results, &defined, gate.as_ref(), source, a.new)?;
    let again = again(g, &kept);
    carry_on(g, kept, session, a.replace, &a.end).await.map_err(|e| what_next(e, again))
}

/// What carries it on as it was begun, whatever flags changed it then.
pub fn again(g: &Global, kept: &Kept) -> String {
    let results = if g.results == Path::new("results") { String::new() } else { format!("--results {} ", g.results.display()) };
    format!("bench {results}resume {}", kept.record.id)
}

/// From wherever it is to its end: also what `bench resume` does.
pub async fn carry_on(
    g: &Global,
    mut kept: Kept,
    session: Option<crate::ops::Session>,
    replace: bool,
    end: &EndArgs,
) -> anyhow::Result<Exit> {
    let held = kept.hold()?;
    let gate = experiment::gate(&g.results, &kept.record)?;
    let coefficients = crate::config::coefficients::load(&g.lookup(), &kept.record.definition.compare.coefficients)?;
    let report = session.as_ref().map_or_else(|| g.reporter(), |s| s.report.clone());
    let mut left = Ok(());
    if let Some(session) = &session {
        measure::measure(session, &mut kept, gate.as_ref(), replace).await?;
        // GPUs first; and what a teardown leaves takes nothing away of what was measured.
        left = match measure::leave(session, &kept).await {
            Err(e) if ends_with(&e, Exit::Interrupted) => return Err(e),
            other => other,
        };
    }
    let (g, end) = (g.clone(), end.clone());
    // It computes for seconds without a pause; on a thread of its own it does not hold up Ctrl-C.
    tokio::task::spawn_blocking(move || {
        if kept.record.source == Source::Predicted {
            predicted::play(&mut kept, &g.results, &coefficients, gate.as_ref(), cores(), &report)?;
        }
        let with = With { results: &g.results, terms: end.goal.terms(), coefficients: &coefficients, threads: cores(), report: &report };
        let comparisons = conclude::conclude(&mut kept, &with)?;
        // What is left of the stack is told with its causes; anything else is tried again when the command is given again.
        let still = left.as_ref().is_err_and(|e| !ends_with(e, Exit::Leftovers));
        // Before it is over: what was not sent is sent when the command is given again.
        let store = |url: &String| tokio::runtime::Handle::current().block_on(send::send(&g.results, &kept.record, url, &report));
        let sent = end.push.as_ref().map_or(Ok(()), store);
        if still || sent.is_err() {
            conclude::reopen(&mut kept)?;
        }
        tell(&g, &kept, &comparisons, end.full);
        let exit = conclude::exit_of(&kept.record, &comparisons);
        let copied = leave(&kept, &end);
        drop(held);
        left?;
        match sent.and(copied) {
            // What came of it says more than that a copy of it could not be written or sent.
            Err(e) if exit != Exit::Done => report.warn(format!("{e:#}")),
            other => other?,
        }
        Ok(exit)
    })
    .await?
}

/// The command that carries the experiment on, not only the run that it was at.
pub fn what_next(e: anyhow::Error, command: String) -> anyhow::Error {
    enrich(e, |mut f| {
        if matches!(f.exit, Exit::Interrupted | Exit::Cluster | Exit::TimedOut) {
            f.next = Some(command);
        }
        f
    })
}

fn arguments(a: &Args) -> ExperimentArgs {
    let c = a.change.clone();
    ExperimentArgs {
        name: a.name.clone(),
        scenario: c.scenario,
        namespace: c.namespace,
        model: c.model,
        profile: c.workload,
        set: c.set,
        overrides: c.overrides,
        rates: c.rates,
        max_seconds: c.max_seconds,
        arms: c.arms,
        repeats: c.repeats,
        locked: c.locked,
    }
}

fn tell(g: &Global, kept: &Kept, comparisons: &[Option<Comparison>], full: bool) {
    let r = &kept.record;
    if g.output == Output::Json {
        outln!("{}", json!({"event": "experiment", "experiment": r, "directory": kept.dir, "comparisons": comparisons}));
        return;
    }
    show::document(&told::document(r, comparisons), full);
    outln!("\n{}", kept.dir.display());
}

/// Copies for whoever called it.
fn leave(kept: &Kept, end: &EndArgs) -> anyhow::Result<()> {
    let read = |file: &str| std::fs::read(kept.dir.join(file));
    let junit = end.junit.as_ref().map_or(Ok(()), |path| crate::ops::results::write_atomic(path, &read(files::JUNIT)?));
    // Whatever became of the other.
    let summary = end.summary.as_ref().map_or(Ok(()), |path| append(path, &read(files::REPORT)?));
    junit.and(summary)
}

impl EndArgs {
    /// # Errors
    /// Exit 2 for a place where nothing could be written after hours.
    fn check(&self) -> anyhow::Result<()> {
        if let Some(url) = &self.push {
            crate::ops::remote::store::Place::open(url, crate::ops::remote::store::Why::DryRun)?;
        }
        for (flag, path) in [("--junit", &self.junit), ("--summary", &self.summary)] {
            let Some(path) = path else { continue };
            let bad = |why: String| {
                Failure::new(Exit::Usage, format!("{flag} {}: {why}", path.display())).hint("name a file that can be written")
            };
            if path.is_dir() {
                return Err(bad("it is a directory".into()).into());
            }
            if path.exists() {
                std::fs::OpenOptions::new().append(true).open(path).map_err(|e| bad(e.to_string()))?;
            }
        }
        Ok(())
    }
}

/// Other steps of a job have written there, too.
fn append(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    use anyhow::Context;
    use std::io::Write;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text).with_context(|| format!("cannot write {}", path.display()))
}

fn status(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let (mut all, unreadable) = state::all(&g.results)?;
    unreadable.iter().for_each(|u| errln!("warning: {u}"));
    // A file may say another name than its own.
    let said = crate::config::experiment::load(&g.lookup(), &arguments(a)).ok().map(|l| l.experiment.name);
    let stem = || Path::new(&a.name).file_stem().map(|n| n.to_string_lossy().into_owned());
    let named = said.or_else(stem).unwrap_or_default();
    all.retain(|k| k.record.definition.name == named || k.record.id == a.name);
    let Some(kept) = all.pop() else {
        return Err(Failure::new(
            Exit::Usage,
            format!("no experiment {} was begun (in {})", a.name, state::directory(&g.results).display()),
        )
        .hint("--results names another directory")
        .into());
    };
    let r = &kept.record;
    if g.output == Output::Json {
        outln!("{}", json!({"event": "experiment", "experiment": r, "directory": kept.dir}));
        return Ok(Exit::Done);
    }
    let read = |c: &Compared| serde_json::from_slice(&std::fs::read(kept.dir.join(format!("{}.json", c.name))).ok()?).ok();
    let comparisons: Vec<Option<Comparison>> = r.comparisons.iter().map(read).collect();
    show::document(&told::document(r, &comparisons), a.end.full);
    let next = if r.state == State::Running { format!("\nbench resume {}   carries on", r.id) } else { String::new() };
    outln!("\n{}{next}", kept.dir.display());
    Ok(Exit::Done)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
