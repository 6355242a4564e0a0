//! What scales: the HPA's loop in both arms; before it, in one of them, WVA ([`super::wva`]) and its gauge.

use super::metrics::phase;
use super::wva::Wva;
use super::{Class, World};
use crate::autoscaler::hpa;
use crate::input::{Autoscaler, Experiment, HpaLoop};
use crate::output::Said;
use crate::time::{PS_PER_MS, Ps};
use bench_model::scenario::{self, PolicyKind, SelectPolicy};

pub(super) struct Scaling {
    hpa: Option<(hpa::Controller, hpa::Spec)>,
    pub wva: Option<Wva>,
    values: Vec<Vec<i64>>,
}

impl Scaling {
    pub fn new(e: &Experiment) -> Self {
        let external = |targets: Vec<i64>| targets.into_iter().map(|t| hpa::MetricSpec::External(hpa::Target::AverageValue(t))).collect();
        let (controller, metrics, wva) = match &e.autoscaler {
            Autoscaler::Static | Autoscaler::Schedule(_) => return Self { hpa: None, wva: None, values: Vec::new() },
            Autoscaler::Hpa(a) => (a.controller, external(a.metrics.iter().map(|m| m.target_milli).collect()), None),
            Autoscaler::Wva(a) => (a.controller, external(vec![1000]), Some(Wva::new(a, &e.fleet.name))),
        };
        let i32_of = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let spec = hpa::Spec {
            min: i32_of(e.scaling.min_replicas),
            max: i32_of(e.scaling.max_replicas),
            metrics,
            behavior: Some(hpa::Behavior { up: rules(&e.scaling.scale_up), down: rules(&e.scaling.scale_down) }),
        };
        Self { hpa: Some((hpa::Controller::new(config(controller)), spec)), wva, values: Vec::new() }
    }
}

fn config(c: HpaLoop) -> hpa::Config {
    let flavour = if c.new_tolerance_code { hpa::ToleranceFlavour::Bounds } else { hpa::ToleranceFlavour::Distance };
    hpa::Config { tolerance: c.tolerance, flavour, ..hpa::Config::default() }
}

fn rules(b: &scenario::Behavior) -> hpa::Rules {
    let i32_of = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    hpa::Rules {
        window_s: Some(i32_of(b.stabilization_window_s)),
        select: match b.select_policy {
            SelectPolicy::Max => hpa::SelectPolicy::Max,
            SelectPolicy::Min => hpa::SelectPolicy::Min,
            SelectPolicy::Disabled => hpa::SelectPolicy::Disabled,
        },
        policies: b
            .policies
            .iter()
            .map(|p| hpa::Policy {
                kind: match p.kind {
                    PolicyKind::Pods => hpa::PolicyKind::Pods,
                    PolicyKind::Percent => hpa::PolicyKind::Percent,
                },
                value: i32_of(p.value),
                period_s: i32_of(p.period_s),
            })
            .collect(),
        tolerance: None,
    }
}

pub(super) fn ms(t: Ps) -> i64 {
    t / PS_PER_MS
}

impl World<'_> {
    pub(super) fn start_clocks(&mut self) {
        let seed = self.e.seed;
        let sync = match &self.e.autoscaler {
            Autoscaler::Static => return,
            Autoscaler::Schedule(all) => {
                for (i, change) in (0..).zip(all) {
                    self.at(change.at, Class::Planned, i);
                }
                return;
            }
            Autoscaler::Hpa(a) => a.controller.sync,
            Autoscaler::Wva(a) => {
                for i in 0..a.loops() {
                    self.at(phase(seed, "wva loop", i.into(), a.period()), Class::Reconcile, i);
                }
                let interval = self.e.monitoring.controller_scrape_interval;
                self.at(phase(seed, "controller scrape", 0, interval), Class::ControllerScrape, 0);
                a.controller.sync
            }
        };
        self.at(phase(seed, "hpa sync", 0, sync), Class::HpaSync, 0);
    }

    pub(super) fn planned(&mut self, number: u32) {
        let Autoscaler::Schedule(all) = &self.e.autoscaler else { return };
        if let Some(change) = all.get(number as usize) {
            self.scale_to(change.replicas);
        }
    }

    pub(super) fn hpa_sync(&mut self) {
        let Some((controller, spec)) = &mut self.scaling.hpa else { return };
        let values = &mut self.scaling.values;
        let sync = match &self.e.autoscaler {
            Autoscaler::Hpa(a) => {
                values.resize_with(a.metrics.len(), Vec::new);
                for (metric, list) in a.metrics.iter().zip(values.iter_mut()) {
                    list.clear();
                    list.extend(self.metrics.instant(metric.source));
                }
                a.controller.sync
            }
            Autoscaler::Wva(a) => {
                #[allow(clippy::cast_possible_truncation)]
                let milli = self.metrics.desired.map(|d| (d * 1000.0) as i64);
                *values = vec![milli.into_iter().collect()];
                a.controller.sync
            }
            Autoscaler::Static | Autoscaler::Schedule(_) => return,
        };
        let readings: Vec<hpa::Reading<'_>> = values.iter().map(|v| hpa::Reading::Values(v)).collect();
        let seen = hpa::Observation {
            spec_replicas: i32::try_from(self.fleet.spec).unwrap_or(i32::MAX),
            status_replicas: i32::try_from(self.fleet.current()).unwrap_or(i32::MAX),
            readings: &readings,
            pods: &[],
        };
        let outcome = controller.sync(spec, ms(self.now), &seen);
        let to = outcome.scale_to;
        self.out.decisions.push((self.now, Said::Hpa(outcome)));
        if let Some(replicas) = to.and_then(|r| u32::try_from(r).ok()) {
            self.scale_to(replicas);
        }
        self.at(self.now + sync, Class::HpaSync, 0);
    }
}
