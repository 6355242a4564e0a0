//! Ready replicas over the load, a line an arm: enough to see which arm scales, when, and how far.

use bench_model::tables::{RateWindow, ReplicaPoint};

const GLYPHS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Moments that a line shows; with a name and the largest number it fits into 80 columns.
const COLUMNS: usize = 54;

/// What is drawn of an arm; all times in seconds from the load's start.
pub(super) struct Line<'a> {
    pub name: String,
    pub zero: f64,
    /// End of the recording.
    pub until: f64,
    pub points: &'a [ReplicaPoint],
    pub rates: &'a [RateWindow],
}

/// A line an arm, all to the same scale, above the rates and the minutes. Empty without replicas.
pub(super) fn lines(arms: &[Line<'_>]) -> Vec<String> {
    let until = arms.iter().map(|a| a.until - a.zero).fold(0.0, f64::max);
    let levels: Vec<Vec<u32>> = arms.iter().map(|a| ready(a, until)).collect();
    let most = levels.iter().flatten().copied().max().unwrap_or(0);
    let (Some(first), true) = (arms.first(), most > 0 && until > 0.0) else { return vec![] };
    let width = arms.iter().map(|a| a.name.chars().count()).max().unwrap_or(0);
    let mut out = Vec::new();
    for (a, levels) in arms.iter().zip(&levels) {
        let drawn: String = levels.iter().map(|n| glyph(*n, most)).collect();
        let max = levels.iter().copied().max().unwrap_or(0);
        out.push(format!("{:<width$}  {drawn}  max {max}", a.name));
    }
    let column = |t: f64| as_column(t / until * as_f64(COLUMNS)).min(COLUMNS - 1);
    let end = first.rates.iter().map(|r| r.end - first.zero).fold(0.0, f64::max);
    let rates = first.rates.iter().map(|r| (column(r.start - first.zero), format!("{}/s", r.rate)));
    let over = (end < 0.98 * until).then(|| (column(end), "end of load".to_owned()));
    let minutes = (0..4).map(|k| {
        let t = until * f64::from(k) / 4.0;
        (column(t), format!("{:.0} min", t / 60.0))
    });
    let margin = " ".repeat(width + 2);
    for labels in [placed(rates.chain(over)), placed(minutes)] {
        if !labels.is_empty() {
            out.push(format!("{margin}{labels}"));
        }
    }
    out
}

/// The most replicas that were ready within each column.
fn ready(a: &Line<'_>, until: f64) -> Vec<u32> {
    let mut next = 0;
    let mut held = 0;
    (0..COLUMNS)
        .map(|c| {
            let mut most = held;
            let ends = a.zero + until * as_f64(c + 1) / as_f64(COLUMNS);
            while let Some(p) = a.points.get(next).filter(|p| p.t < ends) {
                // Before the load begins there is no column: the last value counts.
                most = if p.t < a.zero { p.ready } else { most.max(p.ready) };
                held = p.ready;
                next += 1;
            }
            most
        })
        .collect()
}

fn glyph(n: u32, most: u32) -> char {
    match (u64::from(n) * 8).div_ceil(u64::from(most)) {
        0 => ' ',
        eighths => usize::try_from(eighths).ok().and_then(|k| GLYPHS.get(k - 1)).copied().unwrap_or('█'),
    }
}

/// Labels at their columns, without those that would touch the one before.
fn placed(labels: impl Iterator<Item = (usize, String)>) -> String {
    let mut out = String::new();
    for (at, label) in labels {
        let used = out.chars().count();
        if used == 0 || at > used {
            out.push_str(&" ".repeat(at - used.min(at)));
            out.push_str(&label);
        }
    }
    out
}

#[allow(clippy::cast_precision_loss)]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn as_column(v: f64) -> usize {
    v.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{point, rate};

    #[test]
    fn arms_are_drawn_to_one_scale() {
        let rates = [rate(0, 2.0, 100.0, 600.0), rate(1, 5.0, 700.0, 600.0)];
        let one = [point(90.0, 1, 1)];
        let more = [point(90.0, 1, 1), point(750.0, 4, 4), point(1400.0, 1, 1)];
        let of = |name: &str, points| Line { name: name.to_owned(), zero: 100.0, until: 1540.0, points, rates: &rates };
        let drawn = lines(&[of("static-1", &one), of("hpa", &more)]);
        assert_eq!(drawn.len(), 4, "{drawn:#?}");
        assert_eq!(drawn[0], format!("static-1  {}  max 1", "▂".repeat(54)));
        assert!(drawn[1].starts_with("hpa       ▂▂▂") && drawn[1].contains("▂█") && drawn[1].ends_with("▂  max 4"), "{drawn:#?}");
        assert!(drawn[2].contains("2/s") && drawn[2].contains("5/s") && drawn[2].contains("end of load"), "{drawn:#?}");
        assert!(drawn[3].contains("0 min") && drawn[3].contains("18 min"), "{drawn:#?}");
        assert!(drawn.iter().all(|l| l.chars().count() <= 76), "{drawn:#?}");
        assert_eq!(lines(&[of("x", &[])]), Vec::<String>::new());
    }
}
