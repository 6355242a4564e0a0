//! Small grammars of other people: Kubernetes quantities and names, image references, guidellm versions.

/// A Kubernetes quantity as a number: `500m` is 0.5, `64Gi` is 64·2³⁰.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let (number, factor) = SUFFIXES.iter().find_map(|(s, factor)| Some((text.strip_suffix(s)?, *factor))).unwrap_or((text, 1.0));
    let plain = number.strip_prefix(['+', '-']).unwrap_or(number);
    // Exponents are allowed, but not together with a suffix.
    let exponent = |c: char| factor == 1.0 && "eE+-".contains(c);
    let begins = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !begins || !plain.chars().all(|c| c.is_ascii_digit() || c == '.' || exponent(c)) {
        return None;
    }
    number.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * factor)
}

/// What is wrong with a DNS label (RFC 1123).
pub(crate) fn label_fault(name: &str, longest: usize) -> Option<String> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if name.is_empty() {
        Some("is empty".into())
    } else if name.len() > longest {
        Some(format!("has {} characters, more than {longest}", name.len()))
    } else if let Some(c) = name.chars().find(|c| !inner(*c)) {
        Some(format!("contains {c:?}"))
    } else if !name.starts_with(end) || !name.ends_with(end) {
        Some("begins or ends with `-`".into())
    } else {
        None
    }
}

/// What is wrong with an image reference, as far as one can see without a registry.
pub(crate) fn image_fault(image: &str) -> Option<&'static str> {
    if image.is_empty() || image.contains(char::is_whitespace) {
        return Some("is no image reference");
    }
    if let Some((name, digest)) = image.split_once('@') {
        let hex = digest.strip_prefix("sha256:").filter(|h| h.len() == 64 && h.chars().all(|c| c.is_ascii_hexdigit()));
        return (name.is_empty() || hex.is_none()).then_some("has no valid digest");
    }
    // A colon before the last slash is a registry's port.
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        None | Some((_, "")) => Some("has neither tag nor digest"),
        Some((_, "latest")) => Some("is `latest`, which is another image tomorrow"),
        Some(("", _)) => Some("is no image reference"),
        Some(_) => None,
    }
}

/// A guidellm version that is supported, as numbers.
///
/// # Errors
/// Why it is not.
pub(crate) fn guidellm_version(text: &str) -> Result<(u32, u32, u32), &'static str> {
    let mut parts = text.split('.').map(str::parse::<u32>);
    let version = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => (major, minor, patch),
        _ => return Err("this is no version of the form 0.8.1"),
    };
    match version {
        (0, 0..=3, _) => Err("before 0.4 it reads another file format and repeats its prompts"),
        (0, 4, _) => Err("0.4 opens at most 100 connections a worker and has no version in its results"),
        (0, 5, _) => Ok(version),
        (0, 6, _) => Err("0.6 ignores target, model and request_type of its file, and silently sends chat requests"),
        (0, 7, 0) => Err("0.7.0 ignores the list of rates in its file; 0.7.1 reads it"),
        (0, 7..=8, _) => Ok(version),
        _ => Err("it is newer than what this bench was tested with (0.8)"),
    }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
