use super::is_plain;
use bench_model::tables::Series;
use std::collections::BTreeMap;
use std::io::{self, Write};

type Labels = BTreeMap<String, String>;

/// Sorts by name, labels and time (to the millisecond), joins equal series and drops samples of a time that is already
/// there (the first one stays: windows of one fetch may overlap). Samples without a finite time are dropped.
pub fn normalise(series: Vec<Series>) -> Vec<Series> {
    let mut all: BTreeMap<(String, Labels), Vec<(f64, f64)>> = BTreeMap::new();
    for s in series {
        all.entry((s.name, s.labels)).or_default().extend(s.samples.into_iter().filter(|(t, _)| t.is_finite()).map(|(t, v)| (to_ms(t), v)));
    }
    all.into_iter()
        .map(|((name, labels), mut samples)| {
            samples.sort_by(|a, b| a.0.total_cmp(&b.0));
            samples.dedup_by_key(|s| s.0);
            Series { name, labels, samples }
        })
        .collect()
}

fn to_ms(t: f64) -> f64 {
    (t * 1000.0).round() / 1000.0
}

/// Writes OpenMetrics text. The series are normalised first, see [`normalise`].
///
/// # Errors
/// When `out` does.
pub fn write(out: &mut impl Write, series: Vec<Series>) -> io::Result<()> {
    write_part(out, series)?;
    write_end(out)
}

/// A part of it, so that not all series are in memory at once: parts must come in the order of their names.
///
/// # Errors
/// When `out` does.
pub fn write_part(out: &mut impl Write, series: Vec<Series>) -> io::Result<()> {
    for s in normalise(series) {
        let head = head(&s);
        for (t, v) in s.samples {
            writeln!(out, "{head} {} {t:.3}", value(v))?;
        }
    }
    Ok(())
}

/// What comes after the last part.
///
/// # Errors
/// When `out` does.
pub fn write_end(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# EOF")
}

/// Name and labels; the quoted form of newer Prometheus for a name that needs it.
pub(crate) fn head(s: &Series) -> String {
    let mut parts: Vec<String> = Vec::with_capacity(s.labels.len() + 1);
    let plain = is_plain(&s.name, false);
    if !plain {
        parts.push(format!("\"{}\"", escape(&s.name)));
    }
    for (k, v) in &s.labels {
        let v = escape(v);
        parts.push(if is_plain(k, true) { format!("{k}=\"{v}\"") } else { format!("\"{}\"=\"{v}\"", escape(k)) });
    }
    let name = if plain { s.name.as_str() } else { "" };
    if parts.is_empty() { name.into() } else { format!("{name}{{{}}}", parts.join(",")) }
}

fn escape(s: &str) -> String {
    s.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The shortest text that reads back to the same number.
pub(crate) fn value(v: f64) -> String {
    if v.is_nan() {
        "NaN".into()
    } else if v.is_infinite() {
        if v > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        let text = format!("{v:?}");
        text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
    }
}
