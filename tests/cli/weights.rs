//! The program that loads a model's weights by itself, against a stand-in for the Hub's library.

use std::path::Path;
use std::process::{Command, Stdio};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/weights.py");

const ERRORS: &str = "\
class GatedRepoError(Exception): pass
class RepositoryNotFoundError(Exception): pass
class RevisionNotFoundError(Exception): pass
";

/// Runs it where a download ends with `act`; gives its exit code and what it said.
fn load(dir: &Path, act: &str) -> (i32, String) {
    let hub = dir.join("lib/huggingface_hub");
    std::fs::create_dir_all(&hub).unwrap();
    std::fs::write(hub.join("errors.py"), ERRORS).unwrap();
    let library = format!(
        "import os\nfrom .errors import *\ndef snapshot_download(repo_id, local_dir, token):\n    assert token == 'hf_stub', token\n    {act}\n"
    );
    std::fs::write(hub.join("__init__.py"), library).unwrap();
    let out = Command::new("python3")
        .args(["-B", "-c", &std::fs::read_to_string(SCRIPT).unwrap(), "some/model"])
        .arg(dir.join("target"))
        .env("PYTHONPATH", dir.join("lib"))
        .env("HF_TOKEN", "hf_stub")
        .stdin(Stdio::null())
        .output()
        .expect("python3");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    (out.status.code().unwrap(), said)
}

#[test]
fn what_no_second_try_mends_is_3_in_one_line_and_without_the_token() {
    for error in ["GatedRepoError", "RepositoryNotFoundError", "RevisionNotFoundError"] {
        let dir = tempfile::tempdir().unwrap();
        let (code, said) = load(dir.path(), &format!("raise {error}('403 Client Error\\nmore of it')"));
        assert_eq!((code, said.as_str()), (3, format!("{error}: 403 Client Error\n").as_str()));
        assert!(!dir.path().join("target/.llmd-bench-complete").exists());
    }
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = load(dir.path(), "raise PermissionError('read-only')");
    assert_eq!((code, said.as_str()), (3, "the volume cannot be written: read-only\n"));
    // An error may come without a word.
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = load(dir.path(), "raise GatedRepoError()");
    assert_eq!(code, 3, "{said}");
}

#[test]
fn what_may_pass_is_tried_again_and_what_is_loaded_is_not_loaded_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (code, said) = load(dir.path(), "raise ConnectionError('reset')");
    assert_eq!(code, 1, "the Job makes another pod: {said}");
    let (code, said) = load(dir.path(), "open(os.path.join(local_dir, 'model.safetensors'), 'w').close()");
    assert_eq!(code, 0, "{said}");
    assert!(dir.path().join("target/model.safetensors").exists());
    let (code, said) = load(dir.path(), "raise AssertionError('it is asked again')");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("is in") && said.contains("already"), "{said}");
}
