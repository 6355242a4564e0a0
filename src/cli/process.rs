//! The process around a command: its arguments, its end on a panic, its exit code.

use super::{Cli, tell};
use crate::report::Output;
use crate::screen::{clean, tell_line};
use bench_model::exit::Exit;
use clap::Parser;
use std::process::ExitCode;

/// From now on a panic, on any thread, is told as a defect of bench and ends the process with 70.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        tell_line(&format!("error: {info}\n  -> this is a defect of bench; please report it"));
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
}

/// The command line of this process.
///
/// # Errors
/// The exit code, when help was asked for or when it is no command line of bench; that has been told.
pub fn arguments() -> Result<Cli, Exit> {
    Cli::try_parse().map_err(|e| {
        if !e.use_stderr() {
            return match e.print() {
                Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                    tell_line(&format!("error: cannot write the output: {e}"));
                    Exit::Usage
                }
                _ => Exit::Done,
            };
        }
        // clap repeats arguments as they are, and colours what it says; what would steer the terminal is taken out.
        let plain = e.render().to_string();
        if std::env::args_os().any(|a| a.to_string_lossy().chars().any(|c| c != '\n' && !clean(&c.to_string()).starts_with(c))) {
            tell_line(plain.trim_end());
        } else {
            let _ = e.print();
        }
        Exit::Usage
    })
}

/// Runs a command to its end and tells its error.
pub fn guarded(output: Output, command: impl Future<Output = anyhow::Result<Exit>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(r) => r,
        Err(e) => return tell(anyhow::Error::new(e).context("cannot start"), output).into(),
    };
    let exit = match runtime.block_on(command) {
        Ok(exit) => exit,
        Err(e) => tell(e, output),
    };
    // A watch or a stream that is still open must not hold up the end.
    runtime.shutdown_background();
    exit.into()
}
