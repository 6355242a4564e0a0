//! The files of recorded decisions: the fixtures of the repository, and everything in `$BENCH_ORACLE_DIR` where that is set.

use std::path::{Path, PathBuf};

/// Which controller made the decisions of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Wva,
    Hpa,
}

/// All files of one subject: their names and their text.
pub fn read(subject: Subject) -> Vec<(String, String)> {
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/oracle")];
    dirs.extend(std::env::var_os("BENCH_ORACLE_DIR").map(PathBuf::from));
    let mut out = Vec::new();
    for dir in dirs {
        let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap_or_else(|e| panic!("{}: {e}", dir.display())).path()).collect();
        paths.sort();
        for path in paths {
            let name = path.display().to_string();
            if !(name.ends_with(".json") || name.ends_with(".json.zst")) {
                continue;
            }
            let text = text(&path);
            if subject_of(&name, &text) == subject {
                out.push((name, text));
            }
        }
    }
    out
}

fn text(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if path.extension().is_some_and(|e| e == "json") {
        return String::from_utf8(bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes.as_slice()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text
}

fn subject_of(name: &str, text: &str) -> Subject {
    #[derive(serde::Deserialize)]
    struct Head {
        subject: String,
    }
    let head: Head = serde_json::from_str(text).unwrap_or_else(|e| panic!("{name}: {e}"));
    if head.subject.contains("workload-variant-autoscaler") {
        Subject::Wva
    } else if head.subject.contains("podautoscaler") {
        Subject::Hpa
    } else {
        panic!("{name}: unknown subject `{}`", head.subject)
    }
}
