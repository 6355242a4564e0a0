//! `bench completions`.

use bench_model::exit::Exit;

/// A script that teaches a shell to complete bench's words
///
/// The script asks bench itself at each TAB, so it knows what there is at that moment: runs, and scenarios, profiles,
/// coefficients and experiments with those of --config-dir and of the current directory. It fits this bench: after an
/// update, write it anew, or let the shell read it at its start as below.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Shell to write it for
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

const EXAMPLES: &str = "\
Examples:
  source <(bench completions bash)  # in this shell; for good in ~/.bashrc
  source <(bench completions zsh)   # in ~/.zshrc, after compinit
  bench completions fish | source   # in ~/.config/fish/config.fish";

pub fn run(a: &Args) -> anyhow::Result<Exit> {
    out!("{}", super::complete::script(&a.shell.to_string())?);
    Ok(Exit::Done)
}
