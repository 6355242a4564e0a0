//! Renders a profile for guidellm: the dialect of its version, one process over all rates or one a rate. Pure.
//!
//! Read in the sources of guidellm 0.5.4 and 0.8.1, and tried on both: the main process asks for the backend's health once, then
//! each worker of each rate once, before its first request. In per-rate mode a gate can stand there and hold a process back
//! whose imports and workers are ready ([`Request::gate`]).

use crate::config::values::guidellm_version;
use bench_model::profile::{Lengths, Profile, RequestType};
use bench_model::scenario::{Guidellm, LoadMode};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

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
    /// Result file, an absolute path in the pod.
    pub output: String,
    /// Indices into the profile's rates.
    pub rates: Range<usize>,
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
    /// Environment of every process: the scenario's, and what its settings mean there.
    pub env: BTreeMap<String, String>,
    /// What a reader of the results must know.
    pub warnings: Vec<String>,
}

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub profile: &'a Profile,
    pub guidellm: &'a Guidellm,
    pub mode: LoadMode,
    /// URL of the endpoint, without `/v1`.
    pub target: &'a str,
    pub model: &'a str,
    /// Directory or repository id.
    pub tokenizer: &'a str,
    /// Directory of the rendered files in the pod.
    pub profile_dir: &'a str,
    /// Directory of the results in the pod, e.g. `/results`.
    pub results_dir: &'a str,
    /// Base URL of a gate: process k asks `<gate>/<k>` for the backend's health instead of the target. Only in per-rate
    /// mode; the gate must answer the first request of each k, the main process's, at once.
    pub gate: Option<&'a str>,
}

/// Why this cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    #[error(
        "guidellm {version} is not supported\n  why:  {why}\n  do:   set load.guidellm.version (and its image) to 0.8.1, or to 0.5.4 to do as published"
    )]
    Version { version: String, why: &'static str },
}

/// The dialect of a guidellm version.
///
/// # Errors
/// A version that is not supported.
pub fn dialect(version: &str) -> Result<Dialect, RenderError> {
    let numbers = guidellm_version(version).map_err(|why| RenderError::Version { version: version.into(), why })?;
    Ok(if numbers < (0, 6, 0) { Dialect::Flat } else { Dialect::Spec })
}

/// Renders files and commands.
///
/// # Errors
/// A guidellm version that is not supported.
pub fn render(r: &Request<'_>) -> Result<Rendered, RenderError> {
    let dialect = dialect(&r.guidellm.version)?;
    let all = r.profile.rates.len();
    let parts: Vec<Range<usize>> = match r.mode {
        LoadMode::Continuous => std::iter::once(0..all).collect(),
        LoadMode::PerRate => (0..all).map(|k| k..k + 1).collect(),
    };
    let mut out = Rendered { dialect, files: Vec::new(), processes: Vec::new(), env: env(r.guidellm), warnings: warnings(r, dialect) };
    for (k, rates) in parts.into_iter().enumerate() {
        let (file, output) = match r.mode {
            LoadMode::Continuous => ("guidellm.yaml".to_string(), format!("{}/benchmarks.json", r.results_dir)),
            LoadMode::PerRate => (format!("guidellm-{k}.yaml"), format!("{}/rate-{k}/benchmarks.json", r.results_dir)),
        };
        // In 0.5 rate k of a continuous run draws its prompts with seed + k and its outputs with seed + k + 1.
        let seed = r.profile.effective_seed.wrapping_add(k as u64);
        let gate = r.gate.filter(|g| r.mode == LoadMode::PerRate && can_hold(r.target, g, dialect)).map(|g| format!("{g}/{k}"));
        let path = format!("{}/{file}", r.profile_dir);
        let text = match dialect {
            Dialect::Flat => flat(r, &r.profile.rates[rates.clone()], seed, gate.as_deref()),
            Dialect::Spec => spec(r, &r.profile.rates[rates.clone()], seed, &output, gate.as_deref()),
        };
        let argv: &[&str] = match dialect {
            Dialect::Flat => &["guidellm", "benchmark", "--scenario", &path, "--output-path", &output, "--disable-progress"],
            Dialect::Spec => &["guidellm", "run", "--config", &path, "--disable-console-interactive"],
        };
        out.files.push((file.clone(), text));
        out.processes.push(Process { argv: argv.iter().map(ToString::to_string).collect(), file, output, rates, seed, gate });
    }
    Ok(out)
}

