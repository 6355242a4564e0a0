//! What is shown of a run, a comparison, a gate or anything else: sections of blocks, made once and written by [`super::writer`] for a
//! terminal, as Markdown and as a page.

use bench_model::run::Source;
use serde::Serialize;

/// The whole of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Document {
    pub title: String,
    /// One sentence below the title.
    pub lead: String,
    /// Words beside the title, such as PREDICTED.
    pub badges: Vec<Badge>,
    /// Shared by all figures of kind [`Kind::Time`].
    #[serde(skip)]
    pub axis: Option<Axis>,
    pub sections: Vec<Section>,
}

/// A word that says what kind of thing is shown, or judges it.
#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    pub word: String,
    /// `good`, `fair`, `bad`, `predicted`, or empty for a plain fact.
    pub class: String,
}

impl Badge {
    pub fn new(word: &str, class: &str) -> Self {
        Self { word: word.into(), class: class.into() }
    }

    /// It comes first wherever numbers are shown, so that nobody takes a prediction for a measurement.
    pub fn source(source: Source) -> Self {
        match source {
            Source::Measured => Self::new("MEASURED", ""),
            Source::Predicted => Self::new("PREDICTED", "predicted"),
        }
    }
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Section {
    /// Unique within the page, of letters and hyphens.
    pub id: String,
    pub heading: String,
    /// Of the list of contents.
    pub short: String,
    /// Shown on a terminal with `--full` only; folded in Markdown. A page holds everything.
    pub detail: bool,
    pub blocks: Vec<Block>,
}

impl Section {
    pub fn new(id: &str, heading: &str, short: &str, blocks: Vec<Block>) -> Self {
        Self { id: id.into(), heading: heading.into(), short: short.into(), detail: false, blocks }
    }

    /// Shown with `--full` only.
    pub fn detail(self) -> Self {
        Self { detail: true, ..self }
    }
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
    /// Lines of text in a fixed width, for a terminal and Markdown alone: a page has figures.
    Picture {
        lines: Vec<String>,
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
    /// Other documents that lie beside this one.
    Links {
        links: Vec<Link>,
    },
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Number {
    pub label: String,
    pub value: String,
    pub note: String,
    /// `kept` or `missed` against a goal; empty where there is none.
    pub class: String,
}

/// Another document, by its path from this one.
#[derive(Debug, Clone, Serialize)]
pub struct Link {
    pub text: String,
    /// Serialised only if it is [`beside`] the document: a page links to nothing else.
    #[serde(serialize_with = "only_beside")]
    pub href: String,
}

/// Whether a reference is a relative path: it has no scheme, no host and no root, and nothing in it hides one.
pub fn beside(href: &str) -> bool {
    !href.is_empty()
        && !href.starts_with('/')
        && !href.contains([':', '\\'])
        && !href.contains(|c: char| c.is_control() || c.is_whitespace())
}

fn only_beside<S: serde::Serializer>(href: &str, s: S) -> Result<S::Ok, S::Error> {
    if beside(href) { s.serialize_str(href) } else { s.serialize_none() }
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
    /// What was reached (y, 0..1) against what was paid (x): a place an arm. See [`super::decision`].
    Decision,
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
    /// Points with names, of [`Kind::Decision`].
    pub places: Vec<Place>,
}

/// A point with its name beside it.
#[derive(Debug, Clone)]
pub struct Place {
    pub name: String,
    pub role: String,
    pub at: (f64, f64),
    /// Lower and upper end.
    pub x_band: Option<(f64, f64)>,
    pub y_band: Option<(f64, f64)>,
    /// Another source than the others': predicted among measured.
    pub hollow: bool,
    /// The one that is recommended.
    pub best: bool,
    /// Its numbers in words, a line each.
    pub said: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Trace {
    pub name: String,
    /// Decides colour, dash and symbol, see [`super::writer::palette`]. Several runs of one arm share its role, `arm-0`: they have one
    /// entry in the legend, named by what their names begin with, and over time more than two are drawn as a band with a median.
    pub role: String,
    pub steps: bool,
    pub points: Vec<(f64, f64)>,
}

impl Block {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A table without a caption; the first `words` columns hold words.
    pub fn table(words: usize, head: &[&str], rows: Vec<Vec<String>>) -> Self {
        Self::Table(Table { caption: String::new(), words, head: head.iter().map(|h| (*h).to_owned()).collect(), rows })
    }
}

impl Finding {
    pub fn new(class: &str, word: &str, code: &str, text: impl Into<String>) -> Self {
        Self { class: class.into(), word: word.into(), code: code.into(), text: text.into() }
    }
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
            places: vec![],
        }
    }
}

impl Drawn {
    /// Nothing would be seen.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty() && self.traces.iter().all(|t| t.points.is_empty())
    }
}

impl Document {
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|s| &s.blocks)
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks().filter_map(|b| if let Block::Figure(f) = b { Some(f) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_only_to_what_lies_beside() {
        for good in ["a.html", "runs/a-b_c/report.html", "../x.html", "a.html#t=1-2"] {
            assert!(beside(good), "{good}");
        }
        for bad in ["", "/etc", "//host/x", "https://host", "javascript:alert(1)", "java\nscript:x", " a", "a\\b", "\u{1}x"] {
            assert!(!beside(bad), "{bad}");
        }
        let link = |href: &str| serde_json::to_value(Link { text: "a".into(), href: href.into() }).unwrap()["href"].clone();
        assert_eq!((link("a.html"), link("data:x")), ("a.html".into(), serde_json::Value::Null));
    }
}
