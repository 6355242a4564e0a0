//! What the autoscalers said, only where it changed.

use super::text::{Paint, clock, wrap};
use crate::summary::load_span;
use bench_model::tables::{Decision, Tables};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines shown at the beginning and at the end when there are more than both.
const SHOWN: usize = 15;

/// A line for every change of the wanted number, and of the reason why an autoscaler could not act.
pub(super) fn render(tables: &Tables, deployment: &str, width: usize, paint: Paint) -> String {
    let zero = load_span(tables).map(|(start, _)| start).or(tables.decisions.first().map(|d| d.t)).unwrap_or(0.0);
    let lines = changes(&tables.decisions, deployment, zero, width);
    if lines.is_empty() {
        return String::new();
    }
    let mut out = paint.bold("Decisions (changes only)") + "\n";
    let hidden = lines.len().saturating_sub(2 * SHOWN);
    for (n, line) in lines.iter().enumerate() {
        if hidden > 0 && n == SHOWN {
            let _ = writeln!(out, "  … {hidden} more");
        }
        if hidden == 0 || n < SHOWN || n >= SHOWN + hidden {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

fn changes(decisions: &[Decision], deployment: &str, zero: f64, width: usize) -> Vec<String> {
    // Whose → what was wanted, and what stood in the way.
    let mut last = BTreeMap::<_, (Option<u32>, Option<String>)>::new();
    let mut lines = Vec::new();
    for d in decisions {
        let state = (d.desired, obstacle(d));
        let before = last.insert((d.by.as_str(), d.name.as_str()), state.clone());
        if before.as_ref() == Some(&state) {
            continue;
        }
        let n = |v: Option<u32>| v.map_or_else(|| "?".into(), |v| v.to_string());
        let was = before.map(|b| b.0);
        let wanted = match was {
            Some(was) if was != d.desired => format!("{} → {}", n(was), n(d.desired)),
            _ => n(d.desired),
        };
        // lastRunTime and the like have no target and are no metric.
        let metrics = d.inputs.iter().filter(|(_, (_, target))| !target.is_empty());
        let mut parts: Vec<String> = metrics.map(|(name, (v, target))| format!("{name} {v} (target {target})")).collect();
        parts.extend(limit(d));
        parts.extend(state.1);
        // A VariantAutoscaling has the Deployment's name: no need to say it again on every line.
        let who = if d.name == deployment { d.by.clone() } else { format!("{} {}", d.by, d.name) };
        let head = format!("{:>8}  {who}  {wanted}", clock(d.t - zero));
        let body = parts.join("; ");
        let indent = head.chars().count() + 4;
        // Where the names leave no room, the rest goes below them.
        lines.push(match body.is_empty() {
            true => head,
            false if indent + 30 > width => format!("{head}\n{}{}", " ".repeat(12), wrap(&body, 12, width)),
            false => format!("{head}  {}", wrap(&body, indent, width)),
        });
    }
    lines
}

/// Why an autoscaler cannot act at all.
fn obstacle(d: &Decision) -> Option<String> {
    let stuck =
        |kind: &str| d.conditions.get(kind).filter(|(status, _)| status == "False").map(|(_, reason)| format!("{kind} False: {reason}"));
    ["AbleToScale", "ScalingActive", "OptimizationReady"].into_iter().find_map(stuck)
}

/// What kept it from wanting more or less.
fn limit(d: &Decision) -> Option<String> {
    let limited = d.conditions.get("ScalingLimited").filter(|(status, _)| status == "True").map(|(_, r)| format!("limited: {r}"));
    let held = d.conditions.get("AbleToScale").filter(|(_, reason)| reason.ends_with("Stabilized")).map(|(_, r)| r.clone());
    limited.or(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(t: f64, by: &str, desired: u32) -> Decision {
        Decision { t, by: by.into(), name: "x".into(), current: Some(1), desired: Some(desired), inputs: [].into(), conditions: [].into() }
    }

    #[test]
    fn only_changes_are_told() {
        let mut stuck = d(50.0, "hpa", 2);
        stuck.conditions.insert("ScalingActive".into(), ("False".into(), "FailedGetExternalMetric".into()));
        let mut up = d(30.0, "hpa", 2);
        up.inputs.insert("waiting".into(), ("7".into(), "3".into()));
        up.inputs.insert("lastRunTime".into(), ("now".into(), String::new()));
        up.conditions.insert("ScalingLimited".into(), ("True".into(), "ScaleUpLimit".into()));
        let lines = changes(&[d(0.0, "hpa", 1), d(5.0, "wva", 1), d(15.0, "hpa", 1), up, stuck, d(65.0, "wva", 3)], "y", 10.0, 120);
        assert_eq!(
            lines,
            [
                "   -0:10  hpa x  1",
                "   -0:05  wva x  1",
                "   +0:20  hpa x  1 → 2  waiting 7 (target 3); limited: ScaleUpLimit",
                "   +0:40  hpa x  2  ScalingActive False: FailedGetExternalMetric",
                "   +0:55  wva x  1 → 3",
            ]
        );
    }

    #[test]
    fn many_changes_are_cut_in_the_middle() {
        let decisions = (0..100).map(|n| d(f64::from(n), "wva", n)).collect();
        let text = render(&Tables { decisions, ..Tables::default() }, "x", 80, Paint(false));
        assert_eq!(text.lines().count(), 1 + SHOWN + 1 + SHOWN);
        assert!(text.contains("  … 70 more\n") && text.contains("98 → 99"), "{text}");
        assert_eq!(render(&Tables::default(), "x", 80, Paint(false)), "");
    }
}
