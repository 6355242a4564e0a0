//! Why an autoscaler scaled, or did not: the recorded metrics replayed through its own algorithm.
//!
//! Pure. Times are those of the tables; in sentences they count from the load's start.

mod at;
mod hpa;
mod hpa_moments;
mod hpa_words;
mod input;
mod patterns;
mod recorded;
mod samples;
#[cfg(test)]
mod tests;
mod wva;
mod wva_words;

pub use at::moment;

use bench_model::explanation::{Explanation, Moment, MomentKind, Pattern, Replay};
use bench_model::plan::{Arm, Plan};
use bench_model::run::RunRecord;
use bench_model::tables::Tables;
use hpa::{Scaler, Sync};
use input::{Input, KV, QUEUE};
use wva::Reconcile;

/// Explains a run. `at`: a moment, as the tables count time, of which everything known is told too; one outside of the recording is a
/// sentence in [`Explanation::missing`]. What cannot be explained for lack of data is, too, and the rest is there.
pub fn explain(run: &RunRecord, plan: Option<&Plan>, tables: &Tables, at: Option<f64>) -> Explanation {
    let mut e = Explanation {
        schema_version: bench_model::SCHEMA_VERSION,
        run: run.id.clone(),
        autoscaler: String::new(),
        load_start: input::zero(tables),
        moments: Vec::new(),
        findings: Vec::new(),
        replay: Replay::default(),
        missing: Vec::new(),
    };
    let scales = matches!(run.arm, Arm::Hpa | Arm::Wva);
    e.autoscaler = match (run.arm, plan) {
        (Arm::Hpa, _) => "hpa".into(),
        (Arm::Wva, Some(p)) => format!("wva v{}", p.scenario.wva.chart_version.trim_start_matches('v')),
        (Arm::Wva, None) => "wva".into(),
        _ => String::new(),
    };
    if tables.replicas.is_empty() {
        e.missing.push("Nobody recorded the Deployment's replicas: there is nothing to explain.".into());
        return e;
    }
    if crate::summary::load_span(tables).is_none() {
        e.missing.push("The load left no report, so its start is not known: times count from the first record of the replicas.".into());
    }
    let known = plan.and_then(|p| Input::new(run, p, tables));
    if !scales {
        e.replay.note = format!("Nothing scales in arm {}.", run.arm);
        foreign(&mut e, tables);
    } else if let Some(i) = &known {
        replayed(&mut e, i, at);
    } else {
        let why = if plan.is_none() { "The plan cannot be read" } else { "The recording has no length" };
        e.missing.push(format!("{why}: thresholds and windows are not known, and only what the autoscalers said themselves is shown."));
        e.moments = recorded::moments(run, tables);
    }
    if let Some(t) = at
        && !e.moments.iter().any(|m| m.kind == MomentKind::Asked)
    {
        match recorded::asked(run, tables, t) {
            Ok(m) => e.moments.push(m),
            Err(why) => e.missing.push(why),
        }
    }
    e.moments.sort_by(|a, b| a.t.total_cmp(&b.t));
    e.findings.sort_by(|a, b| a.from.total_cmp(&b.from));
    e
}

/// Replicas that changed in an arm without autoscaler.
fn foreign(e: &mut Explanation, tables: &Tables) {
    let changes: Vec<_> = tables.replicas.windows(2).filter(|w| w[0].desired != w[1].desired).collect();
    if let (Some(first), Some(last)) = (changes.first(), changes.last()) {
        let message = format!("spec.replicas changed {} times in an arm in which nothing scales: somebody else did it.", changes.len());
        e.findings.push(Pattern { code: "changed-by-others".into(), from: first[1].t, to: last[1].t, message });
    }
}

fn replayed(e: &mut Explanation, i: &Input<'_>, at: Option<f64>) {
    let scaler = match Scaler::of(i) {
        Ok(s) => s,
        Err(why) => {
            e.missing.push(why);
            e.moments = recorded::moments(i.run, i.tables);
            return;
        }
    };
    let syncs = hpa::replay(i, &scaler);
    lacking(e, &scaler, &syncs);
    let blind = syncs.iter().all(|y| y.values.iter().all(Vec::is_empty));
    if blind {
        // Without any series every sync would be a failure that never was.
        e.moments = recorded::moments(i.run, i.tables);
    } else {
        e.moments = hpa_moments::moments(i, &scaler, &syncs);
        e.findings = patterns::of_hpa(i, &scaler, &syncs);
    }
    let mut runs = Vec::new();
    if i.run.arm == Arm::Wva {
        let version = &i.plan.scenario.wva.chart_version;
        if !wva::is_v04(version) {
            e.missing.push(format!("How WVA {version} decides is not replayed, only the HPA that carries it out."));
        } else if let Some(lacking) = lacking_of_wva(i) {
            // Not measured is not 0: with either taken for none, a replay would find faults that nobody made.
            e.missing.push(format!("{lacking} recorded: WVA's decisions are not replayed."));
        } else {
            runs = wva::replay(i);
            if runs.is_empty() {
                e.missing.push("No run of WVA was recorded: its decisions are not replayed.".into());
            }
            e.moments.extend(wva_words::moments(i, &runs));
            e.findings.extend(patterns::of_wva(i, &scaler, &syncs, &runs));
        }
    }
    e.replay = agreement(i, if blind { &[] } else { &syncs }, &runs);
    if let Some(t) = at {
        e.moments.extend(asked(i, &scaler, &syncs, &runs, t));
    }
}

