use crate::ingest::Error;
use bench_model::tables::Series;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Lines told one by one before the rest is only counted.
const TOLD: usize = 3;

/// Reads a file of samples; what could not be understood is told, each with its line.
///
/// # Errors
/// When the file cannot be read.
pub fn read_file(path: &Path) -> Result<(Vec<Series>, Vec<String>), Error> {
    let file = File::open(path).map_err(|e| Error::read(path, e))?;
    let (series, problems) = read(BufReader::with_capacity(1 << 20, file)).map_err(|e| Error::read(path, e))?;
    Ok((series, problems.into_iter().map(|p| format!("{}: {p}", path.display())).collect()))
}

/// Reads OpenMetrics text. Series come out in order of name and labels, their samples in order of time.
///
/// A line that is no sample, or has no time, is told and skipped; so is a missing `# EOF`, the sign of a file cut off.
/// Comments and exemplars are skipped in silence.
///
/// # Errors
/// When `reader` does.
pub fn read(mut reader: impl BufRead) -> std::io::Result<(Vec<Series>, Vec<String>)> {
    let mut found: Vec<(String, Series)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    // Samples of a series follow one another: the last one's head is tried first.
    let mut last = usize::MAX;
    let mut problems = Vec::new();
    let (mut number, mut bad, mut eof) = (0usize, 0usize, false);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        number += 1;
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\n', '\r']);
        if line == "# EOF" {
            eof = true;
            break;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let known = found.get_mut(last).and_then(|(head, s)| Some((line.strip_prefix(head.as_str()).filter(|r| r.starts_with(' '))?, s)));
        let parsed = if let Some((rest, series)) = known {
            sample(rest).map(|s| series.samples.push(s))
        } else {
            split(line).and_then(|(head, sample)| {
                if let Some(place) = places.get(head) {
                    last = *place;
                    found[last].1.samples.push(sample);
                    return Ok(());
                }
                let (name, labels) = parse_head(head)?;
                last = found.len();
                places.insert(head.into(), last);
                found.push((head.into(), Series { name, labels, samples: vec![sample] }));
                Ok(())
            })
        };
        if let Err(reason) = parsed {
            bad += 1;
            if bad <= TOLD {
                problems.push(format!("line {number}: {reason}"));
            }
        }
    }
    if bad > TOLD {
        problems.push(format!("{} more lines were not understood", bad - TOLD));
    }
    if !eof {
        problems.push(format!("no `# EOF` after line {number}: the file was cut off"));
    }
    // In the order of their heads, since the first of two samples of one moment stays.
    let mut found: Vec<Option<Series>> = found.into_iter().map(|(_, s)| Some(s)).collect();
    let series = places.into_values().filter_map(|place| found.get_mut(place)?.take()).collect();
    Ok((super::normalise(series), problems))
}

/// Line → (name with labels, (time, value)).
fn split(line: &str) -> Result<(&str, (f64, f64)), String> {
    let end = end_of_head(line).ok_or("labels do not end")?;
    let (head, rest) = line.split_at(end);
    let sample = sample(rest)?;
    if head.is_empty() {
        return Err("no name or no finite time".into());
    }
    Ok((head, sample))
}

/// What follows the head → (time, value).
fn sample(rest: &str) -> Result<(f64, f64), String> {
    let mut words = rest.split(' ').filter(|w| !w.is_empty());
    let value = words.next().ok_or("no value")?;
    let value: f64 = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    let t = words.next().filter(|w| !w.starts_with('#')).ok_or("a sample without time")?;
    let t: f64 = t.parse().map_err(|_| format!("{t:?} is no time"))?;
    if words.next().is_some_and(|w| w != "#") {
        return Err("more words than value and time".into());
    }
    if !t.is_finite() {
        return Err("no name or no finite time".into());
    }
    Ok((t, value))
}

/// Position after the name and its labels; braces within quotes do not count.
fn end_of_head(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped, mut open) = (false, false, false);
    for (i, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' => open = true,
            '}' => return open.then_some(i + 1),
            ' ' if !open => return Some(i),
            _ => {}
        }
    }
    None
}

fn parse_head(head: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let Some((name, body)) = head.split_once('{') else { return Ok((head.into(), BTreeMap::new())) };
    let mut name = name.to_owned();
    let mut labels = BTreeMap::new();
    let mut rest = body.strip_suffix('}').ok_or("labels do not end")?.trim();
    while !rest.is_empty() {
        let (key, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let end = rest.find(['=', ',']).unwrap_or(rest.len());
            (rest[..end].trim().to_owned(), &rest[end..])
        };
        let after = after.trim_start();
        rest = if let Some(value) = after.strip_prefix('=') {
            let (value, after) = quoted(value.trim_start())?;
            labels.insert(key, value);
            after
        } else if name.is_empty() {
            name = key;
            after
        } else {
            return Err(format!("label {key:?} has no value"));
        };
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(r) => r.trim_start(),
            None if rest.is_empty() => rest,
            None => return Err("labels are not parted by commas".into()),
        };
    }
    if name.is_empty() { Err("no name".into()) } else { Ok((name, labels)) }
}

/// A text in quotes at the start, unescaped, and what follows it.
fn quoted(s: &str) -> Result<(String, &str), String> {
    let inner = s.strip_prefix('"').ok_or("a label's value is not in quotes")?;
    let mut out = String::new();
    let mut chars = inner.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Ok((out, &inner[i + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, c @ ('\\' | '"'))) => out.push(c),
                Some((_, c)) => out.extend(['\\', c]),
                None => break,
            },
            c => out.push(c),
        }
    }
    Err("quotes do not end".into())
}

#[cfg(test)]
mod tests {
    use super::super::tests::series;
    use super::*;

    #[test]
    fn comments_exemplars_and_spacing_are_no_trouble() {
        let text = "# TYPE m counter\n# HELP m words\nm_total{a=\"1\", b=\"2\",} 3 4.5 # {trace=\"x\"} 1 2\nm_total 1e3 0.001\n\n# EOF\nafter 1 1\n";
        let (got, problems) = read(text.as_bytes()).unwrap();
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(got, vec![series("m_total", &[], &[(0.001, 1000.0)]), series("m_total", &[("a", "1"), ("b", "2")], &[(4.5, 3.0)])]);
    }

    #[test]
    fn a_file_cut_off_keeps_what_is_there_and_says_so() {
        let (got, problems) = read("m{pod=\"a\"} 1 1.000\nm{pod=\"a\"} 2 2.000\nm{pod=\"a".as_bytes()).unwrap();
        assert_eq!(got, vec![series("m", &[("pod", "a")], &[(1.0, 1.0), (2.0, 2.0)])]);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("line 3:"), "{problems:?}");
        assert!(problems[1].contains("cut off"), "{problems:?}");
    }

    #[test]
    fn nonsense_is_told_with_its_line_and_counted() {
        let text = "m 1\nm x 1\nm{a=b} 1 1\nm{a=\"b\"c} 1 1\n} 1 1\n\"\n{} 1 1\nm 1 1 1\nm 1 +Inf\n\u{fffd}\n# EOF\n";
        let (got, problems) = read(text.as_bytes()).unwrap();
        assert_eq!(got, vec![]);
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert_eq!(problems[0], "line 1: a sample without time");
        assert_eq!(problems[1], "line 2: \"x\" is no number");
        assert_eq!(problems[3], "7 more lines were not understood");
        assert!(read(&b"\xff\xfe{ 1 1\n# EOF\n"[..]).unwrap().1.len() == 1);
    }
}
