//! A number over runs as one page that opens offline.

use crate::report::document::{Axis, Block, Document, Drawn, Figure, Kind, Section, Table, Trace};
use crate::words::brief;
use bench_model::summary::Verdict;
use bench_model::trend::{Trend, Worse};

/// The page, ended by a line feed.
pub fn render(t: &Trend) -> String {
    page_of(t).html()
}

/// The page before it is written.
pub fn page_of(t: &Trend) -> Document {
    #[allow(clippy::cast_precision_loss)]
    let moments: Vec<f64> = t.runs.iter().map(|p| p.created.map_or(0.0, |c| c.timestamp_millis() as f64 / 1000.0)).collect();
    let zero = moments.first().copied().unwrap_or(0.0);
    let span = (moments.last().copied().unwrap_or(zero) - zero).max(1.0);
    let points = |valid: bool| {
        let of = t.runs.iter().zip(&moments).filter(move |(p, _)| (p.verdict != Verdict::Invalid) == valid);
        of.filter_map(|(p, m)| Some((m - zero, p.value?))).collect::<Vec<_>>()
    };
    let trace = |name: &str, role: &str, valid: bool| Trace { name: name.into(), role: role.into(), steps: false, points: points(valid) };
    let mut traces = vec![trace("valid runs", "ready", true)];
    if t.runs.iter().any(|p| p.verdict == Verdict::Invalid && p.value.is_some()) {
        traces.push(trace("not valid", "failure-0", false));
    }
    let mut limits = Vec::new();
    if let Some(l) = &t.limits {
        limits.push(("mean of the earlier runs".to_owned(), l.mean, "median".to_owned()));
        let (word, value) = if l.worse == Worse::Up { ("at most", l.high) } else { ("at least", l.low) };
        limits.push((format!("{word}, for one more run like them"), value, "tail".to_owned()));
    }
    let values: Vec<f64> = t.runs.iter().filter_map(|p| p.value).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    let summary = if values.is_empty() {
        "No run has the number.".into()
    } else {
        format!("{} runs have it, from {} to {} {}.", values.len(), brief(low), brief(high), t.unit)
    };
    let figure = Figure {
        id: "trend".into(),
        heading: t.metric.clone(),
        about: format!("A point a run of plan {}, at the moment the run was made.", t.plan),
        summary,
        drawn: Drawn {
            kind: Kind::Time,
            unit: t.unit.clone(),
            x_title: "time since the first run [h:min:s]".into(),
            traces,
            limits,
            ..Drawn::default()
        },
    };
    let rows = t.runs.iter().map(|p| {
        let created = p.created.map(|c| c.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
        let verdict = format!("{:?}", p.verdict).to_lowercase();
        vec![p.run.clone(), created, verdict, p.value.map_or_else(|| p.why.clone().unwrap_or_default(), brief)]
    });
    let table = Table {
        caption: "Every run".into(),
        words: 3,
        head: ["run", "made", "verdict", t.unit.as_str()].map(String::from).to_vec(),
        rows: rows.collect(),
    };
    Document {
        title: format!("{} over runs", t.metric),
        lead: format!("{} runs of plan {}", t.runs.len(), t.plan),
        badges: vec![],
        axis: Some(Axis { from: 0.0, to: span, zero_ms: (zero > 0.0).then_some(zero * 1000.0), bands: vec![] }),
        sections: vec![Section {
            id: "over-time".into(),
            heading: "Over time".into(),
            short: "Over time".into(),
            detail: false,
            blocks: vec![Block::Figure(figure), Block::Table(table)],
        }],
    }
}
