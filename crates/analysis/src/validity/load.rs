//! Was the load the one that was asked for?

use super::{CAP_REACHED, LATE_MEAN_S, LATE_P95, LATE_SHARE, MAX_SHORTFALL, MIN_DURATION, finding};
use crate::summary::{begun, lateness, of, parts};
use crate::{Settings, gaps, stats};
use bench_model::summary::{Finding, Verdict};
use bench_model::tables::{Outcome, RateWindow, Tables};

pub(super) fn findings(tables: &Tables, version: &str, settings: &Settings) -> Vec<Finding> {
    let mut out = planned(tables, settings);
    if tables.rates.is_empty() {
        return out;
    }
    if tables.rates.iter().all(|r| r.successful == 0) {
        let failed: u64 = tables.rates.iter().map(|r| r.errored).sum();
        let message = format!("not one request succeeded in any rate ({failed} failed), although guidellm itself exits with 0 then");
        out.push(finding(Verdict::Invalid, "no-success", message));
    }
    for (position, w) in tables.rates.iter().enumerate() {
        out.extend(length(w, settings));
        out.extend(generator(tables, position, w, version));
        out.extend(results(tables, position, w));
    }
    for (name, n, of) in parts(&tables.requests.iter()).into_iter().filter(|(_, n, of)| n < of) {
        let what = match name {
            "ttft" => "a time to the first token",
            "itl" => "a time between tokens",
            "e2e" => "an end-to-end time",
            _ => "a count of output tokens",
        };
        let message = if n == 0 {
            format!("none of {of} successful requests has {what}: it was not measured")
        } else {
            format!("{n} of {of} successful requests have {what}: its statistics are of these alone")
        };
        out.push(finding(Verdict::Valid, "part-measured", message));
    }
    if settings.scrape_interval_s > 0.0 {
        for g in gaps::between_rates(tables).iter().filter(|g| gaps::is_long(g, settings.scrape_interval_s)) {
            out.push(finding(
                Verdict::Valid,
                "long-gap",
                format!(
                    "{}: longer than a scrape interval ({} s), so stabilization windows began anew",
                    g.detail, settings.scrape_interval_s
                ),
            ));
        }
    }
    out
}

/// Is there a report of every planned rate, and no other?
fn planned(tables: &Tables, settings: &Settings) -> Vec<Finding> {
    if tables.rates.is_empty() {
        return vec![finding(Verdict::Invalid, "no-report", "there is no readable report of the load".into())];
    }
    if settings.planned_rates.is_empty() {
        return vec![];
    }
    let mut out = Vec::new();
    let missing: Vec<String> = settings
        .planned_rates
        .iter()
        .enumerate()
        .filter(|(i, _)| !tables.rates.iter().any(|w| w.index == *i))
        .map(|(i, r)| format!("{r}/s (rate {})", i + 1))
        .collect();
    if !missing.is_empty() {
        let (n, all) = (settings.planned_rates.len() - missing.len(), settings.planned_rates.len());
        out.push(finding(
            Verdict::Invalid,
            "missing-rate",
            format!("{n} of {all} planned rates have a report; missing: {}", missing.join(", ")),
        ));
    }
    for w in &tables.rates {
        let message = match settings.planned_rates.get(w.index) {
            Some(r) if (r - w.rate).abs() <= 1e-6 * r.abs() => continue,
            Some(r) => format!("rate {} ran at {}/s, planned were {r}/s", w.index + 1, w.rate),
            None => format!("rate {} ({}/s) was not planned", w.index + 1, w.rate),
        };
        out.push(finding(Verdict::Invalid, "wrong-rate", message));
    }
    out
}

/// Did the rate last as long as planned, and end by its time?
fn length(w: &RateWindow, settings: &Settings) -> Vec<Finding> {
    let mut out = Vec::new();
    if w.ended_by.contains("requests_exhausted") {
        out.push(finding(
            Verdict::Invalid,
            "requests-exhausted",
            format!("{}/s: guidellm ran out of prompts; the rate ended before its time", w.rate),
        ));
    }
    let planned = if settings.planned_seconds > 0.0 { Some(settings.planned_seconds) } else { w.planned_s };
    let lasted = w.end - w.start;
    if let Some(p) = planned.filter(|p| lasted < MIN_DURATION * p) {
        let why = if w.ended_by.is_empty() { String::new() } else { format!(", ended by {}", w.ended_by) };
        out.push(finding(Verdict::Invalid, "short-rate", format!("{}/s: lasted {lasted:.1} s of {p:.0} s planned{why}", w.rate)));
    }
    out
}

