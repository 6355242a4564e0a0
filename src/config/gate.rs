//! Loads a gate: its file, and the flags that add to it. Checked as strictly as a scenario.

use super::de::from_tree;
use super::error::{ConfigError, nearest};
use super::tree::{At, parse};
use bench_analysis::gate::{Named, Rule, RuleError, names, slo};
use bench_model::gate::Level;
use bench_model::gate_file::{Entry, GateFile, Table};
use bench_model::judgement::GoalTerms;
use bench_model::scorecard::Slo;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct Gate {
    pub rules: Vec<Named>,
    pub slo: Slo,
    /// What is said of the rest of the goal.
    pub terms: GoalTerms,
    /// A run, a run directory, or a stored baseline, as it was written.
    pub baseline: Option<String>,
    /// Directory of the file that names the baseline; `None` when a flag does.
    pub beside: Option<PathBuf>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { rules: vec![], slo: slo::NONE, terms: GoalTerms::default(), baseline: None, beside: None }
    }
}

impl Gate {
    /// Reads a gate's file; what was asked before stays.
    ///
    /// # Errors
    /// Every way in which the file can be wrong; the message says where.
    pub fn read(&mut self, path: &Path) -> Result<(), ConfigError> {
        let source = path.display().to_string();
        let text = super::lookup::text_of(path)?;
        self.add(&text, &source, path.parent())
    }

    fn add(&mut self, text: &str, source: &str, dir: Option<&Path>) -> Result<(), ConfigError> {
        let root = parse(text, source)?;
        let file: GateFile = from_tree(&root)?;
        let places: BTreeMap<String, At> = root.leaves().into_iter().map(|(p, n)| (p, n.at.clone())).collect();
        self.take(file, "", &|key| places.get(key).unwrap_or(&root.at).clone(), dir)
    }

    /// Adds what stands in a file below `prefix`; `at` tells the place of a key.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn take(&mut self, file: GateFile, prefix: &str, at: &dyn Fn(&str) -> At, dir: Option<&Path>) -> Result<(), ConfigError> {
        for (key, target) in [("ttft", file.slo.ttft), ("itl", file.slo.itl), ("e2e", file.slo.e2e)] {
            let Some(text) = target else { continue };
            let path = format!("{prefix}slo.{key}");
            slo::parse(&format!("{key}={text}"), &mut self.slo).map_err(|message| value(at(&path), path, message))?;
        }
        for (n, entry) in file.rules.into_iter().enumerate() {
            let (key, table) = match entry {
                Entry::Alone(rule) => (format!("{prefix}rules[{n}]"), Table { rule, name: None, level: Level::Fail }),
                Entry::Table(t) => (format!("{prefix}rules[{n}].rule"), t),
            };
            let rule = Rule::parse(&table.rule).map_err(|e| wrong_rule(at(&key), key, &e))?;
            self.rules.push(Named { name: table.name.unwrap_or_else(|| rule.text.clone()), rule, level: table.level });
        }
        if file.baseline.is_some() {
            self.baseline = file.baseline;
            self.beside = dir.map(Path::to_owned);
        }
        Ok(())
    }

    /// `--rule`.
    ///
    /// # Errors
    /// Where and why it is no rule.
    pub fn rule(&mut self, text: &str) -> Result<(), ConfigError> {
        self.rules.push(Named::new(text).map_err(|e| wrong_rule(At::flag("--rule"), "rule".into(), &e))?);
        Ok(())
    }

    /// `--slo`: a gate's file, targets (`ttft=500ms,itl=50ms`), or a rule.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn slo(&mut self, text: &str) -> Result<(), ConfigError> {
        if text.contains(['<', '>']) || text.contains("==") {
            return self.rule(text);
        }
        if text.contains('=') && !Path::new(text).exists() {
            return slo::parse(text, &mut self.slo).map_err(|message| value(At::flag("--slo"), text.into(), message));
        }
        self.read(Path::new(text))
    }

    /// What it says of the goal; the rest is the scenario's.
    pub fn terms(&self) -> GoalTerms {
        GoalTerms { slo: Some(self.slo).filter(|s| *s != slo::NONE), ..self.terms }
    }
}

fn value(at: At, key: String, message: String) -> ConfigError {
    ConfigError::Value { at: Box::new(at), key, message, nearest: None }
}

fn wrong_rule(at: At, key: String, e: &RuleError) -> ConfigError {
    let list = if e.unknown.is_some() { "\n  `bench gate --names` lists all" } else { "" };
    let nearest = e.unknown.as_ref().and_then(|word| nearest(word, names::all().iter().map(|n| n.name.as_str())));
    ConfigError::Value { at: Box::new(at), key, message: format!("{e}{list}"), nearest }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
