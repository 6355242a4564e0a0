//! `bench completions`.

use bench_model::exit::Exit;
use clap::CommandFactory;

/// Completions for a shell, on standard output
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Shell to write them for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(bench completions bash)                                           # in this shell
  bench completions bash > ~/.local/share/bash-completion/completions/bench  # for good
  bench completions zsh > ~/.zfunc/_bench                                    # ~/.zfunc must be in fpath
  bench completions fish > ~/.config/fish/completions/bench.fish";

pub fn run(a: &Args) -> Exit {
    let mut text = vec![];
    clap_complete::generate(a.shell, &mut super::Cli::command(), "bench", &mut text);
    out!("{}", String::from_utf8_lossy(&text));
    Exit::Done
}
