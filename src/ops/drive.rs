//! The frame around everything that changes a stack: what is about to be done is on disk before the first change, one
//! bench at a time, begun and done in the stack's journal, and a clean stop on the first signal.

use super::{Session, stop};
use crate::cluster::{ClusterError, Ref};
use crate::failure::{Failure, ends_with};
use crate::ops::results::write_atomic;
use crate::steps::Ctx;
use crate::steps::lease::{self, Lease};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::intent::Intent;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, watch};

/// Name of the step in the journal.
const STEP: &str = "operation";

/// Directory of a stack on this machine.
pub fn directory(results: &Path, namespace: &str) -> PathBuf {
    results.join("stacks").join(namespace)
}

fn intent_file(results: &Path, namespace: &str) -> PathBuf {
    directory(results, namespace).join("intent.json")
}

/// What was begun on this machine and has not come to its end, oldest first; and files that cannot be read.
pub fn open_intents(results: &Path) -> anyhow::Result<(Vec<Intent>, Vec<String>)> {
    let stacks = results.join("stacks");
    let entries = match std::fs::read_dir(&stacks) {
        Ok(e) => e,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok((vec![], vec![])),
        Err(e) => return Err(e).with_context(|| format!("cannot read {}", stacks.display())),
    };
    let (mut open, mut unreadable) = (vec![], vec![]);
    for entry in entries {
        let path = entry?.path().join("intent.json");
        let text = match std::fs::read(&path) {
            Ok(t) => t,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => continue,
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        match serde_json::from_slice::<Intent>(&text) {
            Ok(i) if i.schema_version <= bench_model::SCHEMA_VERSION => open.push(i),
            Ok(i) => unreadable.push(format!("{}: schema version {} is newer than this bench", path.display(), i.schema_version)),
            Err(e) => unreadable.push(format!("{}: {e}", path.display())),
        }
    }
    open.sort_by_key(|i| i.begun);
    Ok((open, unreadable))
}

/// An operation under way.
pub struct Driver {
    /// Context of the stack, with its journal.
    pub ctx: Ctx,
    lease: Mutex<Option<Lease>>,
    lost: watch::Sender<Option<String>>,
    under_way: AtomicBool,
    settled: AtomicBool,
}

impl Driver {
    /// Takes the namespace's lease. The namespace must exist, but for what is removed.
    ///
    /// # Errors
    /// Exit 6 with the name of another bench that is at work there.
    pub async fn lease(&self) -> anyhow::Result<()> {
        let mut held = self.lease.lock().await;
        if held.is_some() {
            return Ok(());
        }
        *held = Some(Lease::take(&self.ctx, self.lost.clone()).await?);
        Ok(())
    }

    /// The same for what is also done when the namespace is gone or ends: then there is no lease, and nobody else can begin
    /// anything in it.
    pub async fn lease_if_it_can_be(&self) -> anyhow::Result<()> {
        match self.lease().await {
            Err(e) if self.ends(&e).await? => Ok(()),
            other => other,
        }
    }

    /// Is it for a namespace that is gone or ends that no lease could be had?
    async fn ends(&self, e: &anyhow::Error) -> anyhow::Result<bool> {
        let refused = e.downcast_ref::<ClusterError>().is_some_and(|e| e.is_not_found() || e.is_forbidden());
        if !refused {
            return Ok(false);
        }
        let namespace = self.ctx.cluster.get(&Ref::new("Namespace", "", self.ctx.namespace())).await?;
        Ok(namespace.is_none_or(|n| n.pointer("/metadata/deletionTimestamp").is_some()))
    }

    /// Nothing speaks against it any more: from now on, an error or a kill leaves something to carry on.
    pub fn begin(&self) {
        self.under_way.store(true, Ordering::SeqCst);
    }

    /// It has come to its end, though not to the one that was wanted: nothing of it is left to carry on.
    pub fn settle(&self) {
        self.settled.store(true, Ordering::SeqCst);
    }

    /// Is the lease somebody else's by now? Then nothing may be changed any more.
    pub fn is_lost(&self) -> bool {
        self.lost.borrow().is_some()
    }

    /// Does it until its end, the first signal, or the loss of the lease.
    ///
    /// # Errors
    /// Exit 7 for a signal and for a lost lease.
    pub async fn stoppable<T>(&self, act: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let mut lost = self.lost.subscribe();
        // Whole operations are large; on the stack they would not fit a thread of tests.
        let act = Box::pin(act);
        tokio::select! {
            biased;
            done = act => done,
            name = stop::requested() => {
                self.ctx.report.note(format!("{name}: stopping; once more ends bench at once"));
                Err(Failure::new(Exit::Interrupted, format!("interrupted by {name}")).hint("bench resume   carries on").into())
            }
            by = async { lost.wait_for(Option::is_some).await.ok().and_then(|s| s.clone()) } => {
                let by = by.unwrap_or_else(|| "somebody".into());
                Err(Failure::new(Exit::Interrupted, format!("the lease of namespace {} was taken over by {by}", self.ctx.namespace()))
                    .hint("two bench must not change one stack; look who it is before bench resume")
                    .into())
            }
        }
    }
}

/// Held while this process works on a stack from this directory; the system drops it with the process.
pub(super) struct Lock {
    _file: File,
}

/// `at` says what the other one is at work on.
///
/// # Errors
/// Exit 6 with the name of another process that holds it.
pub(super) fn lock(dir: &Path, at: &str) -> anyhow::Result<Lock> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let path = dir.join("lock");
    let open = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&path);
    let mut file = open.with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut who = String::new();
            // A name is nice to have.
            let _ = file.read_to_string(&mut who);
            let who = if who.trim().is_empty() { "another process of this machine" } else { who.trim() };
            return Err(Failure::new(Exit::Cluster, format!("another bench is at work {at}: {who}"))
                .hint("wait for it, or stop it (Ctrl-C there)")
                .into());
        }
        // A file system without locks: the lease keeps others out.
        Err(std::fs::TryLockError::Error(_)) => {}
    }
    file.set_len(0)?;
    file.write_all(lease::myself().as_bytes())?;
    Ok(Lock { _file: file })
}

