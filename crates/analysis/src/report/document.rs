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

    /// Where numbers are from: the first badge of whatever shows any.
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
    /// Decides the colour, see `writer/page.js`.
    pub role: String,
    pub steps: bool,
    pub points: Vec<(f64, f64)>,
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

impl Document {
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|s| &s.blocks)
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks().filter_map(|b| if let Block::Figure(f) = b { Some(f) } else { None })
    }
}
