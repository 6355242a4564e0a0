//! What the caller asks of the engine: between two events, from the closed forms.

use super::super::{Engine, Gauges, Submit, Told};
use super::{Plan, Seq, State, Vllm};
use crate::time::{NEVER, Ps};

impl Engine for Vllm {
    fn submit(&mut self, now: Ps, request: Submit) -> u32 {
        self.settle_front_end(now);
        let at = self.busy.max(now) + self.fe().arrival(request.prompt_tokens);
        self.busy = if at > now { at } else { self.busy };
        let seq = Seq {
            request,
            state: State::Incoming,
            done: 0,
            target: request.prompt_tokens.max(1),
            computed: 0,
            since: 0,
            finish: 0,
            admission: 0,
        };
        let slot = if let Some(slot) = self.free_seqs.pop() {
            *self.seq_mut(slot) = seq;
            slot
        } else {
            self.seqs.push(seq);
            u32::try_from(self.seqs.len() - 1).unwrap_or(u32::MAX)
        };
        self.incoming.push_back((at, slot));
        if self.open_for_arrivals() {
            self.cut(at);
        }
        slot
    }

    fn abort(&mut self, now: Ps, ticket: u32, id: u32) -> u32 {
        let slot = ticket;
        let generated = self.seqs.get(slot as usize).filter(|q| q.request.id == id).map_or(0, |q| match q.state {
            State::Free => 0,
            State::Incoming | State::Waiting | State::Prefill => q.done,
            State::Decode => {
                let steps = if let Plan::Decode(g) = self.plan { self.step + g.done(now - self.t0) } else { self.step };
                q.request.output_tokens - u32::try_from(q.finish - steps).unwrap_or(0)
            }
        });
        match self.seqs.get(slot as usize).filter(|q| q.request.id == id).map_or(State::Free, |q| q.state) {
            State::Incoming => {
                self.incoming.retain(|(_, s)| *s != slot);
                self.free_slot(slot);
            }
            State::Waiting => {
                let head = self.head() == Some(slot);
                self.waiting_count -= 1;
                self.free_slot(slot);
                if head {
                    // What comes after it may fit, or an arrival may now find the queue empty.
                    self.cut(now);
                }
            }
            // Leaves the running set at the end of the step in progress.
            State::Prefill | State::Decode => {
                self.aborts.push((slot, id));
                self.cut(now);
            }
            State::Free => {}
        }
        generated
    }

    fn next_event(&self) -> Ps {
        match self.plan {
            Plan::Idle => self.incoming.front().map_or(NEVER, |(at, _)| *at),
            Plan::Decode(g) => self.t0 + g.time(g.steps),
            Plan::Mixed(length) => self.t0 + length,
        }
    }

    fn advance(&mut self, told: &mut Vec<Told>) {
        if let (Plan::Idle, Some((at, _))) = (self.plan, self.incoming.front()) {
            self.t0 = *at;
        }
        self.finish_plan(told);
        self.complete(told);
        self.take_aborted();
        self.schedule(told);
    }

    fn observe(&self, now: Ps) -> Gauges {
        let mut g = self.totals;
        g.running = self.running;
        g.waiting = self.waiting_count + u32::try_from(self.incoming.partition_point(|(at, _)| *at <= now)).unwrap_or(u32::MAX);
        g.kv_blocks_used = self.used;
        if let Plan::Decode(s) = self.plan {
            let j = s.done(now - self.t0);
            // The step in progress has its blocks already.
            g.kv_blocks_used += self.bins.growth(self.step, (j + 1).min(s.steps));
            g.generated_tokens += self.decoding * j;
            g.steps += j;
        }
        g
    }

    fn kv_blocks(&self) -> u64 {
        self.p.kv_blocks
    }
}
