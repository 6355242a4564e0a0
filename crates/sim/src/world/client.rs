//! guidellm: what it sends when, what it gives up, what it cuts off.

use super::{Class, World};
use crate::client::drawn::Drawn;
use crate::client::schedule::{Queue, due_ps, slots, window_ps};
use crate::engine::{Submit, Told};
use crate::input::Experiment;
use crate::output::{Fate, RateSpan, Request};
use crate::time::{NEVER, Ps};
use std::collections::VecDeque;

pub(super) struct Client {
    pub requests: Vec<Request>,
    /// Numbers of the requests in flight.
    open: Vec<u32>,
    pub peak: u32,
    /// Rates begun.
    begun: usize,
    running: bool,
    rate: f64,
    start: Ps,
    /// End of the window.
    until: Ps,
    /// Index of the request that is next, from 1.
    next: u64,
    /// Workers with a free slot, in the order in which they took the next indices.
    turn: VecDeque<u16>,
    /// Free slots of each worker; a worker in `turn` holds one of them.
    free: Vec<u32>,
    /// The next one is due and no worker has a free slot.
    blocked: bool,
    /// The lengths of this rate.
    drawn: Option<Drawn>,
    /// Which draw a worker sends next: some hold a few that they took ahead.
    queue: Queue,
    rates: usize,
}

impl Client {
    pub fn new(e: &Experiment) -> Self {
        Self {
            requests: Vec::new(),
            open: Vec::new(),
            peak: 0,
            begun: 0,
            running: false,
            rate: 0.0,
            start: 0,
            until: 0,
            next: 1,
            turn: VecDeque::new(),
            free: Vec::new(),
            blocked: false,
            drawn: None,
            queue: Queue::new(0, 0),
            rates: e.load.rates.len(),
        }
    }

    pub fn load_over(&self) -> bool {
        self.begun == self.rates && !self.running
    }

    /// Lengths of the request that a worker sends next, and which prompt it is where prompts repeat.
    fn draw(&mut self, worker: u16, distinct: Option<u32>) -> Option<((u32, u32), Option<u32>)> {
        let draw = self.queue.send(worker.into());
        let which = usize::try_from(distinct.map_or(draw, |d| draw % u64::from(d.max(1)))).unwrap_or(0);
        let lengths = self.drawn.as_mut()?.get(which)?;
        // Prompts of two rates differ.
        let prompt = distinct.map(|d| u32::try_from((self.begun - 1) * d as usize + which).unwrap_or(u32::MAX));
        Some((lengths, prompt))
    }

    fn due(&self) -> Ps {
        self.start.saturating_add(due_ps(self.next, self.rate))
    }
}

