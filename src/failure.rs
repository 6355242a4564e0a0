//! An expected failure: what failed, what stayed false, why, what was kept, what to do, and the exit code it ends with.
//!
//! `screen.rs` shows it; here is what it holds.

use crate::cluster::ClusterError;
use crate::config::{ConfigError, secrets::redact_text};
use bench_model::exit::Exit;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// Ends the command; anything that is not a [`Failure`] or a known error is a bug and exits with 70.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
    /// Container states, events and log lines that explain it.
    pub evidence: Vec<String>,
    /// The step in which it happened.
    pub step: Option<String>,
    /// What was waited for and stayed false.
    pub condition: Option<Condition>,
    /// What is still there of the work done: directories, pods.
    pub kept: Vec<String>,
    /// The command that carries on.
    pub next: Option<String>,
    /// Worth trying again: the network, a timeout, a server that is busy.
    pub passing: bool,
}

/// A condition that stayed false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Completes "waiting for …".
    pub what: String,
    /// Why it was false last.
    pub still: String,
    /// When the wait began.
    pub since: DateTime<Utc>,
    pub waited_s: u64,
    /// For how long [`Self::still`] had not changed.
    pub unchanged_s: u64,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
            evidence: vec![],
            step: None,
            condition: None,
            kept: vec![],
            next: None,
            passing: false,
        }
    }

    /// Of any error: what is known of it stays, with whatever context was added on its way.
    pub fn of(e: anyhow::Error) -> Self {
        let message = format!("{e:#}");
        let (exit, hint) = classify(&e);
        let passing = e.chain().any(|c| c.downcast_ref::<ClusterError>().is_some_and(ClusterError::is_passing));
        match e.downcast::<Self>() {
            Ok(f) => Self { message, ..f },
            Err(_) => Self { hint, passing, ..Self::new(exit, message) },
        }
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

    /// Without credentials: other people's words, log lines among them, end up in logs of pipelines.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        let texts = [&mut self.message].into_iter().chain(&mut self.evidence).chain(self.condition.as_mut().map(|c| &mut c.still));
        texts.for_each(|t| *t = redact_text(t));
        self
    }

    /// The innermost step stays.
    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.step.get_or_insert_with(|| step.into());
        self
    }

    /// The innermost condition stays.
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.condition.get_or_insert(condition);
        self
    }

    /// One more thing that is still there.
    #[must_use]
    pub fn kept(mut self, what: impl Into<String>) -> Self {
        self.kept.push(what.into());
        self
    }

    /// The command that carries on; what was said nearer to the cause stays.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next.get_or_insert_with(|| command.into());
        self
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Adds to an error what only its caller knows: `enrich(e, |f| f.kept("results/…").next("bench resume …"))`.
pub fn enrich(e: anyhow::Error, add: impl FnOnce(Failure) -> Failure) -> anyhow::Error {
    add(Failure::of(e)).into()
}

/// Is a failure with this exit code among its causes?
pub fn ends_with(e: &anyhow::Error, exit: Exit) -> bool {
    e.chain().any(|c| c.downcast_ref::<Failure>().is_some_and(|f| f.exit == exit))
}

/// Exit code and hint of any error that reaches the top.
pub fn classify(e: &anyhow::Error) -> (Exit, Option<String>) {
    // A context may itself be a failure; `chain` does not show those.
    if let Some(f) = e.downcast_ref::<Failure>() {
        return (f.exit, f.hint.clone());
    }
    for cause in e.chain() {
        if let Some(f) = cause.downcast_ref::<Failure>() {
            return (f.exit, f.hint.clone());
        }
        if cause.is::<ConfigError>() {
            return (Exit::Usage, None);
        }
        if let Some(c) = cause.downcast_ref::<ClusterError>() {
            let exit = if c.is_timeout() { Exit::TimedOut } else { Exit::Cluster };
            return (exit, c.hint());
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if crate::ops::disk::is_full(io) {
                let hint = "the disk is full: make room, then `bench resume` carries on; what is in the cluster stays there";
                return (Exit::Interrupted, Some(hint.into()));
            }
            return (Exit::Usage, local(io));
        }
    }
    (Exit::Bug, Some("this is a defect of bench; please report it with the output of the same command and --output json".into()))
}

/// What the user can do about files of this machine.
fn local(e: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind as K;
    let hint = match e.kind() {
        K::PermissionDenied | K::ReadOnlyFilesystem => "this user may not: another directory with --results, or its owner lets you",
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn what_was_said_near_the_cause_stays_and_context_is_added() {
        let inner: anyhow::Result<()> = Err(Failure::new(Exit::Cluster, "no room").hint("more nodes").step("model-server").into());
        let e = inner.context("standing up").unwrap_err();
        let f = Failure::of(enrich(e, |f| f.step("standup").kept("results/x").next("bench resume x").next("something else")));
        assert_eq!((f.exit, f.message.as_str(), f.hint.as_deref()), (Exit::Cluster, "standing up: no room", Some("more nodes")));
        assert_eq!(
            (f.step.as_deref(), f.kept, f.next.as_deref()),
            (Some("model-server"), vec!["results/x".into()], Some("bench resume x"))
        );
    }

    #[test]
    fn a_full_disk_is_no_bug_and_an_unknown_error_is_one() {
        let full = anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::StorageFull)).context("cannot write run.json");
        let f = Failure::of(full);
        assert_eq!(f.exit, Exit::Interrupted);
        assert!(f.hint.is_some_and(|h| h.contains("disk is full")));
        assert_eq!(Failure::of(anyhow::anyhow!("what?")).exit, Exit::Bug);
    }
}
