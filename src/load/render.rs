//! Renders a profile for guidellm: the dialect of its version, one process over all rates or one a rate.

use bench_model::profile::Profile;
use bench_model::scenario::{Guidellm, LoadMode};

/// File format of a guidellm version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// 0.5: `guidellm benchmark --scenario`.
    Flat,
    /// From 0.7.1: `guidellm run --config`.
    Spec,
}

/// One guidellm process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The whole command, `guidellm` first.
    pub argv: Vec<String>,
    /// Name of its file in [`Rendered::files`].
    pub file: String,
    /// Result file.
    pub output: String,
    /// Indices into the profile's rates.
    pub rates: std::ops::Range<usize>,
    pub seed: u64,
    /// URL whose answer this process waits for, when held back.
    pub gate: Option<String>,
}

/// All that is needed to run guidellm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub dialect: Dialect,
    /// Name relative to the directory of the profiles, and content.
    pub files: Vec<(String, String)>,
    /// In the order in which they run.
    pub processes: Vec<Process>,
    pub warnings: Vec<String>,
}

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub profile: &'a Profile,
    pub guidellm: &'a Guidellm,
    pub mode: LoadMode,
    pub target: &'a str,
    pub model: &'a str,
    /// Directory or repository id.
    pub tokenizer: &'a str,
    /// Directory of the rendered files in the pod, e.g. `/profile`.
    pub profile_dir: &'a str,
    /// Directory of the results in the pod, e.g. `/results`.
    pub results_dir: &'a str,
    /// Base URL of a gate: process k validates its backend at `<gate>/<k>` instead of the target.
    pub gate: Option<&'a str>,
}

/// Why this cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error(
        "guidellm {version} is not supported\n  why:  {why}\n  do:   set load.guidellm.version (and its image) to 0.8.1, or to 0.5.4 to do as published"
    )]
    Version { version: String, why: String },
}

/// Renders files and commands.
///
/// # Errors
/// A guidellm version that is not supported.
pub fn render(request: &Request<'_>) -> Result<Rendered, RenderError> {
    let _ = request;
    Err(RenderError::Version { version: String::new(), why: "not yet".into() })
}
