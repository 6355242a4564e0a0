//! Which replica a request goes to: by a connection that its worker kept, or by the picker, who sees replicas as they were at its last look.

use super::World;
use crate::engine::Engine;
use crate::input::{Experiment, Server};
use crate::output::Fate;
use crate::rng::Stream;
use crate::router::{KeepAlive, KeepAliveSettings, Lease, Policy, PrefixIndex, ReplicaId, Snapshot};
use crate::time::Ps;

pub(super) struct Routing {
    policy: Policy,
    /// The picker looks at the replicas' metrics, this often; 0: whenever it picks.
    looks: Option<Ps>,
    ties: Stream,
    candidates: Vec<Snapshot>,
    /// The endpoint picker's memory of prompts; `None`: no prompt comes twice.
    index: Option<PrefixIndex>,
    connections: Option<KeepAlive>,
    /// Of each request, the connection that it holds.
    leases: Vec<Option<Lease>>,
}

impl Routing {
    pub fn new(e: &Experiment) -> Self {
        let settings = |expiry| KeepAliveSettings { workers: e.load.workers, expiry: Some(expiry), max_idle: None };
        // The picker asks a server for its number of blocks, and remembers as many of its prompts' blocks.
        let blocks = match &e.server {
            Server::Vllm(v) => v.kv_blocks,
            Server::Fixed(f) => f.kv_blocks,
        };
        Self {
            policy: e.router.policy.clone(),
            looks: matches!(e.router.policy, Policy::Epp(_)).then_some(e.router.refresh),
            ties: Stream::new(e.seed, "router", 0),
            candidates: Vec::new(),
            index: e.load.distinct_prompts.map(|_| PrefixIndex::new(u32::try_from(blocks).unwrap_or(u32::MAX))),
            connections: e.router.keep_alive.map(|expiry| KeepAlive::new(settings(expiry))),
            leases: Vec::new(),
        }
    }

    /// Keeps what the picker saw of a replica at its last look at or before `now`, unless it has seen as late a state already.
    pub fn look(&self, now: Ps, engine: &dyn Engine, seen: &mut (Ps, Snapshot)) {
        let at = match self.looks {
            None => return,
            Some(0) => now,
            Some(refresh) => now.div_euclid(refresh) * refresh,
        };
        if at > seen.0 {
            let g = engine.observe(at);
            #[allow(clippy::cast_precision_loss)]
            let kv_usage = g.kv_blocks_used as f64 / engine.kv_blocks() as f64;
            *seen = (at, Snapshot { running: g.running, waiting: g.waiting, kv_usage, ..seen.1 });
        }
    }

    /// A rate ended, and guidellm's processes with it.
    pub fn drop_connections(&mut self) {
        if let Some(connections) = &mut self.connections {
            connections.reset();
        }
    }

    /// A pod is deleted: its connections and its prompts are forgotten.
    pub fn forget(&mut self, pod: u32) {
        if let Some(connections) = &mut self.connections {
            connections.replica_gone(ReplicaId(pod));
        }
        if let Some(index) = &mut self.index {
            index.forget(ReplicaId(pod));
        }
    }
}

impl World<'_> {
    /// Keeps what the router's picker saw of a replica before something changes there.
    pub(super) fn look(&mut self, number: u32) {
        if let Some(p) = self.fleet.pods.get_mut(number as usize)
            && let Some(engine) = &p.engine
        {
            self.routing.look(self.now, engine.as_ref(), &mut p.seen);
        }
    }

    /// The replica for a request of this worker: by a connection that it kept, or by the picker.
    pub(super) fn route(&mut self, worker: u16, prompt: Option<u32>, prompt_tokens: u32) -> Option<u32> {
        let Some(mut connections) = self.routing.connections.take() else { return self.pick(prompt, prompt_tokens) };
        let lease = connections.send(self.now, worker.into(), || self.pick(prompt, prompt_tokens).map(ReplicaId));
        self.routing.connections = Some(connections);
        self.routing.leases.push(lease);
        lease.map(|l| l.replica.0)
    }

    fn pick(&mut self, prompt: Option<u32>, prompt_tokens: u32) -> Option<u32> {
        if self.fleet.serving.len() > 1 {
            for i in 0..self.fleet.serving.len() {
                self.look(self.fleet.serving[i]);
            }
        }
        let blocks = self.picker_blocks(prompt_tokens);
        let (f, r) = (&self.fleet, &mut self.routing);
        r.candidates.clear();
        r.candidates.extend(f.serving.iter().map(|n| &f.pods[*n as usize]).map(|p| Snapshot { in_flight: p.in_flight, ..p.seen.1 }));
        let query = prompt.zip(r.index.as_ref()).map(|(prompt, index)| index.query(prompt, blocks));
        let place = r.policy.pick(&r.candidates, query, &mut || r.ties.next_u64())?;
        let replica = f.serving.get(place).copied()?;
        if let (Some(prompt), Some(index)) = (prompt, &mut r.index) {
            index.add(ReplicaId(replica), prompt, blocks);
        }
        Some(replica)
    }

    /// A request is over at its replica. A whole answer leaves the connection open; a broken one closes it.
    pub(super) fn released(&mut self, id: u32, pod: u32, fate: Fate) {
        if let Some(p) = self.fleet.pods.get_mut(pod as usize) {
            p.in_flight = p.in_flight.saturating_sub(1);
        }
        if let (Some(connections), Some(Some(lease))) = (&mut self.routing.connections, self.routing.leases.get(id as usize)) {
            if fate == Fate::Served {
                connections.finished(self.now, *lease);
            } else {
                connections.broken(*lease);
            }
        }
    }
}
