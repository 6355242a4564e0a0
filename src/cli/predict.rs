//! `bench predict`.

use super::shared::{ArmArgs, Global, GoalArgs, LoadArgs, StackArgs, intent};
use super::show;
use crate::config::{coefficients, profile};
use crate::ops::plan::resolve;
use crate::ops::predict::{Options, Predicted, Request, With, predict, sweep};
use crate::report::Output;
use bench_analysis::report::{forecast, forecast::Stored, sweep as swept_over};
use bench_model::coefficients::Picker;
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_sim::input::Stepping;
use serde_json::json;

/// Predict what arms of autoscaling would do with a load, before a GPU is spent on it
///
/// Plays the whole experiment, guidellm, router, vLLM, Prometheus, WVA and HPA, in virtual time on this machine. Needs no cluster and
/// asks none. Each arm is played with several seeds, and every number is told as a band over them. The first seed's run of each arm is
/// kept as a run directory, for bench report and bench results.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    arm: ArmArgs,
    /// Arms to compare: wva, hpa, static-N [default: wva,hpa]
    #[arg(long, value_name = "ARM,…", value_delimiter = ',', conflicts_with = "ArmArgs")]
    arms: Vec<Arm>,
    /// The load; without -w it is chatbot_synthetic, that of the published experiment
    #[command(flatten)]
    load: LoadArgs,
    /// Seeds that each arm is played with; 1 makes every band a point [default: 20; of a sweep of over 20 points 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: Option<u32>,
    /// The first of them; the others follow it. Not guidellm's seed, which the profile states
    #[arg(long, value_name = "FIRST", default_value = "1")]
    seed: u64,
    /// Coefficients of the model servers: a name (bench plan --list) or a file
    #[arg(short = 'C', long, value_name = "COEFFICIENTS", default_value = "", add = super::complete::coefficient_files())]
    coefficients: String,
    /// How requests are spread over replicas, instead of what the scenario's gateway stands for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(Picker::ALL.map(|(_, name)| name)))]
    router: Option<String>,
    /// Draw coefficients from their uncertainty with each seed, so that bands hold it as well
    #[arg(long)]
    uncertain: bool,
    /// Take each step of the model servers by itself: the same result, slower
    #[arg(long)]
    exact: bool,
    /// Threads to play on [default: one a core]; changes nothing but the time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Play every combination of values instead: KEY=FROM..TO/COUNT or KEY=A,B,C, again for each KEY. Each arm is played over its own keys.
    /// A KEY is one of the scenario, or short: arm.hpa.target.kv, arm.hpa.target.waiting, arm.wva.kv_spare_trigger, arm.wva.interval,
    /// arm.static, stabilization, stabilization.up, stabilization.down, max_replicas, start_replicas, up.pods
    #[arg(long, value_name = "KEY=VALUES", value_parser = sweep::Axis::parse)]
    sweep: Vec<sweep::Axis>,
    #[command(flatten)]
    goal: GoalArgs,
    /// Print the coefficients, to be copied and changed, and predict nothing
    #[arg(long)]
    print_coefficients: bool,
    /// Show everything, not only the answer and what it rests on
    #[arg(long)]
    full: bool,
    /// Leave out the best fixed fleet, the schedule made with foresight and the other routers: half of the time
    #[arg(long)]
    no_bounds: bool,
    /// Keep no run directory
    #[arg(long)]
    no_save: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench predict --as-published                  # the published comparison of WVA and HPA, 80 minutes an arm
  bench predict -w chatbot_synthetic --rates 2,4  # another load
  bench predict -c simulated -w ramp_small      # the scenario that a kind cluster can run
  bench predict --set scaling.scale_up.stabilization_window_s=0  # another setting
  bench predict --arms hpa,static-2,static-3    # is an autoscaler needed at all?
  bench predict --sweep arm.hpa.target.kv=0.5..0.9/5 --sweep stabilization=0,60,240
  bench predict --wva --router epp --uncertain  # other assumptions
  bench predict --print-coefficients > my.yaml  # then change it, and give it with -C
  bench predict -C ./my.yaml
  bench report last                             # the whole report of the first seed's run";

pub fn run(g: &Global, mut a: Args) -> anyhow::Result<Exit> {
    let lookup = g.lookup();
    a.load.workload.get_or_insert_with(|| profile::DEFAULT.into());
    let coefficients = coefficients::load(&lookup, &a.coefficients)?;
    if a.print_coefficients {
        out!("{}", coefficients.text);
        return Ok(Exit::Done);
    }
    let arms = match a.arm.arm() {
        Some(arm) => vec![arm],
        None if a.arms.is_empty() => sweep::ARMS.to_vec(),
        None => a.arms.iter().enumerate().filter(|(i, arm)| !a.arms[..*i].contains(arm)).map(|(_, arm)| *arm).collect(),
    };
    let (first, warnings) = resolve(&lookup, &intent(&a.stack, &a.arm, Some(&a.load)), None)?;
    let report = g.reporter();
    warnings.into_iter().for_each(|w| report.warn(w));
    let plan = |arm: Arm| Plan::new(first.scenario.clone(), first.profile.clone(), arm, first.facts.clone(), first.notes.clone());
    let plans: Vec<Plan> = arms.into_iter().map(plan).collect();
    let options = Options {
        router: a.router.and_then(|name| Picker::ALL.iter().find(|(_, n)| *n == name).map(|(p, _)| *p)),
        draw_coefficients: a.uncertain,
        stepping: if a.exact { Stepping::Exact } else { Stepping::Coalesced },
    };
    let goal = a.goal.terms().or(first.scenario.goal).goal();
    let with = With { goal, threads: a.threads.map_or_else(cores, usize::from), report: &report };
    if !a.sweep.is_empty() {
        let swept = sweep::sweep(&sweep::Request {
            plans: &plans,
            axes: &a.sweep,
            coefficients: &coefficients,
            options,
            first_seed: a.seed,
            seeds: a.seeds,
            with,
        })?;
        match g.output {
            Output::Json => outln!("{}", json!({"event": "sweep", "sweep": swept})),
            Output::Human => show::document(&swept_over::document(&swept), a.full),
        }
        return Ok(Exit::Done);
    }
    let request = Request {
        plans: &plans,
        coefficients: &coefficients,
        options,
        first_seed: a.seed,
        seeds: a.seeds.unwrap_or(20),
        with,
        beside: !a.no_bounds,
        keep_in: (!a.no_save).then_some(g.results.as_path()),
    };
    let p = predict(&request)?;
    p.cautions.iter().for_each(|c| report.warn(c.clone()));
    tell(g, &p, a.full);
    Ok(Exit::Done)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn tell(g: &Global, p: &Predicted, full: bool) {
    let places: Vec<Option<String>> = p.first.iter().map(|s| s.dir.as_ref().map(|d| d.display().to_string())).collect();
    if g.output == Output::Json {
        outln!("{}", json!({"event": "forecast", "forecast": p.forecast, "directories": places}));
        return;
    }
    let stored: Vec<Stored<'_>> =
        p.first.iter().zip(&places).map(|(s, place)| Stored { arm: s.arm, tables: &s.tables, place: place.as_deref() }).collect();
    show::document(&forecast::document(&p.forecast, &stored), full);
}
