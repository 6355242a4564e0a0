//! What a simulation is given: everything decided, in the units of the engine. Nothing here has a default; defaults are data of the
//! caller.

use crate::autoscaler::wva::v05;
use crate::client::Line;
use crate::client::schedule::Window;
use crate::engine::{FixedParams, Invalid, VllmParams};
use crate::router::Policy;
use crate::time::{MAX_SPAN_S, PS_PER_MS, PS_PER_S, Ps};
use bench_model::profile::Lengths;
use bench_model::scenario::{Scaling, Thresholds};

/// One arm of an experiment, played once.
#[derive(Debug, Clone)]
pub struct Experiment {
    pub load: Load,
    pub server: Server,
    pub router: Router,
    pub fleet: Fleet,
    pub monitoring: Monitoring,
    pub autoscaler: Autoscaler,
    pub scaling: Scaling,
    /// Chooses phases, start times and ties; not the requests' lengths, which guidellm's own seed chooses.
    pub seed: u64,
    pub stepping: Stepping,
}

/// How the model server's steps are taken; the result is the same to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stepping {
    /// Many steps in one closed form.
    #[default]
    Coalesced,
    /// Each step by itself.
    Exact,
    /// Each request of each step by itself.
    Naive,
}

/// guidellm and its profile.
#[derive(Debug, Clone)]
pub struct Load {
    /// Requests per second, one after the other.
    pub rates: Vec<f64>,
    /// Length of each rate.
    pub seconds: u32,
    pub prompt: Lengths,
    pub output: Lengths,
    /// guidellm's own.
    pub seed: u64,
    pub line: Line,
    /// A process per rate, seed + k.
    pub per_rate: bool,
    /// Prompts repeat after this many; `None`: never.
    pub distinct_prompts: Option<u32>,
    /// The moment from which the length of a rate counts.
    pub window: Window,
    /// Worker processes.
    pub workers: u32,
    /// Requests that a worker takes from the common queue ahead of its schedule; a full one keeps them waiting.
    pub taken_ahead: u32,
    /// Requests in flight at most, over all workers; above it the load is closed-loop.
    pub max_in_flight: u32,
    /// A request without a byte for this long is given up.
    pub silence: Option<Ps>,
    /// Between two rates.
    pub gap: Ps,
    /// From the beginning of the recording, with the autoscaler fresh, to the first rate.
    pub lead: Ps,
    /// The recording ends when replicas stood still at the minimum for this long after the load,
    pub settle: Ps,
    /// or this long after the load.
    pub tail_limit: Ps,
}

/// The model server of one replica.
#[derive(Debug, Clone, Copy)]
pub enum Server {
    Vllm(VllmParams),
    Fixed(FixedParams),
}

/// What picks the replica of a request.
#[derive(Debug, Clone)]
pub struct Router {
    /// The picker in its first state.
    pub policy: Policy,
    /// The client's connections stay with the replica to which they were opened, and an idle one is kept for so long; `None`: every
    /// request is routed by itself.
    pub keep_alive: Option<Ps>,
    /// The picker sees replicas as they were at its last look; it looks this often. 0: always fresh.
    pub refresh: Ps,
    /// Between client and replica, both ways together.
    pub latency: Ps,
}

/// Pods of the model server.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The Deployment's name; pods are named after it.
    pub name: String,
    pub start_replicas: u32,
    /// From created to answering: the median, …
    pub start_median: Ps,
    /// … and the standard deviation of its logarithm-like spread: a start takes median·(1 + spread·z), at least half the median.
    pub start_spread: f64,
    /// Readiness is looked at this often.
    pub readiness_period: Ps,
    /// From a changed `spec.replicas` to pods created or marked for deletion.
    pub actuation: Ps,
    /// What a pod does with its requests when it is deleted: to finish them, or `None` to break them off at once.
    pub drain: Option<Ps>,
    /// Slots for pods, e.g. GPUs; pods beyond it stay pending.
    pub capacity: Option<u32>,
}

/// Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct Monitoring {
    pub scrape_interval: Ps,
    /// Of WVA's controller.
    pub controller_scrape_interval: Ps,
    /// A range holds the sample at its left edge: Prometheus 2.
    pub closed_ranges: bool,
}

/// What scales.
#[derive(Debug, Clone)]
pub enum Autoscaler {
    /// Nothing.
    Static,
    /// A list, in order of time: what [`crate::bounds`] searches among.
    Schedule(Vec<Change>),
    Hpa(HpaArm),
    Wva(WvaArm),
}

/// `spec.replicas` from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Since the recording's beginning.
    pub at: Ps,
    pub replicas: u32,
}

/// The HPA controller itself, in both arms.
#[derive(Debug, Clone, Copy)]
pub struct HpaLoop {
    pub sync: Ps,
    /// Kubernetes from 1.33 on compares ratios another way.
    pub new_tolerance_code: bool,
    pub tolerance: f64,
}

