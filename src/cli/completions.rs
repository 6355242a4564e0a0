//! `bench completions`.

use bench_model::exit::Exit;
use clap::CommandFactory;

/// Completions for a shell, on standard output
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell to write them for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub fn run(a: &Args) -> Exit {
    let mut text = vec![];
    clap_complete::generate(a.shell, &mut super::Cli::command(), "bench", &mut text);
    out!("{}", String::from_utf8_lossy(&text));
    Exit::Done
}
