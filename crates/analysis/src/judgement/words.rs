//! The answer in sentences.

use crate::words::{brief, few, percent};
use bench_model::judgement::{ArmJudgement, Judgement, Role};

/// A share in percent that is never rounded up to all, nor to a goal that it misses.
pub(crate) fn share(v: f64) -> String {
    let text = percent(v);
    if v < 1.0 && text == "100 %" { format!("{} %", (v * 1e4).floor() / 100.0) } else { text }
}

/// `8814 replica-seconds`, with its price where there is one.
fn price(a: &ArmJudgement) -> Option<String> {
    let paid = a.replica_seconds?;
    let money = a.cost.map_or_else(String::new, |c| format!(", {}", brief(c)));
    Some(format!("{} replica-seconds{money}", brief(paid)))
}

fn priced(a: &ArmJudgement) -> String {
    price(a).map_or_else(|| " at a cost that is not known".into(), |p| format!(" for {p}"))
}

fn attained(a: &ArmJudgement) -> String {
    a.attainment.map_or_else(|| "no request that counts".into(), |v| format!("{} good", share(v)))
}

/// `a` against `b`, by what it costs: `24 % more`.
fn more(a: &ArmJudgement, b: &ArmJudgement) -> Option<String> {
    let (x, y) = (a.gpu_seconds?, b.gpu_seconds.filter(|s| *s > 0.0)?);
    let by = x / y - 1.0;
    Some(format!("{} {}", percent(by.abs()), if by < 0.0 { "less" } else { "more" }))
}

/// The answer. `tied` are the cheapest that keep the goal and cannot be told apart; `served` tells whether one of two arms, by their
/// positions, is told apart as serving fewer (−1) or more (1) requests well.
pub(super) fn why(j: &Judgement, tied: &[usize], served: &dyn Fn(usize, usize) -> i8) -> String {
    let mut out = match tied {
        [] => vec![none(j, served)],
        [one] => vec![won(j, *one)],
        several => vec![tie(j, several)],
    };
    out.extend(fixed(j));
    out.join(" ")
}

fn won(j: &Judgement, k: usize) -> String {
    let w = &j.arms[k];
    let mut out = format!("{} keeps the goal", w.arm);
    if j.arms.len() > 1 {
        out.push_str(" for the least");
    }
    out.push_str(&format!(": {}{}.", attained(w), priced(w)));
    let keep = |a: &&ArmJudgement| a.keeps;
    let others: Vec<&ArmJudgement> = j.arms.iter().enumerate().filter(|(i, _)| *i != k).map(|(_, a)| a).collect();
    let dearer: Vec<String> = others
        .iter()
        .copied()
        .filter(keep)
        .map(|a| format!("{} keeps it for {}", a.arm, more(a, w).unwrap_or_else(|| "an unknown cost".into())))
        .collect();
    let failing: Vec<String> = others
        .iter()
        .copied()
        .filter(|a| !a.keeps)
        .map(|a| format!("{} ({}{})", a.arm, attained(a), more(a, w).map_or_else(String::new, |m| format!(", {m}"))))
        .collect();
    if !dearer.is_empty() {
        out.push_str(&format!(" {}.", few(dearer)));
    }
    if !failing.is_empty() {
        let verb = if failing.len() == 1 { "does not" } else { "do not" };
        out.push_str(&format!(" {} {verb} keep it.", few(failing)));
    }
    out
}

fn tie(j: &Judgement, tied: &[usize]) -> String {
    let names = few(tied.iter().map(|k| j.arms[*k].arm.clone()));
    let each = few(tied.iter().map(|k| {
        let a = &j.arms[*k];
        format!("{}{}", attained(a), priced(a))
    }));
    format!("{names} keep the goal, and their costs cannot be told apart: {each}.")
}