/// Runs an operation on a stack. `act` takes the lease, looks whether anything speaks against it, says
/// [`Driver::begin`], and does it.
pub async fn drive<T>(session: &Session, mut intent: Intent, act: impl AsyncFnOnce(&Driver) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let namespace = intent.plan.namespace().to_string();
    let _lock = lock(&directory(&session.results, &namespace), &format!("in namespace {namespace}"))?;
    let file = intent_file(&session.results, &namespace);
    let before = std::fs::read(&file).ok();
    intent.cluster.clone_from(&session.cluster.url);
    let _driven = stop::Driven::begin();
    let driver = Driver {
        ctx: session.stack_ctx(intent.plan.clone()),
        lease: Mutex::new(None),
        lost: watch::channel(None).0,
        under_way: AtomicBool::new(false),
        settled: AtomicBool::new(false),
    };
    let ctx = &driver.ctx;
    write_atomic(&file, &serde_json::to_vec_pretty(&intent)?)?;
    let what = match &intent.run {
        Some(run) => format!("{} {run}", intent.operation),
        None => format!("{} under arm {}", intent.operation, intent.plan.arm),
    };
    ctx.journal(STEP, "begun", &what)?;
    let outcome = Box::pin(act(&driver)).await;
    if let Some(lease) = driver.lease.lock().await.take() {
        lease.release().await;
    } else if !driver.is_lost() {
        lease::give_back(ctx).await;
    }
    // What has come to its end must not be turned into a failure by a disk that is full now.
    ctx.at_work.store(true, Ordering::Relaxed);
    match &outcome {
        Ok(_) => {
            ctx.journal(STEP, "done", &what)?;
            forget(ctx, &file, None);
        }
        Err(e) => {
            let state = if ends_with(e, Exit::Interrupted) { "interrupted" } else { "failed" };
            ctx.journal(STEP, state, &format!("{e:#}"))?;
            if driver.settled.load(Ordering::SeqCst) {
                forget(ctx, &file, None);
            } else if !driver.under_way.load(Ordering::SeqCst) {
                // It was refused: what was begun before it is still what has to be carried on.
                forget(ctx, &file, before.as_deref());
            }
        }
    }
    outcome
}

/// Removes the intent, or writes the one back that was there before.
fn forget(ctx: &Ctx, file: &Path, before: Option<&[u8]>) {
    let done = match before {
        Some(text) => write_atomic(file, text),
        None => std::fs::remove_file(file).map_err(Into::into),
    };
    if let Err(e) = done {
        ctx.report.warn(format!("{}: {e:#}; `bench resume` would do again what is done", file.display()));
    }
}
