//! Brings files out of a pod: listed with checksums, streamed, resumed where a stream broke, renamed when whole.

use crate::agent::{Listed, checksum};
use crate::cluster::{Cluster, Container};
use anyhow::Context;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a broken stream is taken up again before the file is given up.
const TRIES: u32 = 8;
/// A stream that says nothing for so long is broken.
const STALL: Duration = Duration::from_secs(60);

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
        let script = format!("cd {} && find . -type f ! -name ACK ! -name '*.part' -exec sha256sum {{}} +", self.dir);
        let out = cluster.exec(&self.at, &["sh", "-c", &script]).await?;
        let mut files = vec![];
        for line in out.text().lines() {
            let (sha256, path) = line.split_once("  ./").with_context(|| format!("not a line of sha256sum: {line:?}"))?;
            files.push(Listed { path: path.into(), size: 0, sha256: sha256.into() });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// Fetches one file; what an earlier try left in `.part` is kept and continued.
    pub async fn fetch(&self, cluster: &Cluster, file: &Listed, into: &Path) -> anyhow::Result<u64> {
        let target = into.join(safe(&file.path)?);
        if target.exists() && checksum(&target)?.1 == file.sha256 {
            return Ok(target.metadata()?.len());
        }
        if let Some(dir) = target.parent() {
            std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        let part = PathBuf::from(format!("{}.part", target.display()));
        let mut last = String::new();
        let mut wanted = file.sha256.clone();
        for n in 0..TRIES {
            if n > 0 {
                tokio::time::sleep(Duration::from_secs(u64::from(n))).await;
            }
            let offset = part.metadata().map_or(0, |m| m.len());
            let mut out =
                OpenOptions::new().create(true).append(true).open(&part).with_context(|| format!("cannot write {}", part.display()))?;
            let remote = format!("{}/{}", self.dir, file.path);
            let skip = format!("+{}", offset + 1);
            let offset_text = offset.to_string();
            let command: Vec<&str> = match &self.bench {
                Some(bench) => vec![bench, "agent", "cat", &remote, "--offset", &offset_text],
                None => vec!["tail", "-c", &skip, &remote],
            };
            match cluster.exec_stream(&self.at, &command, None, STALL, |piece| out.write_all(piece)).await {
                Ok(_) => {
                    out.sync_all()?;
                    if checksum(&part)?.1 == wanted {
                        std::fs::rename(&part, &target)?;
                        return Ok(target.metadata()?.len());
                    }
                    last = "the checksum is another".into();
                    // Nothing of it can be trusted; or the file has grown since it was listed.
                    std::fs::remove_file(&part)?;
                    if let Some(now) = self.list(cluster).await?.into_iter().find(|f| f.path == file.path) {
                        wanted = now.sha256;
                    }
                }
                Err(e) if !e.is_passing() => return Err(e.into()),
                Err(e) => last = e.to_string(),
            }
        }
        anyhow::bail!("{} could not be fetched in {TRIES} tries: {last}", file.path)
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

/// A path that stays below its directory: what comes out of a pod is not trusted.
fn safe(path: &str) -> anyhow::Result<&Path> {
    let p = Path::new(path);
    anyhow::ensure!(
        p.components().all(|c| matches!(c, std::path::Component::Normal(_))),
        "the pod names a file {path:?} outside its directory"
    );
    Ok(p)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pod_cannot_write_outside_the_run() {
        assert!(super::safe("rate-0/benchmarks.json").is_ok());
        for bad in ["../x", "/etc/passwd", "a/../../x"] {
            assert!(super::safe(bad).is_err(), "{bad}");
        }
    }
}
