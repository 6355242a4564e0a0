//! What can be wrong with a file or a flag, told so that it can be put right: what, where, why, what to do.

use super::secrets::redact_text;
use super::tree::At;
use bench_analysis::cut;
use std::fmt::Write as _;

/// A scenario, profile or flag that does not hold together. Exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file of that name.
    #[error("{}", not_found(kind, name, nearest.as_deref(), known, looked_in))]
    NotFound { kind: &'static str, name: String, nearest: Option<String>, known: Vec<String>, looked_in: Vec<String> },

    // Not named `source`: the message tells it, and the chain of causes would tell it again.
    #[error("cannot read {path}\n  why:  {why}\n  do:   {}", remedy(why))]
    Read { path: String, why: std::io::Error },

    /// Not YAML.
    #[error("{at}: this is not valid YAML: {message}\n  line: {}", short(&redact_text(line_text)))]
    Syntax { at: Box<At>, message: String, line_text: String },

    /// Not YAML, but it can be seen what was meant.
    #[error("{}", broken(at, reasons, corrected))]
    Broken { at: Box<At>, reasons: Vec<String>, corrected: String },

    #[error("{0}")]
    UnknownKey(Box<UnknownKey>),

    #[error("{at}: `{key}` is missing\n  why:  it has no default\n  do:   {remedy}")]
    MissingKey { at: Box<At>, key: String, remedy: String },

    /// A value of the wrong type, or not one of the known words.
    #[error("{}", wrong_value(at, key, message, nearest.as_deref()))]
    Value { at: Box<At>, key: String, message: String, nearest: Option<String> },

    /// Every value has its type, but they do not make sense together.
    #[error("{}", problems(.0))]
    Invalid(Vec<Problem>),

    /// A flag that cannot be read.
    #[error("{flag}: {message}\n  do:   {remedy}")]
    Flag { flag: String, message: String, remedy: String },

    #[error("these scenarios extend each other in a circle: {}\n  do:   remove one `extends:`", chain.join(" -> "))]
    Cycle { chain: Vec<String> },

    /// A `REPLACE_ENV_…` token or a template that nothing fills.
    #[error("{at}: {message}\n  known: {}\n  do:   {remedy}", known.join(", "))]
    Token { at: Box<At>, message: String, known: Vec<String>, remedy: String },

    /// A file that is understood, and not supported.
    #[error("{at}: {message}\n  why:  {why}\n  do:   {remedy}")]
    Unsupported { at: Box<At>, message: String, why: String, remedy: String },
}

fn remedy(why: &std::io::Error) -> &'static str {
    match why.kind() {
        std::io::ErrorKind::NotFound => "give the path of a file that is there, from the current directory",
        std::io::ErrorKind::PermissionDenied => "make it readable for this user",
        _ => "give the path of a text file",
    }
}

/// A key that nothing reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    pub at: At,
    /// Dotted path of the table; empty for the top level.
    pub table: String,
    pub key: String,
    pub nearest: Option<String>,
    pub valid: Vec<String>,
    pub remedy: Option<String>,
}

impl std::fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.table.is_empty() { String::new() } else { format!(" in `{}`", self.table) };
        write!(f, "{}: unknown key `{}`{place}{}", self.at, self.key, did_you_mean(self.nearest.as_deref()))?;
        write!(f, "\n  valid keys{place}: {}", self.valid.join(", "))?;
        self.remedy.iter().try_for_each(|remedy| write!(f, "\n  do:   {remedy}"))
    }
}

/// One finding of the validation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub at: At,
    /// Dotted path.
    pub key: String,
    pub message: String,
    pub remedy: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: `{}`: {}\n  do:   {}", self.at, self.key, cut(&self.message), self.remedy)
    }
}

/// The candidate nearest to a misspelt word, when it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let plain = |s: &str| s.to_lowercase().replace(['-', '.'], "_");
    let word = plain(word);
    candidates
        .into_iter()
        .map(|c| {
            let c_plain = plain(c);
            let score = strsim::normalized_damerau_levenshtein(&word, &c_plain).max(strsim::jaro_winkler(&word, &c_plain) - 0.2);
            (score, c)
        })
        .filter(|(score, _)| *score >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c.to_string())
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|n| format!("\n  did you mean `{n}`?")).unwrap_or_default()
}

fn not_found(kind: &str, name: &str, nearest: Option<&str>, known: &[String], looked_in: &[String]) -> String {
    let mut s = format!("there is no {kind} `{name}`{}", did_you_mean(nearest));
    let _ = write!(s, "\n  known: {}\n  looked in: {}", known.join(", "), looked_in.join(", "));
    let _ = write!(s, "\n  do:   name one of these, or give a path (with a `/` or ending in .yaml)");
    s
}

fn wrong_value(at: &At, key: &str, message: &str, nearest: Option<&str>) -> String {
    // A value is repeated in many a message; a credential must not be.
    let what = if key.is_empty() { String::new() } else { format!(" `{key}`:") };
    redact_text(&format!("{at}:{what} {}{}", cut(message), did_you_mean(nearest)))
}

fn problems(list: &[Problem]) -> String {
    redact_text(&list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn broken(at: &At, reasons: &[String], corrected: &str) -> String {
    let mut s = format!("{at}: this file cannot be read as it stands");
    for reason in reasons {
        let _ = write!(s, "\n  why:  {reason}");
    }
    let _ = write!(s, "\n  do:   put this into the file:\n");
    for line in corrected.lines() {
        let _ = write!(s, "\n    {line}");
    }
    s
}

/// As much of a line as a reader looks at.
fn short(line: &str) -> String {
    match line.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.into(),
    }
}
