//! Loads a profile: llm-d-benchmark's own guidellm profile, checked as guidellm itself does not.

use super::check_profile;
use super::de::from_tree;
use super::error::{ConfigError, UnknownKey, nearest};
use super::foreign;
use super::lookup::{Found, Kind, Known, Lookup};
use super::path::{assignment, flag_value, set, split_outside};
use super::repair::{DATA_KEYS, repair};
pub use super::tokens::Context;
use super::tokens::fill;
use super::tree::{At, Node, Value, parse};
use bench_model::profile::{Lengths, Profile, RequestType};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What the command line says about the profile.
#[derive(Debug, Clone, Default)]
pub struct ProfileArgs {
    /// `-w`: name or path; empty is the default, [`DEFAULT`].
    pub name: String,
    /// `-o key=value,key2=value2`, each flag an entry. Dotted keys; lists in brackets.
    pub overrides: Vec<String>,
    /// `--rates 2,3`
    pub rates: Option<String>,
    /// `--max-seconds 30`
    pub max_seconds: Option<u32>,
    /// `--as-published`: the seed that guidellm 0.5 really used, because it ignores the profile's.
    pub as_published: bool,
}

/// Profile that is used when none is named.
pub const DEFAULT: &str = "chatbot_synthetic";

/// guidellm's own seed.
const GUIDELLM_SEED: u64 = 42;

/// A profile and what its reader must know of the translation.
#[derive(Debug, Clone)]
pub struct LoadedProfile {
    pub profile: Profile,
    /// Path, or `embedded:…`.
    pub source: String,
    /// Seeds and samples that were translated, values that have no effect. For the plan.
    pub notes: Vec<String>,
}

/// The flat file, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    request_type: Option<RequestType>,
    profile: String,
    rate: Vec<f64>,
    max_seconds: u32,
    data: RawData,
    #[serde(default)]
    seed: Option<u64>,
    #[serde(default)]
    random_seed: Option<u64>,
    #[serde(default)]
    samples: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawData {
    prompt_tokens: u64,
    #[serde(default)]
    prompt_tokens_stdev: Option<u64>,
    #[serde(default)]
    prompt_tokens_min: Option<u64>,
    #[serde(default)]
    prompt_tokens_max: Option<u64>,
    output_tokens: u64,
    #[serde(default)]
    output_tokens_stdev: Option<u64>,
    #[serde(default)]
    output_tokens_min: Option<u64>,
    #[serde(default)]
    output_tokens_max: Option<u64>,
    #[serde(default)]
    samples: Option<u64>,
    /// Where the published experiment had it.
    #[serde(default)]
    seed: Option<u64>,
}

/// Profiles that can be named, with the file that wins.
pub fn known(lookup: &Lookup) -> Vec<Known> {
    lookup.known(Kind::Profile)
}

/// llm-d-benchmark's variables of this process; what is not text cannot be meant.
pub fn environment() -> BTreeMap<String, String> {
    let text = |(k, v): (std::ffi::OsString, std::ffi::OsString)| Some((k.into_string().ok()?, v.into_string().ok()?));
    std::env::vars_os().filter_map(text).filter(|(k, _)| k.starts_with("LLMDBENCH_")).collect()
}

/// Loads, fills in, overrides, types and validates.
///
/// # Errors
/// Every way in which file and flags can be wrong; the message says where.
pub fn load(lookup: &Lookup, args: &ProfileArgs, context: &Context) -> Result<LoadedProfile, ConfigError> {
    let name = if args.name.is_empty() { DEFAULT } else { &args.name };
    let found = lookup.find(Kind::Profile, name, &[])?;
    let error = match read(&found, &found.text, args, context) {
        Ok(loaded) => return Ok(loaded),
        Err(e) => e,
    };
    // The published page's own form: say what it should be, if that is all that is wrong with it.
    match repair(&found.text) {
        Some(r) if read(&found, &r.text, args, context).is_ok() => {
            let at = Box::new(At { source: found.source.as_str().into(), line: r.line, column: 1 });
            Err(ConfigError::Broken { at, reasons: r.reasons, corrected: r.text })
        }
        _ => Err(error),
    }
}

fn read(found: &Found, text: &str, args: &ProfileArgs, context: &Context) -> Result<LoadedProfile, ConfigError> {
    let text = fill(text, &found.source, context)?;
    let mut root = parse(&text, &found.source)?;
    foreign::refuse(&root)?;
    normalize(&mut root);
    override_all(&mut root, args)?;
    let raw: Raw = from_tree(&root).map_err(foreign::explain)?;
    let (profile, mut notes) = typed(&raw, &root, args, context, &found.name)?;
    let (problems, warnings) = check_profile::profile(&profile, &root, context.max_model_len);
    if !problems.is_empty() {
        return Err(ConfigError::Invalid(problems));
    }
    notes.extend(warnings);
    Ok(LoadedProfile { profile, source: found.source.clone(), notes })
}

/// What guidellm takes too: hyphens in keys, one rate without brackets, `data` as a list of one.
fn normalize(root: &mut Node) {
    if let Value::Map(entries) = &mut root.value {
        for entry in entries.iter_mut() {
            entry.key = entry.key.replace('-', "_");
            match entry.key.as_str() {
                "rate" => one_is_a_list(&mut entry.node),
                "data" => list_of_one(&mut entry.node),
                _ => {}
            }
        }
    }
}

fn one_is_a_list(node: &mut Node) {
    if matches!(node.value, Value::Scalar { .. }) && !node.is_null() {
        let one = node.clone();
        node.value = Value::Seq(vec![one]);
    }
}

