//! Brings files out of a pod: listed with checksums, streamed, resumed where a stream broke, renamed when whole.

use super::disk::{self, NoSpace};
use crate::agent::{Listed, checksum};
use crate::cluster::{Cluster, Container, Ref, items_at, text_at};
use crate::steps::Ctx;
use anyhow::Context;
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a stream that brings nothing is taken up again before the file is given up.
const TRIES: u32 = 8;
/// A stream that says nothing for so long is broken.
const STALL: Duration = Duration::from_secs(60);

/// Why something could not be brought home.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Nobody has it any more.
    #[error("{0}")]
    ForGood(String),
    /// Its pod keeps it, and does not answer.
    #[error("{0}")]
    ForNow(String),
}

impl Lost {
    /// May another try still get it?
    pub fn keeps(e: &anyhow::Error) -> bool {
        !e.chain().any(|c| matches!(c.downcast_ref::<Self>(), Some(Self::ForGood(_))))
    }
}

/// A directory in a container, and how its files are read there.
pub struct Remote {
    pub at: Container,
    pub dir: String,
    /// Path of `bench` in the container when there may be no shell.
    pub bench: Option<String>,
}

impl Remote {
    /// All files with their checksums.
    pub async fn list(&self, cluster: &Cluster) -> anyhow::Result<Vec<Listed>> {
        if let Some(bench) = &self.bench {
            let out = cluster.exec(&self.at, &[bench, "agent", "list", &self.dir]).await?;
            return serde_json::from_slice(&out.stdout).context("the agent's list of files cannot be read");
        }
        let script = format!(
            "cd {} && find . -type f ! -name ACK ! -name '*.part' -exec sh -c 'for f do h=$(sha256sum <\"$f\") && n=$(wc -c <\"$f\") && echo ${{h%% *}} $n \"$f\"; done' sh {{}} +",
            self.dir
        );
        let out = cluster.exec(&self.at, &["sh", "-c", &script]).await?;
        let mut files = parse_list(&out.text())?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Fetches one file below a directory; what an earlier try left in `.part` is kept and continued.
    pub async fn fetch(&self, cluster: &Cluster, file: &Listed, into: &Path) -> anyhow::Result<u64> {
        self.fetch_to(cluster, file, &into.join(safe(&file.path)?)).await
    }

    /// The same, under a name of its own.
    pub async fn fetch_to(&self, cluster: &Cluster, file: &Listed, target: &Path) -> anyhow::Result<u64> {
        if target.exists() && checksum(target)?.1 == file.sha256 {
            return Ok(target.metadata()?.len());
        }
        let part = PathBuf::from(format!("{}.part", target.display()));
        let mut last = String::new();
        let mut wanted = file.clone();
        let mut idle = 0;
        while idle < TRIES {
            let before = part.metadata().map_or(0, |m| m.len());
            match self.append(cluster, &wanted, &part).await {
                Ok(()) => {
                    if checksum(&part)?.1 == wanted.sha256 {
                        std::fs::rename(&part, target)?;
                        return Ok(target.metadata()?.len());
                    }
                    last = "the checksum is another".into();
                    idle += 1;
                    // Nothing of it can be trusted; or the file has grown since it was listed.
                    std::fs::remove_file(&part)?;
                    if let Some(now) = self.list(cluster).await?.into_iter().find(|f| f.path == file.path) {
                        wanted = now;
                    }
                }
                Err(e) => {
                    if !e.downcast_ref::<crate::cluster::ClusterError>().is_some_and(crate::cluster::ClusterError::is_passing) {
                        return Err(e);
                    }
                    last = format!("{e:#}");
                    // A connection that breaks again and again and still brings something gets there.
                    idle = if part.metadata().map_or(0, |m| m.len()) > before { 0 } else { idle + 1 };
                }
            }
            tokio::time::sleep(Duration::from_secs(u64::from(idle))).await;
        }
        anyhow::bail!("{} could not be fetched in {TRIES} tries: {last}", file.path)
    }

    /// Appends to a local file what the remote one has beyond it. Nothing is compared.
    pub async fn append(&self, cluster: &Cluster, file: &Listed, part: &Path) -> anyhow::Result<()> {
        let dir = part.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut out =
            OpenOptions::new().create(true).append(true).open(part).with_context(|| format!("cannot write {}", part.display()))?;
        let offset = out.metadata()?.len();
        let remote = format!("{}/{}", self.dir, file.path);
        let skip = format!("+{}", offset + 1);
        let offset_text = offset.to_string();
        let command: Vec<&str> = match &self.bench {
            Some(bench) => vec![bench, "agent", "cat", &remote, "--offset", &offset_text],
            None => vec!["tail", "-c", &skip, &remote],
        };
        // The stream's error keeps the words only, and a full disk must be known as such.
        let mut written: std::io::Result<()> = Ok(());
        let streamed = cluster
            .exec_stream(&self.at, &command, None, STALL, |piece| {
                out.write_all(piece).map_err(|e| {
                    let words = std::io::Error::other(e.to_string());
                    written = Err(e);
                    words
                })
            })
            .await;
        if let Err(e) = written.and_then(|()| out.sync_all()) {
            let have = out.metadata().map_or(offset, |m| m.len());
            return Err(if disk::is_full(&e) {
                NoSpace { dir: dir.into(), what: file.path.clone(), needed: file.size.saturating_sub(have) }.into()
            } else {
                anyhow::Error::from(e).context(format!("cannot write {}", part.display()))
            });
        }
        streamed?;
        Ok(())
    }

    /// Marks the directory as fetched, so that its pod may go.
    pub async fn acknowledge(&self, cluster: &Cluster) -> anyhow::Result<()> {
        self.touch(cluster, "ACK").await
    }

    /// Makes an empty file there.
    pub async fn touch(&self, cluster: &Cluster, name: &str) -> anyhow::Result<()> {
        let path = format!("{}/{name}", self.dir);
        match &self.bench {
            Some(bench) => cluster.exec(&self.at, &[bench, "agent", "touch", &path]).await?,
            None => cluster.exec(&self.at, &["touch", &path]).await?,
        };
        Ok(())
    }
}

/// Lines of `SHA256 SIZE ./PATH`.
fn parse_list(text: &str) -> anyhow::Result<Vec<Listed>> {
    text.lines()
        .map(|line| {
            let mut parts = line.splitn(3, ' ');
            let (sha256, size, path) = (parts.next(), parts.next().and_then(|n| n.parse().ok()), parts.next());
            match (sha256, size, path.and_then(|p| p.strip_prefix("./"))) {
                (Some(sha256), Some(size), Some(path)) if sha256.len() == 64 => {
                    Ok(Listed { path: path.into(), size, sha256: sha256.into() })
                }
                _ => anyhow::bail!("not a line of the pod's list of files: {line:?}"),
            }
        })
        .collect()
}

/// A path that stays below its directory: what comes out of a pod is not trusted.
pub fn safe(path: &str) -> anyhow::Result<&Path> {
    let p = Path::new(path);
    anyhow::ensure!(
        p.components().all(|c| matches!(c, std::path::Component::Normal(_))),
        "the pod names a file {path:?} outside its directory"
    );
    Ok(p)
}

/// Why nothing can come out of a container any more, ever. `None` when it may answer yet.
pub async fn gone(ctx: &Ctx, at: &Container) -> Option<String> {
    if at.pod.is_empty() {
        return Some("its pod is gone".into());
    }
    match ctx.cluster.get(&Ref::new("Pod", &at.namespace, &at.pod)).await {
        Ok(None) => Some(format!("pod {} is gone", at.pod)),
        Ok(Some(pod)) => ended(&pod, &at.container).map(|why| format!("pod {} {why}", at.pod)),
        // Unknown is not gone.
        Err(_) => None,
    }
}

/// Has a container ended for good? Its files went with it as far as anybody outside can tell.
pub fn ended(pod: &Value, container: &str) -> Option<String> {
    if matches!(text_at(pod, "/status/phase"), "Failed" | "Succeeded") {
        let why = [text_at(pod, "/status/reason"), text_at(pod, "/status/message")].join(" ");
        return Some(if why.trim().is_empty() { "has ended".into() } else { format!("was ended: {}", why.trim()) });
    }
    let it = super::follow::container(pod, container)?;
    let restarts = text_at(pod, "/spec/restartPolicy") != "Never";
    (it.pointer("/state/terminated").is_some() && !restarts).then(|| format!("holds no {container} any more: it has ended"))
}

/// Tries with growing pauses until it works, its container is gone for good, or the limit has passed. What stands in the way is told once.
pub async fn reach<T>(ctx: &Ctx, at: &Container, limit: Duration, mut act: impl AsyncFnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let begun = Instant::now();
    let mut pause = Duration::from_secs(1);
    let mut told = false;
    loop {
        let error = match act().await {
            Ok(v) => return Ok(v),
            Err(e) if disk::ran_out(&e) => return Err(e),
            Err(e) => e,
        };
        if let Some(why) = gone(ctx, at).await {
            return Err(Lost::ForGood(why).into());
        }
        if begun.elapsed() + pause >= limit {
            let node = node_trouble(ctx, &at.pod).await.map(|n| format!("; {n}")).unwrap_or_default();
            let seconds = begun.elapsed().as_secs();
            return Err(Lost::ForNow(format!("pod {} does not give its files, tried for {seconds} s: {error:#}{node}", at.pod)).into());
        }
        if !std::mem::replace(&mut told, true) {
            let node = node_trouble(ctx, &at.pod).await.map(|n| format!(" ({n})")).unwrap_or_default();
            ctx.report.warn(format!("pod {} does not answer{node}; trying for up to {} s: {error:#}", at.pod, limit.as_secs()));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(20));
    }
}

/// Why a pod's node is no help now: its `Ready` condition. `None` when it is ready, or this user may not look at nodes.
pub async fn node_trouble(ctx: &Ctx, pod: &str) -> Option<String> {
    let pod = ctx.cluster.get(&Ref::new("Pod", ctx.namespace(), pod)).await.ok()??;
    let name = text_at(&pod, "/spec/nodeName");
    let node = ctx.cluster.get(&Ref::new("Node", "", name)).await.ok()??;
    not_ready(&node).map(|why| format!("node {name} is not ready: {why}"))
}

/// The words of a node's condition `Ready` when it is not `True`.
fn not_ready(node: &Value) -> Option<String> {
    let ready = items_at(node, "/status/conditions").find(|c| c["type"] == "Ready")?;
    (ready["status"] != "True")
        .then(|| format!("{} since {}, {}", text_at(ready, "/reason"), text_at(ready, "/lastTransitionTime"), text_at(ready, "/message")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_cannot_write_outside_the_run() {
        assert!(safe("rate-0/benchmarks.json").is_ok());
        for bad in ["../x", "/etc/passwd", "a/../../x"] {
            assert!(safe(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_of_a_shell_is_read() {
        let sum = "a".repeat(64);
        let files = parse_list(&format!("{sum} 12 ./DONE\n{sum} 0 ./a b/c")).unwrap();
        assert_eq!(files[0], Listed { path: "DONE".into(), size: 12, sha256: sum.clone() });
        assert_eq!((files[1].path.as_str(), files[1].size), ("a b/c", 0));
        for bad in ["x", "a 1 ./x", &format!("{sum} x ./y"), &format!("{sum} 1 y")] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_has_ended_for_good_and_what_only_does_not_answer() {
        let pod = |phase: &str, state: Value| {
            json!({"spec": {"restartPolicy": "Never"}, "status": {"phase": phase, "reason": "Evicted", "message": "The node was low on resource",
                "containerStatuses": [{"name": "guidellm", "state": {"terminated": {}}}, {"name": "keeper", "state": state}]}})
        };
        assert_eq!(ended(&pod("Running", json!({"running": {}})), "keeper"), None);
        assert!(ended(&pod("Running", json!({"terminated": {"exitCode": 0}})), "keeper").unwrap().contains("keeper"));
        assert!(ended(&pod("Failed", json!({})), "keeper").unwrap().contains("Evicted The node was low"));
        let mut restarts = pod("Running", json!({"terminated": {}}));
        restarts["spec"]["restartPolicy"] = json!("OnFailure");
        assert_eq!(ended(&restarts, "keeper"), None, "it comes back");
        assert!(!Lost::keeps(&anyhow::Error::from(Lost::ForGood("x".into())).context("y")));
        assert!(Lost::keeps(&Lost::ForNow("x".into()).into()) && Lost::keeps(&anyhow::anyhow!("z")));
    }

    #[test]
    fn a_node_says_why_it_is_not_ready() {
        let node = |status: &str| {
            json!({"status": {"conditions": [{"type": "Ready", "status": status, "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status.", "lastTransitionTime": "2026-11-24T03:11:59Z"}]}})
        };
        assert_eq!(not_ready(&node("True")), None);
        let why = not_ready(&node("Unknown")).unwrap();
        assert!(why.contains("NodeStatusUnknown") && why.contains("Kubelet stopped"), "{why}");
        assert_eq!(not_ready(&json!({})), None);
    }
}
