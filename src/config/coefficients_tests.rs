use super::*;

fn embedded() -> Lookup {
    Lookup { config_dir: None, current_dir: "/nowhere".into() }
}

/// The error of the embedded file with one piece of it replaced.
fn spoilt(from: &str, to: &str) -> String {
    let text = embedded().find(Kind::Coefficients, DEFAULT, &[]).expect("embedded").text;
    assert!(text.contains(from), "{from}");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bad.yaml");
    std::fs::write(&path, text.replacen(from, to, 1)).expect("written");
    let e = load(&embedded(), path.to_str().expect("UTF-8")).expect_err(to).to_string();
    e.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn the_default_is_whole_and_every_number_has_a_source() {
    let c = load(&embedded(), "").expect("valid");
    assert_eq!((c.name.as_str(), c.source.as_str()), ("default", "embedded:coefficients/default.yaml"));
    let c = c.coefficients;
    assert!(c.engines.iter().all(|e| e.source.len() > 20));
    // Both ways of vLLM for every card.
    for e in &c.engines {
        assert!(c.engines.iter().any(|o| o.gpu == e.gpu && o.eager != e.eager), "{}", e.name);
    }
    assert_eq!(known(&embedded()).len(), 1);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (from, to, says) in [
        ("max_num_seqs: 1024", "max_num_sqs: 1024", "did you mean `max_num_seqs`?"),
        ("picker: pinned", "picker: pined", "did you mean `pinned`?"),
        ("basis: fitted", "basis: fited", "did you mean `fitted`?"),
        ("card_gib: 79.2", "card_gib: much", "a number is expected, not `much`"),
        ("base: 4.0,", "base: 0,", "`engines[0].step_ms.base`: 0 is not between 0.001 and 10000"),
        ("[15, 35]", "[35, 15]", "`engines[0].uncertainty.per_request_ms`: 35 is above 15"),
        ("gpu: [H100, \"*H100*80GB*\"]", "gpu: []", "`engines[0].gpu`: no GPU, so it fits nothing"),
        ("kubernetes: \"1.34\"", "kubernetes: newest", "`cluster.kubernetes`: \"newest\" is no version"),
        ("from: 0.7.1", "from: 0.3.0", "`client.gaps[1].from`: 0.3.0 is below the one before it"),
        ("prometheus: 3", "prometheus: 30", "`cluster.prometheus`: 30 is no major version"),
        ("spread: 0.1", "spread: 3", "`cluster.pod_start.vllm.spread`: 3 is not between 0 and 2"),
        ("name: qwen3-0.6b-h100-graphs", "name: qwen3-0.6b-h100-eager", "qwen3-0.6b-h100-eager is there twice"),
        ("schema_version: 1", "schema_version: 2", "2 is no version that this bench reads"),
        ("controller_scrape_s: 10", "controller_scrape_s: 0", "`cluster.controller_scrape_s`"),
    ] {
        let e = spoilt(from, to);
        assert!(e.contains(says), "{to}: {e}");
        let place = e.strip_prefix("bad.yaml:").unwrap_or_else(|| panic!("no place: {e}"));
        assert!(place.starts_with(|c: char| c.is_ascii_digit()), "{e}");
    }
}

#[test]
fn an_unknown_name_says_which_there_are() {
    let e = load(&embedded(), "defualt").expect_err("unknown").to_string();
    assert!(e.contains("there is no file of coefficients `defualt`\n  did you mean `default`?"), "{e}");
}

#[test]
fn versions() {
    assert_eq!((version("0.8.1"), version("0.8"), version("0.8.x")), (Some((0, 8, 1)), None, None));
    assert_eq!(minor_version("v1.34.2+k3s1"), Some((1, 34)));
    assert_eq!((minor_version("1.33+"), minor_version("1"), minor_version("newest")), (Some((1, 33)), None, None));
}
