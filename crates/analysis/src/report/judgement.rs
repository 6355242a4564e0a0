//! The answer as sections: which arm, at what price, in a table of all of them, and what it hangs on.

use super::decision;
use super::document::{Block, Number, Section, Table};
use crate::judgement::share;
use crate::words::{brief, count, duration};
use bench_model::judgement::{ArmJudgement, Judgement, Over, Role};

/// Arms that a reader meets at once; of more, only those that nothing beats.
const MOST: usize = 12;

/// The first section of whatever holds arms against a goal.
pub fn section(j: &Judgement) -> Section {
    let mut blocks = vec![Block::text(&j.why)];
    let shown = shown(j);
    // One arm by itself is in the sentence.
    let several = shown.len() > 1;
    if several {
        blocks.push(Block::Table(table(j, &shown)));
    }
    blocks.push(Block::text(legend(j, shown.len())));
    let figure = decision::figure(j);
    if several && !figure.drawn.is_empty() {
        blocks.push(Block::Figure(figure));
    }
    if let Some(first) = j.assumptions.first() {
        blocks.push(Block::text(first));
    }
    blocks.extend(j.notes.iter().map(Block::text));
    Section::new("answer", "Answer", "Answer", blocks)
}

/// What each arm attained, against the goal.
pub fn numbers(j: &Judgement) -> Vec<Number> {
    let of = |a: &ArmJudgement| {
        let paid = a.replica_seconds.map_or_else(|| "its cost is not known".into(), |v| format!("for {} replica-seconds", brief(v)));
        Some(Number { label: a.arm.clone(), value: share(a.attainment?), note: paid, class: class(a).into() })
    };
    j.arms.iter().filter_map(of).collect()
}

/// How an arm's attainment is shown: `kept` or `missed`; nothing where it is not known.
pub fn class(a: &ArmJudgement) -> &'static str {
    match (a.attainment, a.keeps) {
        (None, _) => "",
        (Some(_), true) => "kept",
        (Some(_), false) => "missed",
    }
}

/// What the answer hangs on.
pub fn assumptions(j: &Judgement) -> Section {
    let blocks = if j.assumptions.is_empty() { vec![] } else { vec![Block::Items { items: j.assumptions.clone() }] };
    Section::new("assumptions", "What this rests on", "Rests on", blocks)
}

/// Every arm, for those of which there are too many to be shown at once.
pub fn all(j: &Judgement) -> Option<Block> {
    let every: Vec<&ArmJudgement> = j.arms.iter().chain(others(j)).collect();
    (j.arms.len() > MOST).then(|| Block::Table(table(j, &every)))
}

/// What stands in the table at once: all arms, or the cheapest of those that nothing beats.
fn shown(j: &Judgement) -> Vec<&ArmJudgement> {
    if j.arms.len() <= MOST {
        return j.arms.iter().chain(others(j)).collect();
    }
    let mut best: Vec<&ArmJudgement> = j.arms.iter().filter(|a| !a.dominated).collect();
    best.sort_by(|a, b| a.gpu_seconds.unwrap_or(f64::INFINITY).total_cmp(&b.gpu_seconds.unwrap_or(f64::INFINITY)));
    best.truncate(MOST);
    best.into_iter().chain(others(j)).collect()
}

/// The rows beside the arms, without a fleet that is one of the arms: its row would stand there twice.
fn others(j: &Judgement) -> impl Iterator<Item = &ArmJudgement> {
    j.beside.iter().filter(|b| !j.arms.iter().any(|a| a.arm == b.arm && a.predicted == b.predicted))
}

fn table(j: &Judgement, rows: &[&ArmJudgement]) -> Table {
    let money = j.goal.gpu_hour.is_some();
    let gpus = rows.iter().any(|a| a.gpu_seconds != a.replica_seconds);
    let mut head = vec!["", "arm", "good %", "replica-s"];
    head.extend(gpus.then_some("GPU-s"));
    head.extend(money.then_some(["cost", "per M tokens"]).into_iter().flatten());
    let n = |v: Option<f64>| v.map_or_else(|| "n/a".into(), brief);
    let row = |a: &&ArmJudgement| {
        let mut row = vec![mark(j, a).to_owned(), a.arm.clone(), attained(a), paid(a)];
        row.extend(gpus.then(|| n(a.gpu_seconds)));
        row.extend(money.then(|| [a.cost, a.cost_per_million_output_tokens].map(n)).into_iter().flatten());
        row
    };
    Table { caption: String::new(), words: 2, head: head.into_iter().map(String::from).collect(), rows: rows.iter().map(row).collect() }
}

/// The winner, and what nothing beats.
fn mark(j: &Judgement, a: &ArmJudgement) -> &'static str {
    match a.role {
        Role::Arm if j.winner.as_deref() == Some(a.arm.as_str()) => ">",
        Role::Arm if !a.dominated && j.arms.len() > 1 => "*",
        Role::Arm | Role::Static | Role::Foresight => "",
    }
}

/// What a row beside the arms is.
fn beside(j: &Judgement) -> Vec<String> {
    let simulated = if j.predicted { "" } else { ", predicted" };
    let one = |a: &ArmJudgement| match a.role {
        Role::Arm => None,
        Role::Static => Some(format!("{}: best fixed fleet{simulated}", a.arm)),
        Role::Foresight => Some(format!("{}: knows the load{simulated}", a.arm)),
    };
    j.beside.iter().filter_map(one).collect()
}

/// `78.7 (78–79.4)`: an interval that is as narrow as its number is printed is left out.
fn with_band(value: String, band: Option<(f64, f64)>, show: impl Fn(f64) -> String) -> String {
    match band.map(|(l, h)| (show(l), show(h))) {
        Some((l, h)) if l != value || h != value => format!("{value} ({l}–{h})"),
        _ => value,
    }
}

fn attained(a: &ArmJudgement) -> String {
    let percent = |v: f64| share(v).trim_end_matches(" %").to_owned();
    a.attainment.map_or_else(|| "n/a".into(), |v| with_band(percent(v), a.band.and_then(|b| b.attainment), percent))
}

fn paid(a: &ArmJudgement) -> String {
    a.replica_seconds.map_or_else(|| "n/a".into(), |v| with_band(brief(v), a.band.and_then(|b| b.replica_seconds), brief))
}

/// What the columns mean.
fn legend(j: &Judgement, shown: usize) -> String {
    let mut out = format!("Goal: {}. Paid over {} from the load's start.", j.goal, duration(j.span_s));
    if let Some(price) = j.goal.gpu_hour {
        out.push_str(&format!(" Cost at {} per GPU-hour.", brief(price)));
    }
    let mut said = beside(j);
    if j.arms.len() > 1 {
        said.insert(0, if j.winner.is_some() { ">: the winner; *: no other one beats it" } else { "*: no other one beats it" }.into());
    }
    if !said.is_empty() {
        out.push_str(&format!(" {}.", said.join("; ")));
    }
    if j.arms.len() > MOST {
        out.push_str(&format!(
            " Shown: {} of {}, the cheapest that no other one beats.",
            shown.saturating_sub(others(j).count()),
            count(j.arms.len(), "arm")
        ));
    }
    let over = j.arms.iter().filter_map(|a| a.band).map(|b| b.over).next();
    out.push_str(match over {
        Some(Over::Seeds) => " In parentheses: 5th to 95th percentile over seeds.",
        Some(Over::Runs) => " In parentheses: 95 % confidence over runs.",
        Some(Over::Requests) => " In parentheses: 95 % confidence over the requests of one run; another run may differ by more.",
        None => "",
    });
    out
}