/// Which of the two metrics that WVA decides by nobody recorded.
fn lacking_of_wva(i: &Input<'_>) -> Option<String> {
    match (i.kv.is_empty(), i.queue.is_empty()) {
        (true, true) => Some(format!("Neither {KV} nor {QUEUE} was")),
        (true, false) => Some(format!("{KV} was not")),
        (false, true) => Some(format!("{QUEUE} was not")),
        (false, false) => None,
    }
}

/// What the replay lacks.
fn lacking(e: &mut Explanation, s: &Scaler, syncs: &[Sync<'_>]) {
    for (k, (name, _)) in s.targets.iter().enumerate() {
        if syncs.iter().all(|y| y.values.get(k).is_none_or(Vec::is_empty)) {
            e.missing.push(format!("{} was not recorded: what the HPA made of it cannot be replayed.", crate::words::visible(name)));
        }
    }
    if syncs.iter().all(|y| y.recorded.is_none()) {
        e.missing
            .push(format!("No status of the HPA was recorded: its syncs are taken to fall every {} s, with an unknown phase.", s.period_s));
    }
}

fn agreement(i: &Input<'_>, syncs: &[Sync<'_>], runs: &[Reconcile]) -> Replay {
    let hpa = syncs.iter().map(|y| y.replayed().abs_diff(y.to));
    #[allow(clippy::cast_possible_truncation)]
    let wva = runs.iter().filter_map(|r| Some(r.replayed.abs_diff(i64::from(r.recorded?)).min(u64::from(u32::MAX)) as u32));
    let all: Vec<u32> = hpa.chain(wva).collect();
    let equal = all.iter().filter(|d| **d == 0).count() as u64;
    let (compared, worst) = (all.len() as u64, all.iter().copied().max().unwrap_or(0));
    let runs_told = if runs.is_empty() { String::new() } else { format!(" and {} runs of WVA", runs.len()) };
    let what = format!("{} syncs of the HPA{runs_told}", syncs.len());
    let note = match (compared, compared - equal) {
        (0, _) => "Nothing could be replayed.".into(),
        (_, 0) => format!("The replay gives the recorded number at each of {what}."),
        (_, n) => {
            let why = if i.measured() {
                "; the recorded samples are not the very ones that the autoscalers read, and syncs between recorded changes of the HPA's status are taken to fall every period"
            } else {
                ""
            };
            format!("Of {what} {n} differ from the record, by {worst} at most{why}.")
        }
    };
    Replay { compared, equal, worst, note }
}

/// Everything known at `t`: the last sync and the last reconcile before it.
fn asked(i: &Input<'_>, s: &Scaler, syncs: &[Sync<'_>], runs: &[Reconcile], t: f64) -> Option<Moment> {
    let mut m = recorded::asked(i.run, i.tables, t).ok()?;
    let y = syncs.get(syncs.partition_point(|y| y.t <= t).checked_sub(1)?)?;
    m.steps.push(format!("the HPA's last sync, at {}:", i.clock(y.t)));
    m.steps.extend(hpa_words::steps(i, s, y).into_iter().map(|l| format!("  {l}")));
    let around = hpa_moments::moments(i, s, syncs).into_iter().filter(|m| m.t <= t && m.until.unwrap_or(m.t + s.period_s) > t);
    let mut reasons: Vec<String> = around.map(|m| m.reason).collect();
    if let Some(r) = runs.get(runs.partition_point(|r| r.t <= t).wrapping_sub(1)) {
        m.steps.push(format!("WVA's last run, at {}:", i.clock(r.t)));
        m.steps.extend(wva_words::steps(i, r).into_iter().map(|l| format!("  {l}")));
    }
    if reasons.is_empty() {
        let wanted = y.outcome.proposal.map_or_else(|| "nothing, for lack of metrics".into(), |p| p.to_string());
        reasons.push(format!("At the last sync the HPA asked for {wanted} and there were {}.", y.spec));
    }
    m.reason = reasons.join(" ");
    m.difference = hpa_words::difference(y);
    Some(m)
}
