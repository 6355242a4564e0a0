//! From a run directory to its summary and its report. Needs no cluster.

use crate::failure::Failure;
use crate::ops::predict::judged::price;
use anyhow::Context;
use bench_analysis::ingest::{Ingested, run_dir};
use bench_analysis::report::document::Document;
use bench_analysis::summary::{Settings, short_score, summarise};
use bench_analysis::{compare, judgement};
use bench_model::exit::Exit;
use bench_model::explanation::Explanation;
use bench_model::forecast;
use bench_model::judgement::{Goal, GoalTerms, Judgement};
use bench_model::plan::Plan;
use bench_model::run::{Source, files};
use bench_model::scorecard::Scorecard;
use bench_model::summary::{Summary, Verdict};
use std::path::{Path, PathBuf};

/// Tables, summary, and what could not be read.
pub struct Reported {
    pub ingested: Ingested,
    pub summary: Summary,
    /// As it was resolved; `None` where it cannot be read, which is among the problems.
    pub plan: Option<Plan>,
    /// What the user says of the goal; the rest is the scenario's.
    pub terms: GoalTerms,
    /// Of the arms that a predicted run was played with.
    with: Option<Judgement>,
}

impl Reported {
    pub fn goal(&self) -> Goal {
        self.terms.or(self.plan.as_ref().map(|p| p.scenario.goal).unwrap_or_default()).goal()
    }

    /// The run as a comparison would judge it, and over the span of the arms that it was played with; `None` without a load.
    pub fn judged(&self) -> Option<(Scorecard, Judgement)> {
        self.judged_over(None)
    }

    /// The same over so many seconds from the load's start at least.
    pub fn judged_over(&self, span_s: Option<f64>) -> Option<(Scorecard, Judgement)> {
        let (goal, with) = (self.goal(), self.with.as_ref());
        let input = compare::Input {
            run: &self.ingested.run,
            label: None,
            plan: self.plan.as_ref(),
            tables: &self.ingested.tables,
            summary: &self.summary,
            gpus_per_replica: self.plan.as_ref().map_or(1.0, price),
        };
        let question = compare::Question {
            goal,
            least_span_s: with.map(|w| w.span_s).into_iter().chain(span_s).reduce(f64::max),
            aa: false,
            matter: 0.1,
        };
        let mut c = compare::compare(&[input], &question);
        // An invalid run is judged with that said beside it.
        c.findings.clear();
        let beside = |j: &mut Judgement| {
            // What stood beside the arms stands beside one of them, where it was held against the same goal.
            let same = with.filter(|w| (w.goal.slo, w.goal.attain) == (goal.slo, goal.attain) && w.span_s == j.span_s);
            j.beside = same.map(|w| w.beside.clone()).unwrap_or_default();
            j.fleets = same.map(|w| w.fleets.clone()).unwrap_or_default();
        };
        let said = super::compare::assumptions(&c, &[input]);
        let mut j = compare::judged(&c, &[input], goal, judgement::Beside::default(), said)?;
        beside(&mut j);
        // Of one run it is a detail.
        let (continued, notes) = j.notes.drain(..).partition(|n| judgement::is_continued(n));
        j.notes = notes;
        j.assumptions.extend::<Vec<String>>(continued);
        let card = c.sides.into_iter().next()?.runs.into_iter().next()?;
        (!self.ingested.tables.rates.is_empty()).then_some((card, j))
    }
}

/// Reads a run directory anew; raw data is never changed by it.
pub fn read(dir: &Path) -> anyhow::Result<Reported> {
    let mut ingested = run_dir(dir).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
    let plan = match plan(dir) {
        Ok(p) => Some(p),
        Err(e) => {
            // That there is none has been told already.
            if ingested.plan_yaml.is_some() {
                ingested.problems.push(format!("{e:#}").replace(&format!("{}/", dir.display()), ""));
            }
            None
        }
    };
    let settings = settings(plan.as_ref(), ingested.problems.clone());
    let summary = summarise(&ingested.run, &ingested.tables, &ingested.guidellm_version, &settings);
    let with = if ingested.run.source == Source::Predicted { forecast(dir) } else { None };
    let mut r = Reported { ingested, summary, plan, terms: GoalTerms::default(), with };
    r.summary.score = r.judged().map(|(card, _)| short_score(&card));
    Ok(r)
}

