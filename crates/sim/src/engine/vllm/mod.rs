//! vLLM v1's scheduler: first come first served, continuous batching, chunked prefill within a token budget, paged KV cache,
//! preemption of the youngest by recompute (vLLM: `v1/core/sched/scheduler.py`, `schedule`).
//!
//! A step in which prompts are processed is taken by itself. Steps that only decode are taken together up to the next moment at
//! which the schedule could change: a completion, blocks running out, an arrival that could be admitted, an abort. What is asked
//! in between is answered from the closed forms of [`super::segment`].

mod answers;
mod schedule;

use super::segment::{BlockBins, Segment};
use super::{FrontEnd, Gauges, Submit, Told, VllmParams};
use crate::time::Ps;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Free,
    /// Not yet in the scheduler: the front-end works on it.
    Incoming,
    Waiting,
    /// In the running set, its prompt not yet processed to the end.
    Prefill,
    Decode,
}

#[derive(Debug, Clone, Copy)]
struct Seq {
    request: Submit,
    state: State,
    /// Tokens generated before it was admitted this time: more than 0 after a preemption.
    done: u32,
    /// Tokens to process before it decodes: the prompt, and what was generated before a preemption.
    target: u32,
    /// Of these, processed.
    computed: u32,
    /// Step at whose beginning it began to decode, with `target` tokens of context.
    since: u64,
    /// Step at whose beginning its last token is there.
    finish: u64,
    /// Which admission this was; entries of the running order with another number are stale.
    admission: u64,
}

#[derive(Debug, Clone, Copy)]
enum Plan {
    Idle,
    Decode(Segment),
    /// One step with prompts in it, of this length.
    Mixed(Ps),
}

/// The coalescing engine.
#[derive(Debug)]
pub struct Vllm {
    p: VllmParams,
    /// One step at a time, as an oracle for the closed forms.
    exact: bool,
    /// Beginning of the plan.
    t0: Ps,
    /// Number of steps before it.
    step: u64,
    plan: Plan,
    seqs: Vec<Seq>,
    free_seqs: Vec<u32>,
    incoming: VecDeque<(Ps, u32)>,
    /// Slot and id; entries whose slot no longer waits for this id are stale.
    waiting: VecDeque<(u32, u32)>,
    /// Entries of `waiting` that are not stale.
    waiting_count: u32,
    /// Running set in order of admission: slot and admission.
    order: Vec<(u32, u64)>,
    running: u32,
    admissions: u64,
    /// Completions: step, id, slot. Stale when the slot does not decode that id to that step: a resumed request ends later.
    finish: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// Prompts in the current step: slot and tokens.
    prefills: Vec<(u32, u32)>,
    bins: BlockBins,
    decoding: u64,
    /// Context of all that decode, at `t0`.
    kv_tokens: u64,
    /// Blocks that are taken, those of the current step of a mixed plan included.
    used: u64,
    /// Slot and id of what was given up while it ran.
    aborts: Vec<(u32, u32)>,
    /// The front-end is busy until then.
    busy: Ps,
    totals: Gauges,
}

impl Vllm {
    /// An idle server at `now`. `p` must have passed [`VllmParams::check`].
    pub fn new(p: VllmParams, exact: bool, now: Ps) -> Self {
        Self {
            p,
            exact,
            t0: now,
            step: 0,
            plan: Plan::Idle,
            seqs: Vec::new(),
            free_seqs: Vec::new(),
            incoming: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_count: 0,
            order: Vec::new(),
            running: 0,
            admissions: 0,
            finish: BinaryHeap::new(),
            prefills: Vec::new(),
            bins: BlockBins::new(p.block_size),
            decoding: 0,
            kv_tokens: 0,
            used: 0,
            aborts: Vec::new(),
            busy: now,
            totals: Gauges::default(),
        }
    }

    fn fe(&self) -> &FrontEnd {
        &self.p.front_end
    }

    fn blocks(&self, tokens: u64) -> u64 {
        tokens.div_ceil(u64::from(self.p.block_size))
    }

    fn seq(&self, slot: u32) -> &Seq {
        &self.seqs[slot as usize]
    }

    fn seq_mut(&mut self, slot: u32) -> &mut Seq {
        &mut self.seqs[slot as usize]
    }

    /// Front-end's end of work after `j` steps of a segment that each send `each` of work. It serves in order, so its end is the
    /// largest over k of "work of the steps from k on, begun at the end of step k"; the ends of steps are convex in k, so the
    /// largest is at one of both ends.
    fn busy_after(&self, g: Segment, j: u64, each: Ps) -> Ps {
        if j == 0 {
            return self.busy;
        }
        let n = j.cast_signed();
        let (first, last) = (self.t0 + g.time(1), self.t0 + g.time(j));
        (self.busy + n * each).max(first + n * each).max(last + each)
    }

    fn output_work(&self, tokens: u64) -> Ps {
        self.fe().per_output_token * tokens.cast_signed()
    }

    /// Takes the first `j` steps of a decode segment as done.
    fn commit(&mut self, g: Segment, j: u64) {
        self.busy = self.busy_after(g, j, self.output_work(self.decoding));
        self.used += self.bins.growth(self.step, j);
        self.t0 += g.time(j);
        self.step += j;
        self.kv_tokens += self.decoding * j;
        self.totals.generated_tokens += self.decoding * j;
        self.totals.steps += j;
    }

