use super::*;
use std::path::PathBuf;

fn fixture(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/profiles").join(name).display().to_string()
}

fn embedded() -> Lookup {
    Lookup { config_dir: None, current_dir: "/nonexistent".into() }
}

fn context() -> Context {
    Context { target: "http://gw:80".into(), model: "Qwen/Qwen3-0.6B".into(), max_model_len: Some(16000), ..Context::default() }
}

fn args(name: &str, overrides: &[&str]) -> ProfileArgs {
    ProfileArgs { name: name.into(), overrides: overrides.iter().map(ToString::to_string).collect(), ..ProfileArgs::default() }
}

fn ok(args: &ProfileArgs) -> LoadedProfile {
    load(&embedded(), args, &context()).unwrap_or_else(|e| panic!("{e}"))
}

fn err(args: &ProfileArgs) -> String {
    load(&embedded(), args, &context()).expect_err("must not load").to_string()
}

/// A profile file of its own, and what comes of it.
fn text(text: &str) -> Result<LoadedProfile, String> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("p.yaml");
    std::fs::write(&path, text).expect("a file");
    let name = path.display().to_string();
    load(&embedded(), &args(&name, &[]), &context()).map_err(|e| e.to_string().replace(&name, "p.yaml"))
}

const SMALL: &str = "target: REPLACE_ENV_LLMDBENCH_HARNESS_STACK_ENDPOINT_URL\nmodel: x\nrequest_type: text_completions\nprofile: constant\n\
    rate: [1]\nmax_seconds: 30\ndata:\n  prompt_tokens: 50\n  output_tokens: 50\n";

fn changed(from: &str, to: &str) -> Result<LoadedProfile, String> {
    assert!(SMALL.contains(from), "{from}");
    text(&SMALL.replace(from, to))
}

#[test]
fn the_default_is_the_published_load() {
    let l = ok(&ProfileArgs::default());
    let p = &l.profile;
    assert_eq!((p.name.as_str(), p.rates.as_slice(), p.max_seconds), ("chatbot_synthetic", [2.0, 3.0, 5.0, 6.0].as_slice(), 1200));
    assert_eq!(p.prompt_tokens, Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) });
    assert_eq!(p.output_tokens, Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: Some(2048) });
    assert_eq!((p.seed, p.effective_seed, p.samples, p.request_type), (1234, 1234, Some(1000), RequestType::TextCompletions));
    assert!(l.notes.iter().any(|n| n.starts_with("seed: 1234 is given")), "{:?}", l.notes);
    assert!(l.notes.iter().any(|n| n.starts_with("samples: 1000 has no effect")), "{:?}", l.notes);
}

#[test]
fn as_published_the_seed_was_guidellms_own() {
    let l = ok(&ProfileArgs { as_published: true, ..ProfileArgs::default() });
    assert_eq!((l.profile.seed, l.profile.effective_seed), (1234, 42));
    assert!(l.notes.iter().any(|n| n.contains("really used 42")), "{:?}", l.notes);
}

#[test]
fn every_shipped_profile_loads() {
    for known in known(&embedded()) {
        let l = ok(&args(&known.name, &[]));
        assert_eq!(l.profile.name, known.name);
        assert!(l.notes.iter().all(|n| n.starts_with("seed:") || n.starts_with("samples:")), "{:?}", l.notes);
    }
    assert_eq!(known(&embedded()).len(), 4);
}

#[test]
fn a_file_out_of_llm_d_benchmark_is_taken_as_it_is() {
    let l = ok(&args(&fixture("guide_workload-autoscaling_1.yaml.in"), &[]));
    assert_eq!((l.profile.name.as_str(), l.profile.rates.len(), l.profile.seed), ("guide_workload-autoscaling_1", 4, 42));
}

#[test]
fn the_published_form_is_refused_with_the_corrected_file() {
    let path = fixture("published.yaml");
    let e = err(&args(&path, &[])).replace(&path, "published.yaml");
    insta::assert_snapshot!(e);
}

#[test]
fn the_corrected_file_is_the_published_load() {
    let e = load(&embedded(), &args(&fixture("published.yaml"), &[]), &context()).expect_err("not YAML");
    let ConfigError::Broken { corrected, .. } = e else { panic!("{e}") };
    let mut p = text(&corrected).unwrap_or_else(|e| panic!("{e}")).profile;
    p.name = "chatbot_synthetic".into();
    assert_eq!(p, ok(&ProfileArgs::default()).profile);
}

