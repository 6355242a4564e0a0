//! An experiment on a terminal: what it would take, how far it is, what came of it. A row a run, the same columns all the way, so that
//! rows told one by one stand under each other.

use super::text::{Paint, clock, duration, table, wrap};
use crate::words::{brief, percent, visible};
use bench_model::experiment::{Expected, ExperimentRecord, Outlook, RunIs, Scheduled};
use bench_model::forecast::ArmForecast;
use bench_model::gate::GateVerdict;
use bench_model::plan::Arm;
use bench_model::summary::Verdict;
use std::fmt::Write as _;

/// The table of all runs, as far as they are.
pub fn progress(r: &ExperimentRecord, color: bool) -> String {
    let factors = factors(r.runs.iter().map(|s| s.levels.as_slice()));
    let rows: Vec<Vec<String>> = (0..r.runs.len()).map(|k| row(r, k, &factors)).collect();
    table(&[vec![heading(&factors)], rows].concat(), 2 + factors.len(), Paint(color))
}

/// The heading, and the row of one run, in columns that every row of this experiment fits into.
pub fn lines(r: &ExperimentRecord, k: usize) -> (String, String) {
    let factors = factors(r.runs.iter().map(|s| s.levels.as_slice()));
    let all = (0..r.runs.len()).map(|k| row(r, k, &factors));
    // The widest that a cell may become.
    let widest: Vec<String> = all.clone().fold(heading(&factors), |w, row| w.into_iter().zip(row).map(|(a, b)| longer(a, b)).collect());
    let n = widest.len();
    let later = ["100", "closed loop", "10 h 00 min", "INVALID", "7f3a"].map(String::from);
    let widest: Vec<String> = widest
        .into_iter()
        .enumerate()
        .map(|(c, w)| if c + later.len() >= n { longer(w, later[c + later.len() - n].clone()) } else { w })
        .collect();
    let padded =
        |cells: Vec<String>| table(&[widest.clone(), cells], 2 + factors.len(), Paint(false)).lines().nth(1).unwrap_or_default().to_owned();
    (padded(heading(&factors)), padded(row(r, k, &factors)))
}

fn longer(a: String, b: String) -> String {
    if a.chars().count() >= b.chars().count() { a } else { b }
}

/// Labels of all factors, in the order in which they come.
fn factors<'a>(all: impl Iterator<Item = &'a [(String, String)]>) -> Vec<String> {
    let mut out: Vec<String> = vec![];
    for (label, _) in all.flatten() {
        if !out.contains(label) {
            out.push(label.clone());
        }
    }
    out
}

fn level(levels: &[(String, String)], factor: &str) -> String {
    levels.iter().find(|(k, _)| k == factor).map_or_else(|| "-".into(), |(_, v)| visible(v))
}

fn heading(factors: &[String]) -> Vec<String> {
    let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    [words(&["run", "arm"]), factors.iter().map(|f| visible(f)).collect(), words(&["repeat", "tries", "state", "took", "gate", "id"])]
        .concat()
}

fn row(r: &ExperimentRecord, k: usize, factors: &[String]) -> Vec<String> {
    let s = &r.runs[k];
    let last = s.last();
    let took = last.and_then(|a| Some(a.ended? - a.begun)).map_or_else(|| "-".into(), |t| duration(t.as_seconds_f64()));
    let gate = last.and_then(|a| a.gate).map_or("-", gate_word);
    let id = last.map_or("-", |a| a.run.rsplit('-').next().unwrap_or_default());
    let mut out = vec![format!("{} of {}", k + 1, r.runs.len()), s.arm.to_string()];
    out.extend(factors.iter().map(|f| level(&s.levels, f)));
    out.extend([s.repeat.to_string(), s.attempts.len().to_string(), state_word(s).into(), took, gate.into(), visible(id)]);
    out
}

/// How a run of the schedule is called by what came of it.
pub fn state_word(s: &Scheduled) -> &'static str {
    match (s.state, s.last().and_then(|a| a.verdict)) {
        (RunIs::Planned, _) => "planned",
        (RunIs::Begun, _) => "begun",
        (RunIs::Valid, Some(Verdict::ValidClosedLoop)) => "closed loop",
        (RunIs::Valid, _) => "valid",
        (RunIs::Invalid, _) => "invalid",
    }
}

/// The word for a gate's verdict.
pub fn gate_word(v: GateVerdict) -> &'static str {
    match v {
        GateVerdict::Pass => "passed",
        GateVerdict::Fail => "FAILED",
        GateVerdict::Invalid => "INVALID",
    }
}

/// What a prediction says of an arm, in a few words.
pub fn says(a: &ArmForecast) -> String {
    let scaling = &a.scaling;
    let mut out = match (a.arm, scaling.first_scale_up_s) {
        (Arm::Static(_) | Arm::None | Arm::Existing, _) => "fixed".to_owned(),
        (_, None) => "never up".into(),
        (_, Some(at)) => {
            let most = scaling.max_ready.map_or_else(String::new, |b| format!(", max {}", brief(b.median)));
            format!("up at {}{most}", clock(at.median))
        }
    };
    if a.overall.failed_fraction.median >= 0.005 {
        let _ = write!(out, ", {} fail", percent(a.overall.failed_fraction.median));
    }
    out
}

