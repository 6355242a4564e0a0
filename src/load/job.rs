//! The load as objects: its Job, ConfigMap, and what the harness is told by its environment.

use super::render::{Rendered, Request, render};
use crate::config::manifests::{self, own_by_run};
use bench_model::plan::Plan;
use bench_model::scenario::{LoadMode, TokenizerSource};
use serde_json::{Value, json};

/// Where the harness finds its files.
const BENCH_DIR: &str = "/bench";
/// Where the harness leaves its results.
pub const RESULTS_DIR: &str = "/results";
const GATE_PORT: u16 = 8631;
/// Seconds before the end of a rate at which the next rate's process is started: longer than guidellm takes to get ready.
const AHEAD_S: u64 = 90;
/// Seconds that the keeper holds results nobody fetches.
const KEEP_S: u32 = 24 * 3600;

/// What a run needs in the cluster to make its load.
pub struct Harness {
    pub job: String,
    /// ConfigMap and Job, in this order.
    pub objects: Vec<Value>,
    pub rendered: Rendered,
    /// Seconds after which the load is over in any case.
    pub limit_s: u64,
    /// The tokenizer has to be streamed into the pod.
    pub streams_tokenizer: bool,
}

/// Builds the load of a plan for one run.
///
/// # Errors
/// A guidellm version that cannot be rendered, or a plan without a profile.
pub fn harness(plan: &Plan, run: &str, job: &str) -> anyhow::Result<Harness> {
    let profile = plan.profile.as_ref().ok_or_else(|| anyhow::anyhow!("the plan has no profile"))?;
    let settings = &plan.scenario.load;
    let g = &settings.guidellm;
    let t = &g.tokenizer;
    let tokenizer = match t.source {
        TokenizerSource::Embedded => BENCH_DIR.to_string(),
        TokenizerSource::Hub if t.path.is_empty() => plan.scenario.model.clone(),
        TokenizerSource::Hub | TokenizerSource::Image => t.path.clone(),
        TokenizerSource::Pvc => format!("/tokenizer/{}", t.path.trim_start_matches('/')),
        TokenizerSource::Directory => "/tokenizer".into(),
    };
    let gate = format!("http://127.0.0.1:{GATE_PORT}/gate");
    let per_rate = settings.mode == LoadMode::PerRate && profile.rates.len() > 1;
    let rendered = render(&Request {
        profile,
        guidellm: g,
        mode: settings.mode,
        target: &plan.target(),
        model: &plan.scenario.model,
        tokenizer: &tokenizer,
        profile_dir: BENCH_DIR,
        results_dir: RESULTS_DIR,
        gate: per_rate.then_some(gate.as_str()),
    })?;
    let mut files = serde_json::Map::new();
    for (name, text) in &rendered.files {
        files.insert(name.clone(), json!(text));
    }
    for (k, p) in rendered.processes.iter().enumerate() {
        let words: Vec<String> = p.argv.iter().map(|w| shell_quote(w)).collect();
        // A tokenizer that is streamed in may come after the container began.
        let wait = if t.source == TokenizerSource::Directory { "until [ -e /tokenizer/READY ]; do sleep 0.2; done; " } else { "" };
        files.insert(format!("cmd-{k}"), json!(format!("{wait}exec {}", words.join(" "))));
    }
    for (name, text) in [
        ("harness.sh", include_str!("../../templates/harness.sh")),
        ("keeper.sh", include_str!("../../templates/keeper.sh")),
        ("gate.py", include_str!("../../templates/gate.py")),
        ("summary.py", include_str!("../../templates/summary.py")),
    ] {
        files.insert(name.into(), json!(text));
    }
    if t.source == TokenizerSource::Embedded {
        for (name, text) in crate::config::TOKENIZER {
            files.insert(name.into(), json!(String::from_utf8_lossy(text)));
        }
    }
    let rates = rendered.processes.iter().map(|p| p.rates.len() as u64).max().unwrap_or(1);
    let process_limit = rates * u64::from(profile.max_seconds) + u64::from(g.overhead_s) * rates;
    // A process that is held back at the gate does not use up its own time (harness.sh).
    let ahead = if per_rate { AHEAD_S } else { 0 };
    let limit_s = (process_limit + ahead) * rendered.processes.len() as u64;
    let mut env = json!({
        "RESULTS": RESULTS_DIR,
        "BENCH": BENCH_DIR,
        "MODE": settings.mode,
        "N": rendered.processes.len().to_string(),
        "LIMIT_S": process_limit.to_string(),
        "MAX_SECONDS": profile.max_seconds.to_string(),
        "HOME": "/tmp",
        "HF_HOME": "/tmp/hf",
        "PYTHONDONTWRITEBYTECODE": "1",
    });
    if per_rate {
        env["GATE_PORT"] = json!(GATE_PORT.to_string());
        env["AHEAD_S"] = json!(AHEAD_S.to_string());
    }
    if t.source != TokenizerSource::Hub {
        env["HF_HUB_OFFLINE"] = json!("1");
        env["TRANSFORMERS_OFFLINE"] = json!("1");
    }
    for (k, v) in &rendered.env {
        env[k] = json!(v);
    }
    let env =
        crate::config::secrets::env_list(env.as_object().into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or_default())));
    let extra = json!({
        "job": job,
        "image": g.image.name,
        "files": files,
        "env": env,
        "resources": g.resources,
        "keeper_deadline_s": KEEP_S.to_string(),
        // From its own start: the harness may be killed without a word.
        "keeper_limit_s": (limit_s + u64::from(KEEP_S)).to_string(),
        "tokenizer_claim": if t.source == TokenizerSource::Pvc { t.claim.as_str() } else { "" },
        "tokenizer_streamed": t.source == TokenizerSource::Directory,
    });
    let mut objects = manifests::objects(plan, "harness.yaml", extra)?;
    for o in &mut objects {
        own_by_run(o, run);
    }
    Ok(Harness { job: job.into(), objects, rendered, limit_s, streams_tokenizer: t.source == TokenizerSource::Directory })
}

/// A word as sh reads it back.
fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::shell_quote;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(shell_quote("a-b=c"), "a-b=c");
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
        assert_eq!(shell_quote(""), "''");
        assert_eq!(shell_quote("$(x)"), "'$(x)'");
    }
}
