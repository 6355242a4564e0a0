//! `bench man`.

use super::Global;
use crate::report::Output;
use anyhow::Context;
use bench_model::exit::Exit;
use clap::CommandFactory;
use clap::builder::Resettable;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde_json::json;
use std::path::PathBuf;

/// The manual page, on standard output; with --out that of every command, a file each
///
/// The pages say what --help says, in man's own form (roff).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directory to write bench.1, bench-plan.1 and all others into; made where missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bench man | man -l -                     # read it
  bench man --out ~/.local/share/man/man1  # for good: man bench-predict";

pub fn run(g: &Global, a: &Args) -> anyhow::Result<Exit> {
    let mut top = super::Cli::command().disable_help_subcommand(true);
    top.build();
    let Some(dir) = &a.out else {
        out!("{}", String::from_utf8_lossy(&page(&top)?));
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut pages = vec![];
    visible(&top, &mut pages);
    for c in &pages {
        let path = dir.join(format!("{}.1", name(c)));
        std::fs::write(&path, page(c)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    match g.output {
        Output::Json => outln!("{}", json!({"event": "man", "pages": pages.len(), "path": dir})),
        Output::Human => outln!("{} pages in {}", pages.len(), dir.display()),
    }
    Ok(Exit::Done)
}

/// A command and all below it, without those that are not for people.
fn visible<'a>(c: &'a clap::Command, out: &mut Vec<&'a clap::Command>) {
    out.push(c);
    for below in c.get_subcommands().filter(|c| !c.is_hide_set()) {
        visible(below, out);
    }
}

/// `bench`, `bench-results-ls`
fn name(c: &clap::Command) -> &str {
    c.get_display_name().unwrap_or_else(|| c.get_name())
}

/// A page. What stands behind the options is put in here: clap_mangen would fill its lines, and examples must stay lines.
fn page(c: &clap::Command) -> std::io::Result<Vec<u8>> {
    let after = c.get_after_help().map(ToString::to_string).unwrap_or_default();
    let bare = c.clone().after_help(Resettable::Reset);
    let mut out = vec![];
    let source = concat!("bench ", env!("CARGO_PKG_VERSION"));
    Man::new(bare).source(source).manual("bench").render(&mut out)?;
    let mut roff = Roff::default();
    for block in after.split("\n\n") {
        if let Some(lines) = block.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in lines.lines() {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        } else if let Some(codes) = block.strip_prefix("Exit codes: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
        } else if !block.is_empty() {
            roff.control("PP", []).text([roman(block)]);
        }
    }
    roff.to_writer(&mut out)?;
    Ok(out)
}
