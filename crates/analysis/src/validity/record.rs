//! Was what happened seen, and did only what was planned act?

use super::{MAX_SHORTFALL, MAX_SKEW_S, SILENCE_S, finding};
use crate::summary::{begun, load_span, requests_per_pod};
use crate::{Settings, gaps};
use bench_model::plan::Arm;
use bench_model::run::{RunRecord, RunState, Source};
use bench_model::summary::{Finding, Verdict};
use bench_model::tables::Tables;
use std::collections::BTreeSet;

pub(super) fn findings(run: &RunRecord, tables: &Tables, version: &str, settings: &Settings) -> Vec<Finding> {
    let mut out = Vec::new();
    if run.state == RunState::Failed {
        let why = run.failure.as_deref().unwrap_or("no reason was written down");
        out.push(finding(Verdict::Invalid, "run-failed", format!("the run failed: {why}")));
    }
    // A prediction has no generator, no watch and no clocks that could fail.
    if run.source == Source::Predicted {
        out.extend(unreadable(settings));
        return out;
    }
    out.extend(replicas(run, tables));
    out.extend(foreign(run, tables));
    if !version.is_empty() && !settings.guidellm_version.is_empty() && version != settings.guidellm_version {
        let message = format!("the load was sent by guidellm {version}, planned was {}", settings.guidellm_version);
        out.push(finding(Verdict::Valid, "guidellm-version", message));
    }
    let watch: Vec<_> = tables.gaps.iter().filter(|g| g.kind == gaps::WATCH).collect();
    if !watch.is_empty() {
        let longest = watch.iter().map(|g| g.to - g.from).fold(0.0, f64::max);
        out.push(finding(
            Verdict::Valid,
            "watch-gap",
            format!("the record of objects has {}, the longest {longest:.0} s: changes in them may be missing", times(watch.len(), "gap")),
        ));
    }
    out.extend(metrics(run, tables, settings));
    out.extend(tables.findings.iter().cloned());
    out.extend(counted(tables, settings));
    for c in run.clocks.iter().filter(|c| c.offset_s.abs() - c.uncertainty_s > MAX_SKEW_S) {
        let message = format!(
            "the clock of {} was {:+.1} s off (±{:.1} s); times of different sources do not line up",
            c.clock, c.offset_s, c.uncertainty_s
        );
        out.push(finding(Verdict::Valid, "clock-skew", message));
    }
    // Without logs or image ids the numbers stand; without the load, the records or the metrics something is missing in them.
    let needed = |m: &str| ["load:", "events.jsonl:", "metrics:", "recorder:"].iter().any(|p| m.starts_with(p));
    out.extend(run.missing.iter().map(|m| {
        let verdict = if needed(m) { weight(run, m) } else { Verdict::Valid };
        finding(verdict, "missing-part", m.clone())
    }));
    out.extend(unreadable(settings));
    out
}

fn unreadable(settings: &Settings) -> impl Iterator<Item = Finding> {
    settings.problems.iter().map(|p| finding(Verdict::Valid, "unreadable-part", p.clone()))
}

/// Without replicas over the whole load an autoscaler cannot be judged; a fixed fleet can.
fn replicas(run: &RunRecord, tables: &Tables) -> Option<Finding> {
    let verdict = if matches!(run.arm, Arm::Wva | Arm::Hpa) { Verdict::Invalid } else { Verdict::Valid };
    if tables.replicas.is_empty() {
        return Some(finding(verdict, "no-replicas", format!("there is no record of the replicas of {}", run.deployment)));
    }
    let (_, end) = load_span(tables)?;
    #[allow(clippy::cast_precision_loss)]
    let lacking = end - run.times.recording_ended?.timestamp_millis() as f64 / 1000.0;
    (lacking > SILENCE_S).then(|| {
        let message = format!("the record of replicas ends {lacking:.0} s before the load does: what they did then is not known");
        finding(verdict, "short-record", message)
    })
}

