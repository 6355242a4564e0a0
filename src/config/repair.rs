//! Puts right a profile as the published page prints it: remarks like `<=== req/s` behind values, and the keys below
//! `data:` without their indentation. Only to show what was meant: such a file is never run.

use super::tokens::comment_start;

/// Keys that belong below `data:`.
pub(crate) const DATA_KEYS: [&str; 9] = [
    "prompt_tokens",
    "prompt_tokens_stdev",
    "prompt_tokens_min",
    "prompt_tokens_max",
    "output_tokens",
    "output_tokens_stdev",
    "output_tokens_min",
    "output_tokens_max",
    "samples",
];

/// A corrected file and what was wrong with the one given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Repaired {
    pub(crate) text: String,
    pub(crate) reasons: Vec<String>,
    /// First line that was changed, from 1.
    pub(crate) line: usize,
}

/// The file as it was meant, when it shows one of the known faults.
pub(crate) fn repair(text: &str) -> Option<Repaired> {
    let mut out = Vec::new();
    let (mut remarks, mut moved) = (Vec::new(), Vec::new());
    let mut below_data = false;
    for (i, line) in text.lines().enumerate() {
        let mut fixed = without_remark(line).to_string();
        if fixed != line {
            remarks.push(i + 1);
        }
        let key = fixed.split(':').next().unwrap_or_default().to_string();
        if !fixed.trim().is_empty() && !fixed.starts_with([' ', '\t', '#']) {
            if below_data && DATA_KEYS.contains(&key.as_str()) {
                fixed.insert_str(0, "  ");
                moved.push(i + 1);
            } else {
                below_data = fixed.trim_end() == "data:";
            }
        }
        out.push(fixed);
    }
    let line = *remarks.first().into_iter().chain(moved.first()).min()?;
    let mut reasons = Vec::new();
    if let Some(first) = remarks.first() {
        let shown = text.lines().nth(first - 1).unwrap_or_default().trim();
        reasons.push(format!("{}: a remark stands behind the value (`{shown}`); in YAML it would need a `#`", lines(&remarks)));
    }
    if !moved.is_empty() {
        reasons.push(format!("{}: the keys below `data:` must be indented, or they are not below it", lines(&moved)));
    }
    let mut text = out.join("\n");
    text.push('\n');
    Some(Repaired { text, reasons, line })
}

fn without_remark(line: &str) -> &str {
    let code = &line[..comment_start(line)];
    match code.find("<=") {
        Some(i) if i > 0 && code[..i].contains(':') => code[..i].trim_end(),
        _ => line,
    }
}

fn lines(numbers: &[usize]) -> String {
    let (first, last) = (numbers.first().copied().unwrap_or_default(), numbers.last().copied().unwrap_or_default());
    if first == last {
        format!("line {first}")
    } else if last - first + 1 == numbers.len() {
        format!("lines {first}-{last}")
    } else {
        format!("lines {}", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
#[path = "repair_tests.rs"]
mod tests;
