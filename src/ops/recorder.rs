//! The recorder's pod: made, filled with the program, followed, emptied.

use super::collect::{Lost, Remote, ended, reach, safe};
use super::{disk, records};
use crate::agent::names;
use crate::cluster::{Container, Poll, Ref, is_hopeless, wait_for};
use crate::config::manifests::{self, own_by_run};
use crate::failure::Failure;
use crate::steps::{Ctx, deployment::with_evidence, model_server};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::Arm;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

const DIR: &str = "/agent";

/// Seconds for which a pod that does not answer is tried.
pub const REACH_S: u64 = 300;

/// A run's recorder.
pub struct Recorder {
    pub pod: String,
    /// Path of `bench` in its container.
    pub bench: String,
    remote: Remote,
}

impl Recorder {
    /// By its name alone; nothing is asked of the cluster.
    pub fn of(ctx: &Ctx, run: &str) -> Self {
        let pod = super::results::object_name("agent", run);
        let streamed = ctx.plan.scenario.recording.agent_image.is_empty();
        let bench = if streamed { format!("{DIR}/bench") } else { "/bench".into() };
        let remote = Remote { at: Container::new(ctx.namespace(), &pod, "agent"), dir: DIR.into(), bench: Some(bench.clone()) };
        Self { pod, bench, remote }
    }

    pub fn container(&self) -> &Container {
        &self.remote.at
    }

    /// Makes the pod and waits until it records.
    pub async fn start(ctx: &Ctx, run: &str, job: &str, load_limit_s: u64) -> anyhow::Result<(Self, String)> {
        let recorder = Self::of(ctx, run);
        let s = &ctx.plan.scenario;
        let settle = match ctx.plan.arm {
            Arm::Static(n) => n,
            // Where nothing scales it, it stays where it is.
            Arm::Existing => match ctx.plan.scenario.existing.as_ref().and_then(|e| e.autoscalers.first()?.min_replicas) {
                Some(n) => n,
                None => model_server::replicas(ctx).await?.map_or(1, |r| r.desired),
            },
            _ => s.scaling.min_replicas,
        };
        let streamed = s.recording.agent_image.is_empty();
        let options = [
            ("run", run.to_string()),
            ("namespace", ctx.namespace().into()),
            // No object is called so: an empty name would choose all.
            ("deployment", Some(ctx.plan.deployment()).filter(|d| !d.is_empty()).unwrap_or_else(|| "-".into())),
            ("job", job.into()),
            ("settle-replicas", settle.to_string()),
            ("settle-s", s.recording.settle_s.to_string()),
            ("tail-limit-s", s.recording.tail_limit_s.to_string()),
            // Resetting comes before the load and is not bounded by it.
            ("max-s", (load_limit_s + u64::from(s.recording.tail_limit_s) + 3600).to_string()),
        ];
        let args: Vec<String> = options.iter().flat_map(|(k, v)| [format!("--{k}"), v.clone()]).collect();
        let image = if streamed { &s.load.guidellm.image.name } else { &s.recording.agent_image };
        let extra = json!({"agent_pod": recorder.pod, "agent_image": image, "streamed": streamed, "agent_args": args});
        let mut objects = manifests::objects(&ctx.plan, "agent-pod.yaml", extra)?;
        for o in &mut objects {
            own_by_run(o, run);
        }
        if recorder.at_work(ctx).await? {
            return Ok((recorder, "it records already".into()));
        }
        ctx.apply_all(objects).await?;
        let mut said = format!("image {image}");
        if streamed {
            let pod = recorder.running(ctx).await?;
            let size = recorder.stream_program(ctx, &pod).await?;
            said = format!("{:.1} MB streamed into {}", size as f64 / 1e6, recorder.pod);
        }
        wait_for("the recorder's first record", ctx.limit(120), Duration::from_millis(300), async || {
            match recorder.remote.list(&ctx.cluster).await {
                Ok(files) if files.iter().any(|f| f.path == names::EVENTS) => Ok(Poll::Done(())),
                Ok(_) => Ok(Poll::Not("it has not begun".into())),
                Err(e) => Ok(Poll::Not(format!("{e:#}"))),
            }
        })
        .await?;
        Ok((recorder, said))
    }

