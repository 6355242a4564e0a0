//! What the load met: counts, latencies, failures, pods.

use super::or_na;
use super::text::{Paint, clock, duration, table, wrap};
use crate::summary::load_span;
use crate::words::number;
use bench_model::summary::{RateSummary, Stats, Summary};
use bench_model::tables::Tables;
use std::fmt::Write as _;

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn name(r: &RateSummary) -> String {
    format!("{}/s", r.rate)
}

/// A row a rate: what was sent and what became of it; then when.
pub(super) fn requests(summary: &Summary, width: usize, paint: Paint) -> String {
    let mut out = paint.bold("Load") + "\n";
    let Some(zero) = summary.rates.first().map(|r| r.start) else { return out + "  n/a: there is no report of any rate\n" };
    let mut counts = vec![row(&["rate", "requests", "ok", "failed", "cut off", "sent/s", "ok/s", "tokens/s"])];
    let mut times = vec![row(&["rate", "began", "lasted s", "gap before s", "late ms mean", "p99", "max"])];
    for r in &summary.rates {
        let seconds = r.end - r.start;
        #[allow(clippy::cast_precision_loss)]
        let done = (seconds > 0.0).then(|| r.successful as f64 / seconds);
        let late = |f: fn(&Stats) -> f64| or_na(r.lateness_s.as_ref().map(|s| 1000.0 * f(s)));
        counts.push(vec![
            name(r),
            r.requests.to_string(),
            r.successful.to_string(),
            r.errored.to_string(),
            r.incomplete.to_string(),
            number(r.achieved_rate),
            or_na(done),
            number(r.output_tokens_per_s),
        ]);
        times.push(vec![
            name(r),
            clock(r.start - zero),
            format!("{seconds:.1}"),
            r.gap_before_s.map_or_else(|| "-".into(), |g| format!("{g:.1}")),
            late(|s| s.mean),
            late(|s| s.p99),
            late(|s| s.max),
        ]);
    }
    let mut note = |table: &str, text: &str| {
        out.push_str(table);
        let _ = writeln!(out, "  {}", paint.dim(&wrap(text, 2, width)));
    };
    note(&table(&counts, 1, paint), "cut off: in flight when the rate ended, no failure; tokens/s: output tokens received");
    note(&table(&times, 1, paint), "gap before: without load since the rate before; late: sent after its time");
    out
}

type Of = fn(&RateSummary) -> Option<Stats>;

/// Blocks of one metric with a row a rate, so that rates stand under each other.
pub(super) fn latencies(summary: &Summary, paint: Paint) -> String {
    if summary.rates.is_empty() {
        return String::new();
    }
    let metrics: [(&str, Of); 3] = [("TTFT ms", |r| r.ttft_ms), ("ITL ms", |r| r.itl_ms), ("E2E s", |r| r.e2e_s)];
    let mut rows = vec![row(&["", "rate", "mean", "p50", "p90", "p99", "max"])];
    for (label, of) in metrics {
        for (n, r) in summary.rates.iter().enumerate() {
            let stats = of(r);
            let value = |f: fn(&Stats) -> f64| or_na(stats.as_ref().map(f));
            let label = if n == 0 { label } else { "" };
            rows.push(vec![
                label.into(),
                name(r),
                value(|s| s.mean),
                value(|s| s.p50),
                value(|s| s.p90),
                value(|s| s.p99),
                value(|s| s.max),
            ]);
        }
    }
    paint.bold("Latency of the successful requests") + "\n" + &table(&rows, 2, paint)
}

/// Why requests failed, the most frequent first; empty when none did.
pub(super) fn failures(summary: &Summary, width: usize, paint: Paint) -> String {
    let mut out = String::new();
    for r in &summary.rates {
        let mut classes: Vec<_> = r.errors.iter().collect();
        classes.sort_by(|a, b| b.1.cmp(a.1));
        for (class, n) in classes {
            let _ = writeln!(out, "  {:<6} {n:>6} × {}", name(r), wrap(class, 18, width));
        }
    }
    if out.is_empty() { out } else { paint.bold("Failures") + "\n" + &out }
}

/// Requests and lives of the pods of a Deployment; those that were gone before the load began are left out.
pub(super) fn pods(summary: &Summary, tables: &Tables, deployment: &str, paint: Paint) -> String {
    let start = load_span(tables).map(|(start, _)| start);
    let mut rows = vec![row(&["pod", "requests", "share", "created", "ready after", "deleted", "restarts"])];
    let all: f64 = summary.requests_per_pod.values().sum();
    let served = |name: &str| match summary.requests_per_pod.get(name) {
        Some(n) if all > 0.0 => [format!("{n:.0}"), format!("{:.0} %", 100.0 * n / all)],
        Some(n) => [format!("{n:.0}"), "-".into()],
        None => ["n/a".into(), "-".into()],
    };
    // The name of the Deployment stands above the table once.
    let short = |name: &str| {
        name.strip_prefix(deployment).filter(|rest| rest.starts_with('-')).map_or_else(|| name.to_owned(), |rest| format!("…{rest}"))
    };
    for p in &tables.pods {
        if p.deleted.zip(start).is_some_and(|(d, s)| d < s) {
            continue;
        }
        let at = |t: f64| start.map_or_else(|| "-".into(), |s| clock(t - s));
        let [n, share] = served(&p.name);
        let ready = p.ready.map_or_else(|| "never".into(), |r| duration(r - p.created));
        rows.push(vec![short(&p.name), n, share, at(p.created), ready, p.deleted.map_or_else(|| "-".into(), at), p.restarts.to_string()]);
    }
    // Counted by Prometheus, never seen by the agent.
    for name in summary.requests_per_pod.keys().filter(|n| !tables.pods.iter().any(|p| p.name == **n)) {
        let [n, share] = served(name);
        rows.push(vec![short(name), n, share, "-".into(), "-".into(), "-".into(), "-".into()]);
    }
    if rows.len() == 1 {
        return String::new();
    }
    format!("{}\n  {deployment}…, requests finished while the load ran\n{}", paint.bold("Pods"), table(&rows, 1, paint))
}
