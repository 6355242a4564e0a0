//! The first screen: may it be believed, and the six numbers.

use super::Input;
use crate::panels::Panels;
use crate::report::document::{Block, Finding, Number, Section};
use crate::words::{brief, clock, duration, percent};
use bench_model::plan::Arm;
use bench_model::run::{RunState, Source};
use bench_model::summary::Verdict;

pub(super) fn arm(arm: Arm) -> String {
    match arm {
        Arm::Wva => "WVA".into(),
        Arm::Hpa => "a plain HPA".into(),
        Arm::Static(n) => format!("nothing ({n} replicas, static)"),
        Arm::None => "nothing".into(),
        Arm::Existing => "whatever scales it there".into(),
    }
}

/// The verdict in a word, and its class.
pub(super) fn verdict(v: Verdict) -> (&'static str, &'static str) {
    match v {
        Verdict::Valid => ("valid", "good"),
        Verdict::ValidClosedLoop => ("valid, closed-loop", "fair"),
        Verdict::Invalid => ("invalid", "bad"),
    }
}

pub(super) fn section(input: &Input<'_>, curves: &Panels) -> Section {
    let mut blocks =
        vec![Block::Text { text: believed(input) }, Block::Text { text: told(input) }, Block::Numbers { numbers: numbers(input, curves) }];
    let findings: Vec<Finding> = state(input).into_iter().chain(findings(input)).collect();
    if !findings.is_empty() {
        blocks.push(Block::Findings { findings });
    }
    Section::new("verdict", "Verdict", "Verdict", blocks)
}

/// Validity in a sentence.
fn believed(input: &Input<'_>) -> String {
    let all = &input.summary.validity.findings;
    let serious = all.iter().filter(|f| f.verdict == input.summary.validity.verdict).count();
    let notes = match all.len() {
        0 => "nothing was found that weakens it".to_owned(),
        1 => "one finding below says what to know".to_owned(),
        n => format!("{n} findings below say what to know"),
    };
    match input.summary.validity.verdict {
        Verdict::Valid => format!("The measurement is valid: the load was the one asked for; {notes}."),
        Verdict::ValidClosedLoop => {
            format!("The measurement is valid, but the generator reached its own cap of requests in flight, so the load was no longer open; {notes}.")
        }
        Verdict::Invalid => format!(
            "The measurement is not valid and its numbers must not be used for a decision: {} below.",
            if serious == 1 { "the finding that forbids it is".to_owned() } else { format!("{serious} findings that forbid it are") }
        ),
    }
    .replacen("The measurement", if input.run.source == Source::Predicted { "The prediction" } else { "The measurement" }, 1)
}

/// What happened, in a sentence or two.
fn told(input: &Input<'_>) -> String {
    let s = input.summary;
    let (all, failed): (u64, u64) = s.rates.iter().fold((0, 0), |(a, f), r| (a + r.requests, f + r.errored));
    if all == 0 {
        return "There is no report of any request, so nothing can be said of how it served.".into();
    }
    let rates: Vec<String> = s.rates.iter().map(|r| brief(r.rate)).collect();
    let scaling = &s.scaling;
    let served = match (failed, s.rates.iter().map(|r| r.successful).sum::<u64>()) {
        (_, 0) => format!("not one of {all} requests succeeded"),
        (0, _) => format!("none of {all} requests failed"),
        _ => format!("{failed} of {all} requests failed"),
    };
    let scaled = match (scaling.start_replicas, scaling.max_ready, scaling.first_scale_up_s) {
        (Some(start), Some(most), Some(first)) => format!(
            "it first scaled up after {}, from {start}, had at most {most} ready, and scaled {} up and {} down",
            duration(first),
            times(scaling.scale_ups),
            times(scaling.scale_downs)
        ),
        (Some(start), Some(_), None) => format!("it never scaled up from {start}"),
        _ => "replicas were not recorded".into(),
    };
    format!("At {} requests per second, {served}; {scaled}.", crate::words::and(rates))
}

fn times(n: u32) -> String {
    match n {
        0 => "never".into(),
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{n} times"),
    }
}

