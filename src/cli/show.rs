//! What commands print: documents for people, objects that say what they are for machines.

use bench_analysis::report::document::Document;
use bench_analysis::report::writer::terminal::{Terminal, render};
use serde::Serialize;
use serde_json::{Map, Value};

/// A document as this terminal shows it.
pub fn document(d: &Document, full: bool) {
    out!("{}", render(d, terminal(full)));
}

/// This terminal.
pub fn terminal(full: bool) -> Terminal {
    Terminal { width: super::report::width(), color: super::shared::color(&std::io::stdout()), full }
}

/// A document as text that goes elsewhere than to a terminal.
pub fn text(d: &Document, full: bool) -> String {
    render(d, Terminal { width: super::report::width(), color: false, full })
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
