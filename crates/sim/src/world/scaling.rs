//! What scales: the HPA's loop in both arms, WVA's loops and its gauge before it.

use super::metrics::phase;
use super::{Class, World};
use crate::autoscaler::hpa;
use crate::autoscaler::wva::Thresholds;
use crate::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};
use crate::autoscaler::wva::v042;
use crate::input::{Autoscaler, Experiment, HpaLoop, WvaArm};
use crate::output::Said;
use crate::time::{PS_PER_MS, Ps};
use bench_model::scenario::{self, PolicyKind, SelectPolicy};

pub(super) struct Scaling {
    hpa: Option<(hpa::Controller, hpa::Spec)>,
    wva: Option<Wva>,
    values: Vec<Vec<i64>>,
}

struct Wva {
    controller: v042::Controller,
    main: MainConfigMap,
    capacity: CapacityConfigMap,
    variant: v042::Variant,
}

impl Scaling {
    pub fn new(e: &Experiment) -> Self {
        let external = |targets: Vec<i64>| targets.into_iter().map(|t| hpa::MetricSpec::External(hpa::Target::AverageValue(t))).collect();
        let (controller, metrics, wva) = match &e.autoscaler {
            Autoscaler::Static => return Self { hpa: None, wva: None, values: Vec::new() },
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

impl Wva {
    fn new(a: &WvaArm, deployment: &str) -> Self {
        let t = &a.thresholds;
        let thresholds = Thresholds {
            kv_cache: t.kv_cache_threshold,
            queue_length: t.queue_length_threshold,
            kv_spare: t.kv_spare_trigger,
            queue_spare: t.queue_spare_trigger,
        };
        Self {
            controller: v042::Controller::new(),
            main: MainConfigMap::Found { interval: Some(format!("{}ms", ms(a.interval))) },
            capacity: CapacityConfigMap::only_default(thresholds),
            variant: v042::Variant {
                name: deployment.to_owned(),
                namespace: a.namespace.clone(),
                model: a.model.clone(),
                cost: a.cost.clone(),
                accelerator: a.accelerator.clone(),
                deleting: false,
                deployment: None,
            },
        }
    }

    fn desired_gauge(&self) -> Option<f64> {
        let mut series = self.controller.series(&self.variant.namespace, &self.variant.name).map(|(_, g)| g.desired).peekable();
        series.peek()?;
        Some(series.sum())
    }
}

fn ms(t: Ps) -> i64 {
    t / PS_PER_MS
}

/// Answers for the one model there is.
struct Answers<'a> {
    kv: Vec<(&'a str, f64)>,
    queue: Vec<(&'a str, f64)>,
    any: bool,
}

impl v042::Answers for Answers<'_> {
    fn kv(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, v042::QueryError> {
        Ok(self.kv.clone())
    }
    fn queue(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, v042::QueryError> {
        Ok(self.queue.clone())
    }
    fn running(&self, _: &str, _: Option<&str>) -> Result<bool, v042::QueryError> {
        Ok(self.any)
    }
    fn load(&self, _: &str, _: &str) -> Result<v042::Load, v042::QueryError> {
        Ok(v042::Load::default())
    }
}

impl World<'_> {
    pub(super) fn start_clocks(&mut self) {
        let seed = self.e.seed;
        let sync = match &self.e.autoscaler {
            Autoscaler::Static => return,
            Autoscaler::Hpa(a) => a.controller.sync,
            Autoscaler::Wva(a) => {
                // One loop of the ConfigMap, one of the VariantAutoscaling.
                for i in 0..2 {
                    self.at(phase(seed, "wva loop", i.into(), a.interval), Class::Reconcile, i);
                }
                let interval = self.e.monitoring.controller_scrape_interval;
                self.at(phase(seed, "controller scrape", 0, interval), Class::ControllerScrape, 0);
                a.controller.sync
            }
        };
        self.at(phase(seed, "hpa sync", 0, sync), Class::HpaSync, 0);
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
            Autoscaler::Static => return,
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

    pub(super) fn reconcile(&mut self, which: u32) {
        let (Some(wva), Autoscaler::Wva(arm)) = (&mut self.scaling.wva, &self.e.autoscaler) else { return };
        let pods = &self.fleet.pods;
        let (mut kv, mut queue) = (Vec::new(), Vec::new());
        for (pod, k, q) in self.metrics.peaks(self.now, self.e.monitoring.closed_ranges) {
            let name = pods[pod].life.name.as_str();
            kv.push((name, k));
            queue.push((name, f64::from(q)));
        }
        let answers = Answers { kv, queue, any: self.metrics.any() };
        let i32_of = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        wva.variant.deployment = Some(v042::Deployment {
            spec_replicas: i32_of(self.fleet.spec),
            status_replicas: i32_of(self.fleet.current()),
            ready_replicas: i32_of(self.fleet.ready()),
            selector: wva.variant.name.clone(),
        });
        // A pod stays listed until its process has ended.
        let app = wva.variant.name.as_str();
        let listed: Vec<_> =
            pods.iter().filter(|p| !p.gone).map(|p| v042::ListedPod { namespace: &arm.namespace, name: &p.life.name, app }).collect();
        let view = v042::View {
            main_config: &wva.main,
            capacity_config: &wva.capacity,
            variants: std::slice::from_ref(&wva.variant),
            pods: &listed,
            answers: &answers,
        };
        let done = wva.controller.reconcile(ms(self.now), &view);
        self.out.decisions.push((self.now, Said::Wva(done)));
        self.at(self.now + arm.interval, Class::Reconcile, which);
    }

    pub(super) fn scrape_controller(&mut self) {
        let Some(wva) = &self.scaling.wva else { return };
        if let Some(desired) = wva.desired_gauge() {
            self.metrics.desired = Some(desired);
            self.out.desired_gauge.push((self.now, desired));
        }
        self.at(self.now + self.e.monitoring.controller_scrape_interval, Class::ControllerScrape, 0);
    }
}
