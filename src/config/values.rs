//! Small grammars of other people: Kubernetes names, image references, guidellm versions.

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
