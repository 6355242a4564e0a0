//! What was run, on what, and what is not known.

use super::Input;
use crate::panels::Panels;
use crate::report::document::{Block, Section, Table};
use crate::words::{clock, duration};
use bench_model::run::RunRecord;
use chrono::{DateTime, Utc};

fn table(caption: &str, words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Option<Block> {
    (!rows.is_empty())
        .then(|| Block::Table(Table { caption: caption.into(), words, head: head.iter().map(|h| (*h).to_owned()).collect(), rows }))
}

fn time(t: Option<DateTime<Utc>>) -> Option<String> {
    t.map(|t| t.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What is noted about a run itself. Older runs hold their plan's notes too, which are told once, as the plan's.
pub fn own_notes(run: &RunRecord, of_plan: &[String]) -> Vec<String> {
    run.notes.iter().filter(|n| !of_plan.contains(n)).cloned().collect()
}

pub(super) fn section(input: &Input<'_>) -> Section {
    let run = input.run;
    let pair = |name: &str, value: Option<String>| value.filter(|v| !v.is_empty()).map(|v| vec![name.to_owned(), v]);
    let facts = [
        pair("plan", Some(run.hashes.plan.clone())),
        pair("stack", Some(run.hashes.stack.clone())),
        pair("arm", Some(format!("{} ({})", run.arm, run.hashes.arm))),
        pair("load", Some(format!("{} ({})", run.profile, run.hashes.load))),
        pair("model", Some(run.model.clone())),
        pair("Deployment", Some(format!("{} in {}", run.deployment, run.namespace))),
        pair("bench", Some(run.bench_version.clone())),
        pair("guidellm", Some(input.summary.guidellm_version.clone())),
        pair("created", time(run.times.created)),
        pair("load began", time(run.times.harness_started)),
        pair("load ended", time(run.times.harness_ended)),
        pair("recording ended", time(run.times.recording_ended)),
    ];
    let mut blocks: Vec<Block> = Vec::new();
    blocks.extend(table("What was run; the hashes say what was tested", 2, &["what", "value"], facts.into_iter().flatten().collect()));
    blocks.extend(table("Settings", 2, &["setting", "value"], settings(input)));
    let images = run.images.iter().map(|(k, v)| vec![k.clone(), v.clone()]).collect();
    blocks.extend(table("Images, as the kubelet reports them", 2, &["container", "image"], images));
    let node = |n: &bench_model::plan::NodeFact| {
        vec![n.name.clone(), n.arch.clone(), n.os_image.clone(), n.gpu_product.clone().unwrap_or_else(|| "-".into()), n.gpus.to_string()]
    };
    blocks.extend(table("Nodes", 4, &["node", "architecture", "system", "GPU", "GPUs"], run.nodes.iter().map(node).collect()));
    let sample = |c: &bench_model::run::ClockSample| {
        vec![c.clock.clone(), time(Some(c.at)).unwrap_or_default(), format!("{:+.3}", c.offset_s), format!("{:.3}", c.uncertainty_s)]
    };
    let clocks = run.clocks.iter().map(sample).collect();
    blocks.extend(table("Clocks against this machine's", 2, &["clock", "at", "offset s", "uncertain by s"], clocks));
    let reset = run
        .reset
        .iter()
        .map(|s| {
            vec![s.name.clone(), if s.skipped { format!("skipped: {}", s.detail) } else { s.detail.clone() }, format!("{:.1}", s.seconds)]
        })
        .collect();
    blocks.extend(table("Reset before the load", 2, &["step", "outcome", "seconds"], reset));
    let of_plan = input.plan.map(|p| p.notes.clone()).unwrap_or_default();
    let own = own_notes(run, &of_plan);
    for (whose, notes) in [("Notes of the plan:", of_plan), ("Notes of the run:", own)] {
        if !notes.is_empty() {
            blocks.extend([Block::text(whose), Block::Items { items: notes }]);
        }
    }
    Section::new("provenance", "Configuration and provenance", "Provenance", blocks)
}

fn settings(input: &Input<'_>) -> Vec<Vec<String>> {
    let Some(plan) = input.plan else { return Vec::new() };
    let s = &plan.scenario;
    let behavior = |b: &bench_model::scenario::Behavior| {
        let policies: Vec<String> = b.policies.iter().map(|p| format!("{} {:?} in {} s", p.value, p.kind, p.period_s)).collect();
        format!(
            "stabilization {} s; {:?} of {}",
            b.stabilization_window_s,
            b.select_policy,
            if policies.is_empty() { "none".into() } else { policies.join(", ") }
        )
    };
    let hpa: Vec<String> = s.hpa.metrics.iter().map(|m| format!("{} {}", m.name, m.average_value)).collect();
    let t = &s.wva.thresholds;
    let rows = [
        ("scenario", s.name.clone()),
        ("replicas", format!("{} to {}", s.scaling.min_replicas, s.scaling.max_replicas)),
        ("scale-up", behavior(&s.scaling.scale_up)),
        ("scale-down", behavior(&s.scaling.scale_down)),
        ("HPA targets", hpa.join(", ")),
        (
            "WVA",
            format!(
                "{}, every {} s; saturated at KV {} or queue {}; scales up below spare KV {} or spare queue {}",
                s.wva.chart_version,
                s.wva.interval_s,
                t.kv_cache_threshold,
                t.queue_length_threshold,
                t.kv_spare_trigger,
                t.queue_spare_trigger
            ),
        ),
        ("model server", format!("{} ({})", s.model_server.image.name, s.model_server.args.join(" "))),
        ("gateway", format!("{:?} {}", s.gateway.kind, s.gateway.image.name)),
        ("scrape interval", format!("{} s", s.monitoring.scrape_interval_s)),
        ("guidellm image", s.load.guidellm.image.name.clone()),
        ("kubernetes", plan.facts.as_ref().map(|f| f.kubernetes.clone()).unwrap_or_default()),
    ];
    rows.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| vec![k.to_owned(), v]).collect()
}

pub(super) fn missing(input: &Input<'_>, curves: &Panels) -> Section {
    let mut items: Vec<String> = curves.missing.clone();
    items.extend(input.problems.iter().cloned());
    items.extend(input.run.missing.iter().map(|m| format!("Not in the run directory: {m}")));
    items.extend(input.scorecard.map(|c| c.notes.clone()).unwrap_or_default());
    items.extend(input.explanation.map(|e| e.missing.clone()).unwrap_or_default());
    if input.explanation.is_none() && !input.tables.decisions.is_empty() {
        items.push("The reasons of the decisions are the autoscaler's own words: they were not replayed.".into());
    }
    if let Some(e) = input.explanation.filter(|e| !e.replay.note.is_empty()) {
        items.push(e.replay.note.clone());
    }
    let gap = |g: &bench_model::tables::Gap| vec![clock(g.from - curves.zero), duration(g.to - g.from), g.kind.clone(), g.detail.clone()];
    let mut gaps: Vec<Vec<String>> = input.tables.gaps.iter().map(gap).collect();
    let interval = input.plan.map_or(0.0, |p| f64::from(p.scenario.monitoring.scrape_interval_s));
    if interval > 0.0 {
        gaps.extend(crate::gaps::scrapes(&input.tables.series, interval).iter().map(gap));
    }
    gaps.truncate(100);
    let mut blocks = vec![];
    if items.is_empty() {
        blocks.push(Block::Text { text: "Everything shown here was recorded.".into() });
    } else {
        blocks.push(Block::Items { items });
    }
    blocks.extend(table("Spans in which nothing was sent or nothing was seen", 4, &["from", "lasted", "kind", "detail"], gaps));
    Section::new("missing", "What was not measured", "Not measured", blocks)
}
