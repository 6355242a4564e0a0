use super::*;
use crate::config::coefficients;
use crate::config::experiment::{ExperimentArgs, load};
use bench_model::plan::NodeFact;
use std::path::Path;

fn loaded(text: &str) -> LoadedExperiment {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("e.yaml");
    std::fs::write(&path, format!("scenario: simulated\nprofile: ramp_small\n{text}")).unwrap();
    load(&lookup(), &ExperimentArgs { name: path.display().to_string(), ..ExperimentArgs::default() }).unwrap()
}

fn lookup() -> Lookup {
    Lookup { config_dir: None, current_dir: Path::new("/nowhere").into() }
}

/// Treatment and repeat of each run, in order.
fn runs(text: &str) -> Vec<String> {
    let l = loaded(text);
    let t = treatments(&lookup(), &l, None, None).unwrap();
    let c = coefficients::load(&lookup(), "").unwrap();
    schedule(&l.experiment, &t.all, &c.coefficients).iter().map(|s| format!("{} #{}", s.treatment(), s.repeat)).collect()
}

#[test]
fn orders_are_what_they_say() {
    let blocked = runs("arms: [wva, hpa]\nrepeats: 2\norder: blocked");
    assert_eq!(blocked, ["wva #1", "wva #2", "hpa #1", "hpa #2"]);
    let interleaved = runs("arms: [wva, hpa]\nrepeats: 2");
    assert_eq!(interleaved, ["wva #1", "hpa #1", "wva #2", "hpa #2"]);
}

#[test]
fn a_random_order_has_every_arm_once_a_round_and_its_seed_decides() {
    let of = |seed: u32| runs(&format!("arms: [wva, hpa, static-1, static-2]\nrepeats: 3\norder: random\nseed: {seed}"));
    let one = of(1);
    assert_eq!(one, of(1));
    assert!((2..6).any(|seed| of(seed) != one), "the seed does nothing");
    for round in one.chunks(4) {
        let mut arms: Vec<&str> = round.iter().map(|r| r.split(' ').next().unwrap()).collect();
        arms.sort_unstable();
        assert_eq!(arms, ["hpa", "static-1", "static-2", "wva"]);
    }
    let order = |round: &[String]| round.iter().map(|r| r.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    let rounds: Vec<_> = one.chunks(4).map(order).collect();
    assert!(rounds.iter().any(|r| *r != rounds[0]), "every round has the same order: {one:?}");
}

#[test]
fn every_arm_meets_every_level_and_what_does_not_matter_is_run_once() {
    let text = "arms: [wva, hpa, static-2]\nfactors:\n\
                - {set: 'hpa.metrics[1].average_value', name: kv, levels: [600m, 800m]}\n- {override: max_seconds, levels: [60, 90]}\n";
    assert_eq!(
        runs(text),
        [
            "wva, max_seconds=60 #1",
            "wva, max_seconds=90 #1",
            "hpa, kv=600m, max_seconds=60 #1",
            "hpa, kv=600m, max_seconds=90 #1",
            "static-2, max_seconds=60 #1",
            "static-2, max_seconds=90 #1",
            "hpa, kv=800m, max_seconds=60 #1",
            "hpa, kv=800m, max_seconds=90 #1",
        ]
    );
    let t = treatments(&lookup(), &loaded(text), None, None).unwrap();
    assert_eq!(
        t.notes,
        ["wva", "static-2"].map(|arm| format!("arm {arm}: kv changes nothing of it, so it is run once for all levels of it"))
    );
    let seconds: Vec<u32> = t.all.iter().map(|t| t.plan.profile.as_ref().unwrap().max_seconds).collect();
    assert_eq!(seconds.iter().filter(|s| **s == 60).count(), 4);
}

/// A factor of the stack costs a teardown and a standup: what shares a stack stands together.
#[test]
fn what_shares_a_stack_stands_together() {
    let text = "arms: [wva, hpa]\nrepeats: 1\nfactors: [{set: monitoring.scrape_interval_s, name: scrape, levels: [5, 10]}]";
    assert_eq!(runs(text), ["wva, scrape=5 #1", "hpa, scrape=5 #1", "wva, scrape=10 #1", "hpa, scrape=10 #1"]);
    let blocked = runs(&text.replace("repeats: 1", "repeats: 2\norder: blocked"));
    assert_eq!(blocked[..4], ["wva, scrape=5 #1", "wva, scrape=5 #2", "hpa, scrape=5 #1", "hpa, scrape=5 #2"]);
}

#[test]
fn a_factor_that_does_nothing_or_is_wrong_is_refused_with_its_place() {
    let wrong = |text: &str| format!("{:#}", treatments(&lookup(), &loaded(text), None, None).unwrap_err());
    let e = wrong("arms: [hpa]\nfactors: [{set: recording.settle_s, levels: [5, 10]}]");
    assert!(e.contains("e.yaml:4:") && e.contains("`recording.settle_s` changes nothing in any arm"), "{e}");
    let e = wrong("arms: [static-1]\nmax_seconds: 30\nfactors: [{override: max_seconds, levels: [60, 90]}]");
    assert!(e.contains("`max_seconds` changes nothing in any arm"), "{e}");
    let e = wrong("arms: [hpa]\nfactors: [{set: scaling.max_replica, levels: [2, 3]}]");
    for piece in ["e.yaml:4:", "with scaling.max_replica=2", "--set scaling.max_replica=2", "did you mean `max_replicas`?"] {
        assert!(e.contains(piece), "{piece}: {e}");
    }
    let e = wrong("arms: [wva]\nset: [reset.start_replicas=2]");
    assert!(e.contains("e.yaml:3:") && e.contains("the wva arm cannot start at 2 replicas"), "{e}");
}

#[test]
fn a_run_is_reckoned_longer_than_its_load() {
    let l = loaded("arms: [wva, static-1]");
    let c = coefficients::load(&lookup(), "").unwrap();
    let s = schedule(&l.experiment, &treatments(&lookup(), &l, None, None).unwrap().all, &c.coefficients);
    // 180 s of load, its reset and its tail; nothing scales a fixed fleet, so its tail is shorter.
    assert!(s[0].expected_s > 240.0 && s[0].expected_s < 900.0, "{}", s[0].expected_s);
    assert!(s[1].expected_s < s[0].expected_s);
}

/// As `bench standup` resolves it, so that both come to the same stack and arm.
#[test]
fn what_the_cluster_decides_is_in_the_plans() {
    let mut published = loaded("arms: [wva]");
    published.experiment.scenario = "inference-scheduling".into();
    let node = NodeFact { gpu_product: Some("NVIDIA-A100-SXM4-80GB".into()), gpus: 8, ..NodeFact::default() };
    let facts = ClusterFacts { nodes: vec![node], ..ClusterFacts::default() };
    let plan = |facts: Option<&ClusterFacts>| treatments(&lookup(), &published, None, facts).unwrap().all.remove(0).plan;
    assert_eq!(plan(Some(&facts)).scenario.wva.accelerator, "A100");
    assert_eq!(plan(Some(&facts)).facts.and_then(|f| f.accelerator).map(|a| a.name), Some("A100".into()));
    assert_eq!(plan(None).scenario.wva.accelerator, "H100", "as published, where no GPU can be seen");
}
