//! Profiles that are read by something else: what they are, why not here, and what to do.

use super::error::ConfigError;
use super::tree::Node;

/// Refuses files of another dialect or harness by their top-level keys.
pub(crate) fn refuse(root: &Node) -> Result<(), ConfigError> {
    let has = |key: &str| root.get(key).is_some();
    let unsupported = |key: &str, message: &str, why: &str, remedy: &str| {
        let at = root.entries().iter().find(|e| e.key == key).map_or_else(|| root.at.clone(), |e| e.key_at.clone());
        Err(ConfigError::Unsupported { at: Box::new(at), message: message.into(), why: why.into(), remedy: remedy.into() })
    };
    if has("spec") {
        return unsupported(
            "spec",
            "this is a profile in guidellm's newer format (`spec:`)",
            "bench reads the flat format and writes the newer one itself, where the pinned guidellm needs it",
            "state target, model, request_type, profile, rate, max_seconds, data and seed at the top level, as in profiles/guidellm/chatbot_synthetic.yaml",
        );
    }
    if has("load") && (has("api") || has("server")) {
        return unsupported(
            "load",
            "this is a profile of inference-perf",
            "bench drives its load with guidellm",
            "take the guidellm profile of the same name, or write one like profiles/guidellm/chatbot_synthetic.yaml",
        );
    }
    if has("args") && has("benchmarks") {
        return unsupported(
            "args",
            "this is a result of guidellm, no profile",
            "a result repeats only part of its settings",
            "give the profile it was made from",
        );
    }
    Ok(())
}

/// Only constant rates are run.
pub(crate) fn unsupported_profile(profile: &str, root: &Node) -> ConfigError {
    let known = ["sweep", "synchronous", "throughput", "concurrent", "async", "poisson"];
    let at = Box::new(root.get("profile").map_or_else(|| root.at.clone(), |n| n.at.clone()));
    if known.contains(&profile) {
        ConfigError::Unsupported {
            at,
            message: format!("`profile: {profile}` is not supported"),
            why: "autoscalers are compared under the same requests at the same times, whatever the servers do: constant rates".into(),
            remedy: "set profile: constant, and rate to requests per second".into(),
        }
    } else {
        ConfigError::Value {
            at,
            key: "profile".into(),
            message: format!("`{profile}` is no kind of load; only `constant` is run"),
            nearest: None,
        }
    }
}

/// Adds to an unknown key what guidellm does with it, if it is one of its own.
pub(crate) fn explain(e: ConfigError) -> ConfigError {
    match e {
        ConfigError::UnknownKey(mut unknown) => {
            let remedy = remedy(&unknown.table, &unknown.key);
            if remedy.is_some() {
                unknown.nearest = None;
            }
            unknown.remedy = Some(remedy.unwrap_or("guidellm would ignore it in silence: correct it or take it out").into());
            ConfigError::UnknownKey(unknown)
        }
        ConfigError::MissingKey { at, key, .. } => {
            let remedy = match key.as_str() {
                "profile" => "set profile: constant (guidellm's own default is a sweep over rates of its choice)",
                "rate" => "set it to requests per second, e.g. rate: [2, 3]",
                "max_seconds" => "set it to the seconds each rate lasts",
                "data" => "set it to a table with prompt_tokens and output_tokens",
                _ => "set it to the mean number of tokens",
            };
            ConfigError::MissingKey { at, key, remedy: remedy.into() }
        }
        ConfigError::Value { at, key, message, nearest } if key == "data" => {
            let message =
                format!("{message}: only synthetic prompts are made, from prompt_tokens, output_tokens and their _stdev, _min and _max");
            ConfigError::Value { at, key, message, nearest }
        }
        other => other,
    }
}

fn remedy(table: &str, key: &str) -> Option<&'static str> {
    Some(match (table, key) {
        ("", "processor" | "processor_args") => "the tokenizer is the scenario's: load.guidellm.tokenizer",
        ("", "backend_kwargs" | "backend" | "backend_args" | "backend_type") => {
            "the scenario sets how guidellm connects: load.guidellm.request_timeout_s is its limit"
        }
        ("", "rate_type") => "0.3's name for `profile`: write profile: constant",
        ("", "data_samples" | "max_requests" | "max_errors" | "max_error_rate" | "max_global_error_rate" | "over_saturation") => {
            "take it out: it would end a rate early, and every rate lasts max_seconds here, so that arms can be compared"
        }
        ("", "warmup" | "cooldown" | "warmup_percent" | "cooldown_percent") => {
            "take it out: it only trims guidellm's statistics; a real warm-up is the scenario's reset.warmup"
        }
        ("", "rampup") => "take it out: a ramp is a list of rates",
        ("", "outputs" | "output_dir" | "output_path" | "sample_requests" | "prefer_response_metrics") => {
            "take it out: bench decides what guidellm writes, and reads it"
        }
        ("data", "prefix_tokens" | "prefix_count" | "prefix_buckets") => "take it out: shared prefixes are not supported",
        ("data", "turns") => "take it out: conversations of several turns are not supported",
        ("", k) if super::repair::DATA_KEYS.contains(&k) => "indent it: it belongs below `data:`",
        ("data", "rate" | "max_seconds" | "request_type" | "profile" | "target" | "model") => "move it to the top level",
        _ => return None,
    })
}
