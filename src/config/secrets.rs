//! Credentials in files and flags: recognised, refused, and blotted out wherever text is kept or shown. Pure.
//!
//! Plans, records and run directories are passed on, so a credential must never get into one. What needs one takes it from a
//! Secret of the cluster, by `secret://NAME/KEY` as the value of an environment variable; bench itself never reads the Secret.

use super::values::label_fault;
use serde_json::{Map, Value, json};
use std::ops::Range;

/// What stands in the place of a credential.
const BLOT: &str = "<redacted>";
const REFERENCE: &str = "secret://";

/// A key of a Secret in the stack's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub name: String,
    pub key: String,
}

/// Reads `secret://NAME/KEY`; `None` for any other text.
///
/// # Errors
/// What is wrong with it.
pub fn reference(text: &str) -> Option<Result<Reference, String>> {
    let rest = text.strip_prefix(REFERENCE)?;
    let Some((name, key)) = rest.split_once('/') else { return Some(Err("has no key behind the Secret's name".into())) };
    // A Secret's name may have dots between its labels.
    if let Some(fault) = name.split('.').find_map(|part| label_fault(part, 253)) {
        return Some(Err(format!("names a Secret that {fault}")));
    }
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Some(Err("names a key that no Secret can have".into()));
    }
    Some(Ok(Reference { name: name.into(), key: key.into() }))
}

/// Environment variables as a container has them; references become `secretKeyRef`s.
pub fn env_list<'a>(env: impl IntoIterator<Item = (&'a str, &'a str)>) -> Value {
    let one = |(k, v): (&str, &str)| match reference(v) {
        Some(Ok(r)) => json!({"name": k, "valueFrom": {"secretKeyRef": {"name": r.name, "key": r.key}}}),
        _ => json!({"name": k, "value": v}),
    };
    env.into_iter().map(one).collect()
}

/// Is a variable of this name a credential, by its words? `HF_TOKEN` is one, `TOKENIZERS_PARALLELISM` and `MAX_TOKENS` are none.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    const ALONE: [&str; 9] = ["TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "CREDENTIALS", "APIKEY", "KUBECONFIG"];
    words.iter().any(|w| ALONE.contains(w)) || words.windows(2).any(|w| matches!(w, ["API" | "ACCESS" | "PRIVATE" | "SECRET", "KEY"]))
}

/// Switches, numbers and paths are called like credentials and are none.
fn is_harmless(value: &str) -> bool {
    let v = value.trim().to_ascii_lowercase();
    v.is_empty()
        || matches!(v.as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "none" | "null")
        || v.parse::<i32>().is_ok_and(|n| n.abs() < 10_000)
        || (v.starts_with('/') && !v.contains(char::is_whitespace))
        || v.starts_with(REFERENCE)
        // What Kubernetes or a shell fills in, and what was blotted out already.
        || v.starts_with('$')
        || v == BLOT
}

/// Does this variable hold a credential in plain text?
pub fn is_secret(name: &str, value: &str) -> bool {
    has_token(value) || (is_secret_name(name) && !is_harmless(value))
}

/// Is an argument of this name a credential? Stricter than a variable's name: `--time-to-first-token` is none.
fn is_secret_flag(name: &str) -> bool {
    let upper = name.to_ascii_uppercase().replace('_', "-");
    let words: Vec<&str> = upper.split('-').collect();
    let before_token = |w: &str| matches!(w, "HF" | "HUB" | "AUTH" | "ACCESS" | "BEARER" | "API" | "ADMIN" | "REFRESH");
    upper == "TOKEN"
        || words.windows(2).any(|w| w[1] == "TOKEN" && before_token(w[0]))
        || (!words.contains(&"TOKEN") && is_secret_name(&upper))
}

/// Does the argument after this one hold a credential in plain text, as in `--api-key WORD`?
pub fn is_secret_after(argument: &str, next: &str) -> bool {
    let names = |a: &str| a.starts_with('-') && !a.contains('=') && is_secret_flag(a.trim_start_matches('-'));
    !next.starts_with('-') && !is_harmless(next) && names(argument)
}

