//! Runs of an experiment, sent to where results outlive the machine: what a Job without a volume leaves.

use crate::ops::remote::push::{How, push};
use crate::ops::remote::store::{Place, Why};
use crate::ops::stop;
use crate::report::Reporter;
use bench_model::experiment::ExperimentRecord;
use std::path::Path;

/// Can the place be reached, before hours are spent on what is to go there?
///
/// # Errors
/// Exit 2 for what is no place, or has no credentials; 7 for one that does not answer.
pub async fn check(url: &str) -> anyhow::Result<()> {
    Place::open(url, Why::Write)?.runs().await.map(drop)
}

/// Sends every run that came to its end, valid or not, as far as it is not there already.
///
/// # Errors
/// Of the first that cannot be sent.
pub async fn send(results: &Path, record: &ExperimentRecord, url: &str, report: &Reporter) -> anyhow::Result<()> {
    let _driven = stop::Driven::begin();
    let place = Place::open(url, Why::Write)?;
    for attempt in record.runs.iter().flat_map(|r| &r.attempts).filter(|a| a.ended.is_some()) {
        let dir = results.join(&attempt.run);
        if !dir.exists() {
            report.warn(format!("{} is not here any more, and is not sent", attempt.run));
            continue;
        }
        let (dir, run) = crate::ops::results::find(results, &dir.to_string_lossy())?;
        let moved = push(&place, &dir, &run, How::default()).await?;
        report.note(format!("{}: {} of {} files sent to {url}", moved.run, moved.files - moved.there, moved.files));
    }
    Ok(())
}
