//! What commands print: documents for people, objects that say what they are for machines.

use bench_analysis::report::document::Document;
use bench_analysis::report::writer::terminal::{Terminal, render};
use serde::Serialize;
use serde_json::{Map, Value};

/// A document as this terminal shows it, and how to see the rest.
pub fn document(d: &Document, full: bool) {
    print(d, full);
    let left: Vec<&str> = d.sections.iter().filter(|s| s.detail && !full).map(|s| s.short.as_str()).collect();
    if !left.is_empty() {
        outln!("\n{}", broken(&format!("--full adds: {}", left.join(", ").to_lowercase()), super::shared::width().clamp(40, 120)));
    }
}

/// A line in lines of at most `room` columns.
fn broken(text: &str, room: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let wide = word.chars().count();
        let gap = if used == 0 {
            ""
        } else if used + 1 + wide > room {
            "\n  "
        } else {
            " "
        };
        used = if gap.starts_with('\n') { 2 } else { used + gap.len() } + wide;
        out.extend([gap, word]);
    }
    out
}

/// A document as this terminal shows it.
pub fn print(d: &Document, full: bool) {
    out!("{}", render(d, terminal(full)));
}

/// This terminal.
pub fn terminal(full: bool) -> Terminal {
    Terminal { width: super::shared::width(), color: super::shared::color(&std::io::stdout()), full }
}

/// A document as text that goes elsewhere than to a terminal.
pub fn text(d: &Document, full: bool) -> String {
    render(d, Terminal { width: super::shared::width(), color: false, full })
}

/// One line of JSON: the fields of `what`, after the name of the event that it is.
///
/// # Errors
/// When it cannot be written as an object.
pub fn event(name: &str, what: &impl Serialize) -> anyhow::Result<String> {
    let mut object = Map::from_iter([("event".to_owned(), Value::from(name))]);
    match serde_json::to_value(what)? {
        Value::Object(fields) => object.extend(fields),
        other => anyhow::bail!("{other} is no object"),
    }
    Ok(Value::Object(object).to_string())
}