/// Values of arguments and variables within a command line: `--api-key=WORD`, `--api-key WORD`, `HF_TOKEN=WORD`.
fn assigned(text: &str) -> Vec<Range<usize>> {
    let quotes = |c: char| "\"'".contains(c);
    let ends = |c: char| c.is_whitespace() || "\"';,)]}".contains(c);
    let mut out = vec![];
    let mut at = 0;
    while let Some(begin) = text[at..].find(|c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_').map(|n| at + n) {
        let word = &text[begin..];
        let length = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).unwrap_or(word.len());
        at = begin + length;
        let name = &word[..length];
        // Within a word, a path or a URL it is no name.
        if text[..begin].chars().next_back().is_some_and(|c| !(c.is_whitespace() || "\"';,([{".contains(c))) {
            continue;
        }
        let rest = &text[at..];
        let dashed = name.strip_prefix("--");
        let is_name = match dashed {
            Some(n) => is_secret_flag(n),
            None => name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') && is_secret_name(name),
        };
        let gap = match rest.strip_prefix('=') {
            Some(_) => 1,
            // A list's comma and quotes stand between them as well as a space.
            None if dashed.is_some() => rest.len() - rest.trim_start_matches([' ', '\t', ',', '"', '\'']).len(),
            None => 0,
        };
        if !is_name || gap == 0 {
            continue;
        }
        let value = rest[gap..].trim_start_matches(quotes);
        let from = text.len() - value.len();
        let value = &value[..value.find(ends).unwrap_or(value.len())];
        if !value.is_empty() && !value.starts_with('-') && !is_harmless(value) {
            out.push(from..from + value.len());
        }
    }
    out
}

/// Beginnings of well-known tokens, and how many characters follow at least.
const TOKENS: [(&str, usize); 16] = [
    ("hf_", 16),
    ("eyJ", 24),
    ("sk-", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("nvapi-", 16),
    ("AKIA", 16),
    ("sha256~", 20),
    ("Bearer ", 8),
    ("-----BEGIN ", 10),
    ("LS0tLS1CRUdJTi", 10),
];

/// Where the text holds something that looks like a token, a key, or a password in a URL.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || "-_.~+/=".contains(c);
    let mut out: Vec<Range<usize>> = vec![];
    for (prefix, least) in TOKENS {
        for (at, _) in text.match_indices(prefix) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
                continue;
            }
            let rest = &text[at + prefix.len()..];
            let length = if prefix.starts_with('-') { key(rest) } else { rest.find(|c| !part(c)).unwrap_or(rest.len()) };
            if length >= least {
                out.push(at..at + prefix.len() + length);
            }
        }
    }
    // scheme://user:password@host
    for (at, _) in text.match_indices("://") {
        let begin = at + 3;
        let authority = text[begin..].split(|c: char| c == '/' || c.is_whitespace() || c == '"').next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && user.contains(':')
        {
            out.push(begin..begin + user.len());
        }
    }
    out.extend(assigned(text));
    out.sort_by_key(|r| (r.start, r.end));
    out
}

/// How far a private key in PEM goes; a certificate is nothing secret.
fn key(after_begin: &str) -> usize {
    let label = after_begin.split("-----").next().unwrap_or_default();
    if !label.ends_with("PRIVATE KEY") {
        return 0;
    }
    let end = format!("-----END {label}-----");
    after_begin.find(&end).map_or(after_begin.len(), |at| at + end.len())
}

pub fn has_token(text: &str) -> bool {
    !tokens(text).is_empty()
}

/// The text without its tokens.
pub fn redact_text(text: &str) -> String {
    let mut out = String::new();
    let mut from = 0;
    for r in tokens(text) {
        if r.start >= from {
            out.push_str(&text[from..r.start]);
            out.push_str(BLOT);
        }
        from = from.max(r.end);
    }
    out.push_str(&text[from..]);
    out
}

/// An assignment `path=value` as it may be shown.
pub fn redact_assignment(text: &str) -> String {
    match text.split_once('=') {
        Some((path, value)) if is_secret(path.rsplit('.').next().unwrap_or(path), value) => format!("{path}={BLOT}"),
        _ => redact_text(text),
    }
}

/// Blots out every credential in an object, a plan, anything: by the name of its key, of its variable or argument, or by its look.
pub fn redact(value: &mut Value) {
    match value {
        Value::String(text) if has_token(text) => *text = redact_text(text),
        Value::Array(items) => {
            for k in 1..items.len() {
                let [argument, next] = [&items[k - 1], &items[k]].map(|v| v.as_str().unwrap_or_default());
                if is_secret_after(argument, next) {
                    items[k] = BLOT.into();
                }
            }
            items.iter_mut().for_each(redact);
        }
        Value::Object(map) => {
            redact_variable(map);
            for (key, v) in map.iter_mut() {
                match v {
                    Value::String(text) if is_secret(key, text) && is_secret_name(key) => *text = BLOT.into(),
                    other => redact(other),
                }
            }
        }
        _ => {}
    }
}

/// `{name: HF_TOKEN, value: …}`, as containers have it.
fn redact_variable(map: &mut Map<String, Value>) {
    let secret = map.get("name").and_then(Value::as_str).is_some_and(is_secret_name);
    if secret && let Some(Value::String(text)) = map.get_mut("value").filter(|v| v.as_str().is_some_and(|t| !is_harmless(t))) {
        *text = BLOT.into();
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
