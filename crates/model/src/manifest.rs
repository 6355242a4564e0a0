//! A run as it is stored elsewhere: its files by their SHA-256. The bytes of a manifest follow from the run alone, so that one that is
//! there already tells that nothing is to be sent.

use crate::plan::{Arm, Hashes};
use crate::run::{RunState, Source};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    pub schema_version: u32,
    /// Id, and name of the run's directory.
    pub run: String,
    pub arm: Arm,
    pub source: Source,
    pub state: RunState,
    pub model: String,
    pub profile: String,
    pub created: Option<DateTime<Utc>>,
    pub hashes: Hashes,
    /// In order of their paths.
    pub files: Vec<File>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct File {
    /// Relative to the run's directory, with `/`.
    pub path: String,
    pub size: u64,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

impl File {
    /// Where its bytes are stored, below the prefix.
    pub fn blob(&self) -> String {
        format!("blobs/sha256/{}/{}", self.sha256.get(..2).unwrap_or_default(), self.sha256)
    }
}

impl Manifest {
    /// Where the manifest of a run is stored.
    pub fn place(run: &str) -> String {
        format!("runs/{run}.json")
    }

    /// What is wrong with it: it came from elsewhere, and its paths are written to.
    pub fn faults(&self) -> Option<String> {
        if self.schema_version > crate::SCHEMA_VERSION {
            let known = crate::SCHEMA_VERSION;
            return Some(format!("schema version {} is newer than this bench reads ({known}); use a newer bench", self.schema_version));
        }
        if !is_name(&self.run) {
            return Some(format!("{:?} is no id of a run", self.run));
        }
        let mut seen = std::collections::BTreeSet::new();
        for f in &self.files {
            let inside = Path::new(&f.path).components().all(|c| matches!(c, Component::Normal(_)));
            if f.path.is_empty() || !inside || f.path.contains('\\') || f.path.chars().any(char::is_control) || f.path.ends_with(".part") {
                return Some(format!("{:?} is no path within a run's directory", f.path));
            }
            if f.sha256.len() != 64 || !f.sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                return Some(format!("{:?} has no SHA-256", f.path));
            }
            if !seen.insert(f.path.as_str()) {
                return Some(format!("{:?} is there twice", f.path));
            }
        }
        (!seen.contains(crate::run::files::RUN)).then(|| format!("it holds no {}", crate::run::files::RUN))
    }
}

/// Of letters, digits, dots, hyphens and underscores, and not hidden.
fn is_name(s: &str) -> bool {
    !s.is_empty() && s.len() <= 200 && !s.starts_with('.') && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str) -> Manifest {
        let file = |path: &str| File { path: path.into(), size: 1, sha256: "0".repeat(64) };
        Manifest {
            schema_version: 1,
            run: "20261124T031159Z-ramp_small-wva-c97c".into(),
            arm: Arm::Wva,
            source: Source::Measured,
            state: RunState::Complete,
            model: "m".into(),
            profile: "p".into(),
            created: None,
            hashes: Hashes::default(),
            files: vec![file("run.json"), file(path)],
        }
    }

    #[test]
    fn nothing_is_written_outside_of_the_run() {
        assert_eq!(manifest("load/rate-0/benchmarks.json").faults(), None);
        for bad in ["../x", "/etc/passwd", "a/../../b", "", ".", "a\\b", "a\nb", "run.json", "x.part"] {
            assert!(manifest(bad).faults().is_some(), "{bad:?}");
        }
        for bad in ["..", ".hidden", "a/b", ""] {
            assert!(Manifest { run: bad.into(), ..manifest("x") }.faults().is_some(), "{bad:?}");
        }
        assert!(Manifest { files: vec![], ..manifest("x") }.faults().is_some_and(|f| f.contains("run.json")));
        assert!(Manifest { schema_version: 99, ..manifest("x") }.faults().is_some_and(|f| f.contains("newer")));
        let mut short = manifest("x");
        short.files[1].sha256 = "abc".into();
        assert!(short.faults().is_some());
    }
}
