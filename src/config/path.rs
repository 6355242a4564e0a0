//! Dotted paths: `scaling.scale_up.policies[0].value`. A dot inside a key is written `\.`, as helm does.

use super::error::ConfigError;
use super::tree::{At, Entry, Node, Value, parse};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// A path and one more key.
pub(crate) fn join(path: &str, key: &str) -> String {
    let key = key.replace('.', "\\.");
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Reads `a.b[0].c`.
pub(crate) fn segments(path: &str) -> Result<Vec<Segment>, String> {
    let mut out = Vec::new();
    let mut key = String::new();
    let mut chars = path.chars().peekable();
    let mut after_index = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => key.extend(chars.next()),
            '.' => {
                if key.is_empty() && !after_index {
                    return Err(format!("`{path}` has an empty key"));
                }
                if !key.is_empty() {
                    out.push(Segment::Key(std::mem::take(&mut key)));
                }
                after_index = false;
                if chars.peek().is_none() {
                    return Err(format!("`{path}` ends in a dot"));
                }
            }
            '[' => {
                if !key.is_empty() {
                    out.push(Segment::Key(std::mem::take(&mut key)));
                }
                let digits: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let index = digits.parse().map_err(|_| format!("`[{digits}]` in `{path}` is no list index"))?;
                out.push(Segment::Index(index));
                after_index = true;
            }
            c if after_index => return Err(format!("`.` or `[` must follow `]` in `{path}`, not `{c}`")),
            c => key.push(c),
        }
    }
    if !key.is_empty() {
        out.push(Segment::Key(key));
    }
    match out.first() {
        Some(Segment::Key(_)) => Ok(out),
        _ => Err(format!("`{path}` names no key")),
    }
}

/// The value of a flag: a flow list, a flow table or a quoted string is read as YAML, anything else is one scalar.
pub(crate) fn flag_value(text: &str, flag: &str) -> Result<Node, ConfigError> {
    let at = At::flag(flag);
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(Node { value: Value::Scalar { text: String::new(), plain: false }, at });
    }
    if !trimmed.starts_with(['[', '{', '"', '\'']) {
        return Ok(Node::plain(trimmed, at));
    }
    let mut node = parse(trimmed, flag).map_err(|e| match e {
        ConfigError::Syntax { message, .. } => ConfigError::Flag {
            flag: flag.into(),
            message: format!("the value is not valid YAML: {message}"),
            remedy: "quote it for the shell as a whole, e.g. --set 'a.b=[1, 2]'".into(),
        },
        other => other,
    })?;
    relocate(&mut node, &at);
    Ok(node)
}

fn relocate(node: &mut Node, at: &At) {
    node.at = at.clone();
    match &mut node.value {
        Value::Scalar { .. } => {}
        Value::Seq(items) => items.iter_mut().for_each(|n| relocate(n, at)),
        Value::Map(entries) => {
            for e in entries {
                e.key_at = at.clone();
                relocate(&mut e.node, at);
            }
        }
    }
}

/// Puts a value at a path. Missing tables are made: whether the key exists at all is for the typed reader to say.
pub(crate) fn set(root: &mut Node, path: &str, value: Node, flag: &str) -> Result<(), ConfigError> {
    let fail = |message: String, remedy: &str| ConfigError::Flag { flag: flag.into(), message, remedy: remedy.into() };
    let segments = segments(path).map_err(|m| fail(m, "write it as a.b[0].c=value; a dot inside a key is `\\.`"))?;
    let at = At::flag(flag);
    let mut node = root;
    let mut walked = String::new();
    for segment in segments {
        node = match segment {
            Segment::Key(key) => {
                if node.is_null() {
                    node.value = Value::Map(Vec::new());
                }
                let found = node.describe();
                // A whole file of text may be one value.
                let found = found.char_indices().nth(60).map_or(found.clone(), |(at, _)| format!("{}…", &found[..at]));
                let Value::Map(entries) = &mut node.value else {
                    let whose = if walked.is_empty() { "it".to_owned() } else { format!("`{walked}`") };
                    return Err(fail(format!("{whose} is no table but {found}, so it has no key `{key}`"), "shorten the path"));
                };
                walked = join(&walked, &key);
                let i = entries.iter().position(|e| e.key == key).unwrap_or_else(|| {
                    let node = Node::plain("null", at.clone());
                    entries.push(Entry { key, key_at: at.clone(), node });
                    entries.len() - 1
                });
                entries[i].key_at = at.clone();
                &mut entries[i].node
            }
            Segment::Index(i) => {
                let found = node.describe();
                let Value::Seq(items) = &mut node.value else {
                    return Err(fail(format!("`{walked}` is no list but {found}"), "leave the index out"));
                };
                if i > items.len() {
                    let remedy = format!("the next free index is [{}]", items.len());
                    return Err(fail(format!("`{walked}` has {} entries, so there is no [{i}]", items.len()), &remedy));
                }
                if i == items.len() {
                    items.push(Node::plain("null", at.clone()));
                }
                walked = format!("{walked}[{i}]");
                &mut items[i]
            }
        };
    }
    *node = value;
    Ok(())
}

/// Splits `a.b=v` at its first `=`.
pub(crate) fn assignment(text: &str) -> Option<(&str, &str)> {
    let (path, value) = text.split_once('=')?;
    let path = path.trim();
    (!path.is_empty()).then_some((path, value))
}

/// Splits at a separator that stands outside of brackets, braces and quotes.
pub(crate) fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, c) if c == separator && depth <= 0 => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|p| !p.is_empty()).collect()
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
