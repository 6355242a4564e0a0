use super::*;

fn read(text: &str) -> Result<Gate, String> {
    let mut gate = Gate::default();
    gate.add(text, "gate.yaml", Some(Path::new("dir"))).map_err(|e| e.to_string())?;
    Ok(gate)
}

#[test]
fn a_file_has_targets_a_baseline_and_rules() {
    let text = "slo: {ttft: 500ms, itl: 0.05s}\nbaseline: before.json\nrules:\n  - p99_ttft_ms < 800\n  - {rule: max_ready <= 4, name: fleet, level: warn}\n  - 'rate[*].failed_fraction < 1%'\n";
    let gate = read(text).unwrap();
    assert_eq!(gate.slo, Slo { ttft_ms: Some(500.0), itl_ms: Some(50.0), e2e_ms: None });
    assert_eq!((gate.baseline.as_deref(), gate.beside.as_deref()), (Some("before.json"), Some(Path::new("dir"))));
    let told: Vec<_> = gate.rules.iter().map(|r| (r.name.as_str(), r.rule.text.as_str(), r.level)).collect();
    assert_eq!(
        told,
        [
            ("p99_ttft_ms < 800", "p99_ttft_ms < 800", Level::Fail),
            ("fleet", "max_ready <= 4", Level::Warn),
            ("rate[*].failed_fraction < 1%", "rate[*].failed_fraction < 1%", Level::Fail)
        ]
    );
    assert!(read("").unwrap().rules.is_empty());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, told) in [
        ("rule: [a]", &["gate.yaml:1:1: unknown key `rule`", "did you mean `rules`?"][..]),
        (
            "rules:\n- {rule: max_ready < 1, lvl: warn}",
            &["gate.yaml:2:25: unknown key `lvl` in `rules[0]`", "valid keys", "rule, name, level"],
        ),
        ("rules:\n- {rule: max_ready < 1, level: error}", &["gate.yaml:2:32: `rules[0].level`", "`error` is none of: warn, fail"]),
        ("rules:\n- {name: x}", &["gate.yaml:2:3: `rules[0].rule` is missing"]),
        (
            "rules:\n- p99_tft_ms < 800",
            &[
                "gate.yaml:2:3: `rules[0]`: `p99_tft_ms` is no number of a run\n  | p99_tft_ms < 800\n  | ^^^^^^^^^^",
                "did you mean `p99_ttft_ms`?",
            ],
        ),
        ("rules:\n- max_ready < 1\n- rule: max_ready = 1", &["gate.yaml:3:9: `rules[1].rule`: write `==`"]),
        ("rules: [5]", &["`rules[0]`: a rule such as `p99_ttft_ms < 800`", "is expected, not integer `5`"]),
        ("rules: p99_ttft_ms < 800", &["`rules`: a list is expected"]),
        ("slo: {ttft: fast}", &["gate.yaml:1:13: `slo.ttft`: \"fast\" is no time above 0", "write 500ms"]),
        ("slo: {tpot: 50ms}", &["unknown key `tpot` in `slo`"]),
        ("slo: 500ms", &["`slo`: a table is expected"]),
        ("rules: [", &["not valid YAML"]),
    ] {
        let e = read(text).expect_err(text);
        let mut rest = e.as_str();
        for t in told {
            let at = rest.find(t).unwrap_or_else(|| panic!("{text}: no {t:?} in {e}"));
            rest = &rest[at..];
        }
    }
}

#[test]
fn one_flag_for_files_targets_and_rules() {
    let mut g = Gate::default();
    g.slo("ttft=1s").unwrap();
    g.slo("max_ready < 3").unwrap();
    g.slo("max_ready == 3").unwrap();
    assert_eq!((g.rules.len(), g.slo.ttft_ms), (2, Some(1000.0)));
    assert!(g.slo("no/such.yaml").unwrap_err().to_string().starts_with("cannot read no/such.yaml"));
    assert!(g.slo("speed=1s").unwrap_err().to_string().contains("there are ttft, itl and e2e"));
    // What is not said is the scenario's.
    assert_eq!(Gate::default().terms().slo, None);
    assert_eq!(g.terms().slo.and_then(|s| s.ttft_ms), Some(1000.0));
}