#[test]
fn overrides_name_keys_in_full() {
    let a = ProfileArgs {
        rates: Some("2, 0.5".into()),
        max_seconds: Some(30),
        ..args(
            "",
            &["rate=[9],data.prompt_tokens=100,data.prompt_tokens_max=200", "data.prompt_tokens_stdev=null,seed=7", "max-seconds=20"],
        )
    };
    let p = ok(&a).profile;
    assert_eq!((p.rates.as_slice(), p.max_seconds, p.seed), ([2.0, 0.5].as_slice(), 30, 7), "typed flags win");
    assert_eq!(p.prompt_tokens, Lengths { mean: 100, stdev: None, min: Some(10), max: Some(200) });
    assert_eq!(ok(&args("", &["rate=4"])).profile.rates, [4.0]);
}

#[test]
fn overrides_that_match_nothing_are_errors() {
    let e = err(&args("", &["prompt_tokens=3"]));
    assert!(e.starts_with("-o prompt_tokens=3: unknown key `prompt_tokens`\n  did you mean `data.prompt_tokens`?"), "{e}");
    let e = err(&args("", &["rat=3"]));
    assert!(e.contains("did you mean `rate`?"), "{e}");
    let e = err(&args("", &["data.promt_tokens=3"]));
    assert!(e.contains("unknown key `promt_tokens` in `data`\n  did you mean `prompt_tokens`?"), "{e}");
    let e = err(&args("", &["rate=2,3"]));
    assert!(e.starts_with("-o rate=2,3: `3` is no assignment") && e.contains("-o 'rate=[2,3]'"), "{e}");
    let e = err(&ProfileArgs { rates: Some("2,fast".into()), ..ProfileArgs::default() });
    assert!(e.starts_with("--rates 2,fast: `rate[1]`: a number is expected, not `fast`"), "{e}");
}

#[test]
fn what_guidellm_takes_too_is_taken() {
    let l = changed("rate: [1]", "rate: 1").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(l.profile.rates, [1.0]);
    assert!(changed("max_seconds", "max-seconds").is_ok());
    assert!(changed("data:\n  prompt_tokens: 50\n  output_tokens: 50", "data:\n- prompt_tokens: 50\n  output_tokens: 50").is_ok());
    let l = changed("request_type: text_completions\n", "").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(l.profile.request_type, RequestType::ChatCompletions);
    assert!(l.notes.iter().any(|n| n.starts_with("request_type is not set")), "{:?}", l.notes);
    assert!(l.notes.iter().any(|n| n == "model: the profile states x, the load goes to Qwen/Qwen3-0.6B"), "{:?}", l.notes);
}

#[test]
fn a_seed_may_stand_in_three_places_but_be_one() {
    for (key, text) in [("seed: 5\nrate", "rate"), ("random_seed: 5\nrate", "rate")] {
        assert_eq!(changed(text, key).unwrap_or_else(|e| panic!("{e}")).profile.effective_seed, 5);
    }
    assert_eq!(changed("  prompt", "  seed: 5\n  prompt").unwrap_or_else(|e| panic!("{e}")).profile.effective_seed, 5);
    let e = changed("rate", "seed: 5\nrandom_seed: 6\nrate").expect_err("two seeds");
    assert!(e.starts_with("p.yaml:5:7: `seed`: 5, but `random_seed` says 6"), "{e}");
}

