//! The Deployment and its pods.

use super::prompts::PromptCache;
use super::{Class, World};
use crate::engine::fixed::Fixed;
use crate::engine::naive::Naive;
use crate::engine::vllm::Vllm;
use crate::engine::{Engine, Submit};
use crate::input::{Experiment, Server, Stepping};
use crate::output::{Fate, PodLife};
use crate::rng::Stream;
use crate::router::{ReplicaId, Snapshot};
use crate::time::{NEVER, PS_PER_S, Ps};

/// How long the scheduler and the kubelet take before a container starts.
const SCHEDULING: Ps = PS_PER_S;

pub(super) struct Pod {
    pub life: PodLife,
    /// From the moment it answers.
    pub engine: Option<Box<dyn Engine>>,
    /// It answers from then on, if it was scheduled.
    pub answers: Option<Ps>,
    /// Its process has ended.
    pub gone: bool,
    pub in_flight: u32,
    /// The event that is planned for its engine.
    planned: Ps,
    /// Last moment at which its engine changed.
    pub last_event: Ps,
    /// What the router's picker saw of it last, and in which of its looks.
    pub seen: (Ps, Snapshot),
    pub prompts: PromptCache,
}

pub(super) struct Fleet {
    pub pods: Vec<Pod>,
    /// `spec.replicas`.
    pub spec: u32,
    /// Numbers of the pods that are ready and not deleted, ascending.
    pub serving: Vec<u32>,
    /// Numbers of those that are not deleted, ascending.
    active: Vec<u32>,
}

impl Fleet {
    pub fn new(e: &Experiment) -> Self {
        Self { pods: Vec::new(), spec: e.fleet.start_replicas, serving: Vec::new(), active: Vec::new() }
    }

    /// `status.replicas`.
    pub fn current(&self) -> u32 {
        u32::try_from(self.active.len()).unwrap_or(u32::MAX)
    }

    pub fn ready(&self) -> u32 {
        u32::try_from(self.serving.len()).unwrap_or(u32::MAX)
    }

    pub fn submit(&mut self, pod: u32, now: Ps, request: Submit) -> u32 {
        let p = &mut self.pods[pod as usize];
        p.in_flight += 1;
        p.last_event = p.last_event.max(now);
        p.engine.as_mut().map_or(0, |e| e.submit(now, request))
    }

    /// Returns the tokens generated for it.
    pub fn abort(&mut self, pod: u32, now: Ps, ticket: u32, id: u32) -> u32 {
        let Some(p) = self.pods.get_mut(pod as usize) else { return 0 };
        p.last_event = p.last_event.max(now);
        p.engine.as_mut().map_or(0, |e| e.abort(now, ticket, id))
    }
}

