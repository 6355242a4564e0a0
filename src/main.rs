//! Answer a shell that completes words, or parse, dispatch, exit code; nothing else.

use bench::cli::{answer, arguments, dispatch, end_on_panic, guarded};
use std::process::ExitCode;

fn main() -> ExitCode {
    end_on_panic();
    answer();
    match arguments() {
        Ok(cli) => guarded(cli.global.output, dispatch(cli)),
        Err(exit) => exit.into(),
    }
}
