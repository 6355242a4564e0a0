//! Parse, dispatch, exit code; nothing else.

use bench::cli::{arguments, dispatch, end_on_panic, guarded};
use std::process::ExitCode;

fn main() -> ExitCode {
    end_on_panic();
    match arguments() {
        Ok(cli) => guarded(cli.global.output, dispatch(cli)),
        Err(exit) => exit.into(),
    }
}
