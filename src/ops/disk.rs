//! Room on this machine's disk: asked for before a run, and told exactly when it runs out while collecting.

use crate::failure::Failure;
use crate::report::Reporter;
use bench_model::exit::Exit;
use bench_model::plan::Plan;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What guidellm's report takes of a request, measured over its versions 0.4 to 0.8.
const REQUEST_BYTES: f64 = 7_000.0;
/// Records, metrics and logs of a minute with ten model servers.
const MINUTE_BYTES: f64 = 1_500_000.0;
/// Less than this is little for anything.
const LEAST: u64 = 100_000_000;

/// The disk was full in the middle of a file; what had come is kept and continued.
#[derive(Debug, thiserror::Error)]
#[error("no space left in {}: {what} needs {} more", dir.display(), size(*.needed))]
pub struct NoSpace {
    pub dir: PathBuf,
    pub what: String,
    /// Bytes.
    pub needed: u64,
}

/// `1.4 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Full, or over the user's quota.
pub fn is_full(e: &std::io::Error) -> bool {
    matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Did the disk's end cause it?
pub fn ran_out(e: &anyhow::Error) -> bool {
    e.chain().any(|c| c.is::<NoSpace>() || c.downcast_ref::<std::io::Error>().is_some_and(is_full))
}

/// What the user is told: nothing is lost, the pods keep it.
pub fn failure(e: &anyhow::Error, run: &str) -> Failure {
    Failure::new(Exit::Interrupted, format!("the disk is full: {e:#}. What is not here yet is kept in the run's pods"))
        .hint(format!("make room, then   bench resume {run}   gets the rest; what has come stays"))
}

/// Free bytes for this user where `dir` is or will be.
pub fn free(dir: &Path) -> Option<u64> {
    let there = std::path::absolute(dir).ok()?;
    let there = there.ancestors().find(|d| d.exists())?;
    let s = rustix::fs::statvfs(there).ok()?;
    Some(s.f_bavail.saturating_mul(s.f_frsize))
}

/// About what a run will take, in bytes.
pub fn needed(plan: &Plan) -> u64 {
    let Some(profile) = &plan.profile else { return 0 };
    let seconds = f64::from(profile.max_seconds);
    let requests: f64 = profile.rates.iter().map(|r| r * seconds).sum();
    let minutes = (seconds * profile.rates.len() as f64 + f64::from(plan.scenario.recording.tail_limit_s)) / 60.0;
    (requests * REQUEST_BYTES + minutes * MINUTE_BYTES) as u64
}

/// Warns before the run when its results may not fit.
pub fn warn_if_small(report: &Reporter, dir: &Path, plan: &Plan) {
    let (Some(free), needed) = (free(dir), needed(plan)) else { return };
    if free < needed.max(LEAST) {
        report.warn(format!(
            "only {} are free in {}, and this run takes about {}: --results names another directory (a full disk loses nothing, see bench resume)",
            size(free),
            dir.display(),
            size(needed)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_with_directory_and_need() {
        let e = anyhow::Error::from(NoSpace { dir: "/results/x/load".into(), what: "benchmarks.json".into(), needed: 1_400_000 });
        let e = e.context("the load's files");
        assert!(ran_out(&e));
        let f = failure(&e, "r");
        assert_eq!(f.exit, Exit::Interrupted);
        assert!(f.message.contains("/results/x/load") && f.message.contains("1.4 MB more"), "{}", f.message);
        assert!(f.hint.unwrap().contains("bench resume r"));
        let os = anyhow::Error::from(std::io::Error::from_raw_os_error(28)).context("cannot write the journal");
        assert!(ran_out(&os) && !ran_out(&anyhow::anyhow!("other")));
    }

    #[test]
    fn free_space_is_that_of_the_nearest_directory_that_exists() {
        assert_eq!(free(Path::new("/proc/no/such")), free(Path::new("/proc")));
        assert!(free(&std::env::temp_dir()).unwrap() > 0);
    }
}
