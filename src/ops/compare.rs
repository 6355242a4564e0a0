//! Runs against each other, from their directories alone; needs no cluster.

use super::{bounds, report, results};
use crate::config::coefficients::LoadedCoefficients;
use crate::failure::Failure;
use crate::ops::predict::judged::{With, Yardstick, price};
use crate::report::Reporter;
use bench_analysis::compare::{Input, Question, compare as analyse, judged};
use bench_analysis::judgement::Beside;
use bench_analysis::report::comparison;
use bench_analysis::report::document::{Document, Link};
use bench_model::comparison::{Comparison, Level};
use bench_model::exit::Exit;
use bench_model::judgement::{Goal, GoalTerms};
use bench_model::plan::Plan;
use bench_model::run::{Source, files};
use std::path::{Path, PathBuf};

/// What is asked.
pub struct Request<'a> {
    pub results: &'a Path,
    pub runs: &'a [String],
    /// What each run is called among runs of its arm, in their order; empty where the arm says enough.
    pub labels: &'a [String],
    /// What is said of the goal; the rest is the first run's scenario's.
    pub terms: GoalTerms,
    /// Runs of one arm: how much they differ by themselves.
    pub aa: bool,
    /// Share of a value that is a difference that matters.
    pub matter: f64,
    pub force: bool,
    /// For the bounds; `None` leaves them out.
    pub coefficients: Option<&'a LoadedCoefficients>,
    pub threads: usize,
    pub report: &'a Reporter,
}

/// A comparison, and the runs that it was made of.
pub struct Compared {
    pub comparison: Comparison,
    /// What could not be read.
    pub problems: Vec<String>,
    runs: Vec<(report::Reported, Option<Plan>)>,
    /// Of each run.
    directories: Vec<PathBuf>,
    labels: Vec<String>,
}

impl Compared {
    /// As text shows it.
    pub fn document(&self) -> Document {
        comparison::document(&self.comparison, &[])
    }

    /// With every curve of its runs, and links to those of their reports that are there. `file` is where the page will lie; without one
    /// nothing can lie beside it.
    pub fn page(&self, file: Option<&Path>) -> Document {
        let to = |(dir, (read, _)): (&PathBuf, &(report::Reported, _))| {
            Some(Link { text: read.ingested.run.id.clone(), href: relative(file?, &dir.join(files::REPORT))? })
        };
        let links = self.directories.iter().zip(&self.runs).filter_map(to).collect();
        comparison::page(&self.comparison, &inputs(&self.runs, &self.labels), links)
    }
}

/// The reference from a page to a file that is there, as a browser takes it. `None` where they share no directory but the root: such pages
/// do not travel together.
fn relative(page: &Path, file: &Path) -> Option<String> {
    let from = page.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).canonicalize().ok()?;
    let to = file.canonicalize().ok()?;
    let parts = |p: &Path| p.components().map(|c| c.as_os_str().to_str().map(String::from)).collect::<Option<Vec<_>>>();
    let (from, to) = (parts(&from)?, parts(&to)?);
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    let down = to[shared..].iter().map(|part| escaped(part));
    (shared > 1).then(|| up.chain(down).collect::<Vec<_>>().join("/"))
}

/// A name as a part of a reference.
fn escaped(name: &str) -> String {
    let one = |b: u8| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(one).collect()
}

fn inputs<'a>(runs: &'a [(report::Reported, Option<Plan>)], labels: &'a [String]) -> Vec<Input<'a>> {
    runs.iter()
        .enumerate()
        .map(|(k, (read, plan))| Input {
            run: &read.ingested.run,
            label: labels.get(k).map(String::as_str),
            plan: plan.as_ref(),
            tables: &read.ingested.tables,
            summary: &read.summary,
            gpus_per_replica: plan.as_ref().map_or(1.0, price),
        })
        .collect()
}

