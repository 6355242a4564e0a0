//! Finds and decodes files of vectors: the ones kept in fixtures/oracle, and all in the directory that `$BENCH_ORACLE_DIR` names.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The controller that a file's vectors are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Hpa,
    Wva,
}

pub struct VectorFile {
    pub path: PathBuf,
    /// Decompressed.
    pub json: Vec<u8>,
}

/// All files about a subject; panics if any file, also of the other subject, cannot be told.
pub fn about(subject: Subject) -> Vec<VectorFile> {
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut dirs = vec![krate.join("tests/fixtures/oracle")];
    dirs.extend(std::env::var_os("BENCH_ORACLE_DIR").filter(|dir| !dir.is_empty()).map(|dir| krate.join(dir)));
    let mut files = Vec::new();
    for dir in dirs {
        files.extend(read_dir(&dir).unwrap_or_else(|e| panic!("{e}")));
    }
    files.into_iter().filter(|(s, _)| *s == subject).map(|(_, file)| file).collect()
}

/// The vector files (`*.json`, `*.json.zst`) of a directory, in the order of their names; others are not looked at.
///
/// # Errors
/// A directory without such a file, a file that cannot be read or decoded, or that is about neither controller.
fn read_dir(dir: &Path) -> Result<Vec<(Subject, VectorFile)>, String> {
    let at = |path: &Path, e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|e| at(dir, &e))? {
        let path = entry.map_err(|e| at(dir, &e))?.path();
        let name = path.to_string_lossy();
        if name.ends_with(".json") || name.ends_with(".json.zst") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(at(dir, &"no vector file (*.json, *.json.zst)"));
    }
    paths.sort();
    paths.into_iter().map(|path| read(&path).map_err(|e| at(&path, &e))).collect()
}

fn read(path: &Path) -> Result<(Subject, VectorFile), String> {
    let mut json = std::fs::read(path).map_err(|e| e.to_string())?;
    if path.extension().is_some_and(|e| e == "zst") {
        json = decompress(&json)?;
    }
    let subject = subject(&json)?;
    Ok((subject, VectorFile { path: path.to_owned(), json }))
}

fn decompress(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

fn subject(json: &[u8]) -> Result<Subject, String> {
    #[derive(Deserialize)]
    struct Head {
        subject: String,
    }
    let head: Head = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    if head.subject.contains("podautoscaler") {
        Ok(Subject::Hpa)
    } else if head.subject.contains("workload-variant-autoscaler") {
        Ok(Subject::Wva)
    } else {
        Err(format!("vectors of neither controller: {:?}", head.subject))
    }
}

#[test]
fn oracle_files_without_a_known_subject_are_refused() {
    assert_eq!(subject(br#"{"subject":"k8s.io/kubernetes pkg/controller/podautoscaler","scenarios":[]}"#), Ok(Subject::Hpa));
    assert_eq!(subject(br#"{"format":1,"subject":"github.com/x/workload-variant-autoscaler v0"}"#), Ok(Subject::Wva));
    assert!(subject(br#"{"subject":"something else"}"#).is_err());
    assert!(subject(b"{}").is_err());
    assert!(subject(b"not JSON").is_err());
    assert!(decompress(b"not zstd").is_err());
    assert!(read_dir(Path::new("/nonexistent")).is_err());
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(read_dir(&krate.join("src")).is_err_and(|e| e.contains("no vector file")));
    assert!(read(&krate.join("Cargo.toml")).is_err());
    assert!(read(&krate.join("src")).is_err());
}
