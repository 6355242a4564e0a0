//! Rules over the numbers of a run, and baselines that later runs are compared with. Needs no cluster.

use super::{report, results};
use crate::config::gate::Gate;
use crate::failure::Failure;
use bench_analysis::gate::{broken, judge, names, numbers, on_parts, slo};
use bench_model::SCHEMA_VERSION;
use bench_model::exit::Exit;
use bench_model::gate::{Baseline, GateReport, GateVerdict, Numbers};
use bench_model::judgement::GoalTerms;
use bench_model::run::{RunRecord, files};
use bench_model::scorecard::Slo;
use bench_model::summary::{Summary, Verdict};
use std::path::{Path, PathBuf};

/// A gate whose baseline has been read, so that a wrong one is told before a run and not after it.
pub struct Ready {
    gate: Gate,
    baseline: Option<Baseline>,
    /// The run that the baseline was computed from, if it was: over another span it can be computed anew.
    baseline_dir: Option<PathBuf>,
    allow_invalid: bool,
}

impl Ready {
    /// All that a verdict depends on beside the run, in words: what was judged by another one was judged otherwise.
    pub fn terms(&self) -> anyhow::Result<String> {
        let rules: Vec<&str> = self.gate.rules.iter().map(|r| r.rule.text.as_str()).collect();
        Ok(serde_json::to_string(&(rules, self.gate.slo.to_string(), &self.baseline))?)
    }

    /// # Errors
    /// A rule about a rate that the load has not: it would break at the end of the run.
    pub fn fits(&self, rates: &[f64]) -> anyhow::Result<()> {
        let all = self.gate.rules.iter().map(|r| &r.rule);
        let Some((rule, rate)) = all.filter_map(|r| Some((r, r.rate_beyond(rates)?))).next() else { return Ok(()) };
        let has = rates.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(Failure::new(Exit::Usage, format!("rule `{}`: the load has no rate {rate}; it has {has}", rule.text))
            .hint("write rate[*] for each rate, or one that the load has")
            .into())
    }
}

/// What came of it, and the run's own numbers.
pub struct Judged {
    pub report: GateReport,
    pub numbers: Baseline,
}

/// Checks all that can be checked without the run.
///
/// # Errors
/// A rule that lacks its SLO or its baseline, a baseline that cannot be read.
pub fn prepare(runs: &Path, gate: Gate, allow_invalid: bool) -> anyhow::Result<Ready> {
    let (baseline, baseline_dir) = match &gate.baseline {
        None => (None, None),
        Some(named) => {
            let (b, dir) = read_baseline(runs, &beside(gate.beside.as_deref(), named), gate.terms())?;
            (Some(b), dir)
        }
    };
    if baseline.is_none()
        && let Some(r) = gate.rules.iter().find(|r| r.rule.needs_baseline())
    {
        return Err(Failure::new(Exit::Usage, format!("rule `{}`: there is no baseline", r.rule.text))
            .hint("add --baseline RUN or FILE, or `baseline:` to the gate's file; bench gate RUN --write-baseline FILE makes one")
            .into());
    }
    Ok(Ready { gate, baseline, baseline_dir, allow_invalid })
}

/// A path in a gate's file is looked for beside it first.
fn beside(dir: Option<&Path>, named: &str) -> String {
    let near = dir.map(|d| d.join(named)).filter(|p| p.exists());
    near.map_or_else(|| named.to_owned(), |p| p.display().to_string())
}

