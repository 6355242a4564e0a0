//! Runs elsewhere: in S3, Google Cloud Storage, or a directory. Files by their SHA-256, and a manifest a run, which is written last.
//!
//! Whatever is interrupted is begun again and finds what is there already. Credentials are the environment's; nothing of them is kept.

pub mod pull;
pub mod push;
pub mod store;

use crate::failure::Failure;
use crate::ops::stop;
use bench_model::exit::Exit;
use serde::Serialize;

/// What was moved for a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Moved {
    pub run: String,
    /// Files of the run, and those that were there already.
    pub files: usize,
    pub there: usize,
    /// Bytes that were sent or fetched.
    pub bytes: u64,
    /// Was it whole there already?
    pub whole: bool,
    /// What is in the run's directory and no file, and so is not sent: links, pipes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// Asked between two files: what was moved until then is there.
///
/// # Errors
/// Exit code 7 once a signal has come.
fn go_on() -> anyhow::Result<()> {
    if stop::is_requested() {
        return Err(Failure::new(Exit::Interrupted, "interrupted")
            .hint("give the command again: what was moved is not moved again")
            .into());
    }
    Ok(())
}

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().map(|b| format!("{b:02x}")).collect()
}
