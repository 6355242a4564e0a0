//! A number over runs, a line a run.

use super::text::{Paint, table};
use crate::words::brief;
use bench_model::summary::Verdict;
use bench_model::trend::{Point, Trend, Worse};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Ended by a line feed.
pub fn render(t: &Trend, columns: usize, color: bool) -> String {
    let paint = Paint(color);
    let unit = if t.unit.is_empty() || t.unit == "fraction" { String::new() } else { format!(" {}", t.unit) };
    let mut out = format!("{}  over {} runs of plan {}\n", paint.bold(&t.metric), t.runs.len(), t.plan);
    out.push_str(&format!("  {}\n\n", spark(&t.runs)));
    let longest = t.runs.iter().map(|p| p.run.chars().count()).max().unwrap_or(0);
    let room = columns.saturating_sub(longest + 40).clamp(10, 40);
    let most = t.runs.iter().filter_map(|p| p.value).fold(0.0, f64::max);
    let mut rows = vec![["created", "run", "", "", ""].map(String::from).to_vec()];
    for p in &t.runs {
        let created = p.created.map(|c| c.format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default();
        let value = p.value.map_or_else(|| "n/a".into(), |v| format!("{}{unit}", shown(v)));
        let note = match (p.verdict, &p.why) {
            (Verdict::Invalid, _) => "not valid".into(),
            (_, Some(why)) => why.clone(),
            _ => bar(p.value.unwrap_or(0.0), most, room),
        };
        rows.push(vec![created, p.run.clone(), value, note]);
    }
    // Values to the right, bars to the left: the bars are padded.
    let width = rows.iter().filter_map(|r| r.get(2)).map(|v| v.chars().count()).max().unwrap_or(0);
    for r in &mut rows {
        if let Some(v) = r.get_mut(2) {
            *v = format!("{v:>width$}");
        }
    }
    out.push_str(&table(&rows, 5, paint));
    match &t.limits {
        Some(l) => {
            let way = if l.worse == Worse::Up { format!("at most {}", shown(l.high)) } else { format!("at least {}", shown(l.low)) };
            out.push_str(&format!(
                "\n  earlier runs: {}, mean {}{unit}, standard deviation {}; one more like them lies between {} and {}: {way}\n",
                l.runs,
                shown(l.mean),
                shown(l.deviation),
                shown(l.low),
                shown(l.high)
            ));
        }
        None => out.push_str(
            "\n  fewer than 3 earlier runs that are valid and have the number: they tell nothing of what differs from run to run\n",
        ),
    }
    out
}

/// As short as elsewhere; what is near nothing keeps its digits.
fn shown(v: f64) -> String {
    if v != 0.0 && v.abs() < 0.01 { format!("{v:.2e}") } else { brief(v) }
}

fn bar(v: f64, most: f64, room: usize) -> String {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let n = if most > 0.0 { (v.max(0.0) / most * room as f64).round() as usize } else { 0 };
    "█".repeat(n.min(room))
}

/// From the least to the largest value; a gap where there is none.
pub fn spark(runs: &[Point]) -> String {
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
        assert_eq!(bar(5.0, 10.0, 10), "█████");
        assert_eq!(bar(5.0, 0.0, 10), "");
    }
}
