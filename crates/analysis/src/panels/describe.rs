//! A panel in words, for whoever cannot see it or has no picture.

use super::{Line, Panel, Role};
use crate::words::{and, brief, capital, clock};

/// Lines told one by one; of more of them only the extremes are told.
const TOLD: usize = 4;

/// Extremes of the values and when they were, one sentence.
pub fn describe(p: &Panel) -> String {
    let told: Vec<&Line> = p.lines.iter().filter(|l| extremes(l).is_some()).collect();
    if told.is_empty() {
        return "There is no value in it.".into();
    }
    if told.len() > TOLD || p.lines.iter().all(|l| matches!(l.role, Role::Pod(_))) {
        let all: Vec<(Extreme, Extreme, &str)> = told.iter().filter_map(|l| extremes(l).map(|e| (e.0, e.1, l.name.as_str()))).collect();
        let least = all.iter().map(|a| a.0).min_by(|a, b| a.1.total_cmp(&b.1));
        let most = all.iter().map(|a| (a.1, a.2)).reduce(|a, b| if b.0.1 > a.0.1 { b } else { a });
        let (Some(least), Some((most, whose))) = (least, most) else { return String::new() };
        let (kind, n) = (if matches!(told[0].role, Role::Pod(_)) { "pod" } else { "line" }, told.len());
        let s = if n == 1 { "" } else { "s" };
        return format!("{n} {kind}{s}; lowest {}, highest {} ({whose}).", at(least, p.unit), at(most, p.unit));
    }
    let one = |l: &&Line| {
        let (least, most) = extremes(l)?;
        Some(if least.1 == most.1 {
            format!("{} stays at {}", l.name, value(most.1, p.unit))
        } else {
            format!("{} lies between {} and {}", l.name, at(least, p.unit), at(most, p.unit))
        })
    };
    capital(&and(told.iter().filter_map(one))) + "."
}

/// (moment, value)
type Extreme = (f64, f64);

fn extremes(l: &Line) -> Option<(Extreme, Extreme)> {
    let finite = || l.points.iter().copied().filter(|p| p.1.is_finite());
    // The first of equal ones.
    let least = finite().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let most = finite().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    Some((least, most))
}

fn value(v: f64, unit: &str) -> String {
    match unit {
        "" | "0..1" => brief(v),
        _ if brief(v) == "1" && unit.ends_with('s') && !unit.ends_with("/s") && unit != "ms" => format!("1 {}", unit.trim_end_matches('s')),
        _ => format!("{} {unit}", brief(v)),
    }
}

fn at(e: Extreme, unit: &str) -> String {
    format!("{} at {}", value(e.1, unit), clock(e.0))
}
