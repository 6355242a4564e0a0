//! Fills in what a profile leaves open: llm-d-benchmark's `REPLACE_ENV_…` tokens and Tera expressions.
//!
//! Line by line and before YAML is read, as llm-d-benchmark's own sed does: every shape that works there works here, and an
//! error knows its line.

use super::error::{ConfigError, nearest};
use super::tree::At;
use std::collections::BTreeMap;

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
    /// Further variables for `REPLACE_ENV_…`, e.g. the `LLMDBENCH_…` of the environment. They do not override the fields.
    pub env: BTreeMap<String, String>,
}

const TOKEN: &str = "REPLACE_ENV_";
const DEFAULT: &str = "++++default=";

impl Context {
    /// The fields under llm-d-benchmark's names, and the further variables.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut all = self.env.clone();
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                all.insert(name.into(), value.into());
            }
        };
        add("LLMDBENCH_HARNESS_STACK_ENDPOINT_URL", &self.target);
        add("LLMDBENCH_DEPLOY_CURRENT_MODEL", &self.model);
        add("LLMDBENCH_DEPLOY_CURRENT_TOKENIZER", &self.tokenizer);
        add("LLMDBENCH_VLLM_COMMON_NAMESPACE", &self.namespace);
        add("LLMDBENCH_DEPLOY_CURRENT_MAX_MODEL_LEN", &self.max_model_len.map(|n| n.to_string()).unwrap_or_default());
        all
    }

    fn tera(&self) -> tera::Context {
        let mut c = tera::Context::new();
        c.insert("target", &self.target);
        c.insert("model", &self.model);
        c.insert("tokenizer", &self.tokenizer);
        c.insert("namespace", &self.namespace);
        if let Some(n) = self.max_model_len {
            c.insert("max_model_len", &n);
        }
        c
    }
}

/// Longest list that an expression may count: a profile has a handful of rates, and a typing error must not eat the memory.
const MOST_COUNTED: u64 = 10_000;

/// Tera without escaping, and with a `range` that has an end.
fn engine() -> tera::Tera {
    let mut engine = tera::Tera::default();
    engine.autoescape_on(vec![]);
    engine.register_function("range", |args: &std::collections::HashMap<String, tera::Value>| {
        let of = |name: &str, default: Option<u64>| {
            args.get(name)
                .map_or(default, tera::Value::as_u64)
                .ok_or_else(|| tera::Error::msg(format!("range needs a whole number `{name}`")))
        };
        let (start, end, step) = (of("start", Some(0))?, of("end", None)?, of("step_by", Some(1))?.max(1));
        if end.saturating_sub(start) / step > MOST_COUNTED {
            return Err(tera::Error::msg(format!("range of more than {MOST_COUNTED} numbers")));
        }
        Ok((start..end).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(tera::Value::from).collect::<Vec<_>>().into())
    });
    engine
}

/// The text with every token and expression filled in; comments are left alone.
///
/// # Errors
/// A token without value and default, an expression that Tera does not take.
pub(crate) fn fill(text: &str, source: &str, context: &Context) -> Result<String, ConfigError> {
    let variables = context.variables();
    let tera = context.tera();
    let mut out = String::with_capacity(text.len());
    for (i, line) in text.lines().enumerate() {
        let (code, comment) = line.split_at(comment_start(line));
        let at = |column: usize| Box::new(At { source: source.into(), line: i + 1, column: column + 1 });
        let mut code = replace(code, &variables, at)?;
        if let Some(column) = code.find("{{").or_else(|| code.find("{%")) {
            code = engine().render_str(&code, &tera).map_err(|e| ConfigError::Token {
                at: at(column),
                message: format!("this template cannot be filled in: {}", innermost(&e)),
                known: ["target", "model", "tokenizer", "namespace", "max_model_len"].map(String::from).to_vec(),
                remedy: "use one of these, as in `target: \"{{ target }}\"`; an expression ends on the line it begins".into(),
            })?;
        }
        out.push_str(&code);
        out.push_str(comment);
        out.push('\n');
    }
    Ok(out)
}

fn replace(code: &str, variables: &BTreeMap<String, String>, at: impl Fn(usize) -> Box<At>) -> Result<String, ConfigError> {
    let mut out = String::new();
    let mut rest = code;
    while let Some(start) = rest.find(TOKEN) {
        out.push_str(&rest[..start]);
        let after = &rest[start + TOKEN.len()..];
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, mut tail) = after.split_at(end);
        let mut default = None;
        if let Some(value) = tail.strip_prefix(DEFAULT) {
            let end = default_end(value);
            default = Some(&value[..end]);
            tail = &value[end..];
        }
        match variables.get(name).map(String::as_str).or(default) {
            Some(value) => out.push_str(value),
            None => {
                let near = nearest(name, variables.keys().map(String::as_str));
                let hint = near.map(|n| format!("; did you mean {TOKEN}{n}?")).unwrap_or_default();
                return Err(ConfigError::Token {
                    at: at(code.len() - rest.len() + start),
                    message: format!("nothing is known to put in place of {TOKEN}{name}{hint}"),
                    known: variables.keys().map(|k| format!("{TOKEN}{k}")).collect(),
                    remedy: format!("write the value itself, give it a default ({TOKEN}{name}{DEFAULT}VALUE), or export {name}"),
                });
            }
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// A default ends at white space, a quote, or the bracket or comma of a list around it.
fn default_end(value: &str) -> usize {
    let mut depth = 0_u32;
    for (i, c) in value.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' if depth > 0 => depth -= 1,
            ',' if depth > 0 => {}
            ']' | '}' | ',' | '"' | '\'' => return i,
            c if c.is_whitespace() && depth == 0 => return i,
            _ => {}
        }
    }
    value.len()
}

/// Where YAML's comment begins: a `#` at the start or after white space, outside of quotes.
pub(crate) fn comment_start(line: &str) -> usize {
    let mut quote = None;
    let mut before = ' ';
    for (i, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (None, '#') if before.is_whitespace() => return i,
            _ => {}
        }
        before = c;
    }
    line.len()
}

/// Tera's own words begin with the template's name; the cause says what is wrong.
fn innermost(e: &tera::Error) -> String {
    let mut e: &dyn std::error::Error = e;
    while let Some(source) = e.source() {
        e = source;
    }
    e.to_string().lines().filter(|l| !l.trim().is_empty()).map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
