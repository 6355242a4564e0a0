//! An expected failure: what, why, what to do, and the exit code it ends with.

use crate::cluster::ClusterError;
use crate::config::ConfigError;
use bench_model::exit::Exit;

/// Ends the command; anything that is not a [`Failure`] or a known error is a bug and exits with 70.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
    /// Events and log lines that explain it.
    pub evidence: Vec<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, evidence: vec![] }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn evidence(mut self, lines: Vec<String>) -> Self {
        self.evidence = lines;
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Exit code and hint of any error that reaches the top.
pub fn classify(e: &anyhow::Error) -> (Exit, Option<String>) {
    for cause in e.chain() {
        if let Some(f) = cause.downcast_ref::<Failure>() {
            return (f.exit, f.hint.clone());
        }
        if cause.is::<ConfigError>() {
            return (Exit::Usage, None);
        }
        if let Some(c) = cause.downcast_ref::<ClusterError>() {
            let exit = if matches!(c, ClusterError::Slow { .. }) { Exit::TimedOut } else { Exit::Cluster };
            return (exit, c.hint());
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if crate::ops::disk::is_full(io) {
                let hint = "the disk is full: make room, then `bench resume` carries on; what is in the cluster stays there";
                return (Exit::Interrupted, Some(hint.into()));
            }
            return (Exit::Usage, None);
        }
    }
    (Exit::Bug, Some("this is a defect of bench; please report it with the output of the same command and --output json".into()))
}
