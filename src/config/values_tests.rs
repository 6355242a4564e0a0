use super::*;

#[test]
fn labels_are_rfc_1123() {
    for ok in ["a", "llmdbench", "llm-d-test-exp", "0a", &"x".repeat(63)] {
        assert_eq!(label_fault(ok, 63), None, "{ok}");
    }
    for bad in ["", "A", "a_b", "-a", "a-", "a.b", "a,b", &"x".repeat(64)] {
        assert!(label_fault(bad, 63).is_some(), "{bad}");
    }
}

#[test]
fn images_are_pinned() {
    let digest = format!("a/b@sha256:{}", "0".repeat(64));
    for ok in ["a/b:v1", "host:5000/a/b:1.2", "haproxy:3.0", &digest] {
        assert_eq!(image_fault(ok), None, "{ok}");
    }
    for bad in ["", "a/b", "a/b:latest", "host:5000/a/b", "a/b:", "a/b@sha256:12", ":x", "a b:1"] {
        assert!(image_fault(bad).is_some(), "{bad}");
    }
}

#[test]
fn guidellm_lines() {
    for ok in ["0.5.0", "0.5.4", "0.7.1", "0.7.4", "0.8.0", "0.8.1"] {
        assert!(guidellm_version(ok).is_ok(), "{ok}");
    }
    for bad in ["0.3.1", "0.4.0", "0.6.1", "0.7.0", "0.9.0", "1.0.0", "0.8", "v0.8.1", "latest", ""] {
        assert!(guidellm_version(bad).is_err(), "{bad}");
    }
}