/// What the prediction that a run is of said of its arms; `None` where that was not kept.
fn forecast(dir: &Path) -> Option<Judgement> {
    let text = std::fs::read(dir.join(forecast::FILE)).ok()?;
    let all: serde_json::Value = serde_json::from_slice(&text).ok()?;
    serde_json::from_value(all.get("judgement")?.clone()).ok().filter(|j: &Judgement| !j.arms.is_empty())
}

/// The same of a run that was stored: files that are not what `SHA256SUMS` says are among the problems. They change no verdict: a file may
/// have been put right by hand.
pub fn read_stored(dir: &Path) -> anyhow::Result<Reported> {
    let mut r = read(dir)?;
    let changed = super::results::changed(dir)?;
    r.ingested.problems.extend(changed.into_iter().map(|c| format!("{c}, by {}: it was changed after the run", files::CHECKSUMS)));
    Ok(r)
}

/// What the plan says for the summary, and what could not be read.
pub fn settings(plan: Option<&Plan>, problems: Vec<String>) -> Settings {
    let profile = plan.and_then(|p| p.profile.as_ref());
    Settings {
        scrape_interval_s: plan.map_or(15.0, |p| f64::from(p.scenario.monitoring.scrape_interval_s)),
        planned_rates: profile.map(|p| p.rates.clone()).unwrap_or_default(),
        planned_seconds: profile.map_or(0.0, |p| f64::from(p.max_seconds)),
        guidellm_version: plan.map(|p| p.scenario.load.guidellm.version.clone()).unwrap_or_default(),
        problems,
    }
}

/// The resolved plan of a run.
pub fn plan(dir: &Path) -> anyhow::Result<Plan> {
    let path = dir.join(files::PLAN);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let options = serde_yaml::options! {
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 1000, max_alias_expansions_per_anchor: 16 },
        budget: serde_yaml::budget! { max_nodes: 20_000, max_events: 60_000 },
    };
    // Bench writes no aliases, and no plan is near this long: whatever is, is refused before it takes long.
    if text.len() > 1 << 20 {
        return Err(Failure::new(Exit::Usage, format!("{} is not a plan: it has {} bytes", path.display(), text.len())).into());
    }
    serde_yaml::from_str_with_options(&text, options)
        .map_err(|e| Failure::new(Exit::Usage, format!("{} is not a plan: {e}", path.display())).into())
}

/// Writes `summary.json`.
pub fn write_summary(dir: &Path, summary: &Summary) -> anyhow::Result<()> {
    super::results::write_atomic(&dir.join(files::SUMMARY), format!("{}\n", serde_json::to_string_pretty(summary)?).as_bytes())
}

/// The report, to be written in any form.
pub fn document(r: &Reported) -> Document {
    let judged = r.judged();
    bench_analysis::report::run::document(&bench_analysis::report::Material {
        run: &r.ingested.run,
        plan: r.plan.as_ref(),
        summary: &r.summary,
        tables: &r.ingested.tables,
        problems: &r.ingested.problems,
        explanation: Some(&explanation(r)),
        scorecard: judged.as_ref().map(|(card, _)| card),
        judgement: judged.as_ref().map(|(_, j)| j),
    })
}

/// Why it scaled as it did.
pub fn explanation(r: &Reported) -> Explanation {
    bench_analysis::explain::explain(&r.ingested.run, r.plan.as_ref(), &r.ingested.tables, None)
}

/// Writes `report.html` into the run's directory, and gives its path.
pub fn write_html(dir: &Path, r: &Reported) -> anyhow::Result<PathBuf> {
    let path = dir.join(files::REPORT);
    super::results::write_soon(&path, document(r).html().as_bytes())?;
    Ok(path)
}

/// Exit code that the verdict stands for.
pub fn exit_of(summary: &Summary) -> Exit {
    if summary.validity.verdict == Verdict::Invalid { Exit::Invalid } else { Exit::Done }
}