/// Did the generator send in time? Once at its cap it has to wait for answers: then lateness says nothing about it.
fn generator(tables: &Tables, position: usize, w: &RateWindow, version: &str) -> Option<Finding> {
    let (cap, peak) = (cap(w, version), peak_in_flight(tables, position));
    let sent = begun(tables, position);
    let due = due(w);
    if reaches_cap(peak, cap) {
        return Some(finding(
            Verdict::ValidClosedLoop,
            "client-cap",
            format!(
                "{}/s: guidellm reached its cap of {cap} requests in flight (peak {peak}) and sent {sent} of {due} due: the load was closed-loop there",
                w.rate
            ),
        ));
    }
    let late = lateness(tables, position);
    let (mean, p95) = (stats::mean(&late), stats::percentile(&late, 95.0));
    // guidellm's own figure, where the requests do not say when they were due.
    let mean = mean.or(w.schedule_delay_avg_s);
    let mut why = Vec::new();
    // What ended early for want of prompts or for errors lacks requests for that reason.
    let full = w.ended_by.is_empty() || w.ended_by == "max_duration";
    #[allow(clippy::cast_precision_loss)]
    let allowed = (MAX_SHORTFALL * due as f64).max(1.0);
    #[allow(clippy::cast_precision_loss)]
    if full && due.saturating_sub(sent) as f64 > allowed {
        why.push(format!("sent {sent} of {due} requests due"));
    }
    let (mean_limit, p95_limit) = (late_mean_limit_s(w.rate), late_p95_limit_s(w.rate));
    if let Some(m) = mean.filter(|m| *m > mean_limit) {
        why.push(format!("sent them {m:.2} s late on average (limit {mean_limit:.2} s)"));
    } else if let Some(p) = p95.filter(|p| *p > p95_limit) {
        why.push(format!("sent one in twenty more than {p:.2} s late (limit {p95_limit:.2} s)"));
    }
    (!why.is_empty()).then(|| {
        let message = format!(
            "{}/s: guidellm {} with at most {peak} in flight (cap {cap}): it could not keep up, and the load was not {0}/s",
            w.rate,
            why.join(" and ")
        );
        finding(Verdict::Invalid, "late-generator", message)
    })
}

/// Failures are results, and so is a rate in which nothing succeeded; both must be seen before the latencies.
fn results(tables: &Tables, position: usize, w: &RateWindow) -> Vec<Finding> {
    let mut out = Vec::new();
    let all = w.successful + w.errored + w.incomplete;
    if w.errored > 0 {
        #[allow(clippy::cast_precision_loss)]
        let percent = 100.0 * w.errored as f64 / all as f64;
        let rest = if w.successful > 0 { "; latencies are of the successes" } else { "" };
        let message = format!("{}/s: {} of {all} requests failed ({percent:.1} %){rest}", w.rate, w.errored);
        out.push(finding(Verdict::Valid, "failures", message));
    }
    let kept = of(tables, position).filter(|r| r.outcome == Outcome::Successful).count() as u64;
    if kept < w.successful {
        out.push(finding(
            Verdict::Valid,
            "records-sampled",
            format!("{}/s: the report keeps {kept} of {} successful requests; statistics are over these", w.rate, w.successful),
        ));
    }
    out.extend(w.warnings.iter().map(|t| finding(Verdict::Valid, "guidellm-warning", format!("{}/s: guidellm warns: {t}", w.rate))));
    out
}

/// Requests that were due in the time the rate lasted. The one due at its very end may count or not, see [`MAX_SHORTFALL`].
fn due(w: &RateWindow) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let n = (w.rate * (w.end - w.start)).floor().max(0.0) as u64;
    n
}

/// The generator's limit of requests in flight: as reported, else guidellm's default, 512 before 0.7, 10240 from then on.
pub fn cap(w: &RateWindow, version: &str) -> u64 {
    w.max_concurrency.unwrap_or_else(|| {
        let mut parts = version.split('.').map(|p| p.parse::<u64>().unwrap_or(0));
        let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        if (major, minor) >= (0, 7) { 10240 } else { 512 }
    })
}

/// Whether a peak of requests in flight counts as the cap, see [`CAP_REACHED`].
#[allow(clippy::cast_precision_loss)]
pub fn reaches_cap(peak: u64, cap: u64) -> bool {
    peak as f64 >= CAP_REACHED * cap as f64
}

/// Most requests of a rate that were in flight at once. One without an end was in flight until the rate ended.
pub fn peak_in_flight(tables: &Tables, position: usize) -> u64 {
    let Some(w) = tables.rates.get(position) else { return 0 };
    let spans = of(tables, position).filter_map(|r| Some((r.start?, r.end.unwrap_or(w.end))));
    let (mut starts, mut ends): (Vec<f64>, Vec<f64>) = spans.map(|(start, end)| (start, end.max(start))).unzip();
    starts.sort_by(f64::total_cmp);
    ends.sort_by(f64::total_cmp);
    let (mut over, mut peak) = (0, 0);
    for (begun, start) in starts.iter().enumerate() {
        // An end before a start of the same moment: the slot was free again.
        while ends.get(over).is_some_and(|end| end <= start) {
            over += 1;
        }
        peak = peak.max((begun + 1).saturating_sub(over));
    }
    peak as u64
}

/// How late requests may be sent on average, in seconds, at a rate.
pub fn late_mean_limit_s(rate: f64) -> f64 {
    if rate > 0.0 { LATE_MEAN_S.max(LATE_SHARE / rate) } else { LATE_MEAN_S }
}

/// How late the 95th percentile may be, in seconds, at a rate.
pub fn late_p95_limit_s(rate: f64) -> f64 {
    LATE_P95 * late_mean_limit_s(rate)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
