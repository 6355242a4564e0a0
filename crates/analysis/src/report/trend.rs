//! A number over the runs of one plan.

use super::document::{Axis, Block, Document, Drawn, Figure, Kind, Section, Table, Trace};
use crate::words::brief;
use bench_model::summary::Verdict;
use bench_model::trend::{Point, Trend, Worse};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The runs as a document, the newest last.
pub fn document(t: &Trend) -> Document {
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
    let unit = if t.unit.is_empty() || t.unit == "fraction" { "value".to_owned() } else { t.unit.clone() };
    let row = |p: &Point| {
        let made = p.created.map(|c| c.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let note = match (p.verdict, &p.why) {
            (Verdict::Invalid, _) => "not valid".into(),
            (_, why) => why.clone().unwrap_or_default(),
        };
        vec![made, p.run.clone(), note, p.value.map_or_else(|| "n/a".into(), shown)]
    };
    let table = Table {
        caption: String::new(),
        words: 3,
        head: ["made", "run", "", unit.as_str()].map(String::from).to_vec(),
        rows: t.runs.iter().map(row).collect(),
    };
    let picture = Block::Picture { lines: vec![format!("  {}", spark(&t.runs))] };
    let blocks = vec![Block::Figure(figure), picture, Block::Table(table), Block::Text { text: limits_in_words(t) }];
    Document {
        title: format!("{} over runs", t.metric),
        lead: format!("{} {} of plan {}", t.runs.len(), if t.runs.len() == 1 { "run" } else { "runs" }, t.plan),
        badges: vec![],
        axis: Some(Axis { from: 0.0, to: span, zero_ms: (zero > 0.0).then_some(zero * 1000.0), bands: vec![] }),
        sections: vec![Section::new("over-time", "Over time", "Over time", blocks)],
    }
}

fn limits_in_words(t: &Trend) -> String {
    let Some(l) = &t.limits else {
        return "Fewer than 3 earlier runs are valid and have the number, so nothing tells how much it differs from run to run.".into();
    };
    let way = if l.worse == Worse::Up { format!("at most {}", shown(l.high)) } else { format!("at least {}", shown(l.low)) };
    format!(
        "{} earlier runs have a mean of {} and a standard deviation of {}. One more run like them lies between {} and {}, so the limit is {way}.",
        l.runs,
        shown(l.mean),
        shown(l.deviation),
        shown(l.low),
        shown(l.high)
    )
}

/// As short as elsewhere; what is near nothing keeps its digits.
fn shown(v: f64) -> String {
    if v != 0.0 && v.abs() < 0.01 { format!("{v:.2e}") } else { brief(v) }
}

/// From the least to the largest value; a gap where there is none.
fn spark(runs: &[Point]) -> String {
    let values: Vec<Option<f64>> = runs.iter().map(|p| p.value.filter(|v| v.is_finite())).collect();
    let low = values.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let one = |v: Option<f64>| {
        let Some(v) = v else { return ' ' };
        let share = if high > low { (v - low) / (high - low) } else { 0.0 };
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        BARS[((share * 7.0).round() as usize).min(7)]
    };
    values.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks() {
        let p = |v: Option<f64>| Point { run: "r".into(), created: None, verdict: Verdict::Valid, value: v, why: None };
        assert_eq!(spark(&[p(Some(1.0)), p(None), p(Some(8.0)), p(Some(4.5))]), "▁ █▅");
        assert_eq!(spark(&[p(Some(2.0)), p(Some(2.0))]), "▁▁");
        assert_eq!(spark(&[]), "");
    }
}
