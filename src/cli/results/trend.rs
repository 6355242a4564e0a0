//! `bench results trend`.

use super::{Global, Output};
use crate::cli::gate::{Format, show};
use crate::failure::Failure;
use crate::ops;
use crate::ops::results::trend::{self as of_runs, Request, gate};
use bench_analysis::gate::slo;
use bench_analysis::report::trend;
use bench_model::exit::Exit;
use bench_model::trend::Worse;
use serde_json::json;
use std::path::PathBuf;

/// A number over the last runs of one plan, and a gate of the newest against them
///
/// Runs of the same plan hash and source are compared, the newest with those before it. --gate ends with 3 when it is worse than one more
/// run like the earlier ones would be, 19 times out of 20, and with 4 when fewer than 3 of them tell that.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Number of a run, as in a gate's rule: p99_ttft_ms, rate[5].mean_e2e_s, replica_seconds / 60 (bench gate --names)
    metric: String,
    /// The newest of the runs: its id, the end of its id, its directory, or `last`
    #[arg(default_value = "last", add = super::super::complete::runs())]
    run: String,
    /// How many earlier runs of its plan, at most
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u16).range(1..))]
    last: u16,
    /// What a good request keeps, for numbers of the goodput: ttft=500ms,itl=50ms
    #[arg(long, value_name = "TARGETS")]
    slo: Option<String>,
    /// Judge the newest run by the earlier ones
    #[arg(long)]
    gate: bool,
    /// A run may differ from the mean by so much, however well the earlier ones agree
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = percent)]
    tolerance: f64,
    /// Which way the number gets worse, where its name does not tell
    #[arg(long, value_enum)]
    worse: Option<Way>,
    /// Form of the gate's result
    #[arg(long, value_enum, requires = "gate")]
    format: Option<Format>,
    /// Write that form into a file
    #[arg(long, value_name = "PATH", requires = "format")]
    out: Option<PathBuf>,
    /// Write the plot as a page that opens offline
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bench results trend p99_ttft_ms                  # of the newest run's plan
  bench results trend p99_ttft_ms --gate           # exit code 3 when the newest is worse
  bench results trend 'rate[7].mean_e2e_s' --last 20 --html trend.html  # of one rate, as a page
  bench results trend 'replica_seconds / 60' 7f3a  # an expression, up to that run";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// When it rises
    Up,
    /// When it falls
    Down,
}

fn percent(text: &str) -> Result<f64, String> {
    let v = text.trim().trim_end_matches('%').trim().parse::<f64>().ok().filter(|v| (0.0..=1000.0).contains(v));
    v.map(|v| v / 100.0).ok_or_else(|| format!("{text:?} is no percentage between 0 and 1000"))
}

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let mut good = slo::NONE;
    if let Some(text) = &a.slo {
        slo::parse(text, &mut good).map_err(|e| Failure::new(Exit::Usage, format!("--slo {text}: {e}")))?;
    }
    let request = Request {
        results: &g.results,
        metric: &a.metric,
        run: &a.run,
        last: a.last.into(),
        slo: good,
        tolerance: a.tolerance,
        worse: a.worse.map(|w| if w == Way::Up { Worse::Up } else { Worse::Down }),
    };
    let found = of_runs::trend(&request)?;
    if let Some(path) = &a.html {
        ops::results::write_soon(path, trend::document(&found.trend).html().as_bytes())?;
    }
    // As of `bench gate`: a form that goes to standard output is alone there.
    let alone = a.format.is_some() && a.out.as_ref().is_none_or(|o| o.as_os_str() == "-");
    match g.output {
        _ if alone => {}
        Output::Json => outln!("{}", json!({"event": "trend", "trend": found.trend})),
        Output::Human => {
            crate::cli::show::print(&trend::document(&found.trend), true);
            if let Some(path) = &a.html {
                outln!("\n  {}", path.display());
            }
        }
    }
    if !a.gate {
        return Ok(Exit::Done);
    }
    let judged = gate(&request, &found)?;
    if g.output == Output::Json && a.format.is_none() {
        outln!("{}", json!({"event": "gate", "gate": judged.report}));
    } else {
        if g.output == Output::Human && !alone {
            outln!("");
        }
        show(g, &judged.report, a.format, a.out.as_deref())?;
    }
    Ok(ops::gate::exit_of(&judged.report))
}