/// Compares runs.
///
/// # Errors
/// Exit code 2 for runs that cannot be compared, 4 when all that stands against it is that they are not valid.
pub fn compare(r: &Request<'_>) -> anyhow::Result<Compared> {
    let (mut all, mut directories) = (Vec::new(), Vec::new());
    for wanted in r.runs {
        let (dir, _) = results::find(r.results, wanted)?;
        all.push((report::read_stored(&dir)?, report::plan(&dir).ok()));
        directories.push(dir);
    }
    let inputs = inputs(&all, r.labels);
    let scenario = inputs.first().and_then(|i| i.plan).map(|p| p.scenario.goal).unwrap_or_default();
    let question = Question { goal: r.terms.or(scenario).goal(), least_span_s: None, aa: r.aa, matter: r.matter };
    // Cheap, and before everything that takes long.
    let against = bench_analysis::compare::comparability(&inputs);
    let refused: Vec<_> = against.iter().filter(|f| f.level == Level::Refuse).collect();
    if !refused.is_empty() && !r.force {
        let exit = if refused.iter().all(|f| f.code == "invalid") { Exit::Invalid } else { Exit::Usage };
        return Err(Failure::new(exit, "these runs cannot be compared")
            .evidence(refused.iter().map(|f| format!("{}: {}", f.code, f.message)).collect())
            .hint("--force compares them all the same; the comparison then says so")
            .into());
    }
    let one_arm = inputs.windows(2).all(|w| (w[0].run.arm, w[0].run.source, w[0].label) == (w[1].run.arm, w[1].run.source, w[1].label));
    if question.aa != one_arm {
        let (message, hint) = if one_arm {
            ("all of these runs are of one arm", "--aa tells how much runs of one arm differ by themselves")
        } else {
            ("--aa takes runs of one arm, and these are of several", "without --aa arms are compared; `bench results ls` shows the arms")
        };
        return Err(Failure::new(Exit::Usage, message).hint(hint).into());
    }
    let mut c = analyse(&inputs, &question);
    let one_load = refused.iter().all(|f| !["load", "load-mode", "model", "gpu"].contains(&f.code.as_str()));
    let mut beside = Beside::default();
    match (r.coefficients, inputs.first()) {
        (Some(_), _) if !one_load => c.bounds_missing = Some("the runs do not serve one load with one model".into()),
        (Some(coefficients), Some(first)) => match of_bounds(r, question.goal, coefficients, first, &c) {
            Ok(y) => {
                beside = y.beside(c.span_s);
                c.bounds = Some(y.bounds);
            }
            Err(e) => c.bounds_missing = Some(format!("{e:#}")),
        },
        _ => c.bounds_missing = Some("they were not asked for".into()),
    }
    c.judgement = judged(&c, &inputs, question.goal, beside, assumptions(&c, &inputs));
    let problems =
        all.iter().flat_map(|(read, _)| read.ingested.problems.iter().map(|p| format!("{}: {p}", read.ingested.run.id))).collect();
    Ok(Compared { comparison: c, problems, runs: all, directories, labels: r.labels.to_vec() })
}

fn of_bounds(
    r: &Request<'_>,
    goal: Goal,
    coefficients: &LoadedCoefficients,
    first: &Input<'_>,
    c: &Comparison,
) -> anyhow::Result<Yardstick> {
    let plan = first.plan.ok_or_else(|| anyhow::anyhow!("{} has no plan that can be read", first.run.id))?;
    let most = c.sides.iter().map(|s| s.runs.len()).max().unwrap_or(1);
    bounds::bounds(&bounds::Request {
        run: first.run,
        plan,
        tables: first.tables,
        coefficients,
        seeds: u32::try_from(most).unwrap_or(u32::MAX),
        with: With { goal, threads: r.threads, report: r.report },
    })
}