/// Judges a run by its directory.
///
/// # Errors
/// When the run cannot be read.
pub fn of_run(dir: &Path, ready: &Ready) -> anyhow::Result<Judged> {
    let mut read = report::read_stored(dir)?;
    read.terms = ready.gate.terms();
    let goal = read.goal();
    let (run, summary) = (&read.ingested.run, &read.summary);
    let mut warnings = read.ingested.problems.clone();
    let mut before = ready.baseline.clone();
    // Who is counted for longer pays for longer: both are counted to the later moment at which one of them had settled.
    let theirs = before.as_ref().and_then(|b| b.numbers.whole.get("span_s").copied());
    let judged = read.judged_over(theirs);
    let span_s = judged.as_ref().map(|(card, _)| card.span_s);
    let own = numbers(summary, &read.ingested.tables, judged.as_ref().map(|(card, _)| card));
    if let (Some(b), Some(dir)) = (before.as_mut(), &ready.baseline_dir) {
        // By this run's goal.
        let mut theirs = report::read(dir)?;
        theirs.terms = goal.terms();
        b.numbers = own_numbers(&theirs, span_s);
        b.slo = goal.slo;
    } else if let (Some(b), Some(span)) = (before.as_mut(), span_s)
        && !go_on(&mut b.numbers, span)
    {
        warnings.push(format!(
            "the baseline {} was counted for less than the {span:.0} s of this run, and does not say with how many replicas it ended: its replica-seconds are left out",
            b.run
        ));
    }
    let mut invalid = invalid_findings(summary);
    let asked = ready.gate.rules.iter().any(|r| r.rule.needs_baseline());
    if let Some(b) = before.as_mut().filter(|_| asked) {
        warnings.extend(differs(run, b));
        if b.slo != goal.slo {
            warnings.push(format!(
                "the goodput of the baseline is of another SLO ({}): it is left out",
                if b.slo == slo::NONE { "none".into() } else { b.slo.to_string() }
            ));
            forget_goodput(&mut b.numbers);
        }
        if b.verdict == Verdict::Invalid {
            invalid.push(format!("the baseline {} is not valid", b.run));
        }
    }
    let rules = judge(&ready.gate.rules, &own, before.as_ref().map(|b| &b.numbers));
    warnings.extend(on_parts(&ready.gate.rules, &own, before.as_ref().map(|b| &b.numbers)));
    // Numbers that do not answer the question can neither pass nor fail.
    let verdict = if invalid.is_empty() || ready.allow_invalid { broken(&rules) } else { GateVerdict::Invalid };
    if ready.allow_invalid {
        warnings.extend(invalid.iter().map(|why| format!("judged although not valid: {why}")));
    }
    let report = GateReport {
        schema_version: SCHEMA_VERSION,
        run: run.id.clone(),
        arm: run.arm,
        source: run.source,
        verdict,
        validity: summary.validity.verdict,
        invalid_because: invalid,
        slo: goal.slo,
        judgement: judged.map(|(_, j)| j),
        baseline: ready.baseline.as_ref().map(|b| b.run.clone()),
        warnings,
        rules,
    };
    let numbers = baseline_of(run, summary, goal.slo, own);
    Ok(Judged { report, numbers })
}

/// Exit code that a verdict stands for: validity is judged before the rules.
pub fn exit_of(report: &GateReport) -> Exit {
    match report.verdict {
        GateVerdict::Pass => Exit::Done,
        GateVerdict::Fail => Exit::GateFailed,
        GateVerdict::Invalid => Exit::Invalid,
    }
}

/// Stores the numbers of a run as a baseline.
///
/// # Errors
/// When the gate did not pass, or the file cannot be written.
pub fn write_baseline(path: &Path, judged: &Judged) -> anyhow::Result<()> {
    if judged.report.verdict != GateVerdict::Pass {
        let why = if judged.report.verdict == GateVerdict::Invalid { "the run is not valid" } else { "the gate failed" };
        return Err(Failure::new(exit_of(&judged.report), format!("{} is not written: {why}", path.display()))
            .hint(
                "bench gate RUN --write-baseline FILE without rules takes the numbers as they are; --allow-invalid those of an invalid run",
            )
            .into());
    }
    let text = serde_json::to_string_pretty(&judged.numbers)?;
    results::write_atomic(path, format!("{text}\n").as_bytes())
}

/// Replicas are counted over `span_s` from the load's start at least.
fn own_numbers(read: &report::Reported, span_s: Option<f64>) -> Numbers {
    numbers(&read.summary, &read.ingested.tables, read.judged_over(span_s).as_ref().map(|(card, _)| card))
}

/// Numbers that were kept go on to a later moment with the replicas that the run ended with; `false` where these are not known.
fn go_on(n: &mut Numbers, span_s: f64) -> bool {
    let (Some(was), Some(end)) = (n.whole.get("span_s").copied(), n.whole.get("end_replicas").copied()) else {
        let counted = n.whole.contains_key("replica_seconds");
        n.whole.retain(|k, _| !k.contains("replica_seconds") && k != "span_s");
        return !counted;
    };
    let more = (span_s - was).max(0.0);
    for name in ["replica_seconds", "ready_replica_seconds"] {
        if let Some(v) = n.whole.get_mut(name) {
            *v += end * more;
        }
    }
    // They are in proportion to what was paid, and their prices are not kept.
    n.whole.retain(|k, _| more == 0.0 || !(k.starts_with("cost") || k == "gpu_seconds"));
    n.whole.insert("span_s".into(), was.max(span_s));
    true
}