/// Two HPAs on one Deployment, or any in an arm that has none, fight over `spec.replicas`.
fn foreign(run: &RunRecord, tables: &Tables) -> Option<Finding> {
    let (start, end) = load_span(tables)?;
    let acting = tables.decisions.iter().filter(|d| d.by == "hpa" && d.t >= start && d.t <= end);
    let names: BTreeSet<&str> = acting.map(|d| d.name.as_str()).collect();
    // What scales an existing stack is its owner's choice, and part of what is measured.
    if run.arm == Arm::Existing {
        return None;
    }
    let allowed = usize::from(matches!(run.arm, Arm::Wva | Arm::Hpa));
    (names.len() > allowed).then(|| {
        let list = names.into_iter().collect::<Vec<_>>().join(", ");
        let message =
            format!("arm {} allows {} on this Deployment, but while the load ran these acted: {list}", run.arm, times(allowed, "HPA"));
        finding(Verdict::Invalid, "foreign-autoscaler", message)
    })
}

/// An existing stack may have nothing that its pods are scraped by: what its users saw was measured all the same.
fn weight(run: &RunRecord, missing: &str) -> Verdict {
    if run.arm == Arm::Existing && !missing.starts_with("load:") { Verdict::Valid } else { Verdict::Invalid }
}

fn metrics(run: &RunRecord, tables: &Tables, settings: &Settings) -> Option<Finding> {
    if tables.series.is_empty() {
        let message = "there are no metrics: requests per pod are not known, and decisions cannot be replayed".into();
        return Some(finding(weight(run, ""), "no-metrics", message));
    }
    let (start, end) = load_span(tables)?;
    let last = tables.series.iter().filter_map(|s| s.samples.last()).map(|(t, _)| *t).max_by(f64::total_cmp);
    if let Some(last) = last.filter(|t| end - t > SILENCE_S) {
        let message = format!("the metrics end {:.0} s before the load does: decisions after that cannot be replayed", end - last);
        return Some(finding(weight(run, ""), "short-metrics", message));
    }
    if settings.scrape_interval_s <= 0.0 {
        return None;
    }
    let holes = gaps::scrapes(&tables.series, settings.scrape_interval_s);
    let holes: Vec<_> = holes.iter().filter(|g| g.from < end && g.to > start).collect();
    let first = holes.first()?;
    let message = format!("the metrics have {} while the load ran; the first: {}", times(holes.len(), "gap"), first.detail);
    Some(finding(Verdict::Valid, "scrape-gap", message))
}

/// The servers' own count of what they finished, against what the load sent. What is cut off may or may not be among it, and of a pod that
/// ended the last scrape interval is lost.
fn counted(tables: &Tables, settings: &Settings) -> Option<Finding> {
    let (start, end) = load_span(tables)?;
    let per_pod = requests_per_pod(tables, settings.scrape_interval_s);
    if per_pod.is_empty() {
        return None;
    }
    let finished: f64 = per_pod.values().sum();
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let (sent, succeeded) = (
        (0..tables.rates.len()).map(|k| begun(tables, k)).sum::<u64>() as f64,
        tables.rates.iter().map(|r| r.successful).sum::<u64>() as f64,
    );
    let slack = (MAX_SHORTFALL * sent).max(5.0);
    let ended = tables.pods.iter().filter(|p| p.deleted.is_some_and(|t| t > start && t < end)).count();
    let fastest = tables.rates.iter().map(|r| r.rate).filter(|r| r.is_finite()).fold(0.0, f64::max);
    #[allow(clippy::cast_precision_loss)]
    let lost = ended as f64 * 2.0 * settings.scrape_interval_s * fastest;
    let why = if finished > sent + slack {
        format!("the load sent {sent:.0}: somebody else uses them too, and neither latencies nor replicas are of this load alone")
    } else if finished < succeeded - slack - lost {
        format!("{succeeded:.0} of the load's succeeded: metrics of a pod are missing, or requests went elsewhere")
    } else {
        return None;
    };
    Some(finding(Verdict::Valid, "requests-differ", format!("the servers counted {finished:.0} finished requests, while {why}")))
}

fn times(n: usize, what: &str) -> String {
    match n {
        0 => format!("no {what}"),
        1 => format!("one {what}"),
        n => format!("{n} {what}s"),
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
