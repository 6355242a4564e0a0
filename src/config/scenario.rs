//! Loads a scenario: its file, the one it extends, `BENCH_SET`, `--set`, and the typed flags, in this order.

use super::check;
use super::de::from_tree;
use super::error::ConfigError;
use super::lookup::{Kind, Known, Lookup};
use super::path::{assignment, flag_value, set, split_outside};
use super::secrets;
use super::tree::{At, Entry, Node, parse};
use bench_model::scenario::Scenario;
use std::collections::BTreeMap;

/// What the command line says about the scenario.
#[derive(Debug, Clone, Default)]
pub struct ScenarioArgs {
    /// `-c`: name or path; empty is the default, [`DEFAULT`].
    pub name: String,
    /// Content of the environment variable `BENCH_SET`: assignments like those of `--set`, separated by `;`.
    pub env_set: Option<String>,
    /// `--set a.b[0].c=value`, each flag an entry; later ones win.
    pub set: Vec<String>,
    /// `-p`
    pub namespace: Option<String>,
    /// `-m`
    pub model: Option<String>,
}

/// Scenario that is used when none is named.
pub const DEFAULT: &str = "inference-scheduling";

/// A scenario and where each of its values comes from.
#[derive(Debug, Clone)]
pub struct LoadedScenario {
    pub scenario: Scenario,
    /// Dotted path of each leaf to the file or flag that set it.
    pub provenance: BTreeMap<String, At>,
    /// Files that were read, the extended one first.
    pub files: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
    /// What was made to fit what the user set.
    pub notes: Vec<String>,
}

/// Scenarios that can be named, with the file that wins.
pub fn known(lookup: &Lookup) -> Vec<Known> {
    lookup.known(Kind::Scenario)
}

/// `--max-model-len` of the model server's arguments, when it is stated as a number.
pub fn max_model_len(scenario: &Scenario) -> Option<u64> {
    argument(scenario, "--max-model-len")
}

/// An argument of the model server, when it is stated as a number.
pub(crate) fn argument(scenario: &Scenario, name: &str) -> Option<u64> {
    let args = &scenario.model_server.args;
    args.iter().enumerate().find_map(|(i, arg)| match arg.strip_prefix(name) {
        Some("") => args.get(i + 1)?.parse().ok(),
        Some(rest) => rest.strip_prefix('=')?.parse().ok(),
        None => None,
    })
}

/// Loads, merges, types and validates.
///
/// # Errors
/// Every way in which files and flags can be wrong; the message says where.
pub fn load(lookup: &Lookup, args: &ScenarioArgs) -> Result<LoadedScenario, ConfigError> {
    let name = if args.name.is_empty() { DEFAULT } else { &args.name };
    let (mut root, files) = read_chain(lookup, name)?;
    for assignment in args.env_set.iter().flat_map(|s| split_outside(s, ';')) {
        apply(&mut root, "BENCH_SET", assignment)?;
    }
    for assignment in &args.set {
        apply(&mut root, "--set", assignment)?;
    }
    for (flag, path, value) in [("-p/--namespace", "namespace", &args.namespace), ("-m/--models", "model", &args.model)] {
        if let Some(value) = value {
            let flag = format!("{flag} {value}");
            set(&mut root, path, Node::plain(value, At::flag(&flag)), &flag)?;
        }
    }
    let mut scenario: Scenario = from_tree(&root)?;
    let mut provenance: BTreeMap<String, At> = root.leaves().into_iter().map(|(path, node)| (path, node.at.clone())).collect();
    let notes = follow_limits(&mut scenario, &mut provenance).into_iter().collect();
    let (problems, warnings) = check::scenario(&scenario, &provenance);
    if problems.is_empty() {
        Ok(LoadedScenario { scenario, provenance, files, warnings, notes })
    } else {
        Err(ConfigError::Invalid(problems))
    }
}

/// Start replicas that only bench's own files name follow the limits that the user set.
fn follow_limits(s: &mut Scenario, provenance: &mut BTreeMap<String, At>) -> Option<String> {
    let (least, most, start) = (s.scaling.min_replicas, s.scaling.max_replicas, s.reset.start_replicas);
    let (limit, bound) = match start {
        _ if least > most || least == 0 => return None,
        n if n < least => ("scaling.min_replicas", least),
        n if n > most => ("scaling.max_replicas", most),
        _ => return None,
    };
    let at = provenance.get(limit)?.clone();
    if provenance.get("reset.start_replicas").is_some_and(|own| own.rank() > 0) || at.rank() == 0 {
        return None;
    }
    s.reset.start_replicas = bound;
    provenance.insert("reset.start_replicas".into(), at.clone());
    Some(format!("reset.start_replicas is {bound}, not {start}: it follows {limit} ({at})"))
}

