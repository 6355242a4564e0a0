//! A document as one page that opens offline: template, style and script are embedded, the plots are drawn by plotly.js.

use crate::report::document::{Block, Document, Drawn, Mark, Trace};
use base64::Engine;
use serde_json::{Value, json};
use std::sync::OnceLock;

impl Document {
    /// As HTML, ended by a line feed.
    pub fn html(&self) -> String {
        static TEMPLATE: OnceLock<Result<tera::Tera, tera::Error>> = OnceLock::new();
        let template = TEMPLATE.get_or_init(|| {
            let mut t = tera::Tera::default();
            t.add_raw_template("page.html", include_str!("page.html.tera"))?;
            Ok(t)
        });
        let context = tera::Context::from_serialize(self);
        let text = match (template, context) {
            (Ok(t), Ok(c)) => t.render("page.html", &c).map_err(|e| format!("{e:?}")),
            (Err(e), _) => Err(e.to_string()),
            (_, Err(e)) => Err(e.to_string()),
        };
        // The template is tested and its values are strings and numbers; should it fail all the same, the data is still there.
        let text = text.unwrap_or_else(|e| {
            let e = e.replace('&', "&amp;").replace('<', "&lt;");
            format!("<!doctype html>\n<html lang=\"en\"><title>bench</title><p>The page could not be written: {e}</p><!--data--></html>\n")
        });
        self.filled(&text)
    }

    /// The big parts are put in by hand: a template would copy megabytes several times.
    fn filled(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + (5 << 20));
        let mut rest = text;
        for (place, part) in
            [("<!--style-->", Part::Style), ("<!--data-->", Part::Data), ("<!--plotly-->", Part::Plotly), ("<!--script-->", Part::Script)]
        {
            // What was recorded cannot hold such a comment: its `<` is escaped.
            let Some((before, after)) = rest.split_once(place) else { continue };
            out.push_str(before);
            match part {
                Part::Style => out.push_str(include_str!("style.css")),
                Part::Data => out.push_str(&self.data()),
                Part::Plotly => out.push_str(plotly()),
                Part::Script => out.push_str(include_str!("page.js")),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// JSON that cannot end the element it stands in: `<` is written as its escape.
    fn data(&self) -> String {
        let figures: serde_json::Map<String, Value> = self.figures().map(|f| (f.id.clone(), f.drawn.json(&f.heading))).collect();
        let marks: Vec<&Mark> =
            self.blocks().filter_map(|b| if let Block::Marks { marks } = b { Some(marks) } else { None }).flatten().collect();
        let whole = json!({ "title": self.title, "axis": self.axis, "marks": marks, "figures": figures });
        whole.to_string().replace('<', "\\u003c")
    }
}

enum Part {
    Style,
    Data,
    Plotly,
    Script,
}

impl Drawn {
    fn json(&self, heading: &str) -> Value {
        let trace = |t: &Trace| {
            json!({
                "name": t.name, "role": t.role, "steps": t.steps,
                "x": column(t.points.iter().map(|p| p.0)), "y": column(t.points.iter().map(|p| p.1)),
            })
        };
        json!({
            "heading": heading, "kind": self.kind, "unit": self.unit, "xTitle": self.x_title, "logX": self.log_x, "logY": self.log_y,
            "stacked": self.stacked, "marks": self.marks, "rows": self.rows,
            "limits": self.limits.iter().map(|(label, value, role)| json!({"label": label, "value": value, "role": role})).collect::<Vec<_>>(),
            "traces": self.traces.iter().map(trace).collect::<Vec<_>>(),
        })
    }
}

/// Numbers as the base64 of their 32-bit floats, low byte first: half of the size of digits, and read at once. Seconds of a day keep
/// 8 ms.
fn column(values: impl Iterator<Item = f64>) -> String {
    #[allow(clippy::cast_possible_truncation)]
    let bytes: Vec<u8> = values.flat_map(|v| (v as f32).to_le_bytes()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// `plotly.min.js` as its crate ships it, without the MathJax beside it.
fn plotly() -> &'static str {
    static JS: OnceLock<String> = OnceLock::new();
    JS.get_or_init(|| {
        let both = plotly::Plot::offline_js_sources();
        let first = both.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        first.map(|(js, _)| js.to_owned()).unwrap_or_default()
    })
}
