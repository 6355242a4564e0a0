//! `bench agent`: what runs inside the cluster. Not for people.

use crate::agent;
use bench_model::exit::Exit;
use std::path::PathBuf;

/// The recorder inside the cluster
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Record until replicas have settled
    Run(agent::Args),
    /// Files below a directory with their checksums, as JSON
    List { dir: PathBuf },
    /// Print a file from an offset on
    Cat {
        path: PathBuf,
        #[arg(long, default_value_t = 0)]
        offset: u64,
    },
    /// Make an empty file
    Touch { path: PathBuf },
    /// Seconds since the epoch by this container's clock
    Clock,
}

pub async fn run(a: Args) -> anyhow::Result<Exit> {
    match a.command {
        Command::Run(a) => agent::run(a).await?,
        Command::List { dir } => outln!("{}", serde_json::to_string(&agent::list(&dir)?)?),
        Command::Cat { path, offset } => agent::cat(&path, offset)?,
        Command::Touch { path } => drop(std::fs::File::create(path)?),
        Command::Clock => outln!("{:.3}", chrono::Utc::now().timestamp_millis() as f64 / 1000.0),
    }
    Ok(Exit::Done)
}
