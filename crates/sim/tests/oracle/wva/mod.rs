//! WVA v0.4.2: every reconcile of every scenario.

mod compare;
mod format;
mod world;

use std::collections::BTreeMap;

use bench_sim::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};
use bench_sim::autoscaler::wva::v042::{Controller, Status, View};

use self::compare::Differences;
use self::format::File;
use self::world::{Recorded, World};
use crate::files;

/// Runs the controller over a file; returns the reconciles per family.
fn run(json: &[u8], name: &str, from_scrapes: bool, found: &mut Differences) -> BTreeMap<String, usize> {
    let file: File = serde_json::from_slice(json).unwrap_or_else(|e| panic!("{name}: {e}"));
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
            // The record of a failed reconcile shows the analysis there would have been, with the thresholds of the last good one.
            let analysed = record.error.then(|| {
                let main_config = &MainConfigMap::Found { interval: None };
                let view = View { main_config, capacity_config: &CapacityConfigMap::Unreadable, ..view };
                controller.clone().reconcile(record.t_ms, &view)
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
        for (family, n) in run(&file.json, &file.path.display().to_string(), from_scrapes, &mut found) {
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
