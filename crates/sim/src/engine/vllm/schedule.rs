use super::super::Told;
use super::super::segment::Segment;
use super::{Plan, State, Vllm};

/// Longest segment; what is longer is taken in several. Keeps sums of steps within 64 bits.
const MAX_STEPS: u64 = 1 << 14;

impl Vllm {
    /// What was given up since the last step leaves the running set.
    pub(super) fn take_aborted(&mut self) {
        for (slot, id) in std::mem::take(&mut self.aborts) {
            if self.seq(slot).request.id == id && matches!(self.seq(slot).state, State::Prefill | State::Decode) {
                self.leave(slot);
                self.free_slot(slot);
            }
        }
    }

    /// Decides the step that begins now, and how many like it follow.
    pub(super) fn schedule(&mut self, told: &mut Vec<Told>) {
        while let Some(&(_, slot)) = self.incoming.front().filter(|(at, _)| *at <= self.t0) {
            self.incoming.pop_front();
            self.seq_mut(slot).state = State::Waiting;
            let id = self.seq(slot).request.id;
            self.waiting.push_back((slot, id));
            self.waiting_count += 1;
        }
        let before = self.totals.preemptions;
        // Running requests come first. Whoever finds no block takes the youngest one's; taking from the end until the rest fits
        // is the same, because what leaves is always the end of the list.
        while self.bins.need(self.step) > self.p.kv_blocks - self.used {
            self.preempt_youngest(told);
        }
        let mut budget = u64::from(self.p.max_batched_tokens).saturating_sub(self.decoding);
        let mut free = self.p.kv_blocks - self.used - self.bins.need(self.step);
        if let Some(slot) = self.youngest().filter(|s| self.seq(*s).state == State::Prefill) {
            let q = *self.seq(slot);
            let tokens = budget.min(u64::from(q.target - q.computed));
            let need = self.blocks(u64::from(q.computed) + tokens) - self.blocks(q.computed.into());
            if need > free {
                self.preempt_youngest(told);
            } else {
                self.take_chunk(slot, tokens, need, &mut budget, &mut free);
            }
        }
        let preempted = self.totals.preemptions > before;
        if !preempted {
            self.admit(&mut budget, &mut free);
        }
        self.plan = if !self.prefills.is_empty() {
            self.used += self.bins.need(self.step);
            Plan::Mixed(self.mixed_length())
        } else if self.decoding == 0 {
            Plan::Idle
        } else {
            Plan::Decode(self.segment(preempted))
        };
    }

    fn admit(&mut self, budget: &mut u64, free: &mut u64) {
        while *budget > 0 && self.running < self.p.max_sequences {
            let Some(slot) = self.head() else { break };
            let q = *self.seq(slot);
            let cached = if q.done == 0 { q.request.cached_tokens.min(q.target - 1) } else { 0 };
            let tokens = (*budget).min(u64::from(q.target - cached));
            let need = self.blocks(u64::from(cached) + tokens);
            if need > *free {
                break;
            }
            self.waiting.pop_front();
            self.waiting_count -= 1;
            self.admissions += 1;
            self.running += 1;
            let admission = self.admissions;
            let q = self.seq_mut(slot);
            (q.state, q.computed, q.admission) = (State::Prefill, cached, admission);
            self.order.push((slot, admission));
            self.take_chunk(slot, tokens, need, budget, free);
        }
        if self.order.len() > 64 && self.order.len() > 2 * self.running as usize {
            let seqs = &self.seqs;
            self.order.retain(|(slot, admission)| Self::runs(&seqs[*slot as usize], *admission));
        }
    }

    fn runs(q: &super::Seq, admission: u64) -> bool {
        q.admission == admission && matches!(q.state, State::Prefill | State::Decode)
    }

    fn take_chunk(&mut self, slot: u32, tokens: u64, need: u64, budget: &mut u64, free: &mut u64) {
        self.prefills.push((slot, u32::try_from(tokens).unwrap_or(u32::MAX)));
        self.used += need;
        *free -= need;
        *budget -= tokens;
    }

    /// The one that was admitted last of those that run.
    fn youngest(&mut self) -> Option<u32> {
        while let Some(&(slot, admission)) = self.order.last() {
            if Self::runs(self.seq(slot), admission) {
                return Some(slot);
            }
            self.order.pop();
        }
        None
    }

    /// The youngest loses its blocks and goes back to the head of the queue; all of it will be processed anew.
    fn preempt_youngest(&mut self, told: &mut Vec<Told>) {
        let Some(slot) = self.youngest() else { return };
        self.order.pop();
        let at = self.t0;
        self.leave(slot);
        let step = self.step;
        let q = self.seq_mut(slot);
        if q.state == State::Decode {
            q.done = q.request.output_tokens - u32::try_from(q.finish - step).unwrap_or(0);
            q.target = q.request.prompt_tokens.max(1) + q.done;
        }
        (q.state, q.computed) = (State::Waiting, 0);
        let id = q.request.id;
        self.waiting.push_front((slot, id));
        self.waiting_count += 1;
        self.totals.preemptions += 1;
        told.push(Told::Preempted { id, at });
    }

    fn mixed_length(&self) -> i64 {
        let prompts = self.prefills.len() as u64;
        let chunks: i64 = self.prefills.iter().map(|(s, t)| self.p.step.chunk(self.seq(*s).computed.into(), (*t).into())).sum();
        self.p.step.decode(self.decoding + prompts, self.kv_tokens) + self.p.step.prefill_base + chunks
    }

    /// Steps until the schedule can change.
    fn segment(&mut self, preempted: bool) -> Segment {
        let to_completion = self.next_completion().map_or(MAX_STEPS, |(finish, ..)| finish - self.step);
        // After a preemption nobody is admitted in that step; the next one may.
        let limit = if self.exact || preempted { 1 } else { to_completion.min(MAX_STEPS) };
        let steps = self.bins.steps_within(self.step, self.p.kv_blocks - self.used, limit).max(1);
        let mut g = Segment {
            first: self.p.step.decode(self.decoding, self.kv_tokens),
            grow: self.p.step.per_kv_token * self.decoding.cast_signed(),
            steps,
        };
        if self.open_for_arrivals()
            && let Some((at, _)) = self.incoming.front()
        {
            g.steps = g.reach(at - self.t0);
        }
        g
    }
}
