//! What a command does: typed input → outcome, and events on the way. One file an operation.
//!
//! No parsing of arguments and no printing (that is `cli`), no API calls of its own (that is `steps` and `cluster`).

pub mod account;
pub mod attach;
pub mod bounds;
pub mod calibrate;
pub mod capacity;
pub mod collect;
pub mod compare;
pub mod disk;
pub mod drive;
pub mod existing;
pub mod experiment;
pub mod explain;
pub mod facts;
pub mod follow;
pub mod formats;
pub mod gate;
pub mod gather;
pub mod gc;
pub mod harness;
pub mod home;
pub mod lock;
pub mod plan;
pub mod predict;
pub mod preflight;
pub mod recorder;
pub mod records;
pub mod remote;
pub mod report;
pub mod reset;
pub mod results;
pub mod resume;
pub mod rights;
pub mod run;
pub mod standup;
pub mod status;
pub mod stop;
pub mod swap;
pub mod teardown;
pub mod tend;

use crate::cluster::Cluster;
use crate::report::Reporter;
use crate::steps::Ctx;
use crate::steps::journal::Journal;
use bench_model::plan::Plan;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A connection and what is common to all operations on it.
pub struct Session {
    pub cluster: Cluster,
    pub report: Reporter,
    /// Directory of all runs.
    pub results: PathBuf,
    pub patience: Option<Duration>,
}

impl Session {
    /// Context of the stack itself; its journal lies beside the runs.
    pub fn stack_ctx(&self, plan: Plan) -> Ctx {
        let path = drive::directory(&self.results, plan.namespace()).join("journal.jsonl");
        self.ctx(plan, &path)
    }

    /// Context with its journal in a given file.
    pub fn ctx(&self, plan: Plan, journal: &Path) -> Ctx {
        Ctx {
            cluster: self.cluster.clone(),
            plan: Arc::new(plan),
            report: self.report.clone(),
            journal: Arc::new(Mutex::new(Journal::at(journal))),
            patience: self.patience,
            at_work: Arc::default(),
        }
    }
}

/// Makes another user's stack this user's, and tells it.
pub async fn take_over(session: &Session, namespace: &str) -> anyhow::Result<()> {
    if let Some(before) = crate::steps::owner::take_over(&session.cluster, namespace).await? {
        session.report.warn(format!("the stack in namespace {namespace} was {before}'s; it is yours now"));
    }
    Ok(())
}