impl World<'_> {
    pub(super) fn rate_start(&mut self) {
        let load = &self.e.load;
        let k = self.client.begun;
        let index = u32::try_from(k).unwrap_or(u32::MAX);
        let c = &mut self.client;
        c.drawn = Some(Drawn::new(load, index));
        c.rate = load.rates[k];
        let (begin, end) = window_ps(load.window, c.rate, load.seconds);
        (c.begun, c.running, c.start, c.until, c.next, c.blocked) = (k + 1, true, self.now, self.now + end, 1, false);
        // New processes, each with its slots; each takes an index at once.
        c.free = slots(load.max_in_flight, load.workers);
        c.queue = Queue::new(u32::try_from(c.free.len()).unwrap_or(u32::MAX), load.taken_ahead);
        c.turn = (0..u16::try_from(c.free.len()).unwrap_or(u16::MAX)).collect();
        self.out.rates.push(RateSpan { rate: c.rate, start: self.now + begin, end: self.now + end, sent: 0 });
        let (until, due) = (c.until, c.due());
        self.at(until, Class::RateEnd, index);
        self.at(due, Class::Send, index);
    }

    /// The next request is due.
    pub(super) fn send_due(&mut self, rate: u32) {
        if !self.client.running || rate as usize + 1 != self.client.begun {
            return;
        }
        let Some(worker) = self.client.turn.pop_front() else {
            self.client.blocked = true;
            return;
        };
        self.send(worker);
        let (due, until) = (self.client.due(), self.client.until);
        if due <= until {
            self.at(due.max(self.now), Class::Send, rate);
        }
    }

    /// A worker sends the next request, and takes another index if it has a slot left.
    fn send(&mut self, worker: u16) {
        let c = &mut self.client;
        let Some(((prompt_tokens, output_tokens), prompt)) = c.draw(worker, self.e.load.distinct_prompts) else { return };
        let id = u32::try_from(c.requests.len()).unwrap_or(u32::MAX);
        let request = Request {
            due: c.due(),
            sent: self.now,
            first: NEVER,
            end: NEVER,
            stalled: NEVER,
            prompt_tokens: prompt_tokens.max(1),
            output_tokens: output_tokens.max(1),
            received: 0,
            pod: u32::MAX,
            ticket: 0,
            open: u32::try_from(c.open.len()).unwrap_or(u32::MAX),
            rate: u16::try_from(c.begun - 1).unwrap_or(u16::MAX),
            worker,
            fate: Fate::Open,
        };
        c.next += 1;
        if let Some(free) = c.free.get_mut(usize::from(worker)) {
            *free -= 1;
            if *free > 0 {
                c.turn.push_back(worker);
            }
        }
        c.requests.push(request);
        c.open.push(id);
        c.peak = c.peak.max(u32::try_from(c.open.len()).unwrap_or(u32::MAX));
        if let Some(rate) = self.out.rates.last_mut() {
            rate.sent += 1;
        }
        let Some(pod) = self.route(worker, prompt, request.prompt_tokens) else {
            self.close(id, Fate::Refused);
            return;
        };
        let cached_tokens = self.cached_tokens(pod, prompt, request.prompt_tokens);
        let submit = Submit { id, prompt_tokens: request.prompt_tokens, output_tokens: request.output_tokens, cached_tokens };
        self.look(pod);
        let ticket = self.fleet.submit(pod, self.now, submit);
        let r = &mut self.client.requests[id as usize];
        (r.pod, r.ticket) = (pod, ticket);
        self.plan_engine(pod);
        if let Some(limit) = self.e.load.silence {
            self.at(self.now + limit, Class::Silence, id);
        }
    }

    /// What replicas told is noted; the last tokens reach the client later.
    pub(super) fn hear(&mut self) {
        // All of the way is laid on the way back: the replica hears of a request at once, its client of the tokens later.
        let latency = self.e.router.latency;
        let mut told = std::mem::take(&mut self.told);
        for t in told.drain(..) {
            match t {
                Told::Token { id, at } => {
                    let r = &mut self.client.requests[id as usize];
                    if r.fate == Fate::Open {
                        r.stalled = NEVER;
                        r.first = r.first.min(at + latency);
                    }
                }
                Told::Done { id, at } => self.at(at + latency, Class::Delivery, id),
                Told::Preempted { id, at } => {
                    let r = &mut self.client.requests[id as usize];
                    if r.fate == Fate::Open && r.first != NEVER {
                        r.stalled = at;
                        if let Some(limit) = self.e.load.silence {
                            self.at(at + limit, Class::Silence, id);
                        }
                    }
                }
            }
        }
        self.told = told;
    }

    pub(super) fn deliver(&mut self, id: u32) {
        if self.client.requests[id as usize].fate == Fate::Open {
            self.close(id, Fate::Served);
        }
    }

    pub(super) fn silence(&mut self, id: u32) {
        let Some(limit) = self.e.load.silence else { return };
        let r = self.client.requests[id as usize];
        let since = if r.first > self.now { r.sent } else { r.stalled };
        if r.fate == Fate::Open && since != NEVER && since + limit <= self.now {
            self.give_up(id);
            self.close(id, Fate::Silent);
        }
    }

    fn give_up(&mut self, id: u32) {
        let r = self.client.requests[id as usize];
        self.look(r.pod);
        self.client.requests[id as usize].received = self.fleet.abort(r.pod, self.now, r.ticket, id);
        self.plan_engine(r.pod);
    }

    /// The request is over for the client; a slot is free.
    pub(super) fn close(&mut self, id: u32, fate: Fate) {
        let now = self.now;
        let c = &mut self.client;
        let r = &mut c.requests[id as usize];
        (r.fate, r.end) = (fate, now);
        if fate == Fate::Served {
            r.received = r.output_tokens;
        }
        if r.first > now {
            r.first = NEVER;
        }
        if let Some(l) = &mut self.limit
            && l.slo.judge(r) == Some(false)
        {
            match l.left.checked_sub(1) {
                Some(left) => l.left = left,
                None => (l.broken, self.end) = (true, now),
            }
        }
        let (place, pod, worker) = (r.open as usize, r.pod, r.worker);
        c.open.swap_remove(place);
        if let Some(moved) = c.open.get(place) {
            c.requests[*moved as usize].open = u32::try_from(place).unwrap_or(u32::MAX);
        }
        if let Some(free) = c.free.get_mut(usize::from(worker)) {
            *free += 1;
            if *free == 1 {
                c.turn.push_back(worker);
            }
        }
        self.released(id, pod, fate);
        if self.client.blocked && self.client.running {
            self.client.blocked = false;
            let rate = u32::try_from(self.client.begun - 1).unwrap_or(u32::MAX);
            self.at(now, Class::Send, rate);
        }
    }

    pub(super) fn rate_end(&mut self) {
        self.client.running = false;
        self.client.blocked = false;
        while let Some(id) = self.client.open.last().copied() {
            self.give_up(id);
            self.close(id, Fate::CutOff);
        }
        self.routing.drop_connections();
        if self.client.begun < self.client.rates {
            self.at(self.now + self.e.load.gap, Class::RateStart, 0);
        } else {
            self.at(self.now + self.e.load.tail_limit, Class::End, 0);
            self.await_settling();
        }
    }

    /// Requests in flight at a pod, in order of their numbers.
    pub(super) fn in_flight_at(&self, pod: u32) -> Vec<u32> {
        let mut ids: Vec<u32> = self.client.open.iter().copied().filter(|id| self.client.requests[*id as usize].pod == pod).collect();
        ids.sort_unstable();
        ids
    }
}
