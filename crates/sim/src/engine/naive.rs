//! vLLM v1's rules once more, token by token and request by request, with nothing remembered that could be counted. Slow and plain:
//! the oracle that [`super::vllm`] is tested against, and what its speed is compared with.

use super::{Engine, Gauges, Submit, Told, VllmParams};
use crate::time::{NEVER, Ps};
use std::collections::VecDeque;

#[derive(Debug, Clone)]
struct Request {
    submit: Submit,
    /// Tokens to process before it decodes; 0 while it waits.
    target: u64,
    /// Tokens whose keys and values are in the cache.
    computed: u64,
    /// Tokens generated.
    done: u64,
    blocks: u64,
    /// Tokens of the step in progress.
    scheduled: u64,
    aborted: bool,
}

/// One event a step.
#[derive(Debug)]
pub struct Naive {
    p: VllmParams,
    now: Ps,
    /// End of the step in progress.
    end: Option<Ps>,
    incoming: VecDeque<(Ps, Submit)>,
    waiting: VecDeque<Request>,
    running: Vec<Request>,
    busy: Ps,
    totals: Gauges,
}

impl Naive {
    /// An idle server at `now`.
    pub fn new(p: VllmParams, now: Ps) -> Self {
        Self {
            p,
            now,
            end: None,
            incoming: VecDeque::new(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            busy: now,
            totals: Gauges::default(),
        }
    }

    fn free(&self) -> u64 {
        self.p.kv_blocks - self.running.iter().map(|r| r.blocks).sum::<u64>()
    }

    fn blocks(&self, tokens: u64) -> u64 {
        tokens.div_ceil(self.p.block_size.into())
    }

    fn end_step(&mut self, told: &mut Vec<Told>) {
        self.totals.steps += 1;
        let (mut first, mut outputs) = (Vec::new(), 0);
        for r in self.running.iter_mut().filter(|r| r.scheduled > 0) {
            let prompt = r.computed < r.target;
            r.computed += r.scheduled;
            r.scheduled = 0;
            if prompt && r.computed == r.target {
                first.push(r.submit.id);
            }
            if r.computed >= r.target {
                if r.done == 0 {
                    self.totals.prompt_tokens += u64::from(r.submit.prompt_tokens);
                }
                r.done += 1;
                outputs += 1;
            }
        }
        self.totals.generated_tokens += outputs;
        if outputs > 0 {
            self.busy = self.busy.max(self.now) + self.p.front_end.per_output_token * i64::try_from(outputs).unwrap_or(0);
        }
        let at = self.busy;
        let ended = |r: &Request| r.done >= u64::from(r.submit.output_tokens);
        for id in &first {
            told.push(Told::Token { id: *id, at });
            if self.running.iter().any(|r| r.submit.id == *id && ended(r)) {
                told.push(Told::Done { id: *id, at });
            }
        }
        let mut last: Vec<u32> = self.running.iter().filter(|r| ended(r)).map(|r| r.submit.id).collect();
        self.totals.finished += last.len() as u64;
        last.retain(|id| !first.contains(id));
        last.sort_unstable();
        told.extend(last.into_iter().map(|id| Told::Done { id, at }));
        self.running.retain(|r| !ended(r));
    }

    fn begin_step(&mut self, told: &mut Vec<Told>) {
        while self.incoming.front().is_some_and(|(at, _)| *at <= self.now) {
            if let Some((_, submit)) = self.incoming.pop_front() {
                self.waiting.push_back(Request { submit, target: 0, computed: 0, done: 0, blocks: 0, scheduled: 0, aborted: false });
            }
        }
        let mut budget = u64::from(self.p.max_batched_tokens);
        let mut preempted = false;
        let mut i = 0;
        'each: while i < self.running.len() {
            let r = &self.running[i];
            let tokens = budget.min(if r.computed < r.target { r.target - r.computed } else { 1 });
            let need = self.blocks(r.computed + tokens) - r.blocks;
            while need > self.free() {
                let Some(mut loser) = self.running.pop() else { break };
                (loser.target, loser.computed, loser.blocks) = (0, 0, 0);
                // The loser's share of this step was not yet handed out: it stands behind the one that is served.
                told.push(Told::Preempted { id: loser.submit.id, at: self.now });
                self.totals.preemptions += 1;
                preempted = true;
                self.waiting.push_front(loser);
                if self.running.len() == i {
                    break 'each;
                }
            }
            let r = &mut self.running[i];
            r.scheduled = tokens;
            r.blocks += need;
            budget -= tokens;
            i += 1;
        }
        while !preempted && budget > 0 && self.running.len() < self.p.max_sequences as usize {
            let Some(r) = self.waiting.front() else { break };
            let target = u64::from(r.submit.prompt_tokens.max(1)) + r.done;
            let cached = if r.done == 0 { u64::from(r.submit.cached_tokens).min(target - 1) } else { 0 };
            let tokens = budget.min(target - cached);
            let need = self.blocks(cached + tokens);
            if need > self.free() {
                break;
            }
            if let Some(mut r) = self.waiting.pop_front() {
                (r.target, r.computed, r.scheduled, r.blocks) = (target, cached, tokens, need);
                budget -= tokens;
                self.running.push(r);
            }
        }
        self.end = self.length().map(|l| self.now + l);
    }

    /// Time of the step that was just scheduled.
    fn length(&self) -> Option<Ps> {
        let step = self.p.step;
        let mut any = false;
        let (mut length, mut prompts) = (step.base, 0);
        for r in self.running.iter().filter(|r| r.scheduled > 0) {
            any = true;
            length += step.per_sequence;
            if r.computed < r.target {
                prompts += 1;
                length += step.chunk(r.computed, r.scheduled);
            } else {
                length += step.per_kv_token * r.computed.cast_signed();
            }
        }
        any.then_some(length + if prompts > 0 { step.prefill_base } else { 0 })
    }
}

impl Engine for Naive {
    fn submit(&mut self, now: Ps, request: Submit) -> u32 {
        let at = self.busy.max(now) + self.p.front_end.arrival(request.prompt_tokens);
        if at > now {
            self.busy = at;
        }
        self.incoming.push_back((at, request));
        request.id
    }

    fn abort(&mut self, _now: Ps, ticket: u32, _id: u32) -> u32 {
        let known = self.waiting.iter().chain(&self.running).find(|r| r.submit.id == ticket);
        let generated = known.map_or(0, |r| u32::try_from(r.done).unwrap_or(u32::MAX));
        self.incoming.retain(|(_, r)| r.id != ticket);
        self.waiting.retain(|r| r.submit.id != ticket);
        for r in self.running.iter_mut().filter(|r| r.submit.id == ticket) {
            r.aborted = true;
        }
        generated
    }

    fn next_event(&self) -> Ps {
        self.end.or_else(|| self.incoming.front().map(|(at, _)| *at)).unwrap_or(NEVER)
    }

    fn advance(&mut self, told: &mut Vec<Told>) {
        self.now = self.next_event();
        if self.end.take().is_some() {
            self.end_step(told);
        }
        self.running.retain(|r| !r.aborted);
        self.begin_step(told);
    }

    fn observe(&self, now: Ps) -> Gauges {
        let arrived = self.incoming.iter().filter(|(at, _)| *at <= now).count();
        Gauges {
            running: u32::try_from(self.running.len()).unwrap_or(u32::MAX),
            waiting: u32::try_from(self.waiting.len() + arrived).unwrap_or(u32::MAX),
            kv_blocks_used: self.p.kv_blocks - self.free(),
            ..self.totals
        }
    }

    fn kv_blocks(&self) -> u64 {
        self.p.kv_blocks
    }
}