fn list_of_one(node: &mut Node) {
    if let Value::Seq(items) = &mut node.value
        && items.len() == 1
    {
        *node = items.remove(0);
    }
}

fn override_all(root: &mut Node, args: &ProfileArgs) -> Result<(), ConfigError> {
    for flag in &args.overrides {
        for text in split_outside(flag, ',') {
            let shown = format!("-o {text}");
            let (path, value) = assignment(text).ok_or_else(|| ConfigError::Flag {
                flag: format!("-o {flag}"),
                message: format!("`{text}` is no assignment"),
                remedy: "write -o key=value,key2=value2; a list needs brackets: -o 'rate=[2,3]'".into(),
            })?;
            let path = path.replace('-', "_");
            known_key(&path, &shown)?;
            let mut value = flag_value(value, &shown)?;
            if path == "rate" {
                one_is_a_list(&mut value);
            }
            set(root, &path, value, &shown)?;
        }
    }
    if let Some(rates) = &args.rates {
        let shown = format!("--rates {rates}");
        let list = rates.trim().trim_start_matches('[').trim_end_matches(']');
        let value = list.split(',').map(|r| Node::plain(r.trim(), At::flag(&shown))).collect();
        set(root, "rate", Node { value: Value::Seq(value), at: At::flag(&shown) }, &shown)?;
    }
    if let Some(seconds) = args.max_seconds {
        let shown = format!("--max-seconds {seconds}");
        set(root, "max_seconds", Node::plain(&seconds.to_string(), At::flag(&shown)), &shown)?;
    }
    Ok(())
}

/// llm-d-benchmark's sed changes any line that contains the key; here a key is named in full.
fn known_key(path: &str, shown: &str) -> Result<(), ConfigError> {
    let top = ["target", "model", "request_type", "profile", "rate", "max_seconds", "seed", "random_seed", "samples", "data"];
    let first = path.split(['.', '[']).next().unwrap_or_default();
    if top.contains(&first) && !(first == path && first == "data") {
        return Ok(());
    }
    let mut valid: Vec<String> = top.iter().filter(|k| **k != "data").map(ToString::to_string).collect();
    valid.extend(DATA_KEYS.iter().map(|k| format!("data.{k}")));
    let near = DATA_KEYS.contains(&path).then(|| format!("data.{path}")).or_else(|| nearest(path, valid.iter().map(String::as_str)));
    Err(ConfigError::UnknownKey(Box::new(UnknownKey {
        at: At::flag(shown),
        table: String::new(),
        key: path.into(),
        nearest: near,
        valid,
        remedy: Some("name the key in full; nothing is matched by its part".into()),
    })))
}

fn typed(raw: &Raw, root: &Node, args: &ProfileArgs, context: &Context, name: &str) -> Result<(Profile, Vec<String>), ConfigError> {
    let mut notes = Vec::new();
    if raw.profile != "constant" {
        return Err(foreign::unsupported_profile(&raw.profile, root));
    }
    let seed = seed(raw, root)?;
    let effective_seed = if args.as_published { raw.random_seed.unwrap_or(GUIDELLM_SEED) } else { seed };
    if args.as_published && effective_seed != seed {
        notes.push(format!("seed: the profile states {seed}; guidellm 0.5 ignores that key and really used {effective_seed}, and so does this run (--as-published)"));
    } else if raw.seed.or(raw.data.seed).is_some() && seed != GUIDELLM_SEED {
        notes.push(format!(
            "seed: {seed} is given to guidellm under the key it reads; in the published runs guidellm 0.5 ignored `seed` and used {GUIDELLM_SEED} (--as-published does the same)"
        ));
    }
    let samples = raw.samples.or(raw.data.samples);
    if let Some(n) = samples {
        notes.push(format!("samples: {n} has no effect: no supported guidellm reads it there, prompts are endless and do not repeat"));
    }
    let request_type = raw.request_type.unwrap_or_else(|| {
        notes.push("request_type is not set: chat_completions, guidellm's own default".into());
        RequestType::ChatCompletions
    });
    for (key, stated, real) in [("target", &raw.target, &context.target), ("model", &raw.model, &context.model)] {
        if let Some(stated) = stated.as_ref().filter(|s| !real.is_empty() && *s != real) {
            notes.push(format!("{key}: the profile states {stated}, the load goes to {real}"));
        }
    }
    let d = &raw.data;
    let profile = Profile {
        name: name.into(),
        request_type,
        rates: raw.rate.clone(),
        max_seconds: raw.max_seconds,
        prompt_tokens: Lengths { mean: d.prompt_tokens, stdev: d.prompt_tokens_stdev, min: d.prompt_tokens_min, max: d.prompt_tokens_max },
        output_tokens: Lengths { mean: d.output_tokens, stdev: d.output_tokens_stdev, min: d.output_tokens_min, max: d.output_tokens_max },
        seed,
        effective_seed,
        samples,
    };
    Ok((profile, notes))
}

/// The one seed that is stated, wherever it stands; else guidellm's own.
fn seed(raw: &Raw, root: &Node) -> Result<u64, ConfigError> {
    let stated = [("random_seed", raw.random_seed), ("seed", raw.seed), ("data.seed", raw.data.seed)];
    let mut stated = stated.into_iter().filter_map(|(key, seed)| Some((key, seed?)));
    let Some((first, seed)) = stated.next() else { return Ok(GUIDELLM_SEED) };
    match stated.find(|(_, other)| *other != seed) {
        None => Ok(seed),
        Some((key, other)) => Err(ConfigError::Value {
            at: Box::new(check_profile::place(root, key)),
            key: key.into(),
            message: format!("{other}, but `{first}` says {seed}: state one seed"),
            nearest: None,
        }),
    }
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
