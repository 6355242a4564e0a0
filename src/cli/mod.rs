//! The command line: one file a command, its arguments and what it prints. No logic.

/// `print!` that ends the program quietly when nobody reads any more (`bench … | head`).
macro_rules! out {
    ($($t:tt)*) => { $crate::cli::print(format_args!($($t)*)) };
}
/// [`out`] with a line's end.
macro_rules! outln {
    ($($t:tt)*) => { $crate::cli::print(format_args!("{}\n", format_args!($($t)*))) };
}
/// A line on standard error, made safe for a terminal; never panics, as `eprintln!` does when nobody can read it.
macro_rules! errln {
    ($($t:tt)*) => { $crate::screen::tell_line(&format!($($t)*)) };
}

mod adopt;
mod agent;
mod attach;
mod calibrate;
mod compare;
mod complete;
mod completions;
mod experiment;
mod explain;
mod gate;
mod gc;
mod man;
mod plan;
mod predict;
mod preflight;
mod process;
mod report;
mod results;
mod resume;
mod run;
mod shared;
mod show;
mod standup;
mod status;
mod swap;
mod teardown;

use crate::failure::Failure;
use crate::report::Output;
use bench_model::exit::Exit;
use clap::{Parser, Subcommand};

pub use complete::answer;
pub use process::{arguments, end_on_panic, guarded};
pub use shared::Global;

/// Which autoscaler should serve this model under this load: llm-d's WVA or a plain HPA?
#[derive(Debug, Parser)]
#[command(name = "bench", version, propagate_version = true, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bench predict --as-published                  # both arms in the simulator, before a GPU is spent
  bench plan -c simulated -w ramp_small         # render everything; needs no cluster
  bench preflight -c simulated                  # can this cluster do it?
  bench standup -c simulated --wva              # stand the stack up under WVA
  bench run -w ramp_small                       # one run under the arm that is up
  bench adopt -p NAMESPACE                      # a stack that somebody else stood up, as it is
  bench swap-to-hpa && bench run -w ramp_small  # the same load under a plain HPA
  bench run -w ramp_small --detach              # begin it and go away; bench attach brings it home
  bench experiment simulated --dry-run          # arms and repeats to one comparison: what it takes
  bench resume                                  # carry on after a crash, a kill, a lost laptop
  bench results ls; bench report last           # what was run, and its report
  bench explain last                            # why each scaling happened, or did not
  bench gate last --rule 'p99_ttft_ms < 800'    # exit code 3 unless it holds
  bench teardown                                # remove what bench made, and only that
  bench gc -n                                   # what is left of stacks that are gone

Exit codes: 0 done, 2 usage, 3 gate failed, 4 invalid measurement, 5 timed out, 6 the cluster refuses,
7 interrupted, 8 something is left behind, 70 a bug.";

#[derive(Debug, Subcommand)]
pub enum Command {
    Plan(plan::Args),
    Predict(predict::Args),
    Calibrate(calibrate::Args),
    Preflight(preflight::Args),
    Standup(standup::Args),
    Adopt(adopt::Args),
    Run(run::Args),
    Experiment(experiment::Args),
    Attach(attach::Args),
    Resume(resume::Args),
    SwapToHpa(swap::HpaArgs),
    SwapToWva(swap::WvaArgs),
    SwapToStatic(swap::StaticArgs),
    Status(status::Args),
    Results(results::Args),
    Report(report::Args),
    Compare(compare::Args),
    Explain(explain::Args),
    Gate(gate::Args),
    Teardown(teardown::Args),
    Gc(gc::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Agent(agent::Args),
}

/// Runs a command; errors end up in [`tell`]. Ctrl-C ends it with code 7; what changes a stack stops by itself.
pub async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    if matches!(cli.command, Command::Agent(_)) {
        return act(cli).await;
    }
    crate::ops::stop::listen();
    tokio::select! {
        done = act(cli) => done,
        name = crate::ops::stop::unhandled() => {
            Err(Failure::new(Exit::Interrupted, format!("interrupted by {name}")).hint("what it had written whole is kept; give the command again").into())
        }
    }
}

async fn act(cli: Cli) -> anyhow::Result<Exit> {
    let g = &cli.global;
    match cli.command {
        Command::Plan(a) => plan::run(g, a).await,
        // It computes for seconds without a pause; on a thread of its own it does not hold up Ctrl-C.
        Command::Predict(a) => {
            let g = g.clone();
            tokio::task::spawn_blocking(move || predict::run(&g, a)).await?
        }
        Command::Calibrate(a) => {
            let g = g.clone();
            tokio::task::spawn_blocking(move || calibrate::run(&g, &a)).await?
        }
        Command::Preflight(a) => preflight::run(g, a).await,
        Command::Adopt(a) => adopt::run(g, a).await,
        Command::Standup(a) => standup::run(g, a).await,
        Command::Run(a) => run::run(g, a).await,
        Command::Experiment(a) => experiment::run(g, a).await,
        Command::Attach(a) => attach::run(g, a).await,
        Command::Resume(a) => resume::run(g, a).await,
        Command::SwapToHpa(a) => swap::to_hpa(g, a).await,
        Command::SwapToWva(a) => swap::to_wva(g, a).await,
        Command::SwapToStatic(a) => swap::to_static(g, a).await,
        Command::Status(a) => status::run(g, a).await,
        Command::Results(a) => results::run(g, &a).await,
        Command::Report(a) => report::run(g, &a),
        Command::Compare(a) => {
            let g = g.clone();
            tokio::task::spawn_blocking(move || compare::run(&g, &a)).await?
        }
        Command::Explain(a) => explain::run(g, &a),
        Command::Gate(a) => gate::run(g, &a),
        Command::Teardown(a) => teardown::run(g, a).await,
        Command::Gc(a) => gc::run(g, a).await,
        Command::Completions(a) => completions::run(&a),
        Command::Man(a) => man::run(g, &a),
        Command::Agent(a) => agent::run(a).await,
    }
}

/// Prints an error as the user reads it, on one screen, or as one JSON object with everything, and gives its exit code.
pub fn tell(error: anyhow::Error, output: Output) -> Exit {
    let f = Failure::of(error).redacted();
    if output == Output::Json {
        let object = serde_json::json!({
            "event": "error", "exit": f.exit.code(), "message": f.message, "hint": f.hint, "evidence": f.evidence,
            "step": f.step, "condition": f.condition, "kept": f.kept, "next": f.next,
        });
        outln!("{object}");
    } else {
        crate::screen::tell_line(&crate::screen::render(&f));
    }
    f.exit
}

/// Writes to standard output; a closed pipe is a reader that has seen enough, a full disk is not.
fn print(text: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if let Err(e) = out.write_fmt(text).and_then(|()| out.flush()) {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(i32::from(Exit::Done.code()));
        }
        crate::screen::tell_line(&format!("error: cannot write the output: {e}"));
        std::process::exit(i32::from(Exit::Usage.code()));
    }
}