/// No arm keeps the goal: which comes nearest, and what it lacks.
fn none(j: &Judgement, served: &dyn Fn(usize, usize) -> i8) -> String {
    let known: Vec<usize> = (0..j.arms.len()).filter(|k| j.arms[*k].attainment.is_some()).collect();
    let value = |k: usize| j.arms[k].attainment.unwrap_or(0.0);
    let Some(best) = known.iter().copied().max_by(|a, b| value(*a).total_cmp(&value(*b))) else {
        return "No arm can be judged: there is no request that counts.".into();
    };
    if j.arms.iter().any(|a| a.keeps) {
        let names = few(j.arms.iter().filter(|a| a.keeps).map(|a| format!("{} ({})", a.arm, attained(a))));
        return format!("{names} keep the goal, but what they cost is not known: there is no record of pods.");
    }
    let b = &j.arms[best];
    let short = |k: usize| format!("{} points short", brief(100.0 * (j.goal.attain - value(k)).max(0.0)));
    if j.arms.len() == 1 {
        return format!("{} misses the goal: {}, {},{}.", b.arm, attained(b), short(best), priced(b));
    }
    let rest: Vec<usize> = known.iter().copied().filter(|k| *k != best).collect();
    let near: Vec<usize> = rest.iter().copied().filter(|k| served(best, *k) == 0).collect();
    let mut out = if near.is_empty() {
        format!("No arm keeps the goal. {} comes nearest: {}, {},{}.", b.arm, attained(b), short(best), priced(b))
    } else {
        let all: Vec<usize> = std::iter::once(best).chain(near.iter().copied()).collect();
        let each = few(all.iter().map(|k| format!("{} {}{}", j.arms[*k].arm, attained(&j.arms[*k]), priced(&j.arms[*k]))));
        format!("No arm keeps the goal. Which comes nearest cannot be told: {each}; {}.", short(best))
    };
    let others: Vec<String> = rest
        .iter()
        .filter(|k| !near.contains(k))
        .map(|k| {
            let a = &j.arms[*k];
            format!("{} {}{}", a.arm, attained(a), more(a, b).map_or_else(String::new, |m| format!(" for {m}")))
        })
        .collect();
    if !others.is_empty() {
        out.push_str(&format!(" {}.", few(others)));
    }
    out
}

/// The fixed fleet, where none of the arms is it.
fn fixed(j: &Judgement) -> Option<String> {
    let f = j.beside.iter().find(|a| a.role == Role::Static)?;
    if j.arms.iter().any(|a| a.arm == f.arm) {
        return None;
    }
    let simulated = if j.predicted { "" } else { "In the simulator, " };
    let verb = if f.keeps { "would keep it" } else { "would not keep it either" };
    let beats = j.predicted && !j.arms.is_empty() && j.arms.iter().all(|a| a.dominated_by.as_deref() == Some(f.arm.as_str()));
    let all = if beats { if j.arms.len() == 1 { ": better and cheaper than it" } else { ": no arm beats it in anything" } } else { "" };
    let text = format!("{simulated}a fixed fleet of {} {verb}: {}{}{all}.", f.arm.trim_start_matches("static-"), attained(f), priced(f));
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect())
}

/// What the answer becomes when the arms are played otherwise; `None` where it stays the same.
pub fn turns(j: &Judgement, other: &Judgement) -> Option<String> {
    if j.winner == other.winner && keepers(j) == keepers(other) {
        return None;
    }
    let keep = keepers(other);
    Some(match (&other.winner, keep.len()) {
        (Some(w), _) => {
            let a = other.arms.iter().find(|a| a.arm == *w)?;
            format!("{w} keeps the goal for the least ({}{})", attained(a), priced(a))
        }
        (None, 0) => "no arm keeps the goal".to_owned(),
        (None, _) => format!("{} keep the goal and cannot be told apart in cost", few(keep.iter().map(|k| (*k).to_owned()))),
    })
}

fn keepers(j: &Judgement) -> Vec<&str> {
    j.arms.iter().filter(|a| a.keeps).map(|a| a.arm.as_str()).collect()
}
