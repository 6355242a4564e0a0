use super::*;
use bench_model::experiment::{AtEnd, Order, Renew, Then};

fn lookup(dir: &Path) -> Lookup {
    Lookup { config_dir: None, current_dir: dir.into() }
}

fn read(text: &str, args: ExperimentArgs) -> Result<Experiment, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("experiments")).unwrap();
    std::fs::write(dir.path().join("experiments/mine.yaml"), text).unwrap();
    let args = ExperimentArgs { name: "mine".into(), ..args };
    let loaded = load(&lookup(dir.path()), &args).map_err(|e| e.to_string().replace(&format!("{}/", dir.path().display()), ""))?;
    Ok(loaded.experiment)
}

#[test]
fn those_inside_bench_can_be_read() {
    let nowhere = lookup(Path::new("/nowhere"));
    let names: Vec<String> = known(&nowhere).into_iter().map(|k| k.name).collect();
    assert_eq!(names, ["simulated", "wva-vs-hpa"]);
    for name in names {
        let e = load(&nowhere, &ExperimentArgs { name: name.clone(), ..ExperimentArgs::default() }).unwrap();
        assert_eq!(e.experiment.name, name);
        assert_eq!(e.beside, None);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let e = read("arms: [hpa]", ExperimentArgs::default()).unwrap();
    assert_eq!((e.name.as_str(), e.repeats, e.order, e.seed), ("mine", 1, Order::Interleaved, 1));
    assert_eq!((e.between.pause_s, e.between.stack, e.at_end), (0, Renew::WhenChanged, AtEnd::Auto));
    assert_eq!((e.on_invalid.repeat, e.on_invalid.then), (1, Then::Continue));
    assert!(e.compare.bounds && e.gate.is_none() && e.factors.is_empty());
}

#[test]
fn levels_are_values_or_lists() {
    let text = "arms: [hpa]\nfactors:\n- {set: hpa.name, levels: [a, 0.50, 3, true]}\n- {override: rate, levels: [[1, 2], [3]]}\n";
    let e = read(text, ExperimentArgs::default()).unwrap();
    let levels: Vec<Vec<&str>> = e.factors.iter().map(|f| f.levels.iter().map(|l| l.0.as_str()).collect()).collect();
    assert_eq!(levels, [vec!["a", "0.5", "3", "true"], vec!["[1, 2]", "[3]"]]);
    // As it is kept in experiment.json.
    let again: Experiment = serde_json::from_str(&serde_json::to_string(&e).unwrap()).unwrap();
    assert_eq!(again, e);
}

#[test]
fn flags_win_or_add() {
    let args = ExperimentArgs {
        scenario: Some("simulated".into()),
        profile: Some("ramp_small".into()),
        set: vec!["scaling.max_replicas=3".into()],
        rates: Some("1,2.5".into()),
        max_seconds: Some(30),
        arms: vec![Arm::Wva, Arm::Static(3)],
        repeats: Some(2),
        ..ExperimentArgs::default()
    };
    let e = read("arms: [hpa]\nscenario: other\nset: ['reset.start_replicas=1']\nrepeats: 9\n", args).unwrap();
    assert_eq!((e.scenario.as_str(), e.profile.as_str(), e.repeats), ("simulated", "ramp_small", 2));
    assert_eq!(e.set, ["reset.start_replicas=1", "scaling.max_replicas=3"]);
    assert_eq!((e.rates, e.max_seconds, e.arms), (Some(vec![1.0, 2.5]), Some(30), vec![Arm::Wva, Arm::Static(3)]));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let file = "experiments/mine.yaml";
    let cases: [(&str, &[&str]); 16] = [
        ("arm: [hpa]", &["mine.yaml:1:1: unknown key `arm`", "did you mean `arms`?"]),
        ("repeats: 2", &["`arms` is missing"]),
        ("arms: []", &["`arms`: no arm"]),
        ("arms: [hpa, vwa]", &["mine.yaml:1:13: `arms[1]`", "unknown arm \"vwa\""]),
        ("arms: [hpa, hpa]", &["mine.yaml:1:13: `arms[1]`: hpa is there twice", "repeats"]),
        ("arms: [hpa]\nrepeats: 0", &["mine.yaml:2:", "`repeats`: 0 is not between 1 and 1000"]),
        ("arms: [hpa]\norder: shuffled", &["mine.yaml:2:", "`order`", "none of: blocked, interleaved, random"]),
        (
            "arms: [hpa]\nbetween: {skip_reset: [warm-up]}",
            &["mine.yaml:2:", "`between.skip_reset[0]`: \"warm-up\" is no step", "did you mean warmup?"],
        ),
        ("arms: [hpa]\ngate: {rules: [p99_tft_ms < 1]}", &["mine.yaml:2:", "`gate.rules[0]`", "did you mean `p99_ttft_ms`?"]),
        ("arms: [hpa]\ngate: {arms: [wva], rules: [max_ready < 9]}", &["`gate.arms[0]`: the experiment has no arm wva"]),
        ("arms: [hpa]\ngate: {}", &["`gate`: it has no rule"]),
        ("arms: [hpa]\ngate: {file: no/such.yaml}", &["cannot read no/such.yaml"]),
        ("arms: [hpa]\nfactors: [{levels: [1]}]", &["mine.yaml:2:", "`factors[0]`: it names no key"]),
        (
            "arms: [hpa]\nfactors:\n- {set: a.b, levels: [1, 1]}\n- {set: a.b, levels: []}",
            &["mine.yaml:3:", "`factors[0].levels[1]`: 1 is there twice", "`factors[1]`: `a.b` is a factor already", "no level"],
        ),
        ("arms: [hpa]\ncompare: {slo: fast}", &["mine.yaml:2:", "`compare.slo`"]),
        (
            "arms: [hpa]\nrepeats: 1000\nfactors: [{set: a, levels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}]",
            &["`factors`: 11000 runs", "at most 1000"],
        ),
    ];
    for (text, told) in cases {
        let e = read(text, ExperimentArgs::default()).expect_err(text);
        let mut rest = e.as_str();
        for t in told {
            let at = rest.find(t).unwrap_or_else(|| panic!("{text}: no {t:?} in\n{e}"));
            rest = &rest[at..];
        }
        assert!(e.contains(file) || e.contains("cannot read") || e.contains("goodput"), "{e}");
    }
    assert!(read("arms: [hpa]\nname: ../x", ExperimentArgs::default()).unwrap_err().contains("cannot be the name of a directory"));
}
