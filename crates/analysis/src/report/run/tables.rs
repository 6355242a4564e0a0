//! Numbers per rate, pods, events.

use super::{Input, moment};
use crate::panels::{Panels, pod_order};
use crate::report::document::{Block, Drawn, Figure, Kind, Section, Table, Trace};
use crate::words::{brief, clock, duration, number, percent};
use bench_model::summary::{RateSummary, Stats};
use bench_model::tables::PodLife;

/// Events shown; a broken cluster makes thousands.
const EVENTS: usize = 300;
/// Pods drawn and listed.
const PODS: usize = 200;

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

fn or_na(v: Option<f64>) -> String {
    v.map_or_else(|| "n/a".into(), number)
}

/// The numbers of each rate that matter most.
pub(super) fn rates(input: &Input<'_>) -> Section {
    let rates = &input.summary.rates;
    if rates.is_empty() {
        let text = "There is no report of any rate.".into();
        return Section::new("rates", "Each rate", "Rates", vec![Block::Text { text }]);
    }
    let card = |r: &RateSummary| input.scorecard.and_then(|c| c.rates.get(r.index));
    let row = |r: &RateSummary| {
        let card = card(r);
        // As a user waits: from due. Without requests by themselves there is only what guidellm counted, from sent.
        let ttft = card.map_or(r.ttft_ms, |c| c.ttft_ms);
        let e2e_s = card.map_or(r.e2e_s.map(|s| s.p99), |c| c.e2e_ms.map(|s| s.p99 / 1000.0));
        let mut row = vec![format!("{}/s", brief(r.rate))];
        if input.scorecard.is_some() {
            row.push(card.and_then(|c| c.goodput_fraction).map_or_else(|| "n/a".into(), percent));
        }
        row.extend([r.errored.to_string(), or_na(ttft.map(|s| s.p50)), or_na(ttft.map(|s| s.p99))]);
        row.extend([or_na(r.itl_ms.map(|s| s.p50)), or_na(e2e_s), or_na(r.output_tokens_per_s)]);
        row
    };
    let mut head = strings(&["rate", "failed", "TTFT p50 ms", "p99 ms", "ITL p50 ms", "E2E p99 s", "tokens/s"]);
    let about = match input.scorecard {
        Some(_) => {
            head.insert(1, "good".into());
            "Good: within the SLO. TTFT and E2E count from due."
        }
        None => "TTFT and E2E count from the moment a request was sent.",
    };
    let table = Table { caption: String::new(), words: 0, head, rows: rates.iter().map(row).collect() };
    Section::new("rates", "Each rate", "Rates", vec![Block::Table(table), Block::Text { text: about.into() }])
}

/// Everything else that is known of the load.
pub(super) fn load(input: &Input<'_>, curves: &Panels) -> Section {
    let rates = &input.summary.rates;
    let mut blocks = Vec::new();
    if !rates.is_empty() {
        blocks.push(Block::Table(counts(rates, curves)));
        blocks.push(Block::Text {
            text: "Cut off: in flight when the rate ended, no failure. Late: sent after its time. Gap: without load since the rate before."
                .into(),
        });
        blocks.push(Block::Table(latencies(rates)));
        blocks.extend(input.scorecard.map(|card| Block::Table(judged(card))));
        blocks.extend(failures(rates).map(Block::Table));
    }
    Section::new("load-numbers", "Load and latency in numbers", "Numbers", blocks)
}

