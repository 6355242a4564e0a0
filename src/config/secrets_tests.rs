use super::*;

#[test]
fn credentials_are_known_by_their_names_and_by_their_looks() {
    for name in ["HF_TOKEN", "hf-token", "OPENAI_API_KEY", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "CLIENT_SECRET", "X_APIKEY"] {
        assert!(is_secret_name(name) && is_secret(name, "anything"), "{name}");
    }
    for name in ["TOKENIZERS_PARALLELISM", "MAX_TOKENS", "MAX_NUM_BATCHED_TOKENS", "PATH", "HF_HOME", "VLLM_API", "KEYS"] {
        assert!(!is_secret_name(name), "{name}");
    }
    for (name, value) in [("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), ("HF_TOKEN_PATH", "/tmp/t"), ("TOKEN", ""), ("TOKEN", "secret://a/b")] {
        assert!(!is_secret(name, value), "{name}={value}");
    }
    for value in [
        "hf_abcdefghijklmnopqrstu",
        "--api-key=sk-abcdefghijklmnopqrstu",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.xyz",
        "https://me:word@proxy:8080/x",
        "-----BEGIN RSA PRIVATE KEY-----\nabc",
        "Authorization: Bearer abcdefghijkl",
        "--api-key=word",
        "vllm serve m --api-key word --port 8000",
        "exec vllm serve --ssl-keyfile-password='word'",
        "HF_TOKEN=word vllm serve",
        r#"{"args":["--api-key","word"]}"#,
    ] {
        assert!(has_token(value), "{value}");
        assert!(!has_token(&redact_text(value)), "{}", redact_text(value));
    }
    for value in [
        "ghcr.io/x/y@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "http://host:8000/v1",
        "disk-0123456789abcdef0123",
        "Qwen/Qwen3-0.6B",
        "hf_home",
        "oci://ghcr.io/a/b",
        "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----",
        "--api-key=$(VLLM_API_KEY)",
        "vllm serve --api-key $VLLM_API_KEY --hf-token",
        "--time-to-first-token=100ms --inter-token-latency 20ms --max-num-batched-tokens 40960",
        "--ssl-keyfile-password --port 1",
        "HF_TOKEN is not set",
        "docs/rbac/HF_TOKEN=x",
    ] {
        assert!(!has_token(value), "{value}");
    }
}

#[test]
fn a_reference_becomes_a_key_of_a_secret() {
    let env = [("A", "1"), ("HF_TOKEN", "secret://hub.x/token")];
    let wanted = json!([
        {"name": "A", "value": "1"},
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub.x", "key": "token"}}},
    ]);
    assert_eq!(env_list(env), wanted);
    assert_eq!(reference("plain"), None);
    for bad in ["secret://", "secret://x", "secret://x/", "secret://X/y", "secret://x/y z"] {
        assert!(matches!(reference(bad), Some(Err(_))), "{bad}");
    }
}

#[test]
fn what_is_shown_holds_none() {
    let mut v = json!({
        "env": {"HF_TOKEN": "word", "HF_HOME": "/x", "prompt_tokens": 5},
        "containers": [{"env": [{"name": "API_KEY", "value": "word"}, {"name": "A", "value": "b"}], "args": ["--x", "hf_abcdefghijklmnopqrstu"]}],
    });
    redact(&mut v);
    assert_eq!(
        v,
        json!({
            "env": {"HF_TOKEN": BLOT, "HF_HOME": "/x", "prompt_tokens": 5},
            "containers": [{"env": [{"name": "API_KEY", "value": BLOT}, {"name": "A", "value": "b"}], "args": ["--x", BLOT]}],
        })
    );
    let mut args = json!(["--api-key", "word", "--port", "8000", "--hf-token", "$(T)", "sh", "vllm --api-key word x"]);
    redact(&mut args);
    assert_eq!(args, json!(["--api-key", BLOT, "--port", "8000", "--hf-token", "$(T)", "sh", "vllm --api-key <redacted> x"]));
    assert_eq!(redact_assignment("model_server.env.HF_TOKEN=word"), "model_server.env.HF_TOKEN=<redacted>");
    assert_eq!(redact_assignment("scaling.max_replicas=4"), "scaling.max_replicas=4");
    let key = "a\n-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nb";
    assert_eq!(redact_text(key), "a\n<redacted>\nb");
    assert_eq!(redact_text("two: hf_abcdefghijklmnopqrstu and hf_abcdefghijklmnopqrstv."), "two: <redacted> and <redacted>");
}
