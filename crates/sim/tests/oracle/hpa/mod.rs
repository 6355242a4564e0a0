//! The HPA controller: every sync of every scenario.

mod format;
mod written;

use bench_sim::autoscaler::hpa::{
    Condition, Config, Controller, Gates, MetricSpec, Observation, Outcome, PodSample, Reading, ToleranceFlavour,
};

use crate::files::{self, Subject};
use format::{Expected, File, Input, Scenario, Sync};

/// As many differences are told in full.
const TOLD: usize = 5;

#[derive(Default)]
struct Tally {
    scenarios: usize,
    syncs: usize,
    differences: usize,
    told: Vec<String>,
}

fn load() -> Vec<(String, File)> {
    files::about(Subject::Hpa)
        .into_iter()
        .map(|file| {
            let name = file.path.display().to_string();
            let parsed = serde_json::from_slice(&file.json).unwrap_or_else(|e| panic!("{name}: {e}"));
            (name, parsed)
        })
        .collect()
}

#[test]
fn oracle_hpa_agrees_on_every_sync() {
    let mut tally = Tally::default();
    for (name, file) in load() {
        let before = tally.syncs;
        for scenario in &file.scenarios {
            replay(&name, scenario, &mut tally);
        }
        assert!(tally.syncs > before, "{name}: no sync to check");
    }
    println!("{} scenarios, {} syncs, {} differences", tally.scenarios, tally.syncs, tally.differences);
    assert!(tally.syncs > 0, "no sync was checked");
    assert!(
        tally.differences == 0,
        "{} of {} syncs differ ({} scenarios); the first:\n{}",
        tally.differences,
        tally.syncs,
        tally.scenarios,
        tally.told.join("\n")
    );
}

/// A comparison that finds nothing anywhere would pass too.
#[test]
fn oracle_hpa_notices_an_altered_vector() {
    let (name, mut file) = load().swap_remove(0);
    let scenario = file.scenarios.swap_remove(0);
    let alterations: [fn(&mut Sync); 8] = [
        |s| s.expected.proposal = Some(-7),
        |s| s.expected.scaled_to = Some(-7),
        |s| s.expected.desired = -7,
        |s| s.expected.current = -7,
        |s| s.expected.able = None,
        |s| s.expected.active = None,
        |s| s.expected.limited = None,
        |s| s.expected.metrics.clear(),
    ];
    for alter in alterations {
        let mut altered = scenario.clone();
        let last = altered.syncs.last_mut().expect("a sync");
        alter(last);
        let mut tally = Tally::default();
        replay(&name, &altered, &mut tally);
        assert_eq!(tally.differences, 1);
    }
}

/// When the controller's next sync of the HPA falls due, and what an event does to that.
struct Clock {
    period_ms: i64,
    due_ms: Option<i64>,
    running: bool,
    exists: bool,
}

fn replay(file: &str, scenario: &Scenario, tally: &mut Tally) {
    let gate = |name: &str| scenario.gates.get(name).copied().unwrap_or(false);
    let config = Config {
        tolerance: scenario.tolerance,
        flavour: ToleranceFlavour::Bounds,
        down_window_s: scenario.down_window_s,
        cpu_init_s: scenario.cpu_init_s,
        ready_delay_s: scenario.ready_delay_s,
        gates: Gates { configurable_tolerance: gate("HPAConfigurableTolerance"), scale_to_zero: gate("HPAScaleToZero") },
    };
    let mut controller = Controller::new(config);
    let mut spec = scenario.flat.spec();
    let mut clock = Clock { period_ms: scenario.sync_ms, due_ms: Some(scenario.sync_ms), running: true, exists: true };
    let mut events = scenario.events.iter().filter(|e| !e.action.is_empty()).peekable();
    tally.scenarios += 1;
    for sync in &scenario.syncs {
        // At the instant of a sync the sync comes first.
        while let Some(event) = events.next_if(|e| e.at_ms < sync.t_ms) {
            clock.apply(event.at_ms, &event.action, &mut controller);
            if let Some(flat) = &event.flat {
                spec = flat.spec();
            }
        }
        let got = decide(&mut controller, scenario, sync, &spec);
        tally.syncs += 1;
        if got != sync.expected || clock.due_ms != Some(sync.t_ms) {
            tally.differences += 1;
            if tally.told.len() < TOLD {
                tally.told.push(format!(
                    "{file}, {} at t_ms {}, due {:?}\n  expected {:?}\n  got      {got:?}",
                    scenario.name, sync.t_ms, clock.due_ms, sync.expected
                ));
            }
        }
        clock.due_ms = Some(sync.t_ms + clock.period_ms);
    }
}

impl Clock {
    fn apply(&mut self, at_ms: i64, action: &str, controller: &mut Controller) {
        if !self.exists && self.running && self.due_ms.is_some_and(|due| due <= at_ms) {
            controller.sync_without_hpa();
            self.due_ms = None;
        }
        match action {
            "update_hpa" => {}
            "delete_hpa" => {
                controller.hpa_deleted();
                self.exists = false;
            }
            "create_hpa" => {
                self.exists = true;
                if self.running && self.due_ms.is_none() {
                    self.due_ms = Some(at_ms + self.period_ms);
                }
            }
            "stop_controller" => (self.running, self.due_ms) = (false, None),
            "start_controller" => {
                controller.restart();
                self.running = true;
                self.due_ms = self.exists.then_some(at_ms + self.period_ms);
            }
            other => panic!("unknown action {other:?}"),
        }
    }
}

fn decide(controller: &mut Controller, scenario: &Scenario, sync: &Sync, spec: &bench_sim::autoscaler::hpa::Spec) -> Expected {
    let samples: Vec<Vec<PodSample>> = sync.inputs.iter().map(|i| i.as_ref().map_or_else(Vec::new, Input::samples)).collect();
    let readings: Vec<Reading> = (spec.metrics.iter().zip(&sync.inputs).zip(&samples))
        .map(|((metric, input), samples)| match (input, metric) {
            // What was not asked must not be looked at; if it is, the failure shows.
            (None, _) => Reading::Failed,
            (Some(input), _) if input.error => Reading::Failed,
            (Some(input), MetricSpec::External(_) | MetricSpec::Object(_)) => Reading::Values(&input.values),
            (Some(_), MetricSpec::Pods { .. } | MetricSpec::Resource { .. }) => Reading::Pods(samples),
        })
        .collect();
    let pods: Vec<_> = sync.pods.iter().map(|p| p.pod(scenario.pod_model.request_milli)).collect();
    let seen = Observation { spec_replicas: sync.spec, status_replicas: sync.status, readings: &readings, pods: &pods };
    told(&controller.sync(spec, sync.t_ms, &seen))
}

/// The outcome in the vectors' terms.
fn told(o: &Outcome) -> Expected {
    let condition = |c: Option<Condition>| c.map(|c| [c.status_str().to_owned(), c.reason.as_str().to_owned()]);
    Expected {
        proposal: o.proposal,
        scaled_to: o.scale_to,
        desired: o.desired,
        current: o.current,
        able: condition(o.able),
        active: condition(o.active),
        limited: condition(o.limited),
        metrics: o
            .metrics
            .iter()
            .map(|m| {
                m.as_ref().ok().map(|e| format::Shown { value: e.shown.value, average: e.shown.average, utilization: e.shown.utilization })
            })
            .collect(),
    }
}