/// Changes a scenario that is resolved already, as the stack's record holds it.
///
/// # Errors
/// As [`load`].
pub fn override_resolved(scenario: &mut Scenario, assignments: &[String]) -> Result<(), ConfigError> {
    if assignments.is_empty() {
        return Ok(());
    }
    let text = serde_yaml::to_string(scenario).unwrap_or_default();
    let mut root = parse(&text, "the stack's record")?;
    for assignment in assignments {
        apply(&mut root, "--set", assignment)?;
    }
    let changed: Scenario = from_tree(&root)?;
    let provenance: BTreeMap<String, At> = root.leaves().into_iter().map(|(path, node)| (path, node.at.clone())).collect();
    let (problems, _) = check::scenario(&changed, &provenance);
    if !problems.is_empty() {
        return Err(ConfigError::Invalid(problems));
    }
    *scenario = changed;
    Ok(())
}

fn apply(root: &mut Node, flag: &str, text: &str) -> Result<(), ConfigError> {
    // The message of an error must not repeat a credential.
    let shown = format!("{flag} {}", secrets::redact_assignment(text));
    let (path, value) = assignment(text).ok_or_else(|| ConfigError::Flag {
        flag: shown.clone(),
        message: "this is no assignment".into(),
        remedy: format!("write {flag} a.b=value, e.g. {flag} scaling.max_replicas=4"),
    })?;
    let value = flag_value(value, &shown)?;
    set(root, path, value, &shown)
}

/// The file and all that it extends, merged, with the names of the files.
fn read_chain(lookup: &Lookup, name: &str) -> Result<(Node, Vec<String>), ConfigError> {
    let mut layers: Vec<Node> = Vec::new();
    let mut files: Vec<String> = Vec::new();
    let mut next = Some((name.to_string(), None));
    while let Some((name, from)) = next {
        // A file may extend its namesake further down: ./scenarios/simulated.yaml the one inside bench.
        let own: Vec<String> = files.last().into_iter().cloned().collect();
        let found = match (lookup.find(Kind::Scenario, &name, &own), from) {
            (Err(ConfigError::NotFound { .. }), _) if files.iter().any(|f| is_named(f, &name)) => return Err(cycle(files, name)),
            (Err(e), Some(at)) => return Err(extends_error(e, at)),
            (result, _) => result?,
        };
        if files.contains(&found.source) {
            return Err(cycle(files, found.source));
        }
        let mut node = parse(&found.text, &found.source)?;
        let parent = node.remove("extends");
        if layers.is_empty() && node.get("name").is_none() {
            let _ = set(&mut node, "name", Node::plain(&found.name, At::flag(&found.source)), &found.source);
        }
        next = match parent {
            None => None,
            Some(entry) => Some((parent_name(&entry)?, Some(entry.node.at))),
        };
        layers.push(node);
        files.push(found.source);
    }
    files.reverse();
    let mut layers = layers.into_iter().rev();
    let mut root = layers.next().unwrap_or_else(|| Node::plain("", At::flag("")));
    layers.for_each(|layer| root.merge(layer));
    Ok((root, files))
}

fn is_named(file: &str, name: &str) -> bool {
    file.rsplit('/').next().and_then(|f| f.split('.').next()) == Some(name)
}

fn cycle(mut chain: Vec<String>, again: String) -> ConfigError {
    chain.push(again);
    ConfigError::Cycle { chain }
}

fn parent_name(entry: &Entry) -> Result<String, ConfigError> {
    entry.node.text().map(str::to_string).ok_or_else(|| ConfigError::Value {
        at: Box::new(entry.node.at.clone()),
        key: "extends".into(),
        message: format!("the name of one scenario is expected, not {}", entry.node.describe()),
        nearest: None,
    })
}

fn extends_error(e: ConfigError, at: At) -> ConfigError {
    match e {
        ConfigError::NotFound { name, nearest, known, .. } => ConfigError::Value {
            at: Box::new(at),
            key: "extends".into(),
            message: format!("there is no scenario `{name}`. Known are: {}.", known.join(", ")),
            nearest,
        },
        other => other,
    }
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
