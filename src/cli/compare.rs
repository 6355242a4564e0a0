//! `bench compare`.

use super::shared::{Global, GoalArgs};
use super::show;
use crate::config::coefficients;
use crate::ops;
use crate::report::Output;
use bench_analysis::report::writer::terminal::render;
use bench_analysis::report::{json, writer::markdown};
use bench_model::exit::Exit;
use std::path::PathBuf;

/// Runs against each other: which arm served better, for how much, and what may be concluded of it
///
/// The first run's arm is what the others are compared with; several runs of one arm are repeats. A predicted and a measured run
/// of one arm give the residuals of the prediction. Refuses runs that are not comparable.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Runs: ids, ends of ids, or directories
    #[arg(required = true, num_args = 2.., value_name = "RUN", add = super::complete::runs())]
    runs: Vec<String>,
    /// Runs of one arm: how much they differ by themselves, and how many repeats it takes
    #[arg(long)]
    aa: bool,
    /// With --aa: a difference that matters
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = share, requires = "aa")]
    matter: f64,
    /// Compare what is not comparable; the comparison says so
    #[arg(long)]
    force: bool,
    /// Leave out the perfect autoscaler and the static fleets, which take a while
    #[arg(long)]
    no_bounds: bool,
    /// Coefficients of the model servers, for the bounds: a name (bench plan --list) or a file
    #[arg(short = 'C', long, value_name = "COEFFICIENTS", default_value = "", add = super::complete::coefficient_files())]
    coefficients: String,
    /// Show everything, not only the answer and what it rests on
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    goal: GoalArgs,
    /// Form of it
    #[arg(long, value_enum, default_value = "terminal")]
    format: Format,
    /// File to write it to, - for standard output [default: compare.html for html, else standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bench compare 7f3a c97c                                        # two runs, by the ends of their ids
  bench compare 7f3a c97c --slo ttft=1s,itl=60ms --gpu-hour 2.5  # other limits, and the cost
  bench compare 7f3a c97c --full                                 # every table, each run by itself
  bench compare 7f3a 11aa 22bb --aa --matter 5%                  # the noise floor of one arm
  bench compare 7f3a c97c --format html                          # compare.html, with every plot
  bench compare 7f3a c97c --format md --out compare.md           # for a pull request";

/// A form that a comparison can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// The answer and the arms side by side; everything with --full
    Terminal,
    /// Markdown, for a pull request
    Md,
    /// One page with every plot, which opens offline
    Html,
    /// Everything, see docs/schemas/comparison.schema.json
    Json,
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let coefficients = if a.no_bounds { None } else { Some(coefficients::load(&g.lookup(), &a.coefficients)?) };
    let compared = ops::compare::compare(&ops::compare::Request {
        results: &g.results,
        runs: &a.runs,
        labels: &[],
        terms: a.goal.terms(),
        aa: a.aa,
        matter: a.matter,
        force: a.force,
        coefficients: coefficients.as_ref(),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        report: &g.reporter(),
    })?;
    let c = &compared.comparison;
    compared.problems.iter().for_each(|p| errln!("warning: {p}"));
    let one_line = g.output == Output::Json;
    // Megabytes of a page are nothing to read on a terminal.
    let place = (a.format == Format::Html && !one_line).then(|| PathBuf::from("compare.html"));
    let place = a.out.as_ref().or(place.as_ref()).filter(|p| p.as_os_str() != "-");
    let text = match a.format {
        _ if one_line && a.out.is_none() => show::event("comparison", c)? + "\n",
        _ if one_line => serde_json::to_string(c)? + "\n",
        Format::Terminal if a.out.is_none() => render(&compared.document(), show::terminal(a.full)),
        Format::Terminal => show::text(&compared.document(), a.full),
        Format::Md => markdown::render(&compared.document()),
        Format::Html => compared.page(place.map(PathBuf::as_path)).html(),
        Format::Json => json::render(c)?,
    };
    match place {
        Some(path) => {
            ops::results::write_soon(path, text.as_bytes())?;
            if !one_line {
                outln!("{}", path.display());
            }
        }
        None => out!("{text}"),
    }
    Ok(Exit::Done)
}

fn share(s: &str) -> Result<f64, String> {
    let v: Option<f64> = s.trim_end_matches('%').trim().parse().ok();
    v.filter(|v| v.is_finite() && *v > 0.0).map(|v| v / 100.0).ok_or_else(|| "write a percentage above 0, like 10%".into())
}
