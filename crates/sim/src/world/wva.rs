//! WVA: its loops, what each run of them sees, and its gauge as Prometheus gets it.

use super::scaling::ms;
use super::{Class, World};
use crate::autoscaler::wva::Thresholds;
use crate::autoscaler::wva::config::{CapacityConfigMap, MainConfigMap};
use crate::autoscaler::wva::{v05, v042};
use crate::input::{Autoscaler, WvaArm, WvaVersion};
use crate::output::Said;

pub(super) struct Wva {
    variant: v042::Variant,
    program: Program,
}

enum Program {
    V042 { controller: v042::Controller, main: MainConfigMap, capacity: CapacityConfigMap },
    V05 { engine: v05::Engine, thresholds: Thresholds },
}

impl Wva {
    pub fn new(a: &WvaArm, deployment: &str) -> Self {
        let thresholds = Thresholds::from(a.thresholds);
        Self {
            variant: v042::Variant {
                name: deployment.to_owned(),
                namespace: a.namespace.clone(),
                model: a.model.clone(),
                cost: a.cost.clone(),
                accelerator: a.accelerator.clone(),
                deleting: false,
                deployment: None,
            },
            program: match a.version {
                WvaVersion::V042 => Program::V042 {
                    controller: v042::Controller::new(),
                    main: MainConfigMap::Found { interval: Some(format!("{}ms", ms(a.interval))) },
                    capacity: CapacityConfigMap::only_default(thresholds),
                },
                WvaVersion::V05 => Program::V05 { engine: v05::Engine::new(), thresholds },
            },
        }
    }

    fn desired_gauge(&self) -> Option<f64> {
        let (namespace, name) = (&self.variant.namespace, &self.variant.name);
        match &self.program {
            Program::V042 { controller, .. } => {
                let mut series = controller.series(namespace, name).map(|(_, g)| g.desired).peekable();
                series.peek()?;
                Some(series.sum())
            }
            Program::V05 { engine, .. } => engine.gauges(namespace, name).map(|g| g.desired),
        }
    }

    /// One run of a loop.
    fn decide(&mut self, now_ms: i64, pods: &[v042::ListedPod<'_>], answers: &Answers<'_>) -> Said {
        let variants = std::slice::from_ref(&self.variant);
        match &mut self.program {
            Program::V042 { controller, main, capacity } => {
                let view = v042::View { main_config: main, capacity_config: capacity, variants, pods, answers };
                Said::Wva(controller.reconcile(now_ms, &view))
            }
            Program::V05 { engine, thresholds } => {
                let scale_to_zero = v05::ScaleToZero::default();
                Said::Wva05(engine.optimize(&v05::View { thresholds: Some(*thresholds), scale_to_zero, variants, pods, answers }))
            }
        }
    }
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

impl v05::Answers for Answers<'_> {
    fn kv(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, v042::QueryError> {
        Ok(self.kv.clone())
    }
    fn queue(&self, _: &str, _: &str) -> Result<Vec<(&str, f64)>, v042::QueryError> {
        Ok(self.queue.clone())
    }
    fn requests(&self, _: &str, _: &str, _: i64) -> Result<f64, v042::QueryError> {
        // Asked only where a model may scale to zero.
        Err(v042::QueryError)
    }
}

impl World<'_> {
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
            selector: self.e.fleet.name.clone(),
        });
        // A pod stays listed until its process has ended.
        let app = self.e.fleet.name.as_str();
        let listed: Vec<_> =
            pods.iter().filter(|p| !p.gone).map(|p| v042::ListedPod { namespace: &arm.namespace, name: &p.life.name, app }).collect();
        let said = wva.decide(ms(self.now), &listed, &answers);
        self.out.decisions.push((self.now, said));
        // No query fails, so neither loop ever waits for anything but its period.
        self.at(self.now + arm.period(), Class::Reconcile, which);
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
