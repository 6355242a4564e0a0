//! The first screen: what happened, the few numbers, and what changes how they are read.

use super::Input;
use crate::panels::Panels;
use crate::report::document::{Block, Finding, Number, Section};
use crate::report::judgement;
use crate::report::writer::chart;
use crate::summary::recording;
use crate::words::{and, brief, clock, count, duration, percent, scaled};
use bench_model::run::{RunState, Source};
use bench_model::summary::Verdict;

pub(super) fn section(input: &Input<'_>, curves: &Panels) -> Section {
    let mut blocks: Vec<Block> = believed(input).into_iter().chain([told(input)]).map(|text| Block::Text { text }).collect();
    // The answer and the table of the rates hold them already.
    if input.judgement.is_none() {
        blocks.push(Block::Numbers { numbers: numbers(input) });
    }
    let serious = findings(input).filter(|f| f.word != NOTE || CHANGE_NUMBERS.contains(&f.code.as_str()));
    let findings: Vec<Finding> = state(input).into_iter().chain(serious).collect();
    if !findings.is_empty() {
        blocks.push(Block::Findings { findings });
    }
    blocks.extend(elsewhere(input).map(|text| Block::Text { text }));
    blocks.extend(picture(input, curves));
    Section::new("verdict", "What happened", "Overview", blocks)
}

/// The few numbers on a page's first screen, where the answer comes first.
pub(super) fn in_numbers(input: &Input<'_>) -> Section {
    let blocks = if input.judgement.is_some() { vec![Block::Numbers { numbers: numbers(input) }] } else { vec![] };
    Section::new("numbers", "In numbers", "Numbers", blocks)
}

/// What is known about the measurement and changes no number.
pub(super) fn notes(input: &Input<'_>) -> Section {
    let findings: Vec<Finding> = findings(input).filter(only_told).collect();
    let blocks = if findings.is_empty() { vec![] } else { vec![Block::Findings { findings }] };
    Section::new("notes", "Notes on the measurement", "Notes", blocks)
}

/// Validity in a sentence, where there is something to say.
fn believed(input: &Input<'_>) -> Option<String> {
    let what = if input.run.source == Source::Predicted { "prediction" } else { "measurement" };
    match input.summary.validity.verdict {
        Verdict::Valid => None,
        Verdict::ValidClosedLoop => Some(
            "The load generator reached its cap of requests in flight, so the load was no longer open: it slowed down with the server."
                .into(),
        ),
        Verdict::Invalid => Some(format!("The {what} is not valid. Do not use its numbers for a decision.")),
    }
}

/// What the details say, so that nobody must look to find nothing.
fn elsewhere(input: &Input<'_>) -> Option<String> {
    let notes = findings(input).filter(only_told).count();
    let notes = (notes > 0).then(|| count(notes, "note"));
    let codes: Vec<String> = input.explanation.map(|e| e.findings.iter().map(|f| f.code.clone()).collect()).unwrap_or_default();
    let patterns = (!codes.is_empty())
        .then(|| if codes.len() == 1 { format!("pattern {}", codes[0]) } else { format!("{} patterns of the autoscaler", codes.len()) });
    let all: Vec<String> = notes.into_iter().chain(patterns).collect();
    (!all.is_empty()).then(|| format!("In the details: {}.", all.join("; ")))
}

/// Replicas over time, for whoever has no plot.
fn picture(input: &Input<'_>, curves: &Panels) -> Option<Block> {
    let lines = chart::picture(&input.tables.replicas, &input.tables.rates, recording(input.run, input.tables)?, curves.zero);
    (!lines.is_empty()).then_some(Block::Picture { lines })
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
    let moved = match (scaling.start_replicas, scaling.max_ready, scaling.first_scale_up_s) {
        (Some(start), Some(most), Some(first)) => format!(
            "it first scaled up after {}, from {start}, had at most {most} replicas ready, and {}",
            duration(first),
            scaled(scaling.scale_ups, scaling.scale_downs)
        ),
        (Some(start), Some(_), None) => format!("it never scaled up from {start}"),
        _ => "replicas were not recorded".into(),
    };
    format!("At {} requests per second, {served}; {moved}.", and(rates))
}

fn numbers(input: &Input<'_>) -> Vec<Number> {
    let number = |label: &str, value: Option<String>, note: String| Number {
        class: String::new(),
        label: label.into(),
        value: value.unwrap_or_else(|| "n/a".into()),
        note,
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
    let sent = (sent_wanted.1 > 0.0).then(|| percent(sent_wanted.0 / sent_wanted.1));
    let scaling = &s.scaling;
    let known = scaling.max_ready.is_some();
    let failed = number("Failed requests", share(failed, all), format!("{failed} of {all}"));
    let note = if p99.is_none() { "no first token was seen" } else { "from due to the first token" };
    let ttft = number("TTFT, 99th percentile", p99, note.into());
    let most = number(
        "Most ready replicas",
        scaling.max_ready.map(|n| n.to_string()),
        scaling.max_desired.map_or_else(|| "replicas were not recorded".into(), |d| format!("at most {d} were desired")),
    );
    let Some(card) = input.scorecard else {
        let first = number(
            "First scale-up",
            scaling.first_scale_up_s.map(clock).or_else(|| known.then(|| "never".into())),
            "after the load began".into(),
        );
        return vec![failed, ttft, most, first, number("Load sent", sent, "of the requests asked for".into())];
    };
    let slo = card.slo.to_string();
    let mut good = number(
        "Goodput",
        card.overall.goodput_fraction.map(percent),
        format!("of {} requests {}", card.overall.counted, if slo.is_empty() { "answered".into() } else { format!("within {slo}") }),
    );
    // A run is judged as one arm, by the same count.
    if let Some(a) = input.judgement.and_then(|j| j.arms.first()) {
        good.class = judgement::class(a).into();
    }
    let paid = number("Replica-seconds paid", card.paid_replica_s.map(brief), "each pod from scheduled to its end".into());
    let reaction = card.reactions.iter().filter(|r| r.to_rate > r.from_rate).find_map(|r| Some((r, r.first_change_s?)));
    let reaction = number(
        "First scale-up",
        reaction.map(|(_, t)| duration(t)).or_else(|| known.then(|| "never".into())),
        reaction.map_or_else(String::new, |(r, _)| match r.from_rate {
            0.0 => "after the load began".into(),
            from => format!("after the load rose from {} to {}/s", brief(from), brief(r.to_rate)),
        }),
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

/// Word of a finding that makes no number invalid.
const NOTE: &str = "note";
/// Notes that change how the numbers are read: what they are of, and what they rest on.
const CHANGE_NUMBERS: [&str; 4] = ["part-measured", "impossible-times", "scraped-twice", "requests-differ"];

/// A finding that is not on the first screen.
fn only_told(f: &Finding) -> bool {
    f.word == NOTE && !CHANGE_NUMBERS.contains(&f.code.as_str())
}

fn findings<'a>(input: &Input<'a>) -> impl Iterator<Item = Finding> + use<'a> {
    input.summary.validity.findings.iter().map(|f| {
        let (word, class) = match f.verdict {
            Verdict::Valid => (NOTE, ""),
            Verdict::ValidClosedLoop => ("closed-loop", "fair"),
            Verdict::Invalid => ("not valid", "bad"),
        };
        Finding { class: class.into(), word: word.into(), code: f.code.clone(), text: f.message.clone() }
    })
}