#[test]
fn keys_that_guidellm_would_ignore_are_errors() {
    for (from, to, words) in [
        ("max_seconds", "max_second", "p.yaml:6:1: unknown key `max_second`\n  did you mean `max_seconds`?"),
        ("max_seconds", "max_second", "guidellm would ignore it in silence"),
        (
            "  prompt_tokens: 50",
            "  prompt_tokens: 50\n  prompt_tokens_sdev: 3",
            "unknown key `prompt_tokens_sdev` in `data`\n  did you mean `prompt_tokens_stdev`?",
        ),
        ("rate: [1]", "rate: [1]\nprocessor: x", "load.guidellm.tokenizer"),
        ("rate: [1]", "rate: [1]\nbackend_kwargs: {timeout: 3}", "request_timeout_s"),
        ("profile: constant", "rate-type: constant", "write profile: constant"),
        ("profile: constant\n", "", "`profile` is missing"),
        ("  prompt_tokens: 50", "  prompt_tokens: 50\n  prefix_tokens: 3", "shared prefixes"),
        ("  prompt_tokens: 50", "  prompt_tokens: 50\n  max_seconds: 3", "top level"),
        ("profile: constant", "profile: concurrent", "`profile: concurrent` is not supported"),
        ("profile: constant", "profile: steady", "`steady` is no kind of load"),
    ] {
        let e = changed(from, to).expect_err(to);
        assert!(e.contains(words), "{to}: {e}");
    }
}

#[test]
fn other_formats_are_named() {
    let e = text("spec:\n  backend: {kind: openai_http}\n").expect_err("spec");
    assert!(e.starts_with("p.yaml:1:1: this is a profile in guidellm's newer format"), "{e}");
    let e = text("load: {type: constant}\napi: {type: completion}\n").expect_err("inference-perf");
    assert!(e.contains("inference-perf"), "{e}");
    let e = err(&args(&fixture("shared_prefix_synthetic.yaml.in"), &[]));
    assert!(e.contains("write profile: constant"), "{e}");
    let e = changed("data:\n  prompt_tokens: 50\n  output_tokens: 50", "data: prompt_tokens=50,output_tokens=50").expect_err("text");
    assert!(e.contains("`data`: a table is expected") && e.contains("only synthetic prompts"), "{e}");
}

#[test]
fn loads_that_make_no_sense_are_refused() {
    for (from, to, words) in [
        ("rate: [1]", "rate: []", "`rate`: no rate at all"),
        ("rate: [1]", "rate: [1, 0]", "`rate`: 0 is no rate"),
        ("rate: [1]", "rate: [-2]", "-2 is no rate"),
        ("max_seconds: 30", "max_seconds: 0", "p.yaml:6:14: `max_seconds`: 0 seconds"),
        ("  prompt_tokens: 50", "  prompt_tokens: 0", "`data.prompt_tokens`: 0"),
        ("  prompt_tokens: 50", "  prompt_tokens: 50\n  prompt_tokens_min: 60", "60 is above the mean, 50"),
        ("  prompt_tokens: 50", "  prompt_tokens: 50\n  prompt_tokens_max: 40", "40 is below the mean, 50"),
        ("  output_tokens: 50", "  output_tokens: 50\n  output_tokens_min: 9\n  output_tokens_max: 8", "9 is above output_tokens_max, 8"),
        ("  prompt_tokens: 50", "  prompt_tokens: 16000", "p.yaml:8:18: `data.prompt_tokens`: prompts of up to 16000 tokens do not fit"),
        ("  prompt_tokens: 50", "  prompt_tokens: 5000\n  prompt_tokens_stdev: 2200", "prompts of up to 16000 tokens"),
    ] {
        let e = changed(from, to).expect_err(to);
        assert!(e.contains(words), "{to}: {e}");
    }
}

#[test]
fn a_tight_fit_is_a_note() {
    let l = changed("  prompt_tokens: 50", "  prompt_tokens: 15951").unwrap_or_else(|e| panic!("{e}"));
    assert!(l.notes.iter().any(|n| n.contains("exceed the model server's --max-model-len 16000")), "{:?}", l.notes);
    let l = changed("  prompt_tokens: 50", "  prompt_tokens: 15950").unwrap_or_else(|e| panic!("{e}"));
    assert!(!l.notes.iter().any(|n| n.contains("max-model-len")), "{:?}", l.notes);
    let l = changed("  prompt_tokens: 50", "  prompt_tokens: 50\n  prompt_tokens_max: 60").unwrap_or_else(|e| panic!("{e}"));
    assert!(l.notes.iter().any(|n| n.contains("equally often")), "{:?}", l.notes);
}

#[test]
fn an_unknown_profile_names_the_nearest() {
    let e = err(&args("chatbot_syntetic", &[]));
    assert!(e.starts_with("there is no profile `chatbot_syntetic`\n  did you mean `chatbot_synthetic`?"), "{e}");
}
