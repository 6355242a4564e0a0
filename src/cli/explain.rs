//! `bench explain`.

use super::shared::Global;
use crate::ops;
use crate::report::Output;
use bench_analysis::report::{explain, writer::markdown};
use bench_model::exit::Exit;

/// Why each scaling of a run happened, or did not
///
/// Replays the recorded metrics through the very algorithm of the autoscaler: per decision the inputs, the threshold, the proposal, and
/// what tolerance, stabilization windows and policies made of it; for WVA also which replicas were saturated and left out. Names known
/// defects where it sees them, and says where replay and record differ.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last", add = super::complete::runs())]
    run: String,
    /// Everything known at one moment: +45m, +48:30, +1h5m10s or seconds from the load's start; RFC 3339 for a measured run
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
    /// How each decision came about, step by step: inputs, threshold, proposal, windows and policies
    #[arg(short = 'v', long, alias = "steps")]
    full: bool,
    /// Form of the explanation
    #[arg(long, value_enum)]
    format: Option<Format>,
}

const EXAMPLES: &str = "\
Examples:
  bench explain last                            # what was found, and a reason for each decision
  bench explain last --full                     # and how each decision came about
  bench explain last --at +2m                   # everything known at one moment
  bench explain last --at 2026-11-24T03:15:00Z  # the same by the clock, of a measured run
  bench explain last --format md                # for a pull request
  bench explain last --output json              # one document (docs/schemas/explanation.schema.json)";

/// A form that an explanation can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned text
    Terminal,
    /// Markdown for a pull request
    Md,
    /// One JSON document
    Json,
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let (dir, _) = ops::results::find(&g.results, &a.run)?;
    let r = ops::report::read_stored(&dir)?;
    let e = ops::explain::of(&r, a.at.as_deref())?;
    let by_default = if g.output == Output::Json { Format::Json } else { Format::Terminal };
    let format = a.format.unwrap_or(by_default);
    for p in r.ingested.problems.iter().filter(|_| format != Format::Json) {
        errln!("warning: {p}");
    }
    match format {
        Format::Json if a.format.is_none() => outln!("{}", super::show::event("explanation", &e)?),
        Format::Json => outln!("{}", serde_json::to_string(&e)?),
        Format::Md => out!("{}", markdown::render(&explain::document(&r.ingested.run, &e))),
        Format::Terminal => {
            super::show::print(&explain::document(&r.ingested.run, &e), a.full);
            if !a.full && a.at.is_none() && e.moments.iter().any(|m| !m.steps.is_empty()) {
                outln!("\nbench explain {} --full shows how each came about", super::report::short(&e.run, Some(&a.run)));
            }
        }
    }
    Ok(Exit::Done)
}
