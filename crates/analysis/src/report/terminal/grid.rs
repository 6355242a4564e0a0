//! Arms side by side: a column each, with the medians under each other and their bands beside them.

use super::text::{Paint, table};
use bench_model::forecast::Band;

/// A median and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub median: String,
    pub band: String,
}

impl Cell {
    /// A band that is as narrow as its numbers are printed is left out.
    pub fn of(band: Option<Band>, show: fn(f64) -> String) -> Self {
        let Some(b) = band else { return Self { median: "n/a".into(), band: String::new() } };
        let (median, p5, p95) = (show(b.median), show(b.p5), show(b.p95));
        let band = if p5 == median && p95 == median { String::new() } else { format!("({p5}–{p95})") };
        Self { median, band }
    }
}

/// A line: what it is about, and a cell an arm.
pub(super) struct Row {
    pub labels: Vec<String>,
    pub cells: Vec<Cell>,
}

/// A table of all rows, or several below each other where the arms do not fit into `width` together.
pub(super) fn grid(arms: &[String], rows: &[Row], width: usize, paint: Paint) -> String {
    let chars = |s: &str| s.chars().count();
    let columns: Vec<Vec<String>> = (0..arms.len()).map(|k| column(&arms[k], rows, k)).collect();
    let labels = rows.iter().map(|r| r.labels.len()).max().unwrap_or(0);
    let label_width = |c: usize| rows.iter().filter_map(|r| r.labels.get(c)).map(|s| chars(s) + 2).max().unwrap_or(0);
    let left: usize = (0..labels).map(label_width).sum();
    let mut out = String::new();
    let mut next = 0;
    while next < columns.len() {
        let (begin, mut used) = (next, left);
        // At least one, however narrow the terminal is.
        while let Some(c) = columns.get(next) {
            used += 2 + c.iter().map(|s| chars(s)).max().unwrap_or(0);
            if used > width && next > begin {
                break;
            }
            next += 1;
        }
        let lines: Vec<Vec<String>> = (0..=rows.len())
            .map(|n| {
                let own = n.checked_sub(1).and_then(|n| rows.get(n)).map_or_else(|| vec![String::new(); labels], |r| r.labels.clone());
                own.into_iter().chain(columns[begin..next].iter().map(|c| c[n].clone())).collect()
            })
            .collect();
        out.push_str(&table(&lines, labels + next - begin, paint));
    }
    out
}

/// The arm's name and its cells, medians flush right, all of one width but for what follows.
fn column(arm: &str, rows: &[Row], k: usize) -> Vec<String> {
    let median = |r: &Row| r.cells.get(k).map_or(0, |c| c.median.chars().count());
    let w = rows.iter().map(median).max().unwrap_or(0);
    let cell = |r: &Row| r.cells.get(k).map_or_else(String::new, |c| format!("{:>w$} {}", c.median, c.band).trim_end().to_owned());
    std::iter::once(format!("{arm:>w$}")).chain(rows.iter().map(cell)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::brief;

    fn rows() -> Vec<Row> {
        let cell = |median: f64, p5: f64, p95: f64| Cell::of(Some(Band { median, p5, p95 }), brief);
        vec![
            Row { labels: vec!["a".into(), "2/s".into()], cells: vec![cell(5.0, 4.0, 6.5), cell(12_345.0, 12_345.0, 12_346.0)] },
            Row { labels: vec![String::new(), "3/s".into()], cells: vec![Cell::of(None, brief), cell(1.0, 0.0, 2.0)] },
        ]
    }

    #[test]
    fn medians_stand_under_each_other() {
        let text = grid(&["wva".into(), "hpa".into()], &rows(), 80, Paint(false));
        let want = "          wva            hpa\n  a  2/s    5 (4–6.5)  12.3k\n     3/s  n/a              1 (0–2)\n";
        assert_eq!(text, want);
    }

    #[test]
    fn arms_that_do_not_fit_go_below() {
        let text = grid(&["wva".into(), "hpa".into()], &rows(), 30, Paint(false));
        assert_eq!(text.lines().count(), 6, "{text}");
        assert_eq!(grid(&[], &rows(), 30, Paint(false)), "");
        assert_eq!(grid(&["wva".into()], &[], 0, Paint(false)), "  wva\n");
    }
}
