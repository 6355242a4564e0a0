//! An explanation on a terminal: what was found, then a line or two for each moment, its steps where they are asked for.

use super::text::{Paint, clock, wrap};
use crate::words::visible;
use bench_model::explanation::{Explanation, Moment, MomentKind};
use bench_model::run::{RunRecord, Source};
use chrono::DateTime;
use std::fmt::Write as _;

/// The whole explanation, ended by a line feed. `width` is the terminal's, in columns; `steps`: how each moment came about.
pub fn render(run: &RunRecord, e: &Explanation, width: usize, color: bool, steps: bool) -> String {
    let (width, paint) = (width.clamp(*super::WIDTH.start(), *super::WIDTH.end()), Paint(color));
    let when = When { zero: e.load_start, calendar: run.source == Source::Measured };
    let mut out = format!("{}  arm {}  {}\n", paint.bold(&visible(&e.run)), paint.bold(&run.arm.to_string()), visible(&e.autoscaler));
    let _ = writeln!(out, "  {}", wrap(&tally(e), 2, width));
    if !e.replay.note.is_empty() {
        let _ = writeln!(out, "  {}", wrap(&visible(&e.replay.note), 2, width));
    }
    for m in &e.missing {
        let _ = writeln!(out, "  {} {}", paint.yellow("missing:"), wrap(&visible(m), 4, width));
    }
    for m in e.moments.iter().filter(|m| m.kind == MomentKind::Asked) {
        let _ = write!(out, "\n{}\n  {}\n", paint.bold(&format!("At {}", when.of(m))), wrap(&visible(&m.reason), 2, width));
        out.push_str(&lines(m, 2, width, paint));
    }
    if !e.findings.is_empty() {
        let _ = writeln!(out, "\n{}", paint.bold("Patterns"));
    }
    for f in &e.findings {
        let (from, to) = (clock(f.from - when.zero), clock(f.to - when.zero));
        let span = if from == to { from } else { format!("{from} to {to}") };
        let _ = writeln!(out, "  {}  {}", paint.yellow(&visible(&f.code)), paint.dim(&span));
        let _ = writeln!(out, "    {}", wrap(&visible(&f.message), 4, width));
    }
    let rows: Vec<&Moment> = e.moments.iter().filter(|m| m.kind != MomentKind::Asked).collect();
    if rows.is_empty() {
        return out;
    }
    let heading = paint.bold("Decisions");
    let _ = writeln!(out, "\n{heading}{}", if steps { "" } else { " (--steps: how each came about)" });
    let columns: Vec<(String, String)> = rows.iter().map(|m| (when.of(m), change(m))).collect();
    let widest = |f: fn(&(String, String)) -> &String| columns.iter().map(|c| f(c).chars().count()).max().unwrap_or(0);
    let (first, second) = (widest(|c| &c.0), widest(|c| &c.1));
    for (m, (at, what)) in rows.iter().zip(&columns) {
        let pad = " ".repeat(second - what.chars().count());
        let what = match m.kind {
            MomentKind::ScaledUp | MomentKind::ScaledDown => paint.bold(what),
            _ => paint.dim(what),
        };
        let indent = 2 + first + 2 + second + 2;
        // Where the columns leave no room, the reason goes below them.
        let _ = if indent + 40 > width {
            writeln!(out, "  {at:<first$}  {what}\n      {}", wrap(&visible(&m.reason), 6, width))
        } else {
            writeln!(out, "  {at:<first$}  {what}{pad}  {}", wrap(&visible(&m.reason), indent, width))
        };
        if steps {
            out.push_str(&lines(m, 6, width, paint));
        } else if let Some(d) = &m.difference {
            let _ = writeln!(out, "      {}", wrap(&format!("{} {}", paint.yellow("differs:"), visible(d)), 6, width));
        }
    }
    out
}

/// How many moments of each kind.
pub(crate) fn tally(e: &Explanation) -> String {
    let by = |who: &str, kind: MomentKind| e.moments.iter().filter(|m| m.by == who && m.kind == kind).count();
    if e.moments.iter().all(|m| m.kind == MomentKind::Asked) && e.findings.is_empty() {
        return "no decision to explain".into();
    }
    let (up, down, held) = (by("hpa", MomentKind::ScaledUp), by("hpa", MomentKind::ScaledDown), by("hpa", MomentKind::Held));
    let spans = |n: usize| if n == 1 { "1 span".into() } else { format!("{n} spans") };
    let mut out =
        format!("scaled up {up} times and down {down} times; {} in which more or fewer were asked for and none came", spans(held));
    let (up, down, held) = (by("wva", MomentKind::ScaledUp), by("wva", MomentKind::ScaledDown), by("wva", MomentKind::Held));
    if up + down + held > 0 {
        let _ = write!(
            out,
            "; WVA asked for more {up} times, for fewer {down} times, and kept an older number against the load in {}",
            spans(held)
        );
    }
    out
}

struct When {
    zero: f64,
    calendar: bool,
}

impl When {
    fn of(&self, m: &Moment) -> String {
        let mut out = clock(m.t - self.zero);
        if let Some(u) = m.until {
            let _ = write!(out, " to {}", clock(u - self.zero));
        }
        #[allow(clippy::cast_possible_truncation)]
        let date = DateTime::from_timestamp(m.t as i64, 0).filter(|_| self.calendar && m.t.is_finite());
        if let Some(d) = date {
            let _ = write!(out, "  {}", d.format("%Y-%m-%dT%H:%M:%SZ"));
        }
        out
    }
}

/// `hpa 1 → 2`, `hpa held at 1`, `wva kept 2`.
pub(crate) fn change(m: &Moment) -> String {
    let n = |v: Option<u32>| v.map_or_else(|| "?".into(), |v| v.to_string());
    let by = visible(&m.by);
    match m.kind {
        MomentKind::ScaledUp | MomentKind::ScaledDown => format!("{by} {} → {}", n(m.from), n(m.to)),
        MomentKind::Held if m.by == "wva" => format!("{by} kept {}", n(m.to)),
        MomentKind::Held => format!("{by} held at {}", n(m.to)),
        MomentKind::Asked => format!("{by} {}", n(m.to)),
    }
}

fn lines(m: &Moment, indent: usize, width: usize, paint: Paint) -> String {
    let mut out = String::new();
    for s in &m.steps {
        // A line of a part is indented by two.
        let more = s.chars().take_while(|c| *c == ' ').count().min(8);
        let at = indent + 2 + more;
        let _ = writeln!(out, "{}- {}", " ".repeat(at - 2), paint.dim(&wrap(&visible(s), at, width)));
    }
    if let Some(d) = &m.difference {
        let at = indent + 2;
        let _ = writeln!(out, "{}- {} {}", " ".repeat(indent), paint.yellow("differs:"), wrap(&visible(d), at, width));
    }
    out
}
