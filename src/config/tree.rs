//! YAML as a tree that remembers where each value was written: what serde needs, and what an error must say.

use super::error::ConfigError;
use granit_parser::{Event, Options, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Deeper than any file of ours, far from the end of the stack.
const MAX_DEPTH: usize = 32;
/// Aliases may multiply a file; no honest one comes near.
const MAX_NODES: usize = 10_000;

/// Where a value comes from: a place in a file, or a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// File, `embedded:…`, or the flag as it was given.
    pub source: Arc<str>,
    /// From 1; 0 when the source is not a file.
    pub line: usize,
    pub column: usize,
}

impl At {
    /// A flag, an environment variable: no lines.
    pub fn flag(text: &str) -> Self {
        Self { source: text.into(), line: 0, column: 0 }
    }

    /// Who wrote the value: 2 a flag, 1 a file of the user, 0 what bench brings itself.
    pub(crate) fn rank(&self) -> u8 {
        match self.line {
            _ if self.source.starts_with("embedded:") => 0,
            0 => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) at: At,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// The text as written; `plain` when without quotes, so that it may be a number, a bool or null.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: At,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn plain(text: &str, at: At) -> Self {
        Self { value: Value::Scalar { text: text.into(), plain: true }, at }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.node)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else { return None };
        let i = entries.iter().position(|e| e.key == key)?;
        Some(entries.remove(i))
    }

    /// The scalar's text; none for null and for collections.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// What a reader sees there, for messages.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".into(),
            Value::Scalar { text, plain: true } => format!("`{text}`"),
            Value::Scalar { text, plain: false } => format!("the string {text:?}"),
            Value::Seq(_) => "a list".into(),
            Value::Map(_) => "a table".into(),
        }
    }

    /// Lays `over` on top: tables key by key, everything else as a whole.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.value, over) {
            (Value::Map(mine), Self { value: Value::Map(theirs), .. }) => {
                for entry in theirs {
                    match mine.iter_mut().find(|e| e.key == entry.key) {
                        Some(e) => {
                            e.key_at = entry.key_at;
                            e.node.merge(entry.node);
                        }
                        None => mine.push(entry),
                    }
                }
            }
            (_, over) => *self = over,
        }
    }

    /// Every leaf with its dotted path.
    pub(crate) fn leaves(&self) -> Vec<(String, &Self)> {
        fn walk<'a>(node: &'a Node, path: &str, out: &mut Vec<(String, &'a Node)>) {
            match &node.value {
                Value::Map(entries) if !entries.is_empty() => {
                    for e in entries {
                        walk(&e.node, &super::path::join(path, &e.key), out);
                    }
                }
                Value::Seq(items) if !items.is_empty() => {
                    for (i, item) in items.iter().enumerate() {
                        walk(item, &format!("{path}[{i}]"), out);
                    }
                }
                _ => out.push((path.to_string(), node)),
            }
        }
        let mut out = Vec::new();
        walk(self, "", &mut out);
        out
    }
}

/// Parses one document. An empty one is an empty table.
///
/// # Errors
/// Syntax, a key stated twice, keys that are no scalars, more than one document.
pub(crate) fn parse(text: &str, source: &str) -> Result<Node, ConfigError> {
    let mut options = Options::default();
    options.emit_comments = false;
    let source: Arc<str> = source.into();
    let mut events = Vec::new();
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|e| {
            let at = At { source: source.clone(), line: e.marker().line(), column: e.marker().col() + 1 };
            ConfigError::Syntax { message: e.info(), line_text: line_text(text, at.line), at: Box::new(at) }
        })?;
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    let at = place(&source, &span);
                    return Err(syntax(text, at, "a second document: only one per file"));
                }
            }
            Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd
            | Event::Alias(_) => {
                events.push((event, span));
            }
            _ => {}
        }
    }
    let mut reader = Reader { text, source: source.clone(), events: events.into_iter(), anchors: HashMap::new(), nodes: 0 };
    match reader.events.next() {
        None => Ok(Node { value: Value::Map(Vec::new()), at: At { source, line: 1, column: 1 } }),
        Some((event, span)) => reader.node(event, &span, 0),
    }
}

fn place(source: &Arc<str>, span: &Span) -> At {
    At { source: source.clone(), line: span.start.line(), column: span.start.col() + 1 }
}

fn line_text(text: &str, line: usize) -> String {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_string()
}

fn syntax(text: &str, at: At, message: &str) -> ConfigError {
    ConfigError::Syntax { line_text: line_text(text, at.line), at: Box::new(at), message: message.into() }
}

struct Reader<'t> {
    text: &'t str,
    source: Arc<str>,
    events: std::vec::IntoIter<(Event<'t>, Span)>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, at: At, message: &str) -> ConfigError {
        syntax(self.text, at, message)
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, ConfigError> {
        let at = place(&self.source, span);
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(self.error(at, "nested too deeply, or too large"));
        }
        let (value, anchor) = match event {
            Event::Alias(id) => {
                let node = self.anchors.get(&id).cloned().ok_or_else(|| self.error(at, "this alias has no anchor"))?;
                self.nodes += node.leaves().len();
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, _) => {
                (Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                while let Some((event, span)) = self.events.next() {
                    if event == Event::SequenceEnd {
                        break;
                    }
                    items.push(self.node(event, &span, depth + 1)?);
                }
                (Value::Seq(items), anchor)
            }
            Event::MappingStart(_, anchor, _) => (self.map(depth)?, anchor),
            _ => return Err(self.error(at, "a value is expected here")),
        };
        let node = Node { value, at };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self, depth: usize) -> Result<Value, ConfigError> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((event, span)) = self.events.next() {
            if event == Event::MappingEnd {
                break;
            }
            let key_at = place(&self.source, &span);
            let Event::Scalar(key, ..) = event else {
                return Err(self.error(key_at, "a key must be a plain word; a `{{ … }}` value needs quotes around it"));
            };
            let key = key.into_owned();
            if let Some(first) = entries.iter().find(|e| e.key == key) {
                let message = format!("`{key}` is stated twice, first in line {}", first.key_at.line);
                return Err(self.error(key_at, &message));
            }
            let Some((event, span)) = self.events.next() else { break };
            let node = self.node(event, &span, depth + 1)?;
            entries.push(Entry { key, key_at, node });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
