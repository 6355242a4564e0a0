//! The experiment as a sequence of events: client, router, replicas, pods, Prometheus, autoscalers, each with its own clock.
//!
//! Ties are common (1/rate against 15 s), so events are ordered by time, then by class, then by number.

mod client;
mod events;
mod fleet;
mod metrics;
mod prompts;
mod routing;
mod scaling;
mod wva;

use crate::engine::{Invalid, Told};
use crate::input::{Autoscaler, Experiment};
use crate::output::{Prediction, Replicas};
use crate::rng::Stream;
use crate::score::Slo;
use crate::time::{NEVER, Ps};
use events::{Class, Events};

struct World<'a> {
    e: &'a Experiment,
    now: Ps,
    events: Events,
    client: client::Client,
    fleet: fleet::Fleet,
    routing: routing::Routing,
    metrics: metrics::Metrics,
    scaling: scaling::Scaling,
    told: Vec<Told>,
    out: Prediction,
    end: Ps,
    /// Ends the play when too many requests have missed.
    limit: Option<Limit>,
}

struct Limit {
    slo: Slo,
    /// Misses that there may still be.
    left: u64,
    broken: bool,
}

/// Plays one arm.
///
/// # Errors
/// When [`Experiment::check`] has one.
pub fn run(e: &Experiment) -> Result<Prediction, Invalid> {
    e.check()?;
    let mut w = World::new(e, None);
    w.begin();
    w.play();
    Ok(w.finish())
}

/// Plays one arm as [`run`] does, as long as at most `most` requests have missed the SLO; `None` once more have.
///
/// # Errors
/// When [`Experiment::check`] has one.
pub(crate) fn run_within(e: &Experiment, slo: Slo, most: u64) -> Result<Option<Prediction>, Invalid> {
    e.check()?;
    let mut w = World::new(e, Some(Limit { slo, left: most, broken: false }));
    w.begin();
    w.play();
    let broken = w.limit.as_ref().is_some_and(|l| l.broken);
    Ok((!broken).then(|| w.finish()))
}

impl<'a> World<'a> {
    fn new(e: &'a Experiment, limit: Option<Limit>) -> Self {
        Self {
            e,
            now: 0,
            events: Events::default(),
            client: client::Client::new(e),
            fleet: fleet::Fleet::new(e),
            routing: routing::Routing::new(e),
            metrics: metrics::Metrics::default(),
            scaling: scaling::Scaling::new(e),
            told: Vec::new(),
            out: Prediction {
                rates: Vec::new(),
                requests: Vec::new(),
                replicas: Vec::new(),
                pods: Vec::new(),
                scrapes: Vec::new(),
                decisions: Vec::new(),
                desired_gauge: Vec::new(),
                end: 0,
                events: 0,
                steps: 0,
                preemptions: 0,
                peak_in_flight: 0,
            },
            end: NEVER,
            limit,
        }
    }
}

/// When the first rate begins: at any moment of all the clocks.
pub(crate) fn load_start(e: &Experiment) -> Ps {
    let jitter = Stream::new(e.seed, "load", 0).unit();
    e.load.lead + crate::time::from_seconds(jitter * 60.0).min(e.load.lead)
}

impl World<'_> {
    fn begin(&mut self) {
        for _ in 0..self.e.fleet.start_replicas {
            self.create_pod(true);
        }
        self.note_replicas();
        self.start_clocks();
        self.at(load_start(self.e), Class::RateStart, 0);
    }

    fn play(&mut self) {
        while let Some((t, class, number)) = self.events.pop() {
            if t > self.end {
                break;
            }
            self.now = t;
            match class {
                Class::Engine => self.engine_event(number),
                Class::Delivery => self.deliver(number),
                Class::Silence => self.silence(number),
                Class::RateEnd => self.rate_end(),
                Class::RateStart => self.rate_start(),
                Class::Send => self.send_due(number),
                Class::Planned => self.planned(number),
                Class::Actuate => self.actuate(),
                Class::PodReady => self.pod_ready(number),
                Class::PodGone => self.pod_gone(number),
                Class::Scrape => self.scrape(number),
                Class::Reconcile => self.reconcile(number),
                Class::ControllerScrape => self.scrape_controller(),
                Class::HpaSync => self.hpa_sync(),
                Class::Settled => self.settled(number),
                Class::End => self.end = self.now,
            }
            self.out.events += 1;
        }
    }

    fn finish(mut self) -> Prediction {
        for number in 0..self.fleet.pods.len() {
            self.stop_engine(number);
        }
        self.out.end = self.now;
        self.out.requests = std::mem::take(&mut self.client.requests);
        // How the engine called it is nobody's matter any more.
        self.out.requests.iter_mut().for_each(|r| (r.ticket, r.open) = (0, 0));
        self.out.peak_in_flight = self.client.peak;
        self.out.pods = self.fleet.pods.into_iter().map(|p| p.life).collect();
        self.out
    }

    fn at(&mut self, t: Ps, class: Class, number: u32) {
        self.events.push(t, class, number);
    }

    /// Writes down the Deployment's replicas when they changed, and waits for them to settle once the load is over.
    fn note_replicas(&mut self) {
        let (current, ready) = (self.fleet.current(), self.fleet.ready());
        let now = Replicas { t: self.now, desired: self.fleet.spec, current, ready };
        match self.out.replicas.last_mut() {
            Some(last) if (last.desired, last.current, last.ready) == (now.desired, now.current, now.ready) => return,
            Some(last) if last.t == now.t => *last = now,
            _ => self.out.replicas.push(now),
        }
        if self.client.load_over() {
            self.await_settling();
        }
    }

    fn await_settling(&mut self) {
        let minimum = match &self.e.autoscaler {
            Autoscaler::Static => self.fleet.spec,
            Autoscaler::Schedule(all) => all.last().map_or(self.fleet.spec, |c| c.replicas),
            Autoscaler::Hpa(_) | Autoscaler::Wva(_) => self.e.scaling.min_replicas.max(1),
        };
        if self.fleet.spec == minimum && self.fleet.current() == minimum && self.fleet.ready() == minimum {
            let changes = u32::try_from(self.out.replicas.len()).unwrap_or(u32::MAX);
            self.at(self.now + self.e.load.settle, Class::Settled, changes);
        }
    }

    fn settled(&mut self, changes: u32) {
        if self.out.replicas.len() == changes as usize {
            self.end = self.now;
        }
    }
}
