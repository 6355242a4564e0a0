//! WVA v0.4.2: every reconcile of every scenario.

mod compare;
mod format;
mod world;

use std::collections::BTreeMap;

use bench_sim::autoscaler::wva::config::MainConfigMap;
use bench_sim::autoscaler::wva::v042::{Controller, Status, View};

use self::compare::Differences;
use self::format::{File, Reconcile};
use self::world::{Recorded, World};
use crate::files;

/// Runs the controller over a file; returns the reconciles per family.
fn run(file: &File, name: &str, from_scrapes: bool, found: &mut Differences) -> BTreeMap<String, usize> {
    let mut checked = BTreeMap::new();
    for scenario in &file.scenarios {
        let world = World::new(scenario);
        let mut controller = Controller::new();
        for v in &scenario.variants {
            let accelerator = if v.desired == 0 { String::new() } else { v.accelerator.clone() };
            controller.set_status(
                &v.namespace,
                &v.name,
                Status { desired: v.desired, desired_accelerator: accelerator, ..Status::default() },
            );
        }
        for record in &scenario.reconciles {
            let answers = Recorded { world: &world, record, from_scrapes };
            let view = View {
                main_config: &world.main_config(record.t_ms),
                capacity_config: &world.capacity_config(record.t_ms),
                variants: &world.variants(record),
                pods: &world.pods(record.t_ms),
                answers: &answers,
            };
            // The record of a failed reconcile shows the analysis there would have been, with the thresholds as they stand by then: what
            // made the record read them afresh. The reconcile itself ends before it reads them.
            let analysed = record.error.then(|| {
                let main_config = &MainConfigMap::Found { interval: None };
                controller.clone().reconcile(record.t_ms, &View { main_config, ..view })
            });
            let got = controller.reconcile(record.t_ms, &view);
            found.at(&format!("{name} {} t_ms={} run={}", scenario.name, record.t_ms, record.run));
            compare::reconcile(record, &got, analysed.as_ref().unwrap_or(&got), found);
            if from_scrapes {
                compare::peaks(&world, record, found);
            }
            *checked.entry(scenario.family.clone()).or_default() += 1;
        }
    }
    checked
}

fn check(from_scrapes: bool) {
    let mut found = Differences::default();
    let mut checked: BTreeMap<String, usize> = BTreeMap::new();
    for file in files::about(files::Subject::Wva) {
        let name = file.path.display().to_string();
        let parsed: File = serde_json::from_slice(&file.json).unwrap_or_else(|e| panic!("{name}: {e}"));
        for (family, n) in run(&parsed, &name, from_scrapes, &mut found) {
            *checked.entry(family).or_default() += n;
        }
    }
    let total: usize = checked.values().sum();
    println!("{total} reconciles, {} values: {checked:?}", found.compared());
    assert!(total > 0, "nothing was checked");
    found.assert_none();
}

/// Inputs are the recorded answers; everything else follows from the scenario.
#[test]
fn oracle_wva_agrees_on_every_reconcile() {
    check(false);
}

/// The answers themselves are computed from the scrapes.
#[test]
fn oracle_wva_agrees_on_peaks_computed_from_the_scrapes() {
    check(true);
}

/// Each recorded value, altered alone, is noticed.
#[test]
fn oracle_wva_notices_an_altered_vector() {
    type Alter = fn(&mut Reconcile);
    let alterations: [(&str, Alter); 16] = [
        ("error", |r| r.error = true),
        ("requeue", |r| r.requeue_ms += 1),
        ("config", |r| r.models[0].config.kv_spare += 0.1),
        ("replicas", |r| r.models[0].replicas.as_mut().expect("replicas")[0].3 += 1),
        ("spare", |r| r.models[0].analysis.as_mut().expect("analysis").spare_queue += 1e-9),
        ("verdict", |r| r.models[0].analysis.as_mut().expect("analysis").down_safe ^= true),
        ("reporting", |r| r.variants[0].reporting = Some(99)),
        ("current", |r| r.variants[0].current = None),
        ("target", |r| r.variants[0].target = Some(99)),
        ("action", |r| r.variants[0].action = Some("scale-sideways".to_owned())),
        ("published", |r| r.variants[0].published ^= true),
        ("safety net", |r| r.variants[0].safety_net ^= true),
        ("desired", |r| r.variants[0].desired_after += 1),
        ("alloc", |r| r.variants[0].alloc_replicas += 1),
        ("gauge", |r| r.variants[0].gauge_ratio = Some(0.123)),
        ("variants", |r| r.variants.clear()),
    ];
    let file = files::about(files::Subject::Wva).into_iter().next().expect("the fixture");
    for (what, alter) in alterations {
        let mut parsed: File = serde_json::from_slice(&file.json).expect("the fixture parses");
        parsed.scenarios.truncate(1);
        let mut found = Differences::default();
        run(&parsed, "", false, &mut found);
        assert_eq!(found.differing(), 0);
        alter(&mut parsed.scenarios[0].reconciles[0]);
        run(&parsed, "", false, &mut found);
        assert!(found.differing() > 0, "{what}");
    }
}
