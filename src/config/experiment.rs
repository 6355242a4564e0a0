//! Loads an experiment: its file, and the flags that change it. Checked as strictly as a scenario; what its keys of scenario and
//! profile mean is found out when the schedule is made of it.

use super::de::from_tree;
use super::error::{ConfigError, Problem, nearest};
use super::gate::Gate;
use super::lookup::{Kind, Known, Lookup};
use super::path::{assignment, set};
use super::tree::{At, Node, Value, parse};
use bench_model::experiment::Experiment;
use bench_model::plan::Arm;
use bench_model::scorecard::Slo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the command line says about the experiment.
#[derive(Debug, Clone, Default)]
pub struct ExperimentArgs {
    /// Name or path.
    pub name: String,
    pub scenario: Option<String>,
    pub namespace: Option<String>,
    pub model: Option<String>,
    pub profile: Option<String>,
    /// Added to those of the file.
    pub set: Vec<String>,
    pub overrides: Vec<String>,
    pub rates: Option<String>,
    pub max_seconds: Option<u32>,
    pub arms: Vec<Arm>,
    pub repeats: Option<u32>,
    pub locked: Option<String>,
}

/// An experiment and where each of its values comes from.
#[derive(Debug, Clone)]
pub struct LoadedExperiment {
    pub experiment: Experiment,
    /// Path, or `embedded:…`.
    pub source: String,
    /// Directory of its file; `None` when it is embedded.
    pub beside: Option<PathBuf>,
    places: BTreeMap<String, At>,
    root: At,
}

/// Runs of one experiment, tries not counted.
const MOST_RUNS: usize = 1000;
const DAY_S: u32 = 86_400;

/// Experiments that can be named, with the file that wins.
pub fn known(lookup: &Lookup) -> Vec<Known> {
    lookup.known(Kind::Experiment)
}

/// Loads, types and validates.
///
/// # Errors
/// Every way in which file and flags can be wrong; the message says where.
pub fn load(lookup: &Lookup, args: &ExperimentArgs) -> Result<LoadedExperiment, ConfigError> {
    let found = lookup.find(Kind::Experiment, &args.name, &[])?;
    let mut root = parse(&found.text, &found.source)?;
    if root.get("name").is_none_or(Node::is_null) {
        set(&mut root, "name", Node::plain(&found.name, At::flag(&found.source)), &found.source)?;
    }
    flags(&mut root, args)?;
    let mut experiment: Experiment = from_tree(&root)?;
    // Flags add to the lists of the file, and win because they stand last.
    experiment.set.extend(args.set.iter().cloned());
    experiment.overrides.extend(args.overrides.iter().cloned());
    let embedded = found.source.starts_with("embedded:");
    let beside = Path::new(&found.source).parent().filter(|_| !embedded).map(Path::to_path_buf);
    let places = root.leaves().into_iter().map(|(path, node)| (path, node.at.clone())).collect();
    let loaded = LoadedExperiment { experiment, source: found.source, beside, places, root: root.at };
    let mut f = Findings { of: &loaded, problems: vec![] };
    check(&loaded.experiment, &mut f);
    if !f.problems.is_empty() {
        return Err(ConfigError::Invalid(f.problems));
    }
    gate(&loaded.experiment, loaded.beside.as_deref(), &|key| loaded.at(key))?;
    Ok(loaded)
}

/// The gate of an experiment; `None` when it has none. `at` tells the place of a key.
///
/// # Errors
/// A rule that cannot be read, a file that is not there.
pub fn gate(e: &Experiment, beside: Option<&Path>, at: &dyn Fn(&str) -> At) -> Result<Option<Gate>, ConfigError> {
    let Some(written) = &e.gate else { return Ok(None) };
    let mut gate = Gate::default();
    if let Some(file) = &written.file {
        let near = beside.map(|d| d.join(file)).filter(|p| p.exists());
        gate.read(&near.unwrap_or_else(|| file.into()))?;
    }
    gate.take(written.content(), "gate.", at, beside)?;
    Ok(Some(gate))
}

fn flags(root: &mut Node, args: &ExperimentArgs) -> Result<(), ConfigError> {
    let list = |items: Vec<String>, flag: &str| Node {
        value: Value::Seq(items.iter().map(|i| Node::plain(i, At::flag(flag))).collect()),
        at: At::flag(flag),
    };
    let texts = [
        ("-c/--scenario", "scenario", &args.scenario),
        ("-p/--namespace", "namespace", &args.namespace),
        ("-m/--models", "model", &args.model),
        ("-w/--workload", "profile", &args.profile),
        ("--locked", "locked", &args.locked),
    ];
    for (flag, key, value) in texts {
        let Some(value) = value else { continue };
        let flag = format!("{flag} {value}");
        set(root, key, Node::plain(value, At::flag(&flag)), &flag)?;
    }
    for (flag, key, value) in [("--max-seconds", "max_seconds", args.max_seconds), ("--repeats", "repeats", args.repeats)] {
        let Some(value) = value else { continue };
        let flag = format!("{flag} {value}");
        set(root, key, Node::plain(&value.to_string(), At::flag(&flag)), &flag)?;
    }
    if let Some(rates) = &args.rates {
        let flag = format!("--rates {rates}");
        let bare = rates.trim().trim_start_matches('[').trim_end_matches(']');
        set(root, "rates", list(bare.split(',').map(|r| r.trim().to_owned()).collect(), &flag), &flag)?;
    }
    if !args.arms.is_empty() {
        set(root, "arms", list(args.arms.iter().map(ToString::to_string).collect(), "--arms"), "--arms")?;
    }
    Ok(())
}

