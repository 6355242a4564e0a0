//! Replicas over time as a small picture: a row a replica, a column a moment, filled while it is wanted and ready.

use super::text::Paint;
use bench_model::tables::{RateWindow, ReplicaPoint};

/// Rows before several replicas share one.
const MAX_ROWS: u32 = 5;
/// Columns of a picture in a document.
const PICTURE: usize = 80;
/// Columns of the numbers at the left, with the axis.
const MARGIN: usize = 7;

const BOTH: char = '█';
const WANTED: char = '░';
const READY: char = '▒';

/// What one column shows: the most that was wanted, and the most that was ready, in its time.
#[derive(Clone, Copy, PartialEq)]
struct Column {
    desired: u32,
    ready: u32,
}

/// The picture with its axes, each line ended; [`legend`] says what the glyphs mean. `span` and the points are in seconds, `zero` is the moment that
/// the time axis calls 0. Empty without points.
pub(crate) fn render(points: &[ReplicaPoint], rates: &[RateWindow], span: (f64, f64), zero: f64, width: usize, paint: Paint) -> String {
    let columns = width.saturating_sub(MARGIN).max(10);
    let (from, to) = span;
    let per = (to - from).max(1.0) / as_f64(columns);
    let cells = cells(points, from, per, columns);
    let most = cells.iter().flatten().map(|c| c.desired.max(c.ready)).max();
    let Some(most) = most else { return String::new() };
    let step = most.div_ceil(MAX_ROWS).max(1);
    let mut out = String::new();
    for row in (1..=most.div_ceil(step).max(1)).rev() {
        let line: String = cells.iter().map(|c| c.map_or(' ', |c| glyph(c, (row - 1).saturating_mul(step)))).collect();
        out.push_str(&format!("  {:>3} ┤{}\n", row.saturating_mul(step), colour(line.trim_end(), paint)));
    }
    let column = |t: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let c = ((t - from) / per).round().max(0.0) as usize;
        c.min(columns - 1)
    };
    let mut axis: Vec<char> = vec!['─'; columns];
    let mut labels = Line::new(columns);
    for r in rates {
        axis[column(r.start)] = '┬';
        labels.put(column(r.start), &format!("{}/s", r.rate));
    }
    if let Some(end) = rates.iter().map(|r| r.end).max_by(f64::total_cmp) {
        axis[column(end)] = '┬';
        labels.put(column(end), "end of load");
    }
    out.push_str(&format!("    0 └{}\n", axis.into_iter().collect::<String>()));
    for line in [labels.text(), ticks(from, to, zero, columns, column)].iter().filter(|l| !l.is_empty()) {
        out.push_str(&format!("{}{}\n", " ".repeat(MARGIN), paint.dim(line)));
    }
    out
}

/// The picture and its legend for a document, whose width is not known yet: it fits a terminal of 80 columns. Empty without points.
pub(crate) fn picture(points: &[ReplicaPoint], rates: &[RateWindow], span: (f64, f64), zero: f64) -> Vec<String> {
    let drawn = render(points, rates, span, zero, PICTURE, Paint(false));
    if drawn.is_empty() { vec![] } else { (drawn + &legend(Paint(false))).lines().map(String::from).collect() }
}

/// The line below one picture or several.
pub(crate) fn legend(paint: Paint) -> String {
    let legend = format!("{BOTH} desired and ready  {WANTED} desired, not ready yet  {READY} ready, no longer desired");
    format!("{}{}\n", " ".repeat(MARGIN), paint.dim(&legend))
}

fn cells(points: &[ReplicaPoint], from: f64, per: f64, columns: usize) -> Vec<Option<Column>> {
    let mut next = 0;
    let mut held: Option<Column> = None;
    (0..columns)
        .map(|c| {
            let (begin, until) = (from + as_f64(c) * per, from + as_f64(c + 1) * per);
            let mut most = held;
            // The last column takes what lies on the very end of the span.
            while let Some(p) = points.get(next).filter(|p| p.t < until || c + 1 == columns) {
                let here = Column { desired: p.desired, ready: p.ready };
                most = match most {
                    // What held until this very moment belongs to the column before.
                    Some(m) if p.t > begin => Some(Column { desired: m.desired.max(here.desired), ready: m.ready.max(here.ready) }),
                    _ => Some(here),
                };
                held = Some(here);
                next += 1;
            }
            most
        })
        .collect()
}

fn glyph(c: Column, above: u32) -> char {
    match (c.desired > above, c.ready > above) {
        (true, true) => BOTH,
        (true, false) => WANTED,
        (false, true) => READY,
        (false, false) => ' ',
    }
}

