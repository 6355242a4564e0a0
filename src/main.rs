//! Parse, dispatch, exit code; nothing else.

use bench::cli::{Cli, dispatch, tell};
use bench_model::exit::Exit;
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        eprintln!("error: {info}\n  -> this is a defect of bench; please report it");
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
    let cli = Cli::parse();
    let output = cli.global.output;
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(r) => r,
        Err(e) => return tell(&anyhow::Error::new(e).context("cannot start"), output).into(),
    };
    let exit = match runtime.block_on(dispatch(cli)) {
        Ok(exit) => exit,
        Err(e) => tell(&e, output),
    };
    // A watch or a stream that is still open must not hold up the end.
    runtime.shutdown_background();
    exit.into()
}