    /// The end of the front-end's work so far, as of `now`: brings the segment's beginning up to the last step's end, so that new
    /// work comes behind what the steps sent.
    fn settle_front_end(&mut self, now: Ps) {
        if let Plan::Decode(g) = self.plan {
            let j = g.done(now - self.t0);
            if j > 0 && self.fe().per_output_token > 0 {
                self.commit(g, j);
                let grown = g.grow * j.cast_signed();
                self.plan = Plan::Decode(Segment { first: g.first + grown, grow: g.grow, steps: g.steps - j });
            }
        }
    }

    /// An arrival can enter the running set at the end of the step in which it comes.
    fn open_for_arrivals(&self) -> bool {
        self.waiting_count == 0 && self.running < self.p.max_sequences
    }

    /// Ends a decode segment at the first step that ends at or after `at`.
    fn cut(&mut self, at: Ps) {
        if let Plan::Decode(g) = &mut self.plan
            && g.steps > 0
        {
            g.steps = g.reach(at - self.t0);
        }
    }

    fn free_slot(&mut self, slot: u32) {
        self.seq_mut(slot).state = State::Free;
        self.free_seqs.push(slot);
    }

    /// Context of a decoding sequence at `self.step`.
    fn context(&self, q: &Seq) -> u64 {
        u64::from(q.target) + (self.step - q.since)
    }

    /// Takes a sequence out of the running set's sums, at a step's beginning, and gives its blocks back.
    fn leave(&mut self, slot: u32) {
        let q = *self.seq(slot);
        if q.state == State::Decode {
            let context = self.context(&q);
            self.decoding -= 1;
            self.kv_tokens -= context;
            self.bins.remove(context, self.step);
            self.used -= self.blocks(context);
        } else {
            self.used -= self.blocks(q.computed.into());
        }
        self.running -= 1;
    }

    /// A prompt has been processed to its end in the step before `self.step`: its next token is there.
    fn begin_decode(&mut self, slot: u32, told: &mut Vec<Told>) {
        let (step, at) = (self.step, self.busy);
        let q = self.seq_mut(slot);
        let tokens = q.done + 1;
        let request = q.request;
        if q.done == 0 {
            // vLLM counts a prompt once, with its first output; a recompute does not count again.
            self.totals.prompt_tokens += u64::from(request.prompt_tokens);
        }
        let q = self.seq_mut(slot);
        told.push(Told::Token { id: request.id, at });
        if tokens >= request.output_tokens {
            self.leave(slot);
            self.free_slot(slot);
            self.totals.finished += 1;
            told.push(Told::Done { id: request.id, at });
            return;
        }
        q.state = State::Decode;
        q.since = step;
        q.finish = step + u64::from(request.output_tokens - tokens);
        let (target, finish) = (u64::from(q.target), q.finish);
        self.finish.push(Reverse((finish, request.id, slot)));
        self.bins.add(target, step);
        self.decoding += 1;
        self.kv_tokens += target;
    }

    /// Those whose last token is there at `self.step`.
    fn complete(&mut self, told: &mut Vec<Told>) {
        while let Some((finish, id, slot)) = self.next_completion()
            && finish <= self.step
        {
            self.finish.pop();
            self.leave(slot);
            self.free_slot(slot);
            self.totals.finished += 1;
            told.push(Told::Done { id, at: self.busy });
        }
    }

    /// Step, id and slot of what completes next; drops stale entries on the way.
    fn next_completion(&mut self) -> Option<(u64, u32, u32)> {
        while let Some(&Reverse((finish, id, slot))) = self.finish.peek() {
            let q = self.seq(slot);
            if q.state == State::Decode && q.request.id == id && q.finish == finish {
                return Some((finish, id, slot));
            }
            self.finish.pop();
        }
        None
    }

    /// First in the queue; drops stale entries on the way.
    fn head(&mut self) -> Option<u32> {
        while let Some(&(slot, id)) = self.waiting.front() {
            if self.seq(slot).state == State::Waiting && self.seq(slot).request.id == id {
                return Some(slot);
            }
            self.waiting.pop_front();
        }
        None
    }

    /// The steps of the plan are over.
    fn finish_plan(&mut self, told: &mut Vec<Told>) {
        match std::mem::replace(&mut self.plan, Plan::Idle) {
            Plan::Idle => {}
            Plan::Decode(g) => self.commit(g, g.steps),
            Plan::Mixed(length) => {
                let mut prefills = std::mem::take(&mut self.prefills);
                self.t0 += length;
                self.step += 1;
                self.kv_tokens += self.decoding;
                self.totals.steps += 1;
                let mut ended = 0;
                for (slot, tokens) in &prefills {
                    let q = self.seq_mut(*slot);
                    q.computed += tokens;
                    ended += u64::from(q.computed == q.target);
                }
                let outputs = self.decoding + ended;
                self.totals.generated_tokens += outputs;
                if outputs > 0 {
                    self.busy = self.busy.max(self.t0) + self.output_work(outputs);
                }
                for (slot, _) in prefills.drain(..) {
                    let q = self.seq(slot);
                    if q.computed == q.target && q.state == State::Prefill {
                        self.begin_decode(slot, told);
                    }
                }
                self.prefills = prefills;
            }
        }
    }
}
