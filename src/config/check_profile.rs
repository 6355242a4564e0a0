//! Semantic validation of a profile, guidellm's own rules included.

use super::error::Problem;
use super::tree::{At, Node};
use bench_model::profile::{Lengths, Profile};

/// Errors, and warnings for what is allowed and probably not meant.
pub(crate) fn profile(p: &Profile, root: &Node, max_model_len: Option<u64>) -> (Vec<Problem>, Vec<String>) {
    let mut problems = Vec::new();
    let mut bad = |key: &str, message: String, remedy: &str| {
        problems.push(Problem { at: place(root, key), key: key.into(), message, remedy: remedy.into() });
    };
    let mut warnings = Vec::new();
    if p.rates.is_empty() {
        bad("rate", "no rate at all".into(), "name one or more rates in requests per second");
    }
    for r in &p.rates {
        if !r.is_finite() || *r <= 0.0 {
            bad("rate", format!("{r} is no rate"), "rates are requests per second, greater than 0");
        }
    }
    if p.max_seconds == 0 {
        bad("max_seconds", "0 seconds of load".into(), "give every rate at least one second");
    }
    for (name, l) in [("prompt_tokens", &p.prompt_tokens), ("output_tokens", &p.output_tokens)] {
        for (suffix, value) in [("", Some(l.mean)), ("_stdev", l.stdev), ("_min", l.min), ("_max", l.max)] {
            if value == Some(0) {
                bad(&format!("data.{name}{suffix}"), "0, and guidellm wants more than 0".into(), "take it out, or set it to 1 or more");
            }
        }
        if let (Some(min), Some(max)) = (l.min, l.max)
            && min > max
        {
            bad(&format!("data.{name}_min"), format!("{min} is above {name}_max, {max}"), "make min ≤ mean ≤ max");
        } else if let Some(min) = l.min.filter(|m| *m > l.mean) {
            bad(&format!("data.{name}_min"), format!("{min} is above the mean, {}", l.mean), "make min ≤ mean ≤ max");
        } else if let Some(max) = l.max.filter(|m| *m < l.mean) {
            bad(&format!("data.{name}_max"), format!("{max} is below the mean, {}", l.mean), "make min ≤ mean ≤ max");
        }
        if l.stdev.is_none() && (l.min.is_some() || l.max.is_some()) && l.min != l.max {
            warnings.push(format!(
                "data.{name}: without {name}_stdev guidellm draws every length between min and max equally often, and not around the mean"
            ));
        }
    }
    if let Some(room) = max_model_len {
        let (prompt, output) = (longest(&p.prompt_tokens), longest(&p.output_tokens));
        if prompt >= room {
            let message = format!("prompts of up to {prompt} tokens do not fit the model server's --max-model-len {room}: it refuses them");
            bad(longest_key(&p.prompt_tokens), message, "lower data.prompt_tokens_max, or raise --max-model-len in model_server.args");
        } else if prompt + output > room {
            warnings.push(format!(
                "data: a prompt of {prompt} and an output of {output} tokens exceed the model server's --max-model-len {room}: such requests fail or are cut short"
            ));
        }
    }
    (problems, warnings)
}

/// The longest that guidellm draws: its own bound is five standard deviations.
fn longest(l: &Lengths) -> u64 {
    l.max.unwrap_or_else(|| l.mean.saturating_add(l.stdev.unwrap_or(0).saturating_mul(5)))
}

fn longest_key(l: &Lengths) -> &'static str {
    if l.max.is_some() { "data.prompt_tokens_max" } else { "data.prompt_tokens" }
}

/// Where a key's value stands; of its table, if it is not stated.
pub(crate) fn place(root: &Node, key: &str) -> At {
    let mut node = root;
    for part in key.split('.') {
        match node.get(part) {
            Some(n) => node = n,
            None => break,
        }
    }
    node.at.clone()
}
