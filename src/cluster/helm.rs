//! Helm, as a program on the PATH, with typed outcomes.

use super::{ClusterError, Outside};
use serde_json::Value;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What an installation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelmOutcome {
    Installed,
    Upgraded,
    /// Same chart version, same values, deployed: nothing was done.
    Unchanged,
    /// A release that a kill had left `pending-*` was removed and installed anew.
    Repaired,
}

/// A release as `helm list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub name: String,
    pub namespace: String,
    /// `deployed`, `pending-install`, `failed`, …
    pub status: String,
    /// `<chart>-<version>`.
    pub chart: String,
}

/// What to install.
pub struct Chart<'a> {
    pub release: &'a str,
    pub namespace: &'a str,
    /// `oci://…`, a local directory or archive, or a name in `repository`.
    pub reference: &'a str,
    /// `https://…`; empty for the others.
    pub repository: &'a str,
    /// Ignored by helm for local charts.
    pub version: &'a str,
    pub values: &'a Value,
    /// Of the release itself: its Secret carries them.
    pub labels: &'a [(&'a str, &'a str)],
}

/// Equal but for the form of numbers: helm gives 5.0 back as 5.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(p, q)| same(p, q)),
        (Value::Object(x), Value::Object(y)) => x.len() == y.len() && x.iter().all(|(k, v)| y.get(k).is_some_and(|w| same(v, w))),
        _ => a == b,
    }
}

/// What `helm get values` says: of a release that was given none, `null`.
fn read_values(text: &str) -> serde_json::Result<Value> {
    let values: Value = serde_json::from_str(text)?;
    Ok(if values.is_null() { Value::Object(serde_json::Map::new()) } else { values })
}

/// As helm reads durations.
fn seconds(d: Duration) -> String {
    format!("{}s", d.as_secs())
}

/// A new file that only this user may read; nobody can have put a link in its place.
fn write_private(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // What an earlier process of this number left.
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}

/// Longest wait of helm for one thing that it waits for, unless the user says otherwise: to install a chart, to uninstall one.
pub const INSTALL_S: u64 = 300;
pub const UNINSTALL_S: u64 = 120;

/// Helm's own limit is for one wait; it fetches a chart before it, and may wait for several things. The limit of the whole is as long
/// again, at most a minute.
fn wall(limit: Duration) -> Duration {
    limit + limit.min(Duration::from_secs(60))
}

/// Helm bound to one cluster.
pub struct Helm {
    /// A name is looked for on the PATH. (As a `Path` it would be a file of the current directory.)
    program: OsString,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    outside: Option<Arc<dyn Outside>>,
}

impl Helm {
    pub(super) fn new(kubeconfig: Option<PathBuf>, context: Option<String>, outside: Option<Arc<dyn Outside>>) -> Self {
        Self { program: "helm".into(), kubeconfig, context, outside }
    }

    async fn run(&self, args: &[&str], limit: Duration) -> Result<String, ClusterError> {
        if let Some(outside) = &self.outside {
            return outside.helm(args).await;
        }
        let mut all: Vec<String> = args.iter().map(ToString::to_string).collect();
        if let Some(c) = &self.context {
            all.extend(["--kube-context".into(), c.clone()]);
        }
        let what = args.iter().take(3).copied().collect::<Vec<_>>().join(" ");
        let mut command = duct::cmd(&self.program, &all).stdin_null().stdout_capture().stderr_capture().unchecked();
        if let Some(k) = &self.kubeconfig {
            command = command.env("KUBECONFIG", k);
        }
        let run = tokio::task::spawn_blocking(move || -> std::io::Result<Option<std::process::Output>> {
            let handle = command.start()?;
            if handle.wait_timeout(limit)?.is_none() {
                handle.kill()?;
                return Ok(None);
            }
            handle.into_output().map(Some)
        });
        let output = run.await.map_err(|e| ClusterError::Helm(e.to_string()))?;
        match output {
            Err(e) => Err(ClusterError::Helm(format!("cannot run helm: {e}"))),
            Ok(None) => Err(ClusterError::Slow { what: format!("run helm {what}"), seconds: limit.as_secs() }),
            Ok(Some(o)) if o.status.success() => Ok(String::from_utf8_lossy(&o.stdout).into_owned()),
            Ok(Some(o)) => Err(ClusterError::Helm(format!("{what} failed: {}", String::from_utf8_lossy(&o.stderr).trim()))),
        }
    }