    /// Does it record already, as it does where a run is taken up again? One of that name that has ended, or is about to, is waited out.
    async fn at_work(&self, ctx: &Ctx) -> anyhow::Result<bool> {
        let r = Ref::new("Pod", ctx.namespace(), &self.pod);
        let Some(pod) = ctx.cluster.get(&r).await? else { return Ok(false) };
        let over = pod.pointer("/metadata/deletionTimestamp").is_some() || ended(&pod, "agent").is_some();
        let files = if over { vec![] } else { self.remote.list(&ctx.cluster).await.unwrap_or_default() };
        let has = |name: &str| files.iter().any(|f| f.path == name);
        if !over && !has(names::DONE) {
            return Ok(has(names::EVENTS));
        }
        ctx.cluster.delete_and_wait(&r, ctx.limit(120)).await?;
        Ok(false)
    }

    async fn running(&self, ctx: &Ctx) -> anyhow::Result<Value> {
        let r = Ref::new("Pod", ctx.namespace(), &self.pod);
        let waited = wait_for("the recorder's pod", ctx.limit(300), Duration::from_millis(200), async || {
            let Some(pod) = ctx.cluster.get(&r).await? else { return Ok(Poll::Not("it does not exist".into())) };
            if let Some(why) = is_hopeless(&pod) {
                return Err(Failure::new(Exit::Cluster, format!("the recorder cannot start: {why}")).into());
            }
            let running = pod.pointer("/status/containerStatuses/0/state/running").is_some();
            Ok(if running { Poll::Done(pod) } else { Poll::Not(pod["status"]["phase"].to_string()) })
        })
        .await;
        with_evidence(ctx, waited, ctx.namespace(), "app.kubernetes.io/name=llmd-bench-agent").await
    }

    /// Streams this very program into the pod. Its architecture must be the node's.
    async fn stream_program(&self, ctx: &Ctx, pod: &Value) -> anyhow::Result<usize> {
        let path = match std::env::var_os("BENCH_AGENT_BINARY") {
            Some(p) => PathBuf::from(p),
            None => std::env::current_exe().context("cannot find this program's own file")?,
        };
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let node = pod.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default();
        let arch = ctx.plan.facts.as_ref().and_then(|f| f.nodes.iter().find(|n| n.name == node)).map(|n| n.arch.clone());
        if let (Some(theirs), Some(ours)) = (arch, elf_arch(&bytes)) {
            if theirs != ours {
                return Err(Failure::new(Exit::Cluster, format!("{} is built for {ours}, node {node} is {theirs}", path.display()))
                    .hint("BENCH_AGENT_BINARY=FILE names a Linux build for the nodes; or --set recording.agent_image=IMAGE")
                    .into());
            }
        } else if elf_arch(&bytes).is_none() {
            return Err(Failure::new(Exit::Cluster, format!("{} is no Linux program and cannot run in a pod", path.display()))
                .hint("BENCH_AGENT_BINARY=FILE names a Linux build; or --set recording.agent_image=IMAGE")
                .into());
        }
        let dir = DIR;
        let script = format!(
            "head -c {} >{dir}/bench.part && echo '{}  {dir}/bench.part' | sha256sum -c >/dev/null && chmod 755 {dir}/bench.part && mv {dir}/bench.part {dir}/bench",
            bytes.len(),
            bench_model::names::sha256_hex(&bytes)
        );
        let mut last = None;
        for _ in 0..3 {
            match ctx.cluster.exec_stream(&self.remote.at, &["sh", "-c", &script], Some(&bytes), Duration::from_secs(60), |_| Ok(())).await
            {
                Ok(_) => return Ok(bytes.len()),
                Err(e) if e.is_passing() => last = Some(e),
                Err(e) => return Err(e.into()),
            }
        }
        Err(last.map_or_else(|| anyhow::anyhow!("the program could not be streamed"), Into::into))
    }

    /// Why recording ended, once it has.
    pub async fn done(&self, ctx: &Ctx) -> anyhow::Result<Option<String>> {
        let files = self.remote.list(&ctx.cluster).await?;
        if !files.iter().any(|f| f.path == names::DONE) {
            return Ok(None);
        }
        let out = ctx.cluster.exec(self.container(), &[&self.bench, "agent", "cat", &format!("{DIR}/{}", names::DONE)]).await?;
        Ok(Some(out.text()))
    }

