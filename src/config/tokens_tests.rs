use super::*;

fn context() -> Context {
    Context {
        target: "http://gw:80".into(),
        model: "Qwen/Qwen3-0.6B".into(),
        max_model_len: Some(16000),
        env: BTreeMap::from([("LLMDBENCH_RUN_SECONDS".into(), "60".into())]),
        ..Context::default()
    }
}

fn filled(text: &str) -> String {
    fill(text, "p.yaml", &context()).unwrap_or_else(|e| panic!("{e}")).trim_end().to_string()
}

fn fault(text: &str) -> String {
    fill(text, "p.yaml", &context()).expect_err(text).to_string()
}

#[test]
fn tokens_take_the_value_or_their_default() {
    assert_eq!(filled("target: REPLACE_ENV_LLMDBENCH_HARNESS_STACK_ENDPOINT_URL"), "target: http://gw:80");
    assert_eq!(filled("a: \"REPLACE_ENV_LLMDBENCH_DEPLOY_CURRENT_MODEL/x\""), "a: \"Qwen/Qwen3-0.6B/x\"");
    assert_eq!(filled("s: REPLACE_ENV_LLMDBENCH_RUN_SECONDS++++default=120"), "s: 60", "the value wins over the default");
    assert_eq!(filled("s: REPLACE_ENV_X++++default=120 # why"), "s: 120 # why");
    assert_eq!(filled("r: REPLACE_ENV_X++++default=[1,2]"), "r: [1,2]");
    assert_eq!(filled("r: [REPLACE_ENV_X++++default=1, REPLACE_ENV_Y++++default=2]"), "r: [1, 2]");
    assert_eq!(filled("u: REPLACE_ENV_X++++default=http://h:80/v1"), "u: http://h:80/v1");
}

#[test]
fn templates_are_filled_in() {
    assert_eq!(filled("t: \"{{ target }}\" # {{ nothing }}"), "t: \"http://gw:80\" # {{ nothing }}");
    assert_eq!(filled("t: {{ target }}"), "t: http://gw:80");
    assert_eq!(filled("n: {{ max_model_len / 2 }}"), "n: 8000");
    assert_eq!(filled("# REPLACE_ENV_NOTHING\na: 'x # {{ model }}'"), "# REPLACE_ENV_NOTHING\na: 'x # Qwen/Qwen3-0.6B'");
}

#[test]
fn what_cannot_be_filled_names_line_token_and_remedy() {
    let e = fault("a: 1\nmodel: REPLACE_ENV_LLMDBENCH_DEPLOY_CURRENT_MODELL\n");
    assert!(e.starts_with("p.yaml:2:8: nothing is known to put in place of REPLACE_ENV_LLMDBENCH_DEPLOY_CURRENT_MODELL; did you mean REPLACE_ENV_LLMDBENCH_DEPLOY_CURRENT_MODEL?"), "{e}");
    assert!(e.contains("++++default=VALUE"), "{e}");
    // An empty field is not a value.
    let e = fault("t: REPLACE_ENV_LLMDBENCH_DEPLOY_CURRENT_TOKENIZER");
    assert!(e.contains("nothing is known"), "{e}");
    let e = fault("a: 1\nt: \"{{ tarhet }}\"\n");
    assert!(e.starts_with("p.yaml:2:5: this template cannot be filled in:") && e.contains("tarhet"), "{e}");
    let e = fault("t: {% if x %}\n");
    assert!(e.contains("ends on the line it begins"), "{e}");
}

#[test]
fn comments_begin_after_white_space_only() {
    assert_eq!(comment_start("a: b#c"), 6);
    assert_eq!(comment_start("a: b #c"), 5);
    assert_eq!(comment_start("# x"), 0);
    assert_eq!(comment_start("a: 'x # y' # z"), 11);
    assert_eq!(comment_start("a: it's # z"), 8);
}