/// A plain HPA.
#[derive(Debug, Clone)]
pub struct HpaArm {
    pub name: String,
    pub controller: HpaLoop,
    pub metrics: Vec<HpaMetric>,
}

/// An External metric with an AverageValue target.
#[derive(Debug, Clone)]
pub struct HpaMetric {
    pub name: String,
    pub source: Source,
    /// Milli-units.
    pub target_milli: i64,
}

/// What the simulated servers can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Waiting,
    Running,
    /// Usage, 0..1.
    KvUsage,
}

/// WVA, and the HPA that follows its gauge.
#[derive(Debug, Clone)]
pub struct WvaArm {
    pub version: WvaVersion,
    pub thresholds: Thresholds,
    /// Of its ConfigMap; [`WvaVersion::V05`] does not use it.
    pub interval: Ps,
    pub accelerator: String,
    pub cost: String,
    pub model: String,
    pub namespace: String,
    pub hpa_name: String,
    pub controller: HpaLoop,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WvaVersion {
    V042,
    /// With the default analysis, and ScaleToZero off.
    V05,
}

impl WvaVersion {
    /// What its number is called in Prometheus and in the HPA.
    pub fn gauge(self) -> &'static str {
        match self {
            Self::V042 => "inferno_desired_replicas",
            Self::V05 => "wva_desired_replicas",
        }
    }
}

impl WvaArm {
    /// Between two runs of one of its loops.
    pub fn period(&self) -> Ps {
        match self.version {
            WvaVersion::V042 => self.interval,
            WvaVersion::V05 => v05::Polling::PERIOD_MS * PS_PER_MS,
        }
    }

    /// How many loops it has.
    pub fn loops(&self) -> u32 {
        match self.version {
            // One of the ConfigMap, one of the VariantAutoscaling.
            WvaVersion::V042 => 2,
            WvaVersion::V05 => 1,
        }
    }
}

/// Longest lengths that a distribution can give.
pub fn longest(l: &Lengths) -> u64 {
    l.max.unwrap_or_else(|| l.mean.saturating_add(l.stdev.unwrap_or(0).saturating_mul(5)))
}

/// No time of the settings may be longer; sums of them stay within 64 bits.
const MAX_TIME: Ps = 86_400 * PS_PER_S;
/// Requests that a load may have; each takes some 80 bytes.
const MAX_REQUESTS: f64 = 5e6;
/// Pods and scrapes of a run, that many at most.
const MAX_REPLICAS: u32 = 10_000;
const MAX_SCRAPES: f64 = 5e6;
/// Changes of a schedule.
const MAX_CHANGES: usize = 100_000;
/// Decisions of the HPA, likewise.
const MAX_SYNCS: i64 = 1_000_000;

impl Experiment {
    /// Everything that can be known to be wrong before it is played.
    ///
    /// # Errors
    /// One sentence on the first thing that is.
    pub fn check(&self) -> Result<(), Invalid> {
        let no = |m: String| Err(Invalid(m));
        let l = &self.load;
        if l.rates.is_empty() {
            return no("the load has no rate".into());
        }
        if let Some(r) = l.rates.iter().find(|r| !(r.is_finite() && **r > 0.0)) {
            return no(format!("a rate must be a number above 0, not {r}"));
        }
        if l.seconds == 0 {
            return no("a rate must last at least one second".into());
        }
        if let Some(r) = l.rates.iter().find(|r| **r * f64::from(l.seconds) < 1.0) {
            return no(format!("a rate of {r} req/s sends nothing within its {} s", l.seconds));
        }
        let requests: f64 = l.rates.iter().map(|r| r * f64::from(l.seconds)).sum();
        if requests > MAX_REQUESTS {
            return no(format!("{requests:.0} requests are more than can be simulated in memory ({MAX_REQUESTS:.0})"));
        }
        let pauses = l.gap.saturating_mul(i64::try_from(l.rates.len()).unwrap_or(i64::MAX));
        let span = (i64::from(l.seconds) * i64::try_from(l.rates.len()).unwrap_or(i64::MAX)).saturating_mul(PS_PER_S);
        let span = span.saturating_add(pauses).saturating_add(l.lead.saturating_mul(2)).saturating_add(l.tail_limit);
        let f = &self.fleet;
        let times = [l.gap, l.lead, l.settle, l.tail_limit, l.silence.unwrap_or(0), self.router.refresh, self.router.latency];
        let more = [self.router.keep_alive.unwrap_or(0), f.start_median, f.readiness_period, f.actuation, f.drain.unwrap_or(0)];
        let intervals = [self.monitoring.scrape_interval, self.monitoring.controller_scrape_interval];
        if times.iter().chain(&more).chain(&intervals).any(|t| !(0..=MAX_TIME).contains(t)) {
            return no("each time must lie between 0 and one day".into());
        }
        if span > MAX_SPAN_S * PS_PER_S {
            return no(format!("the experiment lasts over {} days; that is longer than can be simulated", MAX_SPAN_S / 86_400));
        }
        if l.max_in_flight == 0 || l.workers == 0 || l.workers > 1000 || l.taken_ahead > 1000 {
            return no("the client needs 1 to 1000 workers, and a limit of requests in flight above 0".into());
        }
        if l.silence == Some(0) {
            return no("the client's silence limit must be above 0 s".into());
        }
        for (name, lengths) in [("prompt", &l.prompt), ("output", &l.output)] {
            let max = longest(lengths);
            if max == 0 || max > 1 << 24 || lengths.min.is_some_and(|min| min > max) {
                return no(format!("{name} lengths must lie between 1 and {} tokens, the least below the largest", 1 << 24));
            }
        }
        let (prompt, output) = (longest(&l.prompt), longest(&l.output));
        let (prompt, output) = (u32::try_from(prompt).unwrap_or(u32::MAX), u32::try_from(output).unwrap_or(u32::MAX));
        match &self.server {
            Server::Vllm(p) => p.check(prompt, output)?,
            Server::Fixed(p) => p.check(prompt, output)?,
        }
        self.check_scaling(span)
    }