    /// Asks it to end now, and waits for its last records, which are written after it was told.
    pub async fn end(&self, ctx: &Ctx) -> anyhow::Result<()> {
        self.remote.touch(&ctx.cluster, names::STOP).await?;
        for _ in 0..30 {
            if let Ok(Some(_)) = self.done(ctx).await {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// The uid of its pod; `None` when there is none.
    async fn uid(&self, ctx: &Ctx) -> anyhow::Result<Option<String>> {
        let pod = ctx.cluster.get(&Ref::new("Pod", ctx.namespace(), &self.pod)).await?;
        Ok(pod.as_ref().and_then(|p| p.pointer("/metadata/uid")).and_then(Value::as_str).map(Into::into))
    }

    /// Fetches what it wrote since the last time. Nothing is compared yet: that is done at the end.
    pub async fn sync(&self, ctx: &Ctx, run_dir: &Path) -> anyhow::Result<()> {
        let Some(uid) = self.uid(ctx).await? else { return Ok(()) };
        let target = records::stage(run_dir, &uid)?;
        if target.exists() {
            return Ok(());
        }
        self.remote.append(&ctx.cluster, &records::growing(), Path::new(&format!("{}.part", target.display()))).await
    }

    /// Fetches its records into the run directory and lets the pod go. Gives what is missing in them.
    ///
    /// # Errors
    /// When the pod may still be asked ([`super::collect::Lost::ForNow`]), when the disk is full, and when there are no records at all.
    pub async fn collect(&self, ctx: &Ctx, run_dir: &Path) -> anyhow::Result<Vec<String>> {
        if self.is_home(run_dir) {
            return Ok(vec![]);
        }
        let fetched = reach(ctx, self.container(), ctx.limit(REACH_S), async || self.fetch(ctx, run_dir).await).await;
        if let Err(e) = &fetched
            && disk::ran_out(e)
        {
            return fetched.map(|()| vec![]);
        }
        let found = records::assemble(run_dir)?;
        let mut missing = found.missing;
        let asked = match fetched {
            Ok(()) => true,
            Err(e) if Lost::keeps(&e) => return Err(e),
            Err(e) if found.records == 0 => return Err(e.context("the recorder left no records")),
            Err(e) => {
                if missing.is_empty() {
                    missing.push(format!("recorder: {e:#}"));
                }
                false
            }
        };
        anyhow::ensure!(found.records > 0, "the recorder has no records");
        // Known to be home before its pod is let go: whoever takes the run up in between must not miss the recorder.
        records::clear(run_dir)?;
        if asked && let Err(e) = self.remote.acknowledge(&ctx.cluster).await {
            ctx.report.warn(format!("the recorder was not told that its records are here; its pod is removed with the run: {e:#}"));
        }
        Ok(missing)
    }

    /// Are its records here already?
    pub fn is_home(&self, run_dir: &Path) -> bool {
        run_dir.join(bench_model::run::files::EVENTS).exists() && !records::staged(run_dir)
    }

    async fn fetch(&self, ctx: &Ctx, run_dir: &Path) -> anyhow::Result<()> {
        let uid = self.uid(ctx).await?.context("the recorder's pod is gone")?;
        for file in self.remote.list(&ctx.cluster).await? {
            if file.path == names::EVENTS {
                self.remote.fetch_to(&ctx.cluster, &file, &records::stage(run_dir, &uid)?).await?;
            } else if let Some(name) = file.path.strip_prefix(&format!("{}/", names::LEFT)) {
                let path = run_dir.join(bench_model::run::files::LOGS).join(safe(name)?);
                self.remote.fetch_to(&ctx.cluster, &file, &path).await?;
                // A server may print what it was given; run directories are passed on.
                let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
                super::results::write_soon(&path, crate::config::secrets::redact_text(&text).as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Kubernetes' name of the architecture of an ELF file.
fn elf_arch(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(..4)? != b"\x7fELF" {
        return None;
    }
    match u16::from_le_bytes([*bytes.get(18)?, *bytes.get(19)?]) {
        62 => Some("amd64"),
        183 => Some("arm64"),
        _ => None,
    }
}
