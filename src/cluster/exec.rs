//! Commands and byte streams in containers, and their logs.

use super::{Cluster, ClusterError};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, LogParams};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longest time for one stream: a peer that lets bytes trickle is never silent, and has to end all the same.
const LONGEST: Duration = Duration::from_secs(1800);

/// What a command wrote.
#[derive(Debug, Default)]
pub struct ExecOutput {
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl ExecOutput {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_string()
    }
}

/// A container of a pod.
#[derive(Debug, Clone)]
pub struct Container {
    pub namespace: String,
    pub pod: String,
    pub container: String,
}

impl Container {
    pub fn new(namespace: &str, pod: &str, container: &str) -> Self {
        Self { namespace: namespace.into(), pod: pod.into(), container: container.into() }
    }
}

impl Cluster {
    fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Runs a command; stdin is sent whole but never closed (the command must count, as `head -c` does), stdout goes to
    /// `sink` piece by piece.
    ///
    /// # Errors
    /// When the command fails, cannot start, is silent for `stall`, or is not over after [`LONGEST`].
    pub async fn exec_stream(
        &self,
        at: &Container,
        command: &[&str],
        stdin: Option<&[u8]>,
        stall: Duration,
        mut sink: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<String, ClusterError> {
        if let Some(outside) = &self.outside {
            return outside.exec(at, command, stdin, &mut sink).await;
        }
        let fail = |message: String| ClusterError::Exec { what: command.join(" "), pod: at.pod.clone(), message };
        let params = AttachParams::default()
            .container(&at.container)
            .stdin(stdin.is_some())
            .stdout(true)
            .stderr(true)
            .max_stdin_buf_size(1 << 16)
            .max_stdout_buf_size(1 << 20);
        let mut process = tokio::time::timeout(stall, self.pods(&at.namespace).exec(&at.pod, command.iter().copied(), &params))
            .await
            .map_err(|_| fail(format!("no answer for {} s", stall.as_secs())))?
            .map_err(|e| ClusterError::from_kube(e, &format!("exec in pod {}", at.pod), &self.url))?;
        let status = process.take_status();
        let mut stderr = String::new();
        let mut out = process.stdout().ok_or_else(|| fail("no stdout".into()))?;
        let mut err = process.stderr().ok_or_else(|| fail("no stderr".into()))?;
        let mut writer = process.stdin();
        let begun = tokio::time::Instant::now();
        let active = std::cell::Cell::new(begun);
        // The stream is left open: its end overtakes the last bytes on some servers. The command must know how much to read.
        let feed = async {
            if let (Some(w), Some(bytes)) = (&mut writer, stdin) {
                for piece in bytes.chunks(1 << 16) {
                    w.write_all(piece).await?;
                    active.set(tokio::time::Instant::now());
                }
                w.flush().await?;
            }
            std::io::Result::Ok(())
        };
        let drain = async {
            let mut buffer = vec![0; 1 << 16];
            loop {
                let n = out.read(&mut buffer).await?;
                active.set(tokio::time::Instant::now());
                if n == 0 {
                    return std::io::Result::Ok(());
                }
                sink(&buffer[..n])?;
            }
        };
        let errors = async {
            let mut text = vec![];
            err.read_to_end(&mut text).await?;
            std::io::Result::Ok(String::from_utf8_lossy(&text).trim().to_string())
        };
        // Whoever fails first ends the others: a sink that cannot write must not wait for a stream that it no longer reads.
        let ended =
            async { futures::try_join!(async { std::io::Result::Ok(feed.await) }, drain, async { Ok(errors.await.unwrap_or_default()) }) };
        // One watch over all of them: standard error that is never closed holds up the end as well.
        let silence = async {
            loop {
                let until = (active.get() + stall).min(begun + LONGEST);
                tokio::time::sleep_until(until).await;
                if begun.elapsed() >= LONGEST {
                    return std::io::Error::other(format!("not over after {} s", LONGEST.as_secs()));
                }
                if active.get().elapsed() >= stall {
                    return std::io::Error::other(format!("silent for {} s", stall.as_secs()));
                }
            }
        };
        // A connection that breaks ends the client's task without closing these streams: only the status, which then never comes, tells.
        let mut status = status.map(Box::pin);
        let mut said = None;
        let broken = async {
            if let Some(s) = &mut status {
                said = Some(s.await);
                if said == Some(None) {
                    return std::io::Error::other("the connection broke before the command's end");
                }
            }
            std::future::pending().await
        };
        // In this order: what has come is taken before the break is told.
        let ended = tokio::select! { biased; done = ended => done, e = broken => Err(e), e = silence => Err(e) };
        let mut fed = Ok(());
        let drained = ended.map(|(f, (), text)| (fed, stderr) = (f, text));
        let status = match (said, status) {
            (Some(said), _) => said,
            (None, Some(s)) => tokio::time::timeout(stall, s).await.ok().flatten(),
            (None, None) => None,
        };
        process.abort();
        drained.map_err(|e| fail(e.to_string()))?;
        // A command that ends without reading all of its input breaks the pipe; its own status then says more.
        let failed = status.as_ref().is_some_and(|s| s.status.as_deref() == Some("Failure"));
        if failed {
            let message = status.and_then(|s| s.message).unwrap_or_default();
            return Err(fail(if stderr.is_empty() { message } else { format!("{message}: {stderr}") }));
        }
        if status.is_none() {
            return Err(fail("the connection broke before the command's end".into()));
        }
        fed.map_err(|e| fail(e.to_string()))?;
        Ok(stderr)
    }

    /// Runs a command and keeps what it writes.
    pub async fn exec(&self, at: &Container, command: &[&str]) -> Result<ExecOutput, ClusterError> {
        let mut stdout = vec![];
        let stderr = self
            .exec_stream(at, command, None, Duration::from_secs(30), |piece| {
                stdout.extend_from_slice(piece);
                Ok(())
            })
            .await?;
        Ok(ExecOutput { stdout, stderr })
    }

    /// The last `limit_bytes` of a container's log, or of its previous life.
    ///
    /// An answer that got lost on its way is asked for once more.
    pub async fn logs(&self, at: &Container, tail_lines: i64, previous: bool) -> Result<String, ClusterError> {
        match self.logs_once(at, tail_lines, previous).await {
            Err(ClusterError::Unreachable { .. }) => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.logs_once(at, tail_lines, previous).await
            }
            other => other,
        }
    }

    async fn logs_once(&self, at: &Container, tail_lines: i64, previous: bool) -> Result<String, ClusterError> {
        let params = LogParams { container: Some(at.container.clone()), tail_lines: Some(tail_lines), previous, ..Default::default() };
        let pods = self.pods(&at.namespace);
        tokio::time::timeout(Duration::from_secs(30), pods.logs(&at.pod, &params))
            .await
            .map_err(|_| ClusterError::Slow { what: format!("read logs of {}", at.pod), seconds: 30 })?
            .map_err(|e| ClusterError::from_kube(e, &format!("read logs of {}", at.pod), &self.url))
    }
}