    /// `helm version`, e.g. `v3.19.0`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        Ok(self.run(&["version", "--template", "{{.Version}}"], Duration::from_secs(20)).await?.trim().to_string())
    }

    /// All releases of the cluster whose name matches, in any state.
    pub async fn find(&self, release: &str) -> Result<Vec<Release>, ClusterError> {
        let filter = format!("^{release}$");
        let text = self.run(&["list", "-A", "-a", "-o", "json", "--filter", &filter], Duration::from_secs(60)).await?;
        let rows: Value = serde_json::from_str(&text).map_err(|e| ClusterError::Helm(format!("list: {e}")))?;
        let field = |r: &Value, k: &str| r.get(k).and_then(Value::as_str).unwrap_or_default().to_string();
        Ok(rows
            .as_array()
            .into_iter()
            .flatten()
            .map(|r| Release {
                name: field(r, "name"),
                namespace: field(r, "namespace"),
                status: field(r, "status"),
                chart: field(r, "chart"),
            })
            .collect())
    }

    async fn values(&self, release: &str, namespace: &str) -> Result<Value, ClusterError> {
        let text = self.run(&["get", "values", release, "-n", namespace, "-o", "json"], Duration::from_secs(60)).await?;
        read_values(&text).map_err(|e| ClusterError::Helm(format!("get values: {e}")))
    }

    /// Installs or upgrades, unless version and values are already so. `limit`: for each thing that helm waits for.
    pub async fn install(&self, chart: &Chart<'_>, limit: Duration) -> Result<HelmOutcome, ClusterError> {
        let found = self.find(chart.release).await?.into_iter().find(|r| r.namespace == chart.namespace);
        let is_remote = chart.reference.contains("://") || !chart.repository.is_empty();
        let mut outcome = HelmOutcome::Installed;
        if let Some(r) = &found {
            if r.status.starts_with("pending") || r.status == "uninstalling" {
                self.uninstall(chart.release, chart.namespace, limit).await?;
                outcome = HelmOutcome::Repaired;
            } else {
                let same_version = r.chart.ends_with(&format!("-{}", chart.version)) || !is_remote;
                let same =
                    same_version && r.status == "deployed" && same(&self.values(chart.release, chart.namespace).await?, chart.values);
                if same {
                    return Ok(HelmOutcome::Unchanged);
                }
                outcome = HelmOutcome::Upgraded;
            }
        }
        // Values go by file: they may be long, and a command line is seen by everybody on the machine.
        static FILES: AtomicU32 = AtomicU32::new(0);
        let (process, n) = (std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
        let file = std::env::temp_dir().join(format!("llmd-bench-values-{}-{process}-{n}.json", chart.release));
        write_private(&file, &chart.values.to_string()).map_err(|e| ClusterError::Helm(format!("{}: {e}", file.display())))?;
        let path = file.to_string_lossy();
        let timeout = seconds(limit);
        let mut args =
            vec!["upgrade", "--install", chart.release, chart.reference, "-n", chart.namespace, "-f", &path, "--timeout", &timeout];
        let labels: Vec<String> = chart.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let labels = labels.join(",");
        if !labels.is_empty() {
            args.extend(["--labels", &labels]);
        }
        if !chart.repository.is_empty() {
            args.extend(["--repo", chart.repository]);
        }
        if is_remote {
            args.extend(["--version", chart.version]);
            // A registry on this machine is a test's; it has no certificate.
            if chart.reference.starts_with("oci://127.0.0.1") || chart.reference.starts_with("oci://localhost") {
                args.push("--plain-http");
            }
        }
        let mut result = self.run(&args, wall(limit)).await;
        // Helm before 3.13 labels nothing; the stack's own mark says all the same whose it is.
        if matches!(&result, Err(ClusterError::Helm(text)) if text.contains("unknown flag: --labels")) {
            args.retain(|a| *a != "--labels" && *a != labels);
            result = self.run(&args, wall(limit)).await;
        }
        // The file is ours and temporary: nothing is lost when it cannot be removed.
        std::fs::remove_file(&file).ok();
        result.map(|_| outcome)
    }

    /// `false` when there is no such release. `limit`: for each thing that helm waits for.
    pub async fn uninstall(&self, release: &str, namespace: &str, limit: Duration) -> Result<bool, ClusterError> {
        if !self.find(release).await?.iter().any(|r| r.namespace == namespace) {
            return Ok(false);
        }
        self.run(&["uninstall", release, "-n", namespace, "--wait", "--timeout", &seconds(limit)], wall(limit)).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A program in helm's place: knows one release, tells its arguments, and then takes as long as it likes.
    fn slow(dir: &std::path::Path) -> Helm {
        use std::os::unix::fs::PermissionsExt;
        let program = dir.join("helm");
        let list = r#"[{"name": "r", "namespace": "n", "status": "deployed", "chart": "c-1"}]"#;
        let script = format!(
            "#!/bin/sh\n[ $1 = list ] && echo '{list}' && exit\n[ $1 = get ] && echo null && exit\necho \"$@\" > {}\nexec sleep 60\n",
            dir.join("said").display()
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Helm { program: program.into(), ..Helm::new(None, None, None) }
    }

    #[tokio::test]
    async fn the_limit_is_helms_and_that_of_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let helm = slow(dir.path());
        let said = || std::fs::read_to_string(dir.path().join("said")).unwrap();
        let begun = std::time::Instant::now();
        let limit = Duration::from_secs(1);
        let e = helm.uninstall("r", "n", limit).await.unwrap_err();
        assert!(matches!(e, ClusterError::Slow { seconds: 2, .. }), "{e}");
        assert!(said().contains("uninstall r -n n --wait --timeout 1s"), "{}", said());
        let values = json!({"other": "than it has"});
        let chart = Chart { release: "r", namespace: "n", reference: "./c", repository: "", version: "", values: &values, labels: &[] };
        let e = helm.install(&chart, limit).await.unwrap_err();
        assert!(matches!(e, ClusterError::Slow { seconds: 2, .. }), "{e}");
        assert!(said().contains("upgrade --install r ./c") && said().contains("--timeout 1s"), "{}", said());
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!([INSTALL_S, UNINSTALL_S].map(|s| wall(Duration::from_secs(s)).as_secs()), [360, 180]);
    }

    #[test]
    fn a_release_without_values_has_none() {
        assert_eq!(read_values("null\n").unwrap(), json!({}));
        assert_eq!(read_values("{\"a\":1}").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn values_are_the_same_whatever_form_helm_gives_numbers() {
        assert!(same(&json!({"a": [5, 0.3], "b": "x"}), &json!({"b": "x", "a": [5.0, 0.3]})));
        assert!(!same(&json!({"a": 5}), &json!({"a": 6})));
        assert!(!same(&json!({"a": 5}), &json!({"a": 5, "b": null})));
    }
}
