//! A sweep on the terminal: a row a point, and the Pareto front once more by itself.

use super::WIDTH;
use super::text::{Paint, table, wrap};
use crate::words::brief;
use bench_model::forecast::Band;
use bench_model::sweep::{Sweep, SweepPoint};

/// Rows of the whole table; what is beyond is in the JSON.
const ROWS: usize = 60;

/// The table and the front, ended by a line feed.
pub fn render(s: &Sweep, width: usize, color: bool) -> String {
    let (width, paint) = (width.clamp(*WIDTH.start(), *WIDTH.end()), Paint(color));
    let seeds = if s.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds, medians (5th to 95th percentile)", s.seeds) };
    let mut out = format!("{}  predicted, {} points of {seeds}\n", paint.bold(&s.load), s.points.len());
    let about = format!(
        "SLO: {}. Replica-seconds are paid from scheduled to ended, over {} min from the load's start. Router: {}",
        s.slo,
        brief(s.span_s / 60.0),
        s.router
    );
    out.push_str(&format!("  {}\n\n", wrap(&about, 2, width)));
    let all: Vec<&SweepPoint> = s.points.iter().collect();
    out.push_str(&rows(&all[..all.len().min(ROWS)], s.seeds, paint));
    if all.len() > ROWS {
        out.push_str(&format!("  … {} more; --output json has all\n", all.len() - ROWS));
    }
    let mut front: Vec<&SweepPoint> = s.points.iter().filter(|p| p.on_front).collect();
    front.sort_by(|a, b| a.replica_s.median.total_cmp(&b.replica_s.median));
    out.push_str(&format!("\n{}\n", paint.bold("Pareto front")));
    out.push_str(&format!("  {}\n", wrap("no other point meets the SLO as often for as few replica-seconds; cheapest first", 2, width)));
    out.push_str(&rows(&front, s.seeds, paint));
    out
}

fn rows(points: &[&SweepPoint], seeds: u32, paint: Paint) -> String {
    let keys = points.first().map(|p| p.values.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>()).unwrap_or_default();
    let left = keys.len() + 2;
    let mut table_rows = vec![vec![String::new(), "arm".to_owned()]];
    table_rows[0].extend(keys);
    table_rows[0].extend(["SLO met", "replica-s", "p99 TTFT", "failed", "most ready", "first up"].map(String::from));
    for p in points {
        let mut row = vec![if p.on_front { "*".to_owned() } else { String::new() }, p.arm.to_string()];
        row.extend(p.values.iter().map(|(_, v)| v.clone()));
        let seconds = |v: Option<f64>| v.map_or_else(|| "-".into(), |v| format!("{} s", brief(v)));
        let percent = |b: Band| Band { median: b.median * 100.0, p5: b.p5 * 100.0, p95: b.p95 * 100.0 };
        row.push(p.slo_met.map_or_else(|| "-".into(), |b| band(percent(b), seeds, " %")));
        row.push(band(p.replica_s, seeds, ""));
        row.push(seconds(p.ttft_p99_s));
        row.extend([brief(p.failed), brief(p.max_ready)]);
        row.push(p.first_scale_up_s.map_or_else(|| "never".into(), |v| format!("{} min", brief(v / 60.0))));
        table_rows.push(row);
    }
    table(&table_rows, left, paint)
}

fn band(b: Band, seeds: u32, unit: &str) -> String {
    let range = if seeds == 1 { String::new() } else { format!(" ({}–{})", brief(b.p5), brief(b.p95)) };
    format!("{}{unit}{range}", brief(b.median))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_model::plan::Arm;

    #[test]
    fn points_and_their_front() {
        let point = |value: &str, met: f64, cost: f64, up: Option<f64>| SweepPoint {
            arm: Arm::Hpa,
            values: vec![("stabilization".into(), value.into())],
            slo_met: Some(Band { median: met, p5: met - 0.01, p95: met + 0.01 }),
            replica_s: Band { median: cost, p5: cost - 40.0, p95: cost + 60.0 },
            ttft_p99_s: Some(12.25),
            failed: 3.0,
            max_ready: 4.0,
            first_scale_up_s: up,
            on_front: false,
        };
        let mut s = Sweep {
            schema_version: 1,
            bench_version: "0.0.0".into(),
            load: "chatbot_synthetic".into(),
            model: "m".into(),
            router: "pinned".into(),
            seeds: 5,
            slo: "TTFT from due 1 s, mean ITL 50 ms".into(),
            span_s: 6_606.0,
            points: vec![point("0", 0.91, 9_000.0, Some(70.0)), point("60", 0.9, 9_100.0, Some(130.0)), point("240", 0.7, 7_000.0, None)],
        };
        s.mark_front();
        insta::assert_snapshot!(render(&s, 100, false));
        s.seeds = 1;
        assert!(render(&s, 60, true).contains("91 %"));
    }
}
