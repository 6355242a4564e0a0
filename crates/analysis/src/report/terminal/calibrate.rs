//! What a calibration found, for people.

use super::text::{Paint, table, wrap};
use bench_model::calibration::{Calibrated, Coefficient, Outcome, Played, Residual};
use bench_model::run::Source;

/// Ended by a line feed.
pub fn render(c: &Calibrated, columns: usize, color: bool) -> String {
    let paint = Paint(color);
    let k = &c.calibration;
    let mut out = format!("{}  from {}\n", paint.bold(&k.entry), k.base);
    let mut rows = vec![["run", "arm", "", "plan", "requests", "one replica"].map(String::from).to_vec()];
    for r in &k.runs {
        let source = if r.source == Source::Measured { "measured" } else { "predicted" };
        rows.push(vec![
            r.run.clone(),
            r.arm.to_string(),
            source.into(),
            r.plan.clone(),
            r.requests.to_string(),
            format!("{:.0} s", r.one_replica_s),
        ]);
    }
    out.push_str(&table(&rows, 4, paint));
    out.push_str(&format!("\n{}\n", paint.bold("Coefficients")));
    out.push_str(&coefficients(&k.coefficients, columns, paint));
    out.push_str(&format!("\n{}\n", paint.bold("Residuals, predicted less measured")));
    out.push_str(&residuals(&k.residuals, paint));
    for l in &c.leave_one_out {
        out.push_str(&format!("\n{}\n", paint.bold(&format!("{} told by the others", l.run))));
        out.push_str(&residuals(&l.residuals, paint));
    }
    if !c.played.is_empty() {
        out.push_str(&format!("\n{}\n", paint.bold("Played in the simulator, means of the successes")));
        out.push_str(&played(&c.played, paint));
    }
    for n in &c.notes {
        out.push_str(&format!("\n  note: {}", wrap(n, 8, columns)));
    }
    out.push('\n');
    out
}

/// Four digits, or powers of ten for what is very small.
fn short(v: f64) -> String {
    let a = v.abs();
    if a < 1e-9 {
        "0".into()
    } else if a >= 1000.0 {
        format!("{v:.0}")
    } else if a < 1e-3 {
        format!("{v:.2e}")
    } else {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let places = (3.0 - a.log10().floor()).clamp(0.0, 6.0) as usize;
        format!("{v:.places$}")
    }
}

fn coefficients(all: &[Coefficient], columns: usize, paint: Paint) -> String {
    let mut rows = vec![["", "before", "after", "95 %", "stated"].map(String::from).to_vec()];
    for c in all.iter().filter(|c| c.outcome != Outcome::Held) {
        let interval = c.low.zip(c.high).map_or_else(|| "one value".into(), |(a, b)| format!("{}..{}", short(a), short(b)));
        rows.push(vec![c.name.clone(), short(c.base), short(c.value), interval, c.stated.map(short).unwrap_or_default()]);
    }
    let mut out = if rows.len() > 1 { table(&rows, 1, paint) } else { "  none was fitted\n".into() };
    for c in all.iter().filter(|c| c.outcome != Outcome::Fitted) {
        let why = c.why.as_deref().unwrap_or_default();
        let word = if c.outcome == Outcome::Held { format!("stays {}", short(c.value)) } else { "is put to 0".into() };
        out.push_str(&format!("  {}\n", wrap(&format!("{} {word}: {why}", c.name), 4, columns)));
    }
    out
}

fn residuals(all: &[Residual], paint: Paint) -> String {
    if all.is_empty() {
        return "  there is no row\n".into();
    }
    let head = ["", "rows", "left out", "measured", "mean before", "after", "rms before", "after"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for r in all {
        let n = |v: f64| format!("{} {}", short(v), r.unit);
        rows.push(vec![
            r.quantity.clone(),
            r.rows.to_string(),
            r.left_out.to_string(),
            n(r.measured_mean),
            n(r.before.mean),
            n(r.after.mean),
            n(r.before.rms),
            n(r.after.rms),
        ]);
    }
    table(&rows, 1, paint)
}

/// A table a run.
fn played(all: &[Played], paint: Paint) -> String {
    let mut out = String::new();
    for runs in all.chunk_by(|a, b| a.run == b.run) {
        let Some(first) = runs.first() else { continue };
        out.push_str(&format!("  {}\n", first.run));
        let others = runs.iter().any(|p| p.left_out.is_some());
        let mut head = vec!["rate", "", "measured", "before", "", "after", ""];
        if others {
            head.extend(["by the others", ""]);
        }
        let mut rows = vec![head.into_iter().map(String::from).collect::<Vec<_>>()];
        for p in runs {
            let (name, unit) = p.quantity.rsplit_once('_').unwrap_or((&p.quantity, ""));
            let mut row = vec![format!("{}/s", p.rate), format!("{name} {unit}"), short(p.measured)];
            let mut put = |v: Option<f64>| {
                row.push(v.map_or_else(|| "n/a".into(), short));
                row.push(v.map(|v| format!("{:+.0} %", 100.0 * (v / p.measured - 1.0))).unwrap_or_default());
            };
            put(p.before);
            put(p.after);
            if others {
                put(p.left_out);
            }
            rows.push(row);
        }
        out.push_str(&table(&rows, 2, paint));
    }
    out
}