fn numbers(input: &Input<'_>, curves: &Panels) -> Vec<Number> {
    let number = |label: &str, value: Option<String>, note: String| Number {
        label: label.into(),
        value: value.unwrap_or_else(|| "n/a".into()),
        note,
        ..Number::default()
    };
    let s = input.summary;
    let (all, failed, sent_wanted) = s.rates.iter().fold((0, 0, (0.0, 0.0)), |(a, f, (got, want)), r| {
        let seconds = (r.end - r.start).max(0.0);
        (a + r.requests, f + r.errored, (got + r.achieved_rate * seconds, want + r.rate * seconds))
    });
    #[allow(clippy::cast_precision_loss)]
    let share = |n: u64, of: u64| (of > 0).then(|| percent(n as f64 / of as f64));
    let ms = |v: f64| if v >= 1000.0 { format!("{} s", brief(v / 1000.0)) } else { format!("{} ms", brief(v)) };
    let ttft = crate::stats::sorted(input.tables.requests.iter().filter_map(crate::panels::ttft_from_due_ms));
    let p99 = crate::stats::percentile(&ttft, 99.0).map(ms);
    let worst = s.rates.iter().filter_map(|r| r.ttft_ms.map(|t| (r.rate, t.p99))).max_by(|a, b| a.1.total_cmp(&b.1));
    let worst = worst.map_or_else(String::new, |(rate, v)| format!("worst rate {}/s: {} from sent", brief(rate), ms(v)));
    let sent = (sent_wanted.1 > 0.0).then(|| percent(sent_wanted.0 / sent_wanted.1));
    let scaling = &s.scaling;
    let known = scaling.max_ready.is_some();
    let span = duration(curves.span.1 - curves.span.0);
    let failed = number("Failed requests", share(failed, all), format!("{failed} of {all}"));
    let ttft = number("TTFT, 99th percentile", p99, if worst.is_empty() { "no first token was seen".into() } else { worst });
    let most = number(
        "Ready replicas, most",
        scaling.max_ready.map(|n| n.to_string()),
        scaling.max_desired.map_or_else(|| "replicas were not recorded".into(), |d| format!("{d} wanted at most")),
    );
    let Some(card) = input.scorecard else {
        let first = number(
            "First scale-up",
            scaling.first_scale_up_s.map(clock).or_else(|| known.then(|| "never".into())),
            "after the load began".into(),
        );
        let paid = number("Ready replica-seconds", known.then(|| brief(scaling.ready_replica_s)), format!("over {span}"));
        return vec![failed, ttft, most, paid, first, number("Load sent", sent, "of the requests asked for".into())];
    };
    let slo = [("TTFT", card.slo.ttft_ms), ("ITL", card.slo.itl_ms), ("E2E", card.slo.e2e_ms)];
    let slo: Vec<String> = slo.into_iter().filter_map(|(n, v)| Some(format!("{n} ≤ {}", ms(v?)))).collect();
    let good = number(
        "Goodput",
        card.overall.goodput_fraction.map(percent),
        format!(
            "of {} requests {}",
            card.overall.counted,
            if slo.is_empty() { "answered".into() } else { format!("with {}", slo.join(", ")) }
        ),
    );
    let paid = number(
        "Replica-seconds paid",
        card.paid_replica_s.map(brief),
        card.ready_replica_s.map_or_else(|| "from scheduled to terminated".into(), |r| format!("{} of them ready", brief(r))),
    );
    let reaction = card.reactions.iter().filter(|r| r.to_rate > r.from_rate).find(|r| r.first_change_s.is_some());
    let reaction = number(
        "First reaction",
        reaction.and_then(|r| r.first_change_s).map(duration).or_else(|| known.then(|| "never".into())),
        reaction.map_or_else(
            || "to a rise of the load".into(),
            |r| {
                format!(
                    "after {} → {}/s, first scale-up {}",
                    brief(r.from_rate),
                    brief(r.to_rate),
                    scaling.first_scale_up_s.map_or_else(|| "never".into(), clock)
                )
            },
        ),
    );
    vec![good, failed, ttft, paid, most, reaction]
}

/// A run that is not whole says so first.
fn state(input: &Input<'_>) -> Option<Finding> {
    let text = match input.run.state {
        RunState::Complete => return None,
        RunState::Failed => format!("The run failed: {}", input.run.failure.as_deref().unwrap_or("no reason was written down")),
        RunState::Interrupted => "The run was interrupted; `bench resume` carries on with it.".into(),
        RunState::Preparing | RunState::Loading | RunState::Settling | RunState::Collecting => {
            "The run is not at its end; this shows what there is of it.".into()
        }
    };
    Some(Finding { class: "bad".into(), word: "not complete".into(), code: String::new(), text })
}

fn findings(input: &Input<'_>) -> impl Iterator<Item = Finding> {
    let patterns = input.explanation.map(|e| e.findings.as_slice()).unwrap_or_default();
    let of_autoscaler =
        patterns.iter().map(|p| Finding { class: "fair".into(), word: "autoscaler".into(), code: p.code.clone(), text: p.message.clone() });
    let of_validity = input.summary.validity.findings.iter().map(|f| {
        let (word, class) = match f.verdict {
            Verdict::Valid => ("note", ""),
            Verdict::ValidClosedLoop => ("closed-loop", "fair"),
            Verdict::Invalid => ("invalid", "bad"),
        };
        Finding { class: class.into(), word: word.into(), code: f.code.clone(), text: f.message.clone() }
    });
    of_validity.chain(of_autoscaler).collect::<Vec<_>>().into_iter()
}
