//! Replicas: wanted, there, ready, and what WVA asked for.

use super::{Line, Panel, Role, Scene};
use bench_model::tables::ReplicaPoint;

/// WVA's gauge, by version.
const GAUGES: [&str; 2] = ["inferno_desired_replicas", "wva_desired_replicas"];

pub(super) fn replicas(scene: &Scene<'_>, missing: &mut Vec<String>) -> Option<Panel> {
    let points = &scene.tables.replicas;
    let mut lines = Vec::new();
    if points.is_empty() {
        missing.push("Replicas: there is no record of the Deployment's replicas.".into());
    } else {
        // The last of them first: what is drawn later lies above.
        for (name, role, value) in [
            ("current (status.replicas)", Role::Current, (|p| p.current) as fn(&ReplicaPoint) -> u32),
            ("desired (spec.replicas)", Role::Desired, |p| p.desired),
            ("ready", Role::Ready, |p| p.ready),
        ] {
            lines.push(Line {
                name: name.into(),
                role,
                steps: true,
                points: held(scene, points.iter().map(|p| (p.t - scene.zero, f64::from(value(p))))),
            });
        }
    }
    let gauge = scene.tables.series.iter().filter(|s| GAUGES.contains(&s.name.as_str()));
    let mut asked: Vec<(f64, f64)> =
        gauge.flat_map(|s| &s.samples).map(|(t, v)| (t - scene.zero, *v)).filter(|(t, _)| t.is_finite()).collect();
    asked.sort_by(|a, b| a.0.total_cmp(&b.0));
    if !asked.is_empty() {
        lines.push(Line { name: "asked for by WVA".into(), role: Role::Wva, steps: true, points: held(scene, asked.into_iter()) });
    }
    if lines.is_empty() {
        return None;
    }
    let about = "Replicas of the scaled Deployment: wanted by its spec, counted by its status, ready. Triangles are the autoscaler's \
                 decisions; the list below tells the reason of each."
        .into();
    Some(Panel { id: "replicas", title: "Replicas", about, unit: "replicas", stacked: false, lines, limits: vec![] })
}

/// A step function over the span: it begins with what held before, keeps its changes, and goes on to the end.
fn held(scene: &Scene<'_>, points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let (from, to) = scene.span;
    let mut out: Vec<(f64, f64)> = Vec::new();
    for (t, v) in points.filter(|p| p.0.is_finite() && p.0 <= to) {
        let t = t.max(from);
        match out.last_mut() {
            Some(last) if last.0 >= t => last.1 = v,
            Some(last) if last.1 == v => {}
            _ => out.push((t, v)),
        }
    }
    if let Some(&(t, v)) = out.last()
        && t < to
    {
        out.push((to, v));
    }
    out
}