impl LoadedExperiment {
    /// A file that it names: beside its own, or else from the current directory.
    pub fn near(&self, file: &str) -> PathBuf {
        self.beside.as_ref().map(|d| d.join(file)).filter(|p| p.exists()).unwrap_or_else(|| file.into())
    }

    /// Where a key stands, or the nearest thing below or above it.
    pub fn at(&self, key: &str) -> At {
        let below = |k: &String| k.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.places.get(key).or_else(|| self.places.iter().find(|(k, _)| below(k)).map(|(_, at)| at)).unwrap_or(&self.root).clone()
    }
}

struct Findings<'a> {
    of: &'a LoadedExperiment,
    problems: Vec<Problem>,
}

impl Findings<'_> {
    fn bad(&mut self, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { at: self.of.at(key), key: key.into(), message: message.into(), remedy: remedy.into() });
    }

    fn within(&mut self, key: &str, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.bad(key, format!("{value} is not between {least} and {most}"), "put it into that range");
        }
    }
}

fn check(e: &Experiment, f: &mut Findings<'_>) {
    if e.schema_version != bench_model::SCHEMA_VERSION {
        let message = format!("{} is no version that this bench reads", e.schema_version);
        f.bad("schema_version", message, format!("write {}", bench_model::SCHEMA_VERSION));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if e.name.is_empty() || e.name.len() > 40 || !e.name.chars().all(plain) || e.name.starts_with('.') {
        f.bad("name", format!("{:?} cannot be the name of a directory", e.name), "letters, digits, `.`, `_` and `-`, at most 40");
    }
    arms("arms", &e.arms, f);
    if e.arms.is_empty() {
        f.bad("arms", "no arm: nothing would be run", "name one or more: [hpa, wva, static-2]");
    }
    f.within("repeats", e.repeats, 1, 1000);
    f.within("between.pause_s", e.between.pause_s, 0, DAY_S);
    f.within("on_invalid.repeat", e.on_invalid.repeat, 0, 100);
    for (i, step) in e.between.skip_reset.iter().enumerate() {
        let known = crate::ops::reset::STEPS;
        if !known.contains(&step.as_str()) {
            let remedy = match nearest(step, known) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("leave it out, or name one of {}", known.join(", ")),
            };
            f.bad(&format!("between.skip_reset[{i}]"), format!("{step:?} is no step of the reset"), remedy);
        }
    }
    if let Some(Err(why)) = e.compare.slo.as_deref().map(str::parse::<Slo>) {
        f.bad("compare.slo", why, "write ttft=500ms,itl=50ms");
    }
    if e.compare.gpu_hour.is_some_and(|p| !(0.0..=1e6).contains(&p)) {
        f.bad("compare.gpu_hour", "a price is a number from 0 to 1000000", "put it into that range");
    }
    if let Some(g) = &e.gate {
        arms("gate.arms", &g.arms, f);
        for (i, arm) in g.arms.iter().enumerate().filter(|(_, a)| !e.arms.contains(a)) {
            f.bad(&format!("gate.arms[{i}]"), format!("the experiment has no arm {arm}"), "name arms that are among `arms`");
        }
        if g.file.is_none() && g.rules.is_empty() {
            f.bad("gate", "it has no rule: it would let everything pass", "add `rules:` or `file:`");
        }
    }
    factors(e, f);
}

fn arms(key: &str, all: &[Arm], f: &mut Findings<'_>) {
    for (i, arm) in all.iter().enumerate() {
        if all[..i].contains(arm) {
            f.bad(&format!("{key}[{i}]"), format!("{arm} is there twice"), "name each arm once; `repeats` says how often it is run");
        }
    }
}

fn factors(e: &Experiment, f: &mut Findings<'_>) {
    let mut runs = e.arms.len().saturating_mul(e.repeats as usize);
    let set_already: Vec<&str> = e.set.iter().filter_map(|s| assignment(s)).map(|(k, _)| k).collect();
    for (i, factor) in e.factors.iter().enumerate() {
        let key = format!("factors[{i}]");
        match (&factor.set, &factor.over) {
            (Some(_), Some(_)) => f.bad(&key, "it names both `set` and `override`", "make two factors of it"),
            (None, None) => f.bad(&key, "it names no key", "add `set: KEY` of the scenario, or `override: KEY` of the profile"),
            _ => {}
        }
        if e.factors[..i].iter().any(|other| (&other.set, &other.over) == (&factor.set, &factor.over)) {
            f.bad(&key, format!("`{}` is a factor already", factor.key()), "give one factor all the levels");
        } else if e.factors[..i].iter().any(|other| other.label() == factor.label()) {
            f.bad(&key, format!("another factor is called {} already", factor.label()), "give it another `name`");
        }
        if factor.set.as_deref().is_some_and(|k| set_already.contains(&k)) {
            f.bad(&key, format!("`set` of the experiment sets {} as well", factor.key()), "leave one of the two out");
        }
        if factor.levels.is_empty() {
            f.bad(&format!("{key}.levels"), "no level: nothing would be run", "name one or more");
        }
        for (n, level) in factor.levels.iter().enumerate() {
            if factor.levels[..n].contains(level) {
                f.bad(&format!("{key}.levels[{n}]"), format!("{} is there twice", level.0), "name each level once");
            }
        }
        runs = runs.saturating_mul(factor.levels.len());
    }
    if runs > MOST_RUNS {
        f.bad("factors", format!("{runs} runs"), format!("at most {MOST_RUNS}: fewer factors, levels, arms or repeats"));
    }
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
