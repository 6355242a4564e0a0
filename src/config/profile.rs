//! Loads a profile: llm-d-benchmark's own guidellm profile, checked as guidellm does not.

use super::error::ConfigError;
use super::lookup::{Kind, Known, Lookup};
use bench_model::profile::Profile;

/// What the command line says about the profile.
#[derive(Debug, Clone, Default)]
pub struct ProfileArgs {
    /// `-w`: name or path.
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

/// What a profile's tokens and templates can refer to.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// URL of the endpoint.
    pub target: String,
    pub model: String,
    /// Tokenizer: a repository id or a directory.
    pub tokenizer: String,
    pub namespace: String,
    /// `--max-model-len` of the model server, when the scenario states it.
    pub max_model_len: Option<u64>,
}

/// A profile and what its reader must know of the translation.
#[derive(Debug, Clone)]
pub struct LoadedProfile {
    pub profile: Profile,
    /// Path, or `embedded:…`.
    pub source: String,
    /// Seeds and samples that were translated, values that have no effect.
    pub notes: Vec<String>,
}

/// Profiles that can be named, with the file that wins.
pub fn known(lookup: &Lookup) -> Vec<Known> {
    lookup.known(Kind::Profile)
}

/// Loads, fills in, overrides, types and validates.
///
/// # Errors
/// Every way in which file and flags can be wrong; the message says where.
pub fn load(lookup: &Lookup, args: &ProfileArgs, context: &Context) -> Result<LoadedProfile, ConfigError> {
    let _ = (lookup, args, context);
    Err(ConfigError::Flag { flag: "-w".into(), message: "not yet".into(), remedy: String::new() })
}