fn env(g: &Guidellm) -> BTreeMap<String, String> {
    let mut env = g.env.clone();
    if g.workers > 0 {
        env.entry("GUIDELLM__MAX_WORKER_PROCESSES".into()).or_insert_with(|| g.workers.to_string());
    }
    env
}

fn warnings(r: &Request<'_>, dialect: Dialect) -> Vec<String> {
    let mut out = Vec::new();
    let version = &r.guidellm.version;
    if dialect == Dialect::Spec && r.mode == LoadMode::PerRate && r.profile.rates.len() > 1 {
        out.push(format!(
            "guidellm {version} hashes its seed before use, so the processes of a per-rate run draw other lengths than the rates of a continuous one (with 0.5 they are the same); no prompt repeats either way"
        ));
    }
    if dialect == Dialect::Spec && r.profile.effective_seed != r.profile.seed {
        out.push(format!("guidellm {version} makes other requests from seed {} than the published 0.5 did", r.profile.effective_seed));
    }
    if dialect == Dialect::Flat && guidellm_version(version).is_ok_and(|v| v < (0, 5, 2)) {
        out.push(format!("guidellm {version} can hang at its start (corrected in 0.5.2)"));
    }
    if dialect == Dialect::Flat && guidellm_version(version).is_ok_and(|v| v < (0, 5, 4)) {
        out.push(format!(
            "guidellm {version} keeps every prompt and answer in its result, up to 20 kB a request (from 0.5.4 they are left out)"
        ));
    }
    if r.mode == LoadMode::PerRate && r.gate.is_some_and(|g| !can_hold(r.target, g, dialect)) {
        out.push(
            "the gate cannot hold guidellm back, as target and gate differ in their scheme: the gaps between rates include its start-up"
                .into(),
        );
    }
    out
}

/// From 0.7 guidellm asks for health below its target only; see [`spec_backend`].
fn can_hold(target: &str, gate: &str, dialect: Dialect) -> bool {
    let scheme = |url: &str| url.split_once("://").map(|(s, _)| s.to_string());
    dialect == Dialect::Flat || (scheme(target).is_some() && scheme(target) == scheme(gate))
}

fn flat(r: &Request<'_>, rates: &[f64], seed: u64, gate: Option<&str>) -> String {
    let mut s = head(r);
    let p = r.profile;
    let _ = writeln!(s, "target: {}", word(r.target));
    let _ = writeln!(s, "model: {}", word(r.model));
    let _ = writeln!(s, "request_type: {}", request_type(p.request_type));
    let _ = writeln!(s, "profile: constant");
    let rates: Vec<String> = rates.iter().map(ToString::to_string).collect();
    let _ = writeln!(s, "rate: [{}]", rates.join(", "));
    let _ = writeln!(s, "max_seconds: {}", p.max_seconds);
    let _ = writeln!(s, "random_seed: {seed}");
    let _ = writeln!(s, "processor: {}", word(r.tokenizer));
    s.push_str("# Every request is kept, without its texts.\nsample_requests: 0\n");
    if r.guidellm.request_timeout_s.is_some() || gate.is_some() {
        s.push_str("backend_kwargs:\n");
        if let Some(t) = r.guidellm.request_timeout_s {
            let _ = writeln!(s, "  timeout: {t}");
        }
        if let Some(gate) = gate {
            s.push_str("  # The gate holds this process back until the rate before has ended.\n");
            let _ = writeln!(s, "  validate_backend: {{method: GET, url: {}}}", word(gate));
        }
    }
    s.push_str("data:\n");
    lengths(&mut s, "  ", p);
    s
}

