//! llm-d-inference-sim: times that do not depend on the load, slots, and KV blocks reserved at admission.

use super::{Engine, FixedParams, Gauges, Submit, Told};
use crate::time::{NEVER, Ps};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

#[derive(Debug, Clone, Copy)]
struct Active {
    request: Submit,
    admitted: Ps,
    blocks: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    First,
    Last,
}

/// A server of constant times.
#[derive(Debug)]
pub struct Fixed {
    p: FixedParams,
    /// Arrived at that moment; taken in at the next event, which is at once.
    arrived: Option<Ps>,
    /// In order of arrival; some may have been given up since.
    order: VecDeque<u32>,
    waiting: BTreeMap<u32, Submit>,
    active: BTreeMap<u32, Active>,
    events: BinaryHeap<Reverse<(Ps, What, u32)>>,
    used: u64,
    totals: Gauges,
}

impl Fixed {
    /// An idle server. `p` must have passed [`FixedParams::check`].
    pub fn new(p: FixedParams) -> Self {
        Self {
            p,
            arrived: None,
            order: VecDeque::new(),
            waiting: BTreeMap::new(),
            active: BTreeMap::new(),
            events: BinaryHeap::new(),
            used: 0,
            totals: Gauges::default(),
        }
    }

    fn end(&self, a: &Active) -> Ps {
        a.admitted + self.p.ttft + self.p.itl * i64::from(a.request.output_tokens.saturating_sub(1))
    }

    fn admit(&mut self, now: Ps) {
        while let Some(id) = self.order.front().copied() {
            let Some(r) = self.waiting.get(&id).copied() else {
                self.order.pop_front();
                continue;
            };
            let tokens = u64::from(r.prompt_tokens) + u64::from(r.output_tokens);
            let blocks = tokens.div_ceil(self.p.block_size.into());
            if self.active.len() >= self.p.max_sequences as usize || blocks > self.p.kv_blocks - self.used {
                break;
            }
            self.order.pop_front();
            self.waiting.remove(&id);
            let a = Active { request: r, admitted: now, blocks };
            self.used += blocks;
            self.totals.prompt_tokens += u64::from(r.prompt_tokens);
            self.events.push(Reverse((now + self.p.ttft, What::First, r.id)));
            self.events.push(Reverse((self.end(&a), What::Last, r.id)));
            self.active.insert(r.id, a);
        }
    }

    /// Tokens that an active request has sent by `now`.
    fn sent(&self, a: &Active, now: Ps) -> u64 {
        let since = now - a.admitted - self.p.ttft;
        if since < 0 {
            return 0;
        }
        let all = u64::from(a.request.output_tokens);
        if self.p.itl == 0 { all } else { ((since / self.p.itl).unsigned_abs() + 1).min(all) }
    }
}

impl Engine for Fixed {
    fn submit(&mut self, now: Ps, request: Submit) -> u32 {
        self.order.push_back(request.id);
        self.waiting.insert(request.id, request);
        self.arrived.get_or_insert(now);
        request.id
    }

    fn abort(&mut self, now: Ps, _ticket: u32, id: u32) -> u32 {
        if let Some(a) = self.active.remove(&id) {
            let sent = self.sent(&a, now);
            self.totals.generated_tokens += sent;
            self.used -= a.blocks;
            self.arrived.get_or_insert(now);
            return u32::try_from(sent).unwrap_or(u32::MAX);
        }
        if self.waiting.remove(&id).is_some() {
            self.arrived.get_or_insert(now);
        }
        0
    }

    fn next_event(&self) -> Ps {
        let next = self.events.peek().map_or(NEVER, |Reverse((at, ..))| *at);
        self.arrived.map_or(next, |at| at.min(next))
    }

    fn advance(&mut self, told: &mut Vec<Told>) {
        let now = self.next_event();
        self.arrived = None;
        while let Some(&Reverse((at, what, id))) = self.events.peek()
            && at <= now
        {
            self.events.pop();
            // Of an aborted request nothing more is told.
            let Some(a) = self.active.get(&id).copied() else { continue };
            match what {
                What::First => told.push(Told::Token { id, at }),
                What::Last => {
                    self.active.remove(&id);
                    self.used -= a.blocks;
                    self.totals.generated_tokens += u64::from(a.request.output_tokens);
                    self.totals.finished += 1;
                    told.push(Told::Done { id, at });
                }
            }
        }
        self.admit(now);
    }

    fn observe(&self, now: Ps) -> Gauges {
        Gauges {
            running: u32::try_from(self.active.len()).unwrap_or(u32::MAX),
            waiting: u32::try_from(self.waiting.len()).unwrap_or(u32::MAX),
            kv_blocks_used: self.used,
            generated_tokens: self.totals.generated_tokens + self.active.values().map(|a| self.sent(a, now)).sum::<u64>(),
            ..self.totals
        }
    }

    fn kv_blocks(&self) -> u64 {
        self.p.kv_blocks
    }
}
