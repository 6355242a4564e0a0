//! The picture of the decision: how many requests each arm served well, against what it cost.

use super::document::{Drawn, Figure, Kind, Place, Trace};
use crate::words::{and, brief};
use bench_model::judgement::{ArmJudgement, Judgement, Role};

/// A point an arm. One without a cost or an attainment is left out, and said to be. Without any point there is nothing to draw: see
/// [`Drawn::is_empty`].
pub fn figure(j: &Judgement) -> Figure {
    let money = j.goal.gpu_hour.is_some();
    let unit = if money { "of cost" } else { "replica-seconds" };
    let mut arms = 0;
    let mut places: Vec<Place> = Vec::new();
    let mut left_out: Vec<String> = Vec::new();
    let mixed = j.rows().any(|a| a.predicted) && j.rows().any(|a| !a.predicted);
    for a in j.rows() {
        let role = match a.role {
            Role::Arm => {
                arms += 1;
                format!("arm-{}", arms - 1)
            }
            Role::Static => "static".into(),
            Role::Foresight => "foresight".into(),
        };
        match (paid(a, money), a.attainment.filter(|v| v.is_finite())) {
            (Some(x), Some(y)) => {
                let bands = (band_of_cost(a, x, money), a.band.and_then(|b| ends(b.attainment)));
                places.push(place(a, role, (x, y), bands, unit, mixed, j.winner.as_ref() == Some(&a.arm)));
            }
            (None, Some(_)) => left_out.push(format!("{} (its cost is not known)", a.arm)),
            (Some(_), None) => left_out.push(format!("{} (no request of it counts)", a.arm)),
            (None, None) => left_out.push(format!("{} (neither its cost nor its attainment is known)", a.arm)),
        }
    }
    let mut about = "A point an arm; up and to the left is better. Bars are its band. The dashed line is the goal.".to_owned();
    let fleets: Vec<(f64, f64)> = j.fleets.iter().filter_map(|f| Some((paid(f, money)?, f.attainment?))).collect();
    let mut traces = Vec::new();
    if fleets.len() > 1 {
        traces.push(Trace { name: "static fleets".into(), role: "static".into(), steps: false, points: fleets });
        about.push_str(" The dotted line joins fleets of fixed size.");
    }
    if places.iter().any(|p| p.role == "foresight") {
        about.push_str(" The star is a schedule made with foresight.");
    }
    if mixed {
        about.push_str(" Hollow points are predicted.");
    }
    if !left_out.is_empty() {
        about.push_str(&format!(" Not drawn: {}.", and(left_out.iter().cloned())));
    }
    Figure {
        id: "decision".into(),
        heading: "Requests served well against cost".into(),
        about,
        summary: summary(j, &places, &left_out, unit),
        drawn: Drawn {
            kind: Kind::Decision,
            unit: "requests within the SLO".into(),
            x_title: if money { "cost, by the price of a GPU-hour" } else { "cost [replica-seconds]" }.into(),
            traces,
            limits: vec![(format!("goal {}", share(j.goal.attain)), j.goal.attain, "goal".into())],
            places,
            ..Drawn::default()
        },
    }
}

fn paid(a: &ArmJudgement, money: bool) -> Option<f64> {
    if money { a.cost } else { a.replica_seconds }.filter(|v| v.is_finite())
}

fn ends(band: Option<(f64, f64)>) -> Option<(f64, f64)> {
    band.filter(|(low, high)| low.is_finite() && high.is_finite())
}

/// The band is known of replica-seconds; money is in proportion to them.
fn band_of_cost(a: &ArmJudgement, x: f64, money: bool) -> Option<(f64, f64)> {
    let (low, high) = ends(a.band?.replica_seconds)?;
    if !money {
        return Some((low, high));
    }
    let per = x / a.replica_seconds.filter(|s| *s > 0.0)?;
    Some((low * per, high * per))
}

type Band = Option<(f64, f64)>;

fn place(a: &ArmJudgement, role: String, at: (f64, f64), (x_band, y_band): (Band, Band), unit: &str, mixed: bool, best: bool) -> Place {
    let with = |value: String, band: Band, text: &dyn Fn(f64) -> String| match band {
        Some((low, high)) => format!("{value} ({} to {})", text(low), text(high)),
        None => value,
    };
    let said = vec![
        format!("{} of {} requests within the SLO", with(share(at.1), y_band, &share), a.counted),
        format!("{} {unit}", with(brief(at.0), x_band, &brief)),
        format!("{}, {} {}", if a.predicted { "predicted" } else { "measured" }, a.runs, if a.runs == 1 { "run" } else { "runs" }),
    ];
    Place { name: a.arm.clone(), role, at, x_band, y_band, hollow: mixed && a.predicted, best, said }
}

fn summary(j: &Judgement, places: &[Place], left_out: &[String], unit: &str) -> String {
    let mut out = if places.is_empty() {
        "No arm has both a cost and an attainment.".to_owned()
    } else {
        let all: Vec<String> = places.iter().map(|p| format!("{}: {} for {} {unit}", p.name, share(p.at.1), brief(p.at.0))).collect();
        format!("{}. The goal is {}.", all.join("; "), share(j.goal.attain))
    };
    if !left_out.is_empty() {
        out.push_str(&format!(" Not drawn: {}.", and(left_out.iter().cloned())));
    }
    out
}