fn invalid_findings(summary: &Summary) -> Vec<String> {
    summary.validity.findings.iter().filter(|f| f.verdict == Verdict::Invalid).map(|f| format!("{}: {}", f.code, f.message)).collect()
}

fn baseline_of(run: &RunRecord, summary: &Summary, slo: Slo, numbers: Numbers) -> Baseline {
    Baseline {
        schema_version: SCHEMA_VERSION,
        bench_version: env!("CARGO_PKG_VERSION").into(),
        run: run.id.clone(),
        arm: run.arm,
        source: run.source,
        verdict: summary.validity.verdict,
        model: run.model.clone(),
        load: run.hashes.load.clone(),
        stack: run.hashes.stack.clone(),
        slo,
        numbers,
    }
}

/// A stored baseline, or the numbers of a run read anew.
fn read_baseline(runs: &Path, named: &str, terms: GoalTerms) -> anyhow::Result<(Baseline, Option<PathBuf>)> {
    let place = place(runs, named)?;
    if place.is_file() {
        // A file of a run stands for the run: its requests tell more than its summary does.
        if let Some(dir) = place.parent().filter(|d| place.file_name().is_some_and(|f| f == files::SUMMARY) && d.join(files::RUN).is_file())
        {
            return Ok((of_directory(dir, terms)?, Some(dir.into())));
        }
        return Ok((stored(&place)?, None));
    }
    Ok((of_directory(&place, terms)?, Some(place)))
}

/// The file or the run's directory that a baseline is called by.
fn place(runs: &Path, named: &str) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from(named);
    if path.is_file() {
        return Ok(path);
    }
    if named.ends_with(".json") || named.ends_with(".yaml") {
        return Err(Failure::new(Exit::Usage, format!("there is no baseline {named}"))
            .hint("bench gate RUN --write-baseline FILE makes one")
            .into());
    }
    Ok(results::find(runs, named)?.0)
}

/// The file or the run's directory that the baseline of a gate is read from; `None` where it has none, or none that is found.
pub fn baseline_place(runs: &Path, gate: &Gate) -> Option<PathBuf> {
    let named = gate.baseline.as_ref()?;
    place(runs, &beside(gate.beside.as_deref(), named)).ok()
}

pub(super) fn of_directory(dir: &Path, terms: GoalTerms) -> anyhow::Result<Baseline> {
    let mut read = report::read(dir)?;
    read.terms = terms;
    let numbers = own_numbers(&read, None);
    Ok(baseline_of(&read.ingested.run, &read.summary, read.goal().slo, numbers))
}

fn stored(path: &Path) -> anyhow::Result<Baseline> {
    let wrong = |why: String| {
        Failure::new(Exit::Usage, format!("{} is no baseline: {why}", path.display()))
            .hint("bench gate RUN --write-baseline FILE makes one; a run can be named instead")
    };
    let text = std::fs::read(path).map_err(|e| Failure::new(Exit::Usage, format!("cannot read {}: {e}", path.display())))?;
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
    match json.get("schema_version").and_then(serde_json::Value::as_u64) {
        Some(v) if v > u64::from(SCHEMA_VERSION) => {
            return Err(wrong(format!("schema version {v} is newer than this bench reads ({SCHEMA_VERSION}); use a newer bench")).into());
        }
        _ => {}
    }
    serde_json::from_value(json).map_err(|e| wrong(e.to_string()).into())
}

/// What makes a comparison with the baseline doubtful, a sentence each.
fn differs(run: &RunRecord, b: &Baseline) -> Vec<String> {
    let mut out = vec![];
    if b.load != run.hashes.load {
        out.push(format!("the baseline {} was made with another load: differences may be the load's", b.run));
    }
    if b.stack != run.hashes.stack {
        out.push(format!("the baseline {} was made with another stack: differences may be the stack's", b.run));
    }
    if b.model != run.model {
        out.push(format!("the baseline {} served another model: {}", b.run, b.model));
    }
    if b.source != run.source {
        out.push(format!("one of run and baseline {} is predicted, the other measured", b.run));
    }
    out
}

fn forget_goodput(n: &mut Numbers) {
    let needs = |name: &String| names::all().iter().any(|n| n.needs_slo && n.name == *name);
    n.whole.retain(|k, _| !needs(k));
    n.rates.iter_mut().for_each(|r| r.numbers.retain(|k, _| !needs(k)));
}
