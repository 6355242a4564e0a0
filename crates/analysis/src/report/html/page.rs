//! A page of sections and figures, whatever it tells of: a run, or several of them beside each other.

use base64::Engine;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// A whole page.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Page {
    pub title: String,
    /// One sentence below the title.
    pub lead: String,
    /// A word that judges the whole, and how it is meant: `good`, `fair`, `bad`.
    pub badge: String,
    pub badge_class: String,
    /// Shared by all figures of kind [`Kind::Time`].
    #[serde(skip)]
    pub axis: Option<Axis>,
    pub sections: Vec<Section>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Section {
    /// Unique within the page, of letters and hyphens.
    pub id: String,
    pub heading: String,
    /// Of the list of contents.
    pub short: String,
    pub blocks: Vec<Block>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Block {
    Text {
        text: String,
    },
    /// The few numbers that matter most.
    Numbers {
        numbers: Vec<Number>,
    },
    /// Sentences, each with how it is meant and a short code.
    Findings {
        findings: Vec<Finding>,
    },
    Items {
        items: Vec<String>,
    },
    Table(Table),
    Figure(Figure),
    /// Buttons that set the shared axis to one of its bands.
    Zoom {
        bands: Vec<String>,
    },
    Marks {
        marks: Vec<Mark>,
    },
}

#[derive(Debug, Clone, Serialize)]
pub struct Number {
    pub label: String,
    pub value: String,
    pub note: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// `good`, `fair`, `bad`.
    pub class: String,
    pub word: String,
    pub code: String,
    pub text: String,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Table {
    pub caption: String,
    /// Columns from the left that hold words; all others hold numbers.
    pub words: usize,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What the autoscaler did at a moment, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Mark {
    /// Seconds on the shared axis.
    pub t: f64,
    pub until: Option<f64>,
    /// As it is read.
    pub when: String,
    pub title: String,
    /// `up`, `down`, `held`.
    pub class: String,
    pub reason: String,
    pub steps: Vec<String>,
    /// Where it is drawn, if the figure has a place for it.
    pub y: Option<f64>,
}

/// The time axis that figures share.
#[derive(Debug, Clone, Serialize)]
pub struct Axis {
    pub from: f64,
    pub to: f64,
    /// Milliseconds since the Unix epoch at 0; null where there is no calendar.
    pub zero_ms: Option<f64>,
    /// (from, to, label)
    pub bands: Vec<(f64, f64, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Over the shared axis.
    Time,
    /// Share of values (y) up to x.
    Ecdf,
    /// A point each, over the shared axis.
    Scatter,
    /// Bars between two moments of the shared axis, a row each.
    Spans,
}

/// A plot: what it says in words stands in the page, what it is drawn from in the page's data.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Unique within the page, of letters, digits and hyphens.
    pub id: String,
    pub heading: String,
    pub about: String,
    /// Extremes and when they were; what a reader who cannot see it gets.
    pub summary: String,
    #[serde(skip)]
    pub drawn: Drawn,
}

#[derive(Debug, Clone)]
pub struct Drawn {
    pub kind: Kind,
    pub unit: String,
    pub x_title: String,
    pub log_x: bool,
    pub log_y: bool,
    pub stacked: bool,
    pub traces: Vec<Trace>,
    pub limits: Vec<(String, f64, String)>,
    /// Names of rows, of [`Kind::Spans`].
    pub rows: Vec<String>,
    /// Whether the page's marks are drawn in it.
    pub marks: bool,
}

#[derive(Debug, Clone)]
pub struct Trace {
    pub name: String,
    /// Decides the colour, see `page.js`.
    pub role: String,
    pub steps: bool,
    pub points: Vec<(f64, f64)>,
}

impl Page {
    /// The page as HTML, ended by a line feed.
    pub fn render(&self) -> String {
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

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|s| &s.blocks)
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks().filter_map(|b| if let Block::Figure(f) = b { Some(f) } else { None })
    }
}

enum Part {
    Style,
    Data,
    Plotly,
    Script,
}

impl Default for Drawn {
    fn default() -> Self {
        Self {
            kind: Kind::Time,
            unit: String::new(),
            x_title: String::new(),
            log_x: false,
            log_y: false,
            stacked: false,
            traces: vec![],
            limits: vec![],
            rows: vec![],
            marks: false,
        }
    }
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
