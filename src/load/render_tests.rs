use super::*;
use bench_model::scenario::{Image, Pinned, Resources, Tokenizer, TokenizerSource};

fn profile() -> Profile {
    Profile {
        name: "chatbot_synthetic".into(),
        request_type: RequestType::TextCompletions,
        rates: vec![2.0, 2.5, 6.0],
        max_seconds: 1200,
        prompt_tokens: Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) },
        output_tokens: Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: None },
        seed: 1234,
        effective_seed: 1234,
        samples: Some(1000),
    }
}

fn guidellm(version: &str, timeout: Option<u32>) -> Guidellm {
    Guidellm {
        version: version.into(),
        image: Image { name: format!("g:v{version}"), pinned: Pinned::Chosen },
        tokenizer: Tokenizer { source: TokenizerSource::Embedded, path: String::new(), claim: String::new() },
        workers: 2,
        request_timeout_s: timeout,
        overhead_s: 120,
        env: BTreeMap::from([("HF_HUB_OFFLINE".to_string(), "1".to_string())]),
        resources: Resources::default(),
    }
}

fn rendered(profile: &Profile, guidellm: &Guidellm, mode: LoadMode, gate: Option<&str>) -> Rendered {
    let request = Request {
        profile,
        guidellm,
        mode,
        target: "http://x-gateway.llmdbench.svc.cluster.local:80",
        model: "Qwen/Qwen3-0.6B",
        tokenizer: "/tokenizer",
        profile_dir: "/bench",
        results_dir: "/results",
        gate,
    };
    render(&request).unwrap_or_else(|e| panic!("{e}"))
}

/// Commands and files, as one text.
fn shown(r: &Rendered) -> String {
    let mut s = String::new();
    for p in &r.processes {
        let text = r.files.iter().find(|(name, _)| *name == p.file).map(|(_, t)| t.as_str()).expect("its file");
        s += &format!("$ {}\n# -> {} rates {:?} seed {} gate {:?}\n{text}\n", p.argv.join(" "), p.output, p.rates, p.seed, p.gate);
    }
    for w in &r.warnings {
        s += &format!("warning: {w}\n");
    }
    s
}

#[test]
fn flat_continuous() {
    let r = rendered(&profile(), &guidellm("0.5.4", None), LoadMode::Continuous, None);
    assert_eq!(r.dialect, Dialect::Flat);
    insta::assert_snapshot!(shown(&r));
}

#[test]
fn flat_per_rate_behind_the_gate() {
    let r = rendered(&profile(), &guidellm("0.5.4", Some(300)), LoadMode::PerRate, Some("http://127.0.0.1:9000/gate"));
    insta::assert_snapshot!(shown(&r));
}

#[test]
fn spec_continuous() {
    let r = rendered(&profile(), &guidellm("0.8.1", Some(60)), LoadMode::Continuous, None);
    assert_eq!(r.dialect, Dialect::Spec);
    insta::assert_snapshot!(shown(&r));
}

#[test]
fn spec_per_rate_behind_the_gate() {
    let mut p = profile();
    p.request_type = RequestType::ChatCompletions;
    let r = rendered(&p, &guidellm("0.8.1", None), LoadMode::PerRate, Some("http://127.0.0.1:9000/gate"));
    insta::assert_snapshot!(shown(&r));
}

#[test]
fn a_continuous_run_has_no_gate() {
    let gate = Some("http://127.0.0.1:9000/gate");
    for version in ["0.5.4", "0.8.1"] {
        let g = guidellm(version, None);
        let with = rendered(&profile(), &g, LoadMode::Continuous, gate);
        assert_eq!(with, rendered(&profile(), &g, LoadMode::Continuous, None));
    }
}

#[test]
fn a_gate_of_another_scheme_is_left_out_and_said() {
    let r = rendered(&profile(), &guidellm("0.8.1", None), LoadMode::PerRate, Some("https://127.0.0.1:9000/gate"));
    assert!(r.processes.iter().all(|p| p.gate.is_none()));
    assert!(r.warnings.iter().any(|w| w.contains("scheme")), "{:?}", r.warnings);
}

#[test]
fn the_effective_seed_is_used_and_counts_up_by_rate() {
    let mut p = profile();
    p.effective_seed = 42;
    let seeds = |mode| rendered(&p, &guidellm("0.5.4", None), mode, None).processes.iter().map(|p| p.seed).collect::<Vec<_>>();
    assert_eq!(seeds(LoadMode::Continuous), [42]);
    assert_eq!(seeds(LoadMode::PerRate), [42, 43, 44]);
    let r = rendered(&p, &guidellm("0.5.4", None), LoadMode::PerRate, None);
    assert!(r.files[2].1.contains("random_seed: 44\n"));
    let r = rendered(&p, &guidellm("0.8.1", None), LoadMode::Continuous, None);
    assert!(r.files[0].1.contains("value: 42}"));
    assert!(r.warnings[0].contains("other requests from seed 42"), "{:?}", r.warnings);
}

#[test]
fn workers_become_environment_and_do_not_override_it() {
    let mut g = guidellm("0.8.1", None);
    let env = |g: &Guidellm| rendered(&profile(), g, LoadMode::Continuous, None).env;
    assert_eq!(env(&g)["GUIDELLM__MAX_WORKER_PROCESSES"], "2");
    assert_eq!(env(&g)["HF_HUB_OFFLINE"], "1");
    g.env.insert("GUIDELLM__MAX_WORKER_PROCESSES".into(), "5".into());
    assert_eq!(env(&g)["GUIDELLM__MAX_WORKER_PROCESSES"], "5");
    g.env.clear();
    g.workers = 0;
    assert!(env(&g).is_empty());
}

#[test]
fn versions_have_a_dialect_or_a_reason() {
    assert_eq!(dialect("0.5.0").ok(), Some(Dialect::Flat));
    assert_eq!(dialect("0.7.1").ok(), Some(Dialect::Spec));
    for (version, why) in
        [("0.6.1", "ignores target"), ("0.4.0", "100 connections"), ("0.7.0", "0.7.1 reads it"), ("0.9.0", "newer"), ("main", "no version")]
    {
        let e = dialect(version).expect_err(version).to_string();
        assert!(e.contains(why) && e.contains("0.8.1"), "{e}");
    }
}

#[test]
fn old_0_5_versions_warn() {
    let w = |v: &str| rendered(&profile(), &guidellm(v, None), LoadMode::Continuous, None).warnings.len();
    assert_eq!((w("0.5.1"), w("0.5.3"), w("0.5.4")), (2, 1, 0));
}

#[test]
fn strings_cannot_break_out_of_the_file() {
    let mut p = profile();
    p.name = "a: {b}\nspec: x".into();
    for version in ["0.5.4", "0.8.1"] {
        let g = guidellm(version, None);
        let request = Request {
            profile: &p,
            guidellm: &g,
            mode: LoadMode::Continuous,
            target: "http://h:80 # x",
            model: "yes",
            tokenizer: "a\nb: c",
            profile_dir: "/bench",
            results_dir: "/results",
            gate: None,
        };
        let text = &render(&request).expect("renders").files[0].1;
        let v: serde_json::Value = serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let (target, model, tokenizer) = match version {
            "0.5.4" => (&v["target"], &v["model"], &v["processor"]),
            _ => (&v["spec"]["backend"]["target"], &v["spec"]["backend"]["model"], &v["spec"]["tokenizer"]["model"]),
        };
        assert_eq!((target.as_str(), model.as_str(), tokenizer.as_str()), (Some("http://h:80 # x"), Some("yes"), Some("a\nb: c")));
    }
}