impl World<'_> {
    /// A pod of the Deployment's; at the very start it answers already.
    pub(super) fn create_pod(&mut self, at_start: bool) {
        let number = u32::try_from(self.fleet.pods.len()).unwrap_or(u32::MAX);
        let life = PodLife {
            name: format!("{}-{number:03}", self.e.fleet.name),
            created: self.now,
            scheduled: None,
            ready: None,
            deleted: None,
            ended: None,
        };
        let seen = (-1, Snapshot::unseen(ReplicaId(number)));
        let pod = Pod {
            life,
            engine: None,
            answers: None,
            gone: false,
            in_flight: 0,
            planned: NEVER,
            last_event: 0,
            seen,
            prompts: PromptCache::default(),
        };
        self.fleet.pods.push(pod);
        self.fleet.active.push(number);
        if at_start {
            self.start_pod(number, self.now);
        } else {
            self.schedule_pods();
        }
    }

    /// Gives slots to pods that wait for one.
    fn schedule_pods(&mut self) {
        let capacity = self.e.fleet.capacity.unwrap_or(u32::MAX) as usize;
        let held = self.fleet.pods.iter().filter(|p| p.life.scheduled.is_some() && !p.gone).count();
        let waits = |n: &u32| self.fleet.pods[*n as usize].life.scheduled.is_none();
        let pending: Vec<u32> = self.fleet.active.iter().copied().filter(waits).take(capacity.saturating_sub(held)).collect();
        for number in pending {
            let f = &self.e.fleet;
            let z = Stream::new(self.e.seed, "pod start", number.into()).normal();
            let factor = (1.0 + f.start_spread * z).max(0.5);
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
            let start = (f.start_median as f64 * factor) as Ps;
            self.start_pod(number, self.now + start.max(SCHEDULING));
        }
    }

    fn start_pod(&mut self, number: u32, answers: Ps) {
        let period = self.e.fleet.readiness_period;
        let p = &mut self.fleet.pods[number as usize];
        p.life.scheduled = Some(self.now);
        p.answers = Some(answers);
        let looks = (answers - self.now + period - 1) / period;
        let ready = if answers == self.now { self.now } else { self.now + looks * period };
        p.last_event = answers;
        if ready == self.now {
            self.pod_ready(number);
        } else {
            self.at(ready, Class::PodReady, number);
        }
        self.first_scrape(number, answers);
    }

    pub(super) fn pod_ready(&mut self, number: u32) {
        let p = &mut self.fleet.pods[number as usize];
        if p.life.deleted.is_some() {
            return;
        }
        p.life.ready = Some(self.now);
        let from = p.answers.unwrap_or(self.now);
        p.engine = Some(match (&self.e.server, self.e.stepping) {
            (Server::Fixed(f), _) => Box::new(Fixed::new(*f)),
            (Server::Vllm(v), Stepping::Naive) => Box::new(Naive::new(*v, from)),
            (Server::Vllm(v), stepping) => Box::new(Vllm::new(*v, stepping == Stepping::Exact, from)),
        });
        self.fleet.serving.push(number);
        self.fleet.serving.sort_unstable();
        self.note_replicas();
    }

    /// Something wrote `spec.replicas`.
    pub(super) fn scale_to(&mut self, replicas: u32) {
        if replicas != self.fleet.spec {
            self.fleet.spec = replicas;
            self.note_replicas();
            self.at(self.now + self.e.fleet.actuation, Class::Actuate, 0);
        }
    }

    pub(super) fn actuate(&mut self) {
        while self.fleet.current() < self.fleet.spec {
            self.create_pod(false);
        }
        while self.fleet.current() > self.fleet.spec {
            let Some(victim) = self.victim() else { break };
            self.delete_pod(victim);
        }
        self.note_replicas();
    }

    /// Whom the ReplicaSet deletes first (`controller_utils.go`, `ActivePodsWithRanks.Less`): unscheduled, then not ready, then the
    /// one that is ready for the shorter time in powers of two, then by chance, for which the pod's random identity stands.
    fn victim(&self) -> Option<u32> {
        let rank = |n: &u32| {
            let p = &self.fleet.pods[*n as usize];
            let age = p.life.ready.map_or(0, |t| u64::BITS - (((self.now - t) / PS_PER_S).unsigned_abs()).leading_zeros());
            (p.life.scheduled.is_some(), p.life.ready.is_some(), age, Stream::new(self.e.seed, "pod uid", (*n).into()).next_u64())
        };
        self.fleet.active.iter().min_by_key(|n| rank(n)).copied()
    }

    fn delete_pod(&mut self, number: u32) {
        self.fleet.active.retain(|n| *n != number);
        self.fleet.serving.retain(|n| *n != number);
        self.fleet.pods[number as usize].life.deleted = Some(self.now);
        match self.e.fleet.drain {
            Some(time) if self.fleet.pods[number as usize].in_flight > 0 => self.at(self.now + time, Class::PodGone, number),
            _ => self.pod_gone(number),
        }
        self.routing.forget(number);
    }

    pub(super) fn pod_gone(&mut self, number: u32) {
        if self.fleet.pods[number as usize].gone {
            return;
        }
        self.fleet.pods[number as usize].gone = true;
        self.fleet.pods[number as usize].life.ended = Some(self.now);
        for id in self.in_flight_at(number) {
            let ticket = self.client.requests[id as usize].ticket;
            self.client.requests[id as usize].received = self.fleet.abort(number, self.now, ticket, id);
            self.close(id, Fate::Broken);
        }
        self.stop_engine(number as usize);
        self.schedule_pods();
    }

    /// The process ends; what it did is counted.
    pub(super) fn stop_engine(&mut self, number: usize) {
        let p = &mut self.fleet.pods[number];
        if let Some(engine) = p.engine.take() {
            let g = engine.observe(self.now.max(p.last_event));
            self.out.steps += g.steps;
            self.out.preemptions += g.preemptions;
        }
    }

    pub(super) fn engine_event(&mut self, number: u32) {
        let p = &mut self.fleet.pods[number as usize];
        let Some(engine) = p.engine.as_mut().filter(|e| !p.gone && e.next_event() == self.now) else { return };
        // The picker may have looked since the last change, but not yet at what happens now.
        self.routing.look(self.now - 1, engine.as_ref(), &mut p.seen);
        engine.advance(&mut self.told);
        p.last_event = self.now;
        self.hear();
        self.plan_engine(number);
    }

    /// Has the engine's next event carried out at its time.
    pub(super) fn plan_engine(&mut self, number: u32) {
        let Some(p) = self.fleet.pods.get_mut(number as usize) else { return };
        let next = p.engine.as_ref().map_or(NEVER, |e| e.next_event());
        if next != p.planned {
            p.planned = next;
            self.events.plan_engine(next, number);
        }
    }
}
