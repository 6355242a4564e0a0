//! `bench calibrate`.

use super::shared::Global;
use crate::config::coefficients;
use crate::failure::Failure;
use crate::ops::calibrate::{Request, calibrate, text};
use crate::ops::results::write_atomic;
use crate::report::Output;
use bench_analysis::report::calibration;
use bench_model::coefficients::Picker;
use bench_model::exit::Exit;
use serde_json::json;
use std::path::PathBuf;

/// Fit the simulator to recorded runs, and write the coefficients that bench predict -C reads
///
/// Least squares over the requests, the model servers' counters and the pods of the runs: step time, prompts, front-end, the way's
/// latency and pods' start, each with an interval. What the runs do not tell stays as it was, and why is said. Runs of one model, card
/// and gateway are fitted together. Needs no cluster.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Runs: the id, the end of the id, the directory, or `last`
    #[arg(required = true, add = super::complete::runs())]
    runs: Vec<String>,
    /// Coefficients to begin with: a name (bench plan --list) or a file
    #[arg(short = 'C', long, value_name = "COEFFICIENTS", default_value = "", add = super::complete::coefficient_files())]
    coefficients: String,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "calibrated.yaml")]
    out: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
    /// Fit and tell, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Fit a run that is not valid, too
    #[arg(long)]
    allow_invalid: bool,
    /// How requests are spread over replicas when runs are played, instead of what the scenario's gateway stands for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(Picker::ALL.map(|(_, name)| name)))]
    router: Option<String>,
    /// Seeds with which each run is played before and after; 0 plays none
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(0..=1000))]
    seeds: u32,
}

const EXAMPLES: &str = "\
Examples:
  bench calibrate last                                     # writes calibrated.yaml
  bench calibrate 7f3a c97c 11aa --out h200.yaml           # several runs, each also told by the others
  bench calibrate last -n --output json                    # writes nothing
  bench predict -w chatbot_synthetic -C ./calibrated.yaml  # predicts with it";

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    if !a.dry_run && !a.force && a.out.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} is there already", a.out.display()))
            .hint("--out FILE names another one, --force writes over it, -n writes nothing")
            .into());
    }
    let lookup = g.lookup();
    let loaded = coefficients::load(&lookup, &a.coefficients)?;
    let report = g.reporter();
    let found = calibrate(&Request {
        results: &g.results,
        runs: &a.runs,
        coefficients: &loaded,
        router: a.router.as_ref().and_then(|name| Picker::ALL.iter().find(|(_, n)| n == name).map(|(p, _)| *p)),
        allow_invalid: a.allow_invalid,
        seeds: a.seeds,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        report: &report,
    })?;
    found.problems.iter().for_each(|p| report.warn(p.clone()));
    let text = text(&found)?;
    if !a.dry_run {
        write_atomic(&a.out, text.as_bytes())?;
    }
    let file = (!a.dry_run).then(|| a.out.display().to_string());
    match g.output {
        Output::Json => outln!("{}", json!({"event": "calibration", "calibrated": found.calibrated, "file": file})),
        Output::Human => {
            super::show::print(&calibration::document(&found.calibrated), true);
            if let Some(file) = file {
                let path = if file.contains('/') { file } else { format!("./{file}") };
                outln!("\n  {path} written; bench predict -C {path} predicts with it");
            }
        }
    }
    Ok(Exit::Done)
}
