//! Names that other tools already gave to things; they must come out the same.

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal SHA-256 of some bytes.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// The model's label as llm-d-benchmark derives it (`model_id_label`).
///
/// `first 8 - first 8 of sha256(namespace/model id) - last 8`, lower case, where the model id has `/` and `.`
/// replaced by `-`. The namespace is part of the hash, so cluster-scoped names of two tenants differ.
pub fn model_label(namespace: &str, model: &str) -> String {
    let id: Vec<char> = model.rsplit(':').next().unwrap_or(model).replace(['/', '.'], "-").chars().collect();
    let whole: String = id.iter().collect();
    let digest = sha256_hex(format!("{namespace}/{whole}").as_bytes());
    let head: String = id.iter().take(8).collect();
    let tail: String = id[id.len().saturating_sub(8)..].iter().collect();
    format!("{head}-{}-{tail}", &digest[..8]).to_lowercase()
}

/// A name for Kubernetes objects of a run: its time and random part.
pub fn object_name(prefix: &str, run: &str) -> String {
    let time = run.split('-').next().unwrap_or_default();
    let random = run.rsplit('-').next().unwrap_or_default();
    format!("llmd-bench-{prefix}-{time}-{random}").to_lowercase()
}

/// Name of the Deployment that serves the model (`<label>-decode`).
pub fn decode_deployment(namespace: &str, model: &str) -> String {
    format!("{}-decode", model_label(namespace, model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_deployment_name_comes_from_namespace_llmdbench() {
        assert_eq!(decode_deployment("llmdbench", "Qwen/Qwen3-0.6B"), "qwen-qwe-07df2612-en3-0-6b-decode");
    }

    #[test]
    fn the_namespace_is_part_of_the_hash() {
        assert!(model_label("llm-d-test-exp", "Qwen/Qwen3-0.6B").contains("-b5a60221-"));
        assert!(model_label("kahila-bench", "Qwen/Qwen3-0.6B").contains("-04b6bb85-"));
    }

    #[test]
    fn short_and_tagged_models_do_not_panic() {
        assert!(model_label("n", "a").starts_with("a-"));
        assert_eq!(model_label("n", "x:Qwen/Qwen3-0.6B"), model_label("n", "Qwen/Qwen3-0.6B"));
    }
}
