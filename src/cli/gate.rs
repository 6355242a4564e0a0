//! `bench gate`, and the gate at the end of `bench run` and `bench resume`.

use super::shared::Global;
use super::show as shown;
use crate::config::gate::Gate;
use crate::failure::Failure;
use crate::ops;
use crate::ops::gate::{Judged, Ready};
use crate::report::Output;
use bench_analysis::report::gate;
use bench_analysis::report::writer::{markdown, terminal};
use bench_model::exit::Exit;
use bench_model::gate::GateReport;
use bench_model::judgement::{GoalTerms, Share};
use std::path::{Path, PathBuf};

/// Judge a run by rules over its numbers; exit code 3 when one is broken
///
/// A rule compares two arithmetic expressions over numbers of the run, of one of its rates, and of a baseline. A number
/// that was not measured breaks its rule. A run that is not valid ends with 4, whatever its rules say.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last", add = super::complete::runs())]
    run: String,
    /// A gate's file; or what a good request keeps: ttft=500ms,itl=50ms,e2e=10s; or a rule. May be given again
    #[arg(long, value_name = "FILE|TARGETS|RULE", add = super::complete::yaml_files())]
    slo: Vec<String>,
    /// A rule; may be given again
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// What `baseline` in a rule means: a run, its directory, or a file that --write-baseline wrote
    #[arg(long, value_name = "RUN|FILE", add = super::complete::baselines())]
    baseline: Option<String>,
    /// Store the run's numbers as a baseline, if no rule is broken
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Least share of the requests that are good [default: 99%]
    #[arg(long, value_name = "SHARE")]
    attain: Option<Share>,
    /// Price of an hour of one GPU, in any currency: the numbers of cost need it
    #[arg(long, value_name = "PRICE", value_parser = super::shared::price, allow_negative_numbers = true)]
    gpu_hour: Option<f64>,
    /// Judge the rules of a run that is not valid, too
    #[arg(long)]
    allow_invalid: bool,
    /// Form of the result
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write that form into a file, and the table to standard output; - for standard output
    #[arg(long, value_name = "PATH", requires = "format")]
    out: Option<PathBuf>,
    /// List the names that a rule may use, with their values when a run is named
    #[arg(long)]
    names: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench gate last --rule 'p99_ttft_ms < 800' --rule 'failed_fraction < 1%'
  bench gate last --slo gate.yaml                                                   # a file of rules
  bench gate last --slo ttft=500ms,itl=50ms --rule 'goodput_fraction >= 95%'
  bench gate last --rule 'rate[*].achieved_fraction >= 98%'                         # in each rate
  bench gate last --write-baseline before.json                                      # keep its numbers
  bench gate last --baseline before.json --rule 'replica_seconds < baseline * 1.1'  # and judge by them
  bench gate last --slo gate.yaml --format junit --out gate.xml                     # for a pipeline
  bench gate last --names                                                           # every number of it";

/// A form that the result can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table
    Terminal,
    /// Markdown, for a pull request
    Md,
    /// One JSON object
    Json,
    /// JUnit XML
    Junit,
    /// Annotations of GitHub Actions
    Github,
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    if a.names && a.rule.is_empty() && a.slo.is_empty() && a.run == "last" && ops::results::find(&g.results, "last").is_err() {
        return names(g, None);
    }
    let mut gate = Gate::default();
    for s in &a.slo {
        gate.slo(s)?;
    }
    for r in &a.rule {
        gate.rule(r)?;
    }
    gate.terms = GoalTerms { slo: None, attain: a.attain, gpu_hour: a.gpu_hour };
    if let Some(b) = &a.baseline {
        (gate.baseline, gate.beside) = (Some(b.clone()), None);
    }
    if gate.rules.is_empty() && a.write_baseline.is_none() && !a.names {
        return Err(Failure::new(Exit::Usage, "there is no rule: the gate would let everything pass")
            .hint("add --rule 'p99_ttft_ms < 800' or --slo FILE; bench gate --names lists what can be asked")
            .into());
    }
    let ready = ops::gate::prepare(&g.results, gate, a.allow_invalid)?;
    let (dir, _) = ops::results::find(&g.results, &a.run)?;
    let judged = ops::gate::of_run(&dir, &ready)?;
    if a.names {
        return names(g, Some(&judged));
    }
    show(g, &judged.report, a.format, a.out.as_deref())?;
    if let Some(path) = &a.write_baseline {
        ops::gate::write_baseline(path, &judged)?;
        if g.output == Output::Human && a.format.is_none() {
            outln!("  {} written", path.display());
        }
    }
    Ok(ops::gate::exit_of(&judged.report))
}

/// The gate of a run that is about to begin, checked before anything is done for it.
pub fn prepare(g: &Global, file: Option<&Path>) -> anyhow::Result<Option<Ready>> {
    let Some(path) = file else { return Ok(None) };
    let mut gate = Gate::default();
    gate.read(path)?;
    if gate.rules.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} has no rule: the gate would let everything pass", path.display())).into());
    }
    ops::gate::prepare(&g.results, gate, false).map(Some)
}

/// Judges a run that has come home.
pub fn conclude(g: &Global, dir: &Path, ready: &Ready) -> anyhow::Result<Exit> {
    let judged = ops::gate::of_run(dir, ready)?;
    if g.output == Output::Json {
        outln!("{}", serde_json::json!({"event": "gate", "gate": judged.report}));
    } else {
        outln!("");
        show(g, &judged.report, None, None)?;
    }
    Ok(ops::gate::exit_of(&judged.report))
}

pub(super) fn show(g: &Global, r: &GateReport, format: Option<Format>, out: Option<&Path>) -> anyhow::Result<()> {
    let by_default = || match g.output {
        Output::Json => shown::event("gate", r).map(|line| line + "\n"),
        Output::Human => render(r, Format::Terminal, true),
    };
    match (format, out.filter(|o| *o != Path::new("-"))) {
        (Some(format), Some(path)) => {
            ops::results::write_atomic(path, render(r, format, false)?.as_bytes())?;
            out!("{}", by_default()?);
        }
        (Some(format), _) => out!("{}", render(r, format, true)?),
        (None, _) => out!("{}", by_default()?),
    }
    Ok(())
}

fn render(r: &GateReport, format: Format, to_terminal: bool) -> anyhow::Result<String> {
    Ok(match format {
        Format::Terminal if to_terminal => terminal::render(&gate::document(r), shown::terminal(true)),
        Format::Terminal => shown::text(&gate::document(r), true),
        Format::Md => markdown::render(&gate::document(r)),
        Format::Json => format!("{}\n", serde_json::to_string(r)?),
        Format::Junit => gate::junit::render(r)?,
        Format::Github => gate::github::render(r),
    })
}

fn names(g: &Global, judged: Option<&Judged>) -> anyhow::Result<Exit> {
    let run = judged.map(|j| &j.numbers.numbers);
    if g.output == Output::Json {
        let all = bench_analysis::gate::names::all().iter();
        let all: Vec<_> = all.map(|n| serde_json::json!({"name": n.name, "unit": n.unit.word(), "what": n.what})).collect();
        outln!("{}", serde_json::json!({"event": "names", "names": all, "run": judged.map(|j| &j.numbers.run), "numbers": run}));
    } else {
        shown::document(&gate::names(run), true);
    }
    Ok(Exit::Done)
}