/// Why requests failed, the most frequent of a rate first.
fn failures(rates: &[RateSummary]) -> Option<Table> {
    let of = |r: &RateSummary| {
        let mut classes: Vec<(&String, &u64)> = r.errors.iter().collect();
        classes.sort_by(|a, b| b.1.cmp(a.1));
        classes.into_iter().map(|(class, n)| vec![format!("{}/s", brief(r.rate)), class.clone(), n.to_string()]).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = rates.iter().flat_map(of).collect();
    let head = strings(&["rate", "failure", "requests"]);
    (!rows.is_empty()).then(|| Table { caption: "Why requests failed".into(), words: 2, head, rows })
}

fn counts(rates: &[RateSummary], curves: &Panels) -> Table {
    let row = |r: &RateSummary| {
        let late = |f: fn(&Stats) -> f64| or_na(r.lateness_s.as_ref().map(|s| 1000.0 * f(s)));
        vec![
            format!("{}/s", brief(r.rate)),
            clock(r.start - curves.zero),
            format!("{:.0}", r.end - r.start),
            r.requests.to_string(),
            r.successful.to_string(),
            r.errored.to_string(),
            r.incomplete.to_string(),
            number(r.achieved_rate),
            or_na(r.output_tokens_per_s),
            late(|s| s.mean),
            late(|s| s.p99),
            r.gap_before_s.map_or_else(|| "-".into(), |g| format!("{g:.1}")),
        ]
    };
    Table {
        caption: "Load".into(),
        words: 0,
        head: strings(&[
            "rate", "began", "lasted s", "requests", "ok", "failed", "cut off", "sent/s", "tokens/s", "late ms", "late p99", "gap s",
        ]),
        rows: rates.iter().map(row).collect(),
    }
}

fn latencies(rates: &[RateSummary]) -> Table {
    type Of = fn(&RateSummary) -> Option<Stats>;
    let metrics: [(&str, Of); 3] = [("TTFT ms", |r| r.ttft_ms), ("ITL ms", |r| r.itl_ms), ("E2E s", |r| r.e2e_s)];
    let mut rows = Vec::new();
    for (label, of) in metrics {
        for r in rates {
            let stats = of(r);
            let value = |f: fn(&Stats) -> f64| or_na(stats.as_ref().map(f));
            let mut row = vec![label.to_owned(), format!("{}/s", brief(r.rate))];
            row.extend([value(|s| s.mean), value(|s| s.p50), value(|s| s.p90), value(|s| s.p99), value(|s| s.max)]);
            rows.push(row);
        }
    }
    let caption = "Latency of the successful requests, from sent, as guidellm counts".into();
    Table { caption, words: 2, head: strings(&["metric", "rate", "mean", "p50", "p90", "p99", "max"]), rows }
}

/// By the rules of a comparison.
fn judged(card: &bench_model::scorecard::Scorecard) -> Table {
    let all = std::iter::once(&card.overall).chain(&card.rates);
    let row = |c: &bench_model::scorecard::Card| {
        vec![
            c.rate.map_or_else(|| "all".into(), |r| format!("{}/s", brief(r))),
            c.due.to_string(),
            c.good.to_string(),
            c.failed.to_string(),
            c.unsent.to_string(),
            c.censored.to_string(),
            c.goodput_fraction.map_or_else(|| "n/a".into(), percent),
            number(c.goodput_per_s),
        ]
    };
    Table {
        caption: "Goodput: requests within the SLO, counted from due".into(),
        words: 0,
        head: strings(&["rate", "due", "good", "failed", "unsent", "not counted", "goodput", "good/s"]),
        rows: all.map(row).collect(),
    }
}

pub(super) fn pods(input: &Input<'_>, curves: &Panels) -> Section {
    let mut blocks = Vec::new();
    let order = pod_order(input.tables);
    let begun = |p: &&PodLife| p.deleted.is_none_or(|d| d >= curves.zero + curves.span.0);
    let lives: Vec<&PodLife> = order
        .iter()
        .filter_map(|n| input.tables.pods.iter().find(|p| p.name == *n))
        .filter(begun)
        .filter(|p| p.created.is_finite())
        .collect();
    let all: f64 = input.summary.requests_per_pod.values().sum();
    let served = |name: &str| match input.summary.requests_per_pod.get(name) {
        Some(n) if all > 0.0 => [format!("{n:.0}"), percent(n / all)],
        Some(n) => [format!("{n:.0}"), "-".into()],
        None => ["n/a".into(), "-".into()],
    };
    let at = |t: Option<f64>| t.map_or_else(|| "-".into(), |t| clock(t - curves.zero));
    let row = |p: &&PodLife| {
        let [n, share] = served(&p.name);
        vec![
            p.name.clone(),
            at(Some(p.created)),
            p.scheduled.map_or_else(|| "-".into(), |s| duration(s - p.created)),
            p.ready.map_or_else(|| "never".into(), |r| duration(r - p.created)),
            at(p.deleted),
            n,
            share,
            p.restarts.to_string(),
        ]
    };
    let mut rows: Vec<Vec<String>> = lives.iter().take(PODS).map(row).collect();
    // Counted by Prometheus, never seen by the agent.
    for name in input.summary.requests_per_pod.keys().filter(|n| !input.tables.pods.iter().any(|p| p.name == **n)).take(PODS) {
        let [n, share] = served(name);
        let dash = || "-".to_owned();
        rows.push(vec![name.clone(), dash(), dash(), dash(), dash(), n, share, dash()]);
    }
    if !lives.is_empty() {
        blocks.push(Block::Figure(spans(&lives, curves)));
    }
    if !rows.is_empty() {
        blocks.push(Block::Table(Table {
            caption: "When pods came, how long they took to be ready, what they served while the load ran".into(),
            words: 1,
            head: strings(&["pod", "created", "scheduled after", "ready after", "deleted", "requests", "share", "restarts"]),
            rows,
        }));
    }
    Section::new("pods", "Pods", "Pods", blocks)
}

fn spans(lives: &[&PodLife], curves: &Panels) -> Figure {
    let lives = &lives[..lives.len().min(PODS)];
    let (from, to) = curves.span;
    let (mut starting, mut ready) = (Vec::new(), Vec::new());
    for (i, p) in lives.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let y = i as f64;
        let at = |t: f64| (t - curves.zero).clamp(from, to);
        let end = p.deleted.map_or(to, at);
        let is_ready = p.ready.map_or(end, at).min(end);
        for (list, a, b) in [(&mut starting, at(p.created), is_ready), (&mut ready, is_ready, end)] {
            if b > a {
                list.extend([(a, y), (b, y), (f64::NAN, y)]);
            }
        }
    }
    let times = crate::stats::sorted(lives.iter().filter_map(|p| Some(p.ready? - p.created)));
    let told = match (times.first(), times.last()) {
        (Some(a), Some(b)) if times.len() > 1 => format!("; from created to ready they took {} to {}", duration(*a), duration(*b)),
        (Some(a), _) => format!("; from created to ready it took {}", duration(*a)),
        _ => "; none became ready".into(),
    };
    let s = if lives.len() == 1 { "" } else { "s" };
    let trace = |name: &str, role: &str, points: Vec<(f64, f64)>| Trace { name: name.into(), role: role.into(), steps: false, points };
    Figure {
        id: "pod-lives".into(),
        heading: "Lives of the pods".into(),
        about: "From created to deleted, a row a pod, in the order in which they were created.".into(),
        summary: format!("{} pod{s}{told}.", lives.len()),
        drawn: Drawn {
            kind: Kind::Spans,
            traces: [trace("starting", "starting", starting), trace("ready", "ready", ready)]
                .into_iter()
                .filter(|t| !t.points.is_empty())
                .collect(),
            rows: lives.iter().map(|p| p.name.clone()).collect(),
            ..Drawn::default()
        },
    }
}

pub(super) fn events(input: &Input<'_>, curves: &Panels) -> Section {
    let inside: Vec<_> =
        input.tables.events.iter().filter(|e| e.t >= curves.zero + curves.span.0 && e.t <= curves.zero + curves.span.1).collect();
    let mut blocks = Vec::new();
    if !inside.is_empty() {
        let row = |e: &&bench_model::tables::Event| {
            vec![
                moment(curves, e.t - curves.zero),
                e.kind.clone(),
                e.reason.clone(),
                e.object.clone(),
                e.message.clone(),
                e.count.to_string(),
            ]
        };
        let caption = match inside.len() {
            n if n > EVENTS => format!("Events of the cluster, the first {EVENTS} of {n}"),
            _ => "Events of the cluster".into(),
        };
        blocks.push(Block::Table(Table {
            caption,
            words: 5,
            head: strings(&["when", "kind", "reason", "object", "message", "times"]),
            rows: inside.iter().take(EVENTS).map(row).collect(),
        }));
    }
    Section::new("events", "Events", "Events", blocks)
}