/// Percent with two decimals, never rounded up: what misses a goal by little must not read as if it kept it.
fn share(v: f64) -> String {
    let text = format!("{:.2}", (1e4 * v + 1e-6).floor() / 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_model::judgement::{Goal, Interval, Over};

    fn arm(name: &str, role: Role, attainment: Option<f64>, paid: Option<f64>) -> ArmJudgement {
        ArmJudgement {
            arm: name.into(),
            role,
            predicted: true,
            runs: 3,
            due: 100,
            counted: 100,
            good: 90,
            attainment,
            keeps: false,
            replica_seconds: paid,
            gpu_seconds: None,
            cost: paid.map(|s| s / 1000.0),
            cost_per_million_output_tokens: None,
            cost_per_million_good_output_tokens: None,
            dominated: false,
            dominated_by: None,
            band: paid.map(|s| Interval { over: Over::Seeds, attainment: Some((0.9, 1.0)), replica_seconds: Some((s - 100.0, s + 200.0)) }),
        }
    }

    fn judgement(arms: Vec<ArmJudgement>, beside: Vec<ArmJudgement>) -> Judgement {
        Judgement {
            schema_version: 1,
            goal: Goal::default(),
            predicted: true,
            span_s: 600.0,
            arms,
            beside,
            fleets: vec![],
            winner: Some("hpa".into()),
            why: String::new(),
            assumptions: vec![],
            notes: vec![],
        }
    }

    #[test]
    fn every_arm_has_its_point_its_band_and_its_own_role() {
        let mut j = judgement(
            vec![arm("wva", Role::Arm, Some(0.98996), Some(5000.0)), arm("hpa", Role::Arm, Some(0.995), Some(12_345.0))],
            vec![arm("static 2", Role::Static, Some(0.5), Some(10_000.0)), arm("foresight", Role::Foresight, Some(0.99), Some(4000.0))],
        );
        j.fleets = vec![j.beside[0].clone(), arm("static 4", Role::Static, Some(1.0), Some(20_000.0))];
        let f = figure(&j);
        let roles: Vec<&str> = f.drawn.places.iter().map(|p| p.role.as_str()).collect();
        assert_eq!(roles, ["arm-0", "arm-1", "static", "foresight"]);
        assert_eq!(f.drawn.places[0].x_band, Some((4900.0, 5200.0)));
        assert_eq!(f.drawn.places[0].y_band, Some((0.9, 1.0)));
        assert!(f.drawn.places[1].best && !f.drawn.places[0].best && !f.drawn.places[0].hollow);
        // The line of fleets goes from the cheap to the dear.
        assert_eq!(f.drawn.traces[0].points, [(10_000.0, 0.5), (20_000.0, 1.0)]);
        assert_eq!(f.drawn.limits, [("goal 99 %".to_owned(), 0.99, "goal".to_owned())]);
        assert!(f.summary.starts_with("wva: 98.99 % for 5000 replica-seconds; hpa: 99.5 % for 12.3k replica-seconds"), "{}", f.summary);
        assert!(f.summary.ends_with("The goal is 99 %.") && f.about.contains("foresight"), "{f:?}");
        assert!(!f.drawn.is_empty());
    }

    #[test]
    fn money_takes_the_place_of_replica_seconds_with_its_band() {
        let mut j = judgement(vec![arm("hpa", Role::Arm, Some(0.995), Some(10_000.0))], vec![]);
        j.goal.gpu_hour = Some(3.0);
        let f = figure(&j);
        let (low, high) = f.drawn.places[0].x_band.unwrap();
        assert!(f.drawn.places[0].at == (10.0, 0.995) && (low - 9.9).abs() < 1e-9 && (high - 10.2).abs() < 1e-9, "{f:?}");
        assert!(f.drawn.x_title.contains("GPU-hour") && f.summary.contains("10 of cost"), "{f:?}");
        assert!(f.drawn.traces.is_empty());
    }

    #[test]
    fn what_is_not_known_is_left_out_and_said() {
        let mut measured = arm("hpa", Role::Arm, Some(0.995), Some(10_000.0));
        measured.predicted = false;
        let j = judgement(
            vec![arm("wva", Role::Arm, Some(0.9), None), measured, arm("none", Role::Arm, None, Some(f64::NAN))],
            vec![arm("static 2", Role::Static, Some(1.0), Some(9000.0))],
        );
        let f = figure(&j);
        // An arm keeps its colour whether or not one before it could be drawn.
        let roles: Vec<(&str, bool)> = f.drawn.places.iter().map(|p| (p.role.as_str(), p.hollow)).collect();
        assert_eq!(roles, [("arm-1", false), ("static", true)]);
        assert!(f.summary.contains("Not drawn: wva (its cost is not known) and none (neither"), "{}", f.summary);
        let f = figure(&judgement(vec![arm("wva", Role::Arm, None, None)], vec![]));
        assert!(f.drawn.is_empty() && f.summary.starts_with("No arm has both"), "{}", f.summary);
    }
}
