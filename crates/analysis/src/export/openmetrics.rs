//! A run as OpenMetrics text that `promtool tsdb create-blocks-from openmetrics` takes: the recorded series with their values
//! as they were, and what Prometheus did not record (replicas, load, latencies, decisions), all with the labels `run` and `arm`.

use super::derived;
use crate::Calendar;
use crate::ingest::openmetrics::{head, is_plain, normalise, value};
use crate::report::Material;
use bench_model::tables::Series;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Written {
    pub series: usize,
    pub samples: usize,
    /// First and last sample, seconds since the Unix epoch.
    pub span: Option<(f64, f64)>,
}

/// Writes the whole text, sorted by name, labels and time, `# EOF` at its end.
///
/// # Errors
/// When `out` does.
pub fn write(out: &mut impl Write, m: &Material<'_>, calendar: Calendar) -> io::Result<Written> {
    let derived = derived::all(m);
    let helps: BTreeMap<&str, &str> = derived.iter().map(|d| (d.series.name.as_str(), d.help)).collect();
    // What was recorded under a name of ours would be taken for ours.
    let recorded = m.tables.series.iter().filter(|s| !helps.contains_key(s.name.as_str()));
    let all = recorded.chain(derived.iter().map(|d| &d.series)).map(|s| placed(s, m, calendar)).collect();
    let all: Vec<Series> = normalise(all).into_iter().filter(|s| !s.samples.is_empty()).collect();
    let names: BTreeSet<&str> = all.iter().map(|s| s.name.as_str()).collect();
    let mut families: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for s in &all {
        families.entry(&s.name).or_default().push(s);
    }
    let mut written = Written { series: 0, samples: 0, span: None };
    for (name, series) in families {
        let (family, kind) = family(name, &series, &names, helps.contains_key(name));
        writeln!(out, "# HELP {family} {}", helps.get(name).copied().unwrap_or("As it was recorded."))?;
        writeln!(out, "# TYPE {family} {kind}")?;
        for s in series {
            let head = head(s);
            for (t, v) in &s.samples {
                writeln!(out, "{head} {} {t:.3}", value(*v))?;
                let (first, last) = written.span.unwrap_or((*t, *t));
                written.span = Some((first.min(*t), last.max(*t)));
            }
            written.series += 1;
            written.samples += s.samples.len();
        }
    }
    writeln!(out, "# EOF")?;
    Ok(written)
}

/// A family's name and type. What ends in `_total` is a counter whose family goes without it, unless a value or another
/// name forbids that; of all else that was recorded no type is known.
fn family<'a>(name: &'a str, series: &[&Series], names: &BTreeSet<&str>, ours: bool) -> (&'a str, &'static str) {
    let counts = |v: f64| v.is_finite() && v >= 0.0;
    if let Some(base) = name.strip_suffix("_total").filter(|b| !b.is_empty()) {
        let taken = ["", "_created", "_bucket", "_count", "_sum", "_info"].iter().any(|s| names.contains(format!("{base}{s}").as_str()));
        if !taken && series.iter().all(|s| s.samples.iter().all(|(_, v)| counts(*v))) {
            return (base, "counter");
        }
    }
    (name, if ours { "gauge" } else { "unknown" })
}

/// A series with its run and arm, on the calendar, under names that every Prometheus takes.
fn placed(s: &Series, m: &Material<'_>, calendar: Calendar) -> Series {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (k, v) in &s.labels {
        // As Prometheus does with a target's own label of a name that it sets itself.
        let key = if k == "run" || k == "arm" { format!("exported_{k}") } else { escaped(k, true) };
        // An empty label is none.
        if !v.is_empty() && k != "__name__" {
            labels.insert(key, v.replace('\0', "\u{fffd}"));
        }
    }
    labels.insert("run".into(), m.run.id.replace('\0', "\u{fffd}"));
    labels.insert("arm".into(), m.run.arm.to_string());
    let samples = s.samples.iter().filter(|(t, _)| t.is_finite()).map(|(t, v)| (calendar.epoch(*t), *v)).collect();
    Series { name: escaped(&s.name, false), labels, samples }
}

/// Prometheus' own way (`U__`, an underscore doubled, all else as its code point) of writing a name that older versions do
/// not take: two names never become one.
fn escaped(name: &str, label: bool) -> String {
    if is_plain(name, label) {
        return name.into();
    }
    let mut out = String::from("U__");
    for c in name.chars() {
        match c {
            '_' => out.push_str("__"),
            c if c.is_ascii_alphanumeric() || (c == ':' && !label) => out.push(c),
            c => out.push_str(&format!("_{:x}_", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::material;
    use crate::validity::testing::{load, rate};

    fn text(series: Vec<Series>) -> String {
        let mut t = load(&[rate(0, 2.0, 100.0, 30.0)]);
        t.series = series;
        material(&t, |m| {
            let mut out = Vec::new();
            write(&mut out, m, Calendar::new(m.run, m.tables, None)).unwrap();
            String::from_utf8(out).unwrap()
        })
    }

    fn s(name: &str, labels: &[(&str, &str)], samples: &[(f64, f64)]) -> Series {
        Series { name: name.into(), labels: labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(), samples: samples.to_vec() }
    }

    #[test]
    fn counters_are_declared_as_such_and_nothing_twice() {
        let all = text(vec![
            s("a_total", &[], &[(100.0, 1.0)]),
            s("b_total", &[], &[(100.0, f64::NAN)]),
            s("c_total", &[], &[(100.0, 1.0)]),
            s("c_created", &[], &[(100.0, 1.0)]),
            s("g", &[("run", "x"), ("empty", ""), ("pod", "p\"\\\n")], &[(100.0, 1.0), (100.0001, 2.0), (90.0, f64::INFINITY)]),
            s("with.dot", &[], &[(100.0, 1.0)]),
        ]);
        for line in ["# TYPE a counter", "# TYPE b_total unknown", "# TYPE c_total unknown", "# TYPE bench_requests_sent counter"] {
            assert_eq!(all.lines().filter(|l| *l == line).count(), 1, "{line}\n{all}");
        }
        assert!(all.contains("U__with_2e_dot{arm=\"wva\",run="), "{all}");
        let g: Vec<&str> = all.lines().filter(|l| l.starts_with("g{")).collect();
        assert_eq!(g.len(), 2, "{g:?}");
        assert!(
            g[0].starts_with("g{arm=\"wva\",exported_run=\"x\",pod=\"p\\\"\\\\\\n\",run=\"") && g[0].ends_with("} +Inf 90.000"),
            "{g:?}"
        );
        let types: Vec<&str> = all.lines().filter(|l| l.starts_with("# TYPE")).collect();
        assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len());
        assert!(all.ends_with("\n# EOF\n"));
    }
}