/// What the answer hangs on.
pub(super) fn assumptions(c: &Comparison, inputs: &[Input<'_>]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    // A prediction says itself what it was played with.
    for n in inputs.iter().filter(|i| i.run.source == Source::Predicted).flat_map(|i| &i.run.notes) {
        let text = match n.strip_prefix(PLAYED) {
            Some(rest) => format!("{}{}.", rest[..1].to_uppercase(), &rest[1..]),
            None => continue,
        };
        if !out.contains(&text) {
            out.push(text);
        }
    }
    // The router first: the answer hangs on it most.
    out.sort_by_key(|t| !t.starts_with("Router"));
    if c.sides.iter().any(|s| s.runs.len() == 1) {
        out.push("An arm has one run: nothing tells how much another run of it would cost.".into());
    }
    out
}

/// How a predicted run's notes say what it was played with.
const PLAYED: &str = "predicted with ";

#[cfg(test)]
mod tests {
    use crate::config::Lookup;
    use crate::config::coefficients;
    use crate::ops::predict::{Options, experiment};
    use crate::ops::{report, results};
    use bench_analysis::scorecard::{Terms, score};
    use bench_model::plan::{Arm, Plan};
    use bench_model::run::Source;
    use bench_model::summary::Verdict;
    use bench_sim::tables::{Names, tables};
    use bench_sim::time::{from_ms, from_seconds};
    use std::path::Path;

    #[test]
    fn a_page_refers_to_reports_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let at = |p: &str| root.path().join(p);
        for run in ["results/a-7f3a", "my results/b"] {
            std::fs::create_dir_all(at(run)).unwrap();
            std::fs::write(at(run).join("report.html"), "").unwrap();
        }
        std::fs::create_dir_all(at("results/experiments/x")).unwrap();
        std::fs::create_dir_all(at("results/no-page")).unwrap();
        let of = |page: &str, run: &str| super::relative(&at(page), &at(run).join("report.html"));
        assert_eq!(of("results/experiments/x/comparison.html", "results/a-7f3a").as_deref(), Some("../../a-7f3a/report.html"));
        assert_eq!(of("compare.html", "results/a-7f3a").as_deref(), Some("results/a-7f3a/report.html"));
        let spaced = of("compare.html", "my results/b").unwrap();
        assert_eq!(spaced, "my%20results/b/report.html");
        assert!(bench_analysis::report::document::beside(&spaced));
        assert_eq!(of("compare.html", "results/no-page"), None);
        assert_eq!(super::relative(std::path::Path::new("/dev/null"), &at("results/a-7f3a/report.html")), None);
    }

    /// What a scorecard counts from a prediction's tables is what the simulator counts from its own records.
    #[test]
    fn a_scorecard_agrees_with_the_simulators_score() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs/20261124T031159Z-ramp_small-wva-c97c");
        let stored = report::plan(&dir).unwrap();
        let c = coefficients::load(&Lookup { config_dir: None, current_dir: "/nowhere".into() }, "").unwrap();
        let mut bad = 0;
        for (arm, rate, guidellm) in
            [(Arm::Wva, 1.0, "0.8.1"), (Arm::Hpa, 8.0, "0.8.1"), (Arm::Hpa, 40.0, "0.5.4"), (Arm::Static(1), 90.0, "0.5.4")]
        {
            let mut plan = Plan { arm, ..stored.clone() };
            plan.profile.as_mut().unwrap().rates.iter_mut().for_each(|r| *r *= rate);
            plan.scenario.load.guidellm.version = guidellm.into();
            let e = experiment(&plan, &c.coefficients, &Options::default(), 1).unwrap();
            let p = bench_sim::run(&e).unwrap();
            let t = tables(&p, &e, Names { model: "m", namespace: "n", deployment: "d", hpa: "h" });
            let run = results::new_record(&plan, "id", Source::Predicted);
            let terms = Terms { span_s: Some(200.0), ..Terms::default() };
            let card = score(&run, &t, Verdict::Valid, &terms);
            let slo = bench_sim::score::Slo { ttft: from_ms(500.0), itl: from_ms(50.0), e2e: bench_sim::time::NEVER };
            let s = bench_sim::score::score(&p, &e, slo, Some(from_seconds(200.0)));
            let o = &card.overall;
            let case = format!("{arm} at {rate} times the rates, guidellm {guidellm}");
            assert_eq!((o.counted, o.good, o.failed), (s.counted, s.met, s.failed), "{case}");
            assert_eq!((card.scale_ups, card.scale_downs), (s.scale_ups, s.scale_downs), "{case}");
            let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * b.abs().max(1.0);
            assert!(close(card.paid_replica_s.unwrap(), s.replica_s), "{case}: {:?} {}", card.paid_replica_s, s.replica_s);
            assert!(close(card.ready_replica_s.unwrap(), s.ready_s), "{case}: {:?} {}", card.ready_replica_s, s.ready_s);
            assert!(close(o.ttft_ms.unwrap().mean, 1000.0 * s.ttft_mean_s), "{case}");
            bad += o.counted - o.good;
        }
        assert!(bad > 0, "nothing was missed, so the rules were not tried");
    }
}