fn request_type(t: RequestType) -> &'static str {
    match t {
        RequestType::TextCompletions => "text_completions",
        RequestType::ChatCompletions => "chat_completions",
    }
}

fn spec(r: &Request<'_>, rates: &[f64], seed: u64, output: &str, gate: Option<&str>) -> String {
    let mut s = head(r);
    let p = r.profile;
    let _ = writeln!(s, "metadata:\n  labels: {{name: {}}}", word(&p.name));
    s.push_str("spec:\n");
    spec_backend(&mut s, r, gate);
    let _ = writeln!(s, "  tokenizer: {{kind: huggingface_auto, model: {}}}", word(r.tokenizer));
    s.push_str("  profile: {kind: constant}\n");
    let _ = writeln!(s, "  constraints:\n    - {{kind: max_duration, seconds: {}}}", p.max_seconds);
    s.push_str("  data:\n    - kind: synthetic_text\n");
    lengths(&mut s, "      ", p);
    let _ = writeln!(s, "  seed: {{kind: static, value: {seed}}}");
    s.push_str("  # Every request is kept, without its texts.\n  metrics: {kind: generative, sample_size: 0}\n");
    let _ = writeln!(s, "  outputs:\n    - {{kind: json, path: {}}}", word(output));
    s.push_str("benchmarks:\n");
    for rate in rates {
        let _ = writeln!(s, "  - profile.rate: {rate}");
    }
    s
}

/// The health route is taken below the target, and `validate_backend` is a mere switch. So, to ask elsewhere, the target is no
/// more than the scheme, and every route names its host: guidellm joins both with a `/`.
fn spec_backend(s: &mut String, r: &Request<'_>, gate: Option<&str>) {
    let path = r.profile.request_type.path();
    s.push_str("  backend:\n    kind: openai_http\n");
    match (r.target.split_once("://"), gate.and_then(|g| g.split_once("://"))) {
        (Some((scheme, host)), Some((_, gate))) => {
            let host = host.trim_end_matches('/').trim_end_matches("/v1").trim_end_matches('/');
            s.push_str("    # The gate holds this process back until the rate before has ended: routes with hosts below a bare scheme.\n");
            let _ = writeln!(s, "    target: {}", word(&format!("{scheme}:")));
            s.push_str("    api_routes:\n");
            let _ = writeln!(s, "      /health: {}", word(&format!("/{gate}")));
            for route in ["/v1/models", path] {
                let _ = writeln!(s, "      {route}: {}", word(&format!("/{host}{route}")));
            }
        }
        _ => {
            let _ = writeln!(s, "    target: {}", word(r.target));
        }
    }
    let _ = writeln!(s, "    model: {}", word(r.model));
    let _ = writeln!(s, "    request_format: {path}");
    if let Some(t) = r.guidellm.request_timeout_s {
        let _ = writeln!(s, "    timeout: {t}");
    }
}

fn head(r: &Request<'_>) -> String {
    format!(
        "# Rendered by bench from the profile {}, for guidellm {}.\n",
        r.profile.name.replace(char::is_control, " "),
        r.guidellm.version
    )
}

fn lengths(s: &mut String, indent: &str, p: &Profile) {
    for (name, l) in [("prompt_tokens", p.prompt_tokens), ("output_tokens", p.output_tokens)] {
        let Lengths { mean, stdev, min, max } = l;
        for (suffix, value) in [("", Some(mean)), ("_stdev", stdev), ("_min", min), ("_max", max)] {
            if let Some(value) = value {
                let _ = writeln!(s, "{indent}{name}{suffix}: {value}");
            }
        }
    }
}

/// A string as YAML: plain where nobody can misread it, else in JSON's quotes.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if begins && !reserved && !text.ends_with(':') && text.chars().all(plain) {
        text.to_string()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