    fn check_scaling(&self, span: Ps) -> Result<(), Invalid> {
        let no = |m: String| Err(Invalid(m));
        let (f, m, s) = (&self.fleet, &self.monitoring, &self.scaling);
        if f.start_replicas == 0 {
            return no("without a replica at the start nothing serves the load, and neither autoscaler starts from 0".into());
        }
        if s.max_replicas > MAX_REPLICAS || f.start_replicas > MAX_REPLICAS {
            return no(format!("more than {MAX_REPLICAS} replicas cannot be simulated"));
        }
        let scaled = matches!(self.autoscaler, Autoscaler::Hpa(_) | Autoscaler::Wva(_));
        if scaled && s.max_replicas < s.min_replicas.max(1) {
            return no(format!("max_replicas ({}) is below min_replicas ({})", s.max_replicas, s.min_replicas));
        }
        let intervals = [m.scrape_interval, m.controller_scrape_interval, f.readiness_period];
        if intervals.iter().any(|t| *t < PS_PER_S / 10) {
            return no("scrape intervals and the readiness period must be at least 100 ms".into());
        }
        if !(f.start_spread.is_finite() && (0.0..=2.0).contains(&f.start_spread)) {
            return no("the spread of the pods' start time must lie between 0 and 2".into());
        }
        let most = match &self.autoscaler {
            Autoscaler::Static => 0,
            Autoscaler::Schedule(all) => all.iter().map(|c| c.replicas).max().unwrap_or(0),
            Autoscaler::Hpa(_) | Autoscaler::Wva(_) => s.max_replicas,
        };
        let most = most.max(f.start_replicas);
        #[allow(clippy::cast_precision_loss)]
        let scrapes = f64::from(most) * (span / m.scrape_interval) as f64;
        if scrapes > MAX_SCRAPES {
            return no(format!(
                "{scrapes:.0} scrapes are more than can be kept in memory ({MAX_SCRAPES:.0}): fewer replicas, or a longer scrape interval"
            ));
        }
        let period = |t: Ps, name: &str| {
            if t < PS_PER_S {
                no(format!("{name} must be at least 1 s"))
            } else if span / t > MAX_SYNCS {
                no(format!("{name} is too short for so long an experiment: over {MAX_SYNCS} decisions"))
            } else {
                Ok(())
            }
        };
        match &self.autoscaler {
            Autoscaler::Static => Ok(()),
            Autoscaler::Schedule(all) => {
                let times: Vec<Ps> = all.iter().map(|c| c.at).collect();
                if !times.is_sorted() || times.iter().any(|t| !(0..=MAX_SPAN_S * PS_PER_S).contains(t)) || times.len() > MAX_CHANGES {
                    return no(format!("a schedule has at most {MAX_CHANGES} changes, in order of time, none before the beginning"));
                }
                if all.iter().any(|c| !(1..=MAX_REPLICAS).contains(&c.replicas)) {
                    return no(format!("each number of a schedule must lie between 1 and {MAX_REPLICAS} replicas"));
                }
                Ok(())
            }
            Autoscaler::Hpa(a) => {
                if a.metrics.is_empty() {
                    return no(
                        "the HPA has no metric; Kubernetes would fill in CPU at 80 %, which says nothing about a model server".into()
                    );
                }
                if let Some(m) = a.metrics.iter().find(|m| m.target_milli <= 0) {
                    return no(format!("the target of {} must be above 0", m.name));
                }
                period(a.controller.sync, "the HPA's sync period")
            }
            Autoscaler::Wva(a) => period(a.period(), "WVA's interval").and_then(|()| period(a.controller.sync, "the HPA's sync period")),
        }
    }
}
