//! `--filter KEY=VALUE`: which runs are meant.

use bench_model::index::{Entry, KEYS};

/// A key and the values of which one must fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    key: &'static str,
    values: Vec<String>,
}

impl Filter {
    /// `arm=wva`, `state=complete,failed`, `model=*Qwen*`, `plan=feb043`.
    ///
    /// # Errors
    /// Why it is no filter.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, values) =
            text.split_once('=').ok_or_else(|| format!("{text:?} is no filter: write KEY=VALUE, with one of {}", KEYS.join(", ")))?;
        let key = key.trim();
        let known = KEYS.iter().find(|k| **k == key).ok_or_else(|| {
            let near = crate::config::nearest(key, KEYS.iter().copied()).map(|n| format!(" Did you mean {n}?")).unwrap_or_default();
            format!("there is no key {key}.{near} The keys are {}.", KEYS.join(", "))
        })?;
        let values: Vec<String> = values.split(',').map(|v| v.trim().to_lowercase()).filter(|v| !v.is_empty()).collect();
        if values.is_empty() { Err(format!("{text:?} names no value")) } else { Ok(Self { key: known, values }) }
    }

    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Hashes and ids may be cut short; `*` stands for anything; case does not count.
    pub fn fits(&self, e: &Entry) -> bool {
        let value = e.value(self.key).unwrap_or_default().to_lowercase();
        let short = matches!(self.key, "run" | "stack" | "load" | "plan");
        self.values
            .iter()
            .any(|v| like(v, &value) || (short && (value.starts_with(v.as_str()) || (self.key == "run" && value.ends_with(v.as_str())))))
    }
}

/// All of the filters must fit.
pub fn all_fit(filters: &[Filter], e: &Entry) -> bool {
    filters.iter().all(|f| f.fits(e))
}

/// Whether a name fits a pattern in which `*` stands for anything.
fn like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bench_model::plan::Arm;
    use bench_model::run::{RunState, Source};

    fn entry() -> Entry {
        Entry {
            directory: "d".into(),
            run: "20261124T031159Z-ramp_small-wva-c97c".into(),
            arm: Arm::Static(2),
            source: Source::Measured,
            state: RunState::Complete,
            model: "Qwen/Qwen3-0.6B".into(),
            profile: "ramp_small".into(),
            scenario: "simulated".into(),
            verdict: "valid".into(),
            score: None,
            created: None,
            stack: "82139871453e".into(),
            load: "a7a8f57a7ca6".into(),
            plan: "feb043ae85c5".into(),
            seen: vec![],
        }
    }

    #[test]
    fn filters() {
        for (text, yes) in [
            ("arm=static-2", true),
            ("arm=wva", false),
            ("arm=wva,static-2", true),
            ("arm=static-*", true),
            ("state=Complete", true),
            ("model=*qwen3*", true),
            ("model=qwen", false),
            ("plan=feb0", true),
            ("plan=043", false),
            ("run=c97c", true),
            ("scenario=simulated", true),
            ("verdict=invalid", false),
        ] {
            assert_eq!(Filter::parse(text).unwrap().fits(&entry()), yes, "{text}");
        }
        let both = [Filter::parse("arm=static-2").unwrap(), Filter::parse("verdict=invalid").unwrap()];
        assert!(!all_fit(&both, &entry()) && all_fit(&both[..1], &entry()));
        for (text, says) in [("arm", "no filter"), ("arms=wva", "Did you mean arm?"), ("arm=", "names no value")] {
            assert!(Filter::parse(text).unwrap_err().contains(says), "{text}");
        }
        for key in KEYS {
            assert!(entry().value(key).is_some(), "{key}");
        }
    }
}