/// Each run of equal glyphs in its colour.
pub(crate) fn colour(line: &str, paint: Paint) -> String {
    if !paint.0 {
        return line.into();
    }
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        out.push_str(&match first {
            BOTH => paint.green(run),
            WANTED => paint.yellow(run),
            READY => paint.dim(run),
            _ => run.into(),
        });
        rest = tail;
    }
    out
}

/// Times at round distances, at least fifteen columns apart.
fn ticks(from: f64, to: f64, zero: f64, columns: usize, column: impl Fn(f64) -> usize) -> String {
    const ROUND_S: [f64; 13] = [1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0];
    let wanted = (to - from) * 15.0 / as_f64(columns);
    let every = ROUND_S.into_iter().find(|s| *s >= wanted).unwrap_or_else(|| wanted.max(1.0));
    let mut line = Line::new(columns);
    let mut k = ((from - zero) / every).ceil();
    for _ in 0..columns {
        let t = k * every;
        if zero + t > to {
            break;
        }
        let label = if t == 0.0 {
            "0".into()
        } else if every < 60.0 {
            format!("{t:.0} s")
        } else {
            format!("{:.0} min", t / 60.0)
        };
        line.put(column(zero + t), &label);
        k += 1.0;
    }
    line.text()
}

/// A line on which labels are put where there is room.
struct Line(Vec<char>);

impl Line {
    fn new(columns: usize) -> Self {
        Self(vec![' '; columns])
    }

    /// Begins at `at`, or ends at the right edge; left out where it would touch another.
    fn put(&mut self, at: usize, label: &str) {
        let n = label.chars().count();
        let Some(last) = self.0.len().checked_sub(n) else { return };
        let at = at.min(last);
        let free = self.0[at.saturating_sub(1)..(at + n + 1).min(self.0.len())].iter().all(|c| *c == ' ');
        if free {
            self.0.splice(at..at + n, label.chars());
        }
    }

    fn text(&self) -> String {
        self.0.iter().collect::<String>().trim_end().to_owned()
    }
}

#[allow(clippy::cast_precision_loss)]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{point, rate};

    fn draw(points: &[ReplicaPoint], span: (f64, f64), width: usize) -> Vec<String> {
        let rates = [rate(0, 2.0, 100.0, 20.0), rate(1, 3.0, 120.0, 20.0)];
        render(points, &rates, span, 100.0, width, Paint(false)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn wanted_and_ready_are_told_apart() {
        let points = [point(100.0, 1, 1), point(110.0, 3, 1), point(120.0, 3, 2), point(130.0, 1, 2), point(135.0, 1, 1)];
        let got = draw(&points, (100.0, 150.0), MARGIN + 50);
        let want = [
            "    3 ┤          ░░░░░░░░░░░░░░░░░░░░",
            "    2 ┤          ░░░░░░░░░░██████████▒▒▒▒▒",
            "    1 ┤██████████████████████████████████████████████████",
            "    0 └┬───────────────────┬───────────────────┬─────────",
            "       2/s                 3/s                 ",
        ];
        for (g, w) in got.iter().zip(want) {
            assert!(g.starts_with(w.trim_end()), "{}", got.join("\n"));
        }
    }

    #[test]
    fn a_short_spike_is_not_lost_between_columns() {
        let points = [point(100.0, 1, 1), point(110.1, 2, 1), point(110.2, 1, 1)];
        let got = draw(&points, (100.0, 1100.0), MARGIN + 10);
        assert!(got[0].starts_with("    2 ┤░"), "{got:?}");
        assert!(got[1].starts_with("    1 ┤██████████"), "{got:?}");
    }

    #[test]
    fn what_is_not_known_is_blank_and_many_replicas_share_rows() {
        let got = draw(&[point(125.0, 30, 30)], (100.0, 150.0), MARGIN + 10);
        assert_eq!(got[0], "   30 ┤     █████");
        assert_eq!(got.iter().filter(|l| l.contains('┤')).count(), 5);
    }

    #[test]
    fn nothing_odd_panics() {
        assert_eq!(render(&[], &[], (0.0, 0.0), 0.0, 80, Paint(false)), "");
        let zero = draw(&[point(100.0, 0, 0)], (100.0, 100.0), 0);
        assert!(zero[0].starts_with("    1 ┤"), "{zero:?}");
        draw(&[point(f64::NAN, 1, 1)], (f64::NAN, f64::INFINITY), 40);
        draw(&[point(5.0, u32::MAX, 1)], (1e18, -1e18), 40);
    }
}
