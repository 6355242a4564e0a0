//! While the load runs: the recorder's records are fetched as they come, and a recorder that is gone is made again.

use super::collect;
use super::disk;
use super::recorder::Recorder;
use super::records;
use crate::cluster::Ref;
use crate::steps::Ctx;
use serde_json::Value;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// So much of the records a lost recorder costs at most.
const SYNC: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(10);
/// A recorder that keeps disappearing has a reason that making it again does not cure.
const REMAKES: u32 = 5;

/// Looks after a run's recorder.
pub struct Tender<'a> {
    pub ctx: &'a Ctx,
    pub recorder: &'a Recorder,
    pub run_dir: &'a Path,
    pub run: &'a str,
    pub job: &'a str,
    pub load_limit_s: u64,
}

impl Tender<'_> {
    /// Does it beside `act`, and ends with it.
    pub async fn beside<T>(&self, act: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            value = act => value,
            never = self.tend() => match never {},
        }
    }

    async fn tend(&self) -> Infallible {
        // At the first look already: what was there at the beginning stands in the first records.
        let mut synced: Option<Instant> = None;
        let (mut remakes, mut failures) = (0, 0u32);
        let mut full = false;
        loop {
            tokio::time::sleep(LOOK).await;
            let pod = Ref::new("Pod", self.ctx.namespace(), &self.recorder.pod);
            match self.ctx.cluster.get(&pod).await {
                // Unknown is not gone.
                Err(_) => {}
                Ok(Some(p)) if collect::ended(&p, "agent").is_none() => {
                    if synced.is_some_and(|t| t.elapsed() < SYNC) || full {
                        continue;
                    }
                    synced = Some(Instant::now());
                    match self.recorder.sync(self.ctx, self.run_dir).await {
                        Ok(()) => failures = 0,
                        Err(e) if disk::ran_out(&e) => {
                            full = true;
                            self.ctx.report.warn(format!("{e:#}; the recorder's records stay in its pod until there is room"));
                        }
                        Err(e) => {
                            failures += 1;
                            if failures == 3 {
                                let node = collect::node_trouble(self.ctx, &self.recorder.pod).await.unwrap_or_default();
                                self.ctx.report.warn(format!("the recorder does not give its records for minutes: {e:#} {node}"));
                            }
                        }
                    }
                }
                Ok(found) if remakes < REMAKES => {
                    remakes += 1;
                    if let Err(e) = self.remake(&pod, found.as_ref()).await {
                        self.ctx.report.warn(format!("the recorder could not be made again: {e:#}"));
                    }
                    synced = None;
                }
                Ok(_) => {}
            }
        }
    }

    /// The same name, the same run; its first record says that it carries on.
    async fn remake(&self, pod: &Ref, found: Option<&Value>) -> anyhow::Result<()> {
        let why = match found {
            None => format!("pod {} is gone", self.recorder.pod),
            Some(p) => format!("pod {} {}", self.recorder.pod, collect::ended(p, "agent").unwrap_or_default()),
        };
        self.ctx.report.warn(format!("the recorder is lost ({why}); another one carries on"));
        records::lost(self.run_dir)?;
        if let Some(p) = found {
            let uid = p.pointer("/metadata/uid").and_then(Value::as_str);
            self.ctx.cluster.delete(pod, uid).await?;
            for _ in 0..30 {
                if self.ctx.cluster.get(pod).await?.is_none() {
                    break;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        let (_, said) = Recorder::start(self.ctx, self.run, self.job, self.load_limit_s).await?;
        self.ctx.report.note(format!("the recorder carries on: {said}"));
        Ok(())
    }
}
