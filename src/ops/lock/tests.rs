use super::*;
use crate::config::Lookup;
use crate::config::scenario::ScenarioArgs;
use crate::ops::plan::{Intent, resolve};

fn plan(scenario: &str, arm: Arm, set: &[&str]) -> Plan {
    let scenario = ScenarioArgs { name: scenario.into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() };
    let lookup = Lookup { config_dir: None, current_dir: "/nonexistent".into() };
    resolve(&lookup, &Intent { scenario, arm: Some(arm), ..Intent::default() }, None).unwrap().0
}

/// As if every registry had answered.
fn full(plan: &Plan) -> Lock {
    let mut s = plan.scenario.clone();
    let used = images(&mut s);
    let digest = |k: usize| Some(format!("sha256:{k:064x}"));
    let images =
        used.iter().enumerate().map(|(k, i)| LockedImage { key: i.key.into(), image: i.name.clone(), digest: digest(k), why: None });
    let most = Plan { arm: Arm::Wva, ..plan.clone() };
    let charts =
        charts(&most).into_iter().map(|(chart, version)| LockedChart { chart, version, digest: None, why: Some("not asked".into()) });
    Lock {
        schema_version: 1,
        bench_version: "0.1.0".into(),
        made: chrono::DateTime::UNIX_EPOCH,
        scenario: plan.scenario.name.clone(),
        images: images.collect(),
        charts: charts.collect(),
    }
}

#[test]
fn one_lock_pins_every_arm_and_every_manifest() {
    for scenario in ["simulated", "inference-scheduling"] {
        let lock = full(&plan(scenario, Arm::Static(1), &[]));
        for arm in [Arm::Wva, Arm::Hpa, Arm::Static(2)] {
            let before = plan(scenario, arm, &[]);
            let (pinned, said) = pin(&before, &lock, Path::new("l")).unwrap();
            assert_ne!(pinned.hashes.plan, before.hashes.plan, "another thing is tested");
            let text = serde_json::to_string(&crate::ops::plan::objects(&pinned).unwrap()).unwrap();
            for i in lock.images.iter().filter(|i| text.contains(&i.image)) {
                let (all, with) = (text.matches(&i.image).count(), format!("{}@{}", i.image, i.digest.as_deref().unwrap()));
                assert_eq!(text.matches(&with).count(), all, "{}", i.key);
            }
            let istio = "not pinned by l: gateway.image.name (its chart knows only versions)";
            assert_eq!(said, if scenario == "simulated" { vec![] } else { vec![istio.to_string()] });
        }
    }
    let lock = full(&plan("inference-scheduling", Arm::Wva, &[]));
    let (pinned, _) = pin(&plan("inference-scheduling", Arm::Wva, &[]), &lock, Path::new("l")).unwrap();
    let values: Vec<String> = releases(&pinned).iter().map(|r| r.values.to_string()).collect();
    for tag in ["\"v0.4.2@sha256:", "\"v0.5.0-rc.1@sha256:"] {
        assert!(values.iter().any(|v| v.contains(tag)), "{tag} in {values:?}");
    }
}

#[test]
fn another_image_another_chart_and_a_missing_one_are_refused() {
    let lock = full(&plan("inference-scheduling", Arm::Wva, &[]));
    let refused = |set: &[&str], lock: &Lock| {
        let e = pin(&plan("inference-scheduling", Arm::Wva, set), lock, Path::new("l")).unwrap_err();
        let f = Failure::of(e);
        assert_eq!(f.exit, Exit::Usage);
        f.evidence.join("\n")
    };
    let said = refused(&["scheduler.image.name=ghcr.io/llm-d/other:v1", "wva.chart_version=0.4.3"], &lock);
    assert!(said.contains("scheduler.image.name: ghcr.io/llm-d/other:v1, in the lock ghcr.io/llm-d/"), "{said}");
    assert!(said.contains("0.4.3, in the lock 0.4.2"), "{said}");
    let mut fewer = lock.clone();
    fewer.images.retain(|i| i.key != "model_server.image.name");
    assert!(refused(&[], &fewer).contains("is not in the lock"));
    // What only the lock has does no harm.
    assert!(
        pin(
            &plan("inference-scheduling", Arm::Wva, &["model_server.sidecar.enabled=false", "model_server.metrics_port=8000"]),
            &lock,
            Path::new("l")
        )
        .is_ok()
    );
}

#[test]
fn what_has_no_digest_stays_as_it_is_and_is_told() {
    let before = plan("simulated", Arm::Hpa, &[]);
    let mut lock = full(&before);
    let i = lock.images.iter_mut().find(|i| i.key == "gateway.image.name").unwrap();
    (i.digest, i.why) = (None, Some("HOST gave no answer".into()));
    let (pinned, said) = pin(&before, &lock, Path::new("l")).unwrap();
    assert_eq!(pinned.scenario.gateway.image, before.scenario.gateway.image);
    assert_eq!(said, ["not pinned by l: gateway.image.name (the lock has no digest)"]);
}

#[test]
fn charts_in_registries_are_names_like_images() {
    assert_eq!(oci("oci://ghcr.io/a/b", "1.0.0+x").as_deref(), Ok("ghcr.io/a/b:1.0.0_x"));
    assert_eq!(oci("oci://ghcr.io/a/charts base", "v1").as_deref(), Ok("ghcr.io/a/charts/base:v1"));
    assert!(oci("https://example.com/charts base", "1").unwrap_err().contains("repository of charts"));
    assert_eq!(oci("./chart", "1"), Err("a local chart"));
}

#[test]
fn a_broken_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("bench.lock.yaml");
    let lock = full(&plan("simulated", Arm::Wva, &[]));
    write(&lock, &file).unwrap();
    assert_eq!(read(&file).unwrap(), lock);
    let refused = |spoilt: &Lock| {
        write(spoilt, &file).unwrap();
        Failure::of(read(&file).unwrap_err())
    };
    let mut spoilt = lock.clone();
    spoilt.images[0].digest = Some("sha256:12".into());
    assert!(refused(&spoilt).message.contains("is no digest"));
    assert_eq!(refused(&Lock { schema_version: 2, ..lock }).exit, Exit::Usage);
    std::fs::write(&file, "images: 3").unwrap();
    assert_eq!(Failure::of(read(&file).unwrap_err()).exit, Exit::Usage);
}