/// The schedule with what it takes, and what is to be known before.
pub fn outlook(o: &Outlook, width: usize, color: bool) -> String {
    let paint = Paint(color);
    let factors = factors(o.runs.iter().map(|s| s.levels.as_slice()));
    let gpus = o.gpu_hours > 0.0;
    let mut out = format!("{}  load {}, namespace {}\n", paint.bold(&visible(&o.name)), visible(&o.load), visible(&o.namespace));
    if !o.description.is_empty() {
        let _ = writeln!(out, "  {}", wrap(&visible(&o.description), 2, width));
    }
    let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut head = [words(&["run", "arm"]), factors.clone(), words(&["repeat", "before it", "takes", "replica-h"])].concat();
    let mut last = vec![];
    if gpus {
        last.push("GPU-h");
    }
    if o.cost.is_some() {
        last.push("cost");
    }
    head.extend(words(&last));
    head.push("prediction".into());
    let rows = o.runs.iter().enumerate().map(|(k, e)| expected(o, k, e, &factors, gpus));
    let left = 2 + factors.len();
    let _ = write!(out, "\n{}", aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), left, paint));
    let repeats = if o.tries_s > 0.0 {
        format!(", up to {} with every try again that is allowed", duration(o.total_s + o.tries_s))
    } else {
        String::new()
    };
    let _ = writeln!(out, "\n  {} in all{repeats}", paint.bold(&duration(o.total_s)));
    let hours = if gpus {
        format!("{} GPU-hours ({} replica-hours)", brief(o.gpu_hours), brief(o.replica_hours))
    } else {
        format!("{} replica-hours, no GPU", brief(o.replica_hours))
    };
    let price = match (o.cost, o.gpu_hour) {
        (Some(cost), Some(price)) => format!(", {} at {} a GPU-hour", brief(cost), brief(price)),
        _ if gpus => "; --gpu-hour PRICE tells what they cost".into(),
        _ => String::new(),
    };
    let _ = writeln!(out, "  {hours}{price}");
    let nothing = o.runs.iter().filter(|e| e.tells_nothing.is_some()).count();
    if nothing > 0 {
        let _ = writeln!(out, "  {}", paint.yellow(&format!("{nothing} of {} runs will tell nothing, by the prediction", o.runs.len())));
    }
    if !o.warnings.is_empty() {
        let _ = writeln!(out, "\n{}", paint.bold("Before GPUs are spent"));
    }
    for w in &o.warnings {
        let cell = |c: &Vec<(String, String)>| c.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ");
        let more = if w.with.len() > 1 { format!(" and {} more", w.with.len() - 1) } else { String::new() };
        let first =
            w.with.first().map(cell).filter(|c| !c.is_empty()).map_or_else(String::new, |c| format!("  with {}{more}", visible(&c)));
        let _ = writeln!(out, "  {}{first}", paint.yellow(&w.code));
        let _ = writeln!(out, "    {}", wrap(&visible(&w.text), 4, width));
    }
    if !o.notes.is_empty() {
        out.push('\n');
    }
    for n in &o.notes {
        let _ = writeln!(out, "  {}", wrap(&visible(n), 2, width));
    }
    out
}

fn expected(o: &Outlook, k: usize, e: &Expected, factors: &[String], gpus: bool) -> Vec<String> {
    let mut out = vec![(k + 1).to_string(), e.arm.to_string()];
    out.extend(factors.iter().map(|f| level(&e.levels, f)));
    let change = if e.change.is_empty() { "-" } else { &e.change };
    out.extend([e.repeat.to_string(), change.into(), duration(e.run_s), brief(e.replica_hours)]);
    if gpus {
        out.push(brief(e.gpu_hours));
    }
    if let (Some(_), Some(price)) = (o.cost, o.gpu_hour) {
        out.push(brief(e.gpu_hours * price));
    }
    out.push(match &e.tells_nothing {
        Some(code) => format!("{} [{code}]", e.says),
        None if e.says.is_empty() => "-".into(),
        None => e.says.clone(),
    });
    out
}

/// A table whose last column stands to the left, because it is a sentence.
fn aligned(rows: &[Vec<String>], left: usize, paint: Paint) -> String {
    let most = rows.iter().filter_map(|r| r.last()).map(|s| s.chars().count()).max().unwrap_or(0);
    let padded = |r: &Vec<String>| {
        let mut r = r.clone();
        if let Some(last) = r.last_mut() {
            *last = format!("{last:<most$}");
        }
        r
    };
    table(&rows.iter().map(padded).collect::<Vec<_>>(), left, paint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::experiment::testing::record;

    #[test]
    fn rows_that_are_told_one_by_one_stand_under_each_other() {
        let mut r = record();
        let (head, first) = lines(&r, 0);
        let at = |line: &str, word: &str| line.find(word).map(|n| line[..n].chars().count() + word.chars().count());
        assert_eq!(at(&head, "state"), at(&first, "valid"), "{head}\n{first}");
        r.runs[1].state = RunIs::Begun;
        let (again, second) = lines(&r, 1);
        assert_eq!(head, again, "the columns move while it runs");
        assert_eq!(at(&head, "state"), at(&second, "begun"), "{head}\n{second}");
    }

    #[test]
    fn the_table_has_a_row_a_run_and_a_column_a_factor() {
        let text = progress(&record(), false);
        let want = "  \
  run     arm       kv    repeat  tries    state             took    gate    id
  1 of 3  hpa       0.8        1      2    valid  11 min 40 s  passed  7f3a
  2 of 3  static-2  -          1      1  invalid        4 min       -  11aa
  3 of 3  hpa       0.9        1      0  planned            -       -     -
";
        let squeeze = |s: &str| s.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        assert_eq!(squeeze(&text), squeeze(want), "{text}");
    }
}
