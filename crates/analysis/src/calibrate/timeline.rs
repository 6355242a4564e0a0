//! What one replica did, told by its requests alone: how many of them decoded at each moment, how much context they held, and how many
//! steps that took.
//!
//! Only where one replica served alone is it known which replica a request was on.

use bench_model::coefficients::{PrefillMs, StepMs};
use bench_model::tables::{Outcome, Request, Tables};

/// First tokens this near to each other came out of one step, in seconds.
const ONE_STEP_S: f64 = 0.001;

/// A request as a server sees it. Times are the client's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    pub start: f64,
    pub first: f64,
    pub end: f64,
    pub prompt: f64,
    pub output: f64,
    pub successful: bool,
}

/// Requests that had a first token, in the order in which they were sent; what was cut off is taken to have ended with its rate.
pub fn served(tables: &Tables) -> Vec<Served> {
    let lengths = tables.requests.iter().filter_map(|r| r.prompt_tokens);
    #[allow(clippy::cast_precision_loss)]
    let (sum, n) = lengths.fold((0.0, 0.0), |(s, n), l| (s + l as f64, n + 1.0));
    let usual = if n > 0.0 { sum / n } else { 0.0 };
    let mut out: Vec<Served> = tables.requests.iter().filter_map(|r| one(r, tables, usual)).collect();
    out.sort_by(|a, b| a.start.total_cmp(&b.start));
    out
}

#[allow(clippy::cast_precision_loss)]
fn one(r: &Request, tables: &Tables, usual: f64) -> Option<Served> {
    let (start, first) = (r.start?, r.first_token?);
    let end = r.end.or_else(|| tables.rates.get(r.rate).map(|w| w.end))?.max(first);
    let good = [start, first, end].iter().all(|t| t.is_finite()) && start <= first;
    good.then(|| Served {
        start,
        first,
        end,
        prompt: r.prompt_tokens.map_or(usual, |p| p as f64),
        output: r.output_tokens.map_or(1.0, |o| o as f64).max(1.0),
        successful: r.outcome == Outcome::Successful,
    })
}

/// Spans of the load in which exactly one replica served.
pub fn alone(tables: &Tables) -> Vec<(f64, f64)> {
    let mut moments: Vec<(f64, i32)> = Vec::new();
    for p in &tables.pods {
        let Some(ready) = p.ready else { continue };
        moments.push((ready, 1));
        moments.extend(p.deleted.map(|d| (d.max(ready), -1)));
    }
    if moments.is_empty() {
        // Without lives of pods, the Deployment's own word.
        let mut before = 0;
        for p in &tables.replicas {
            let now = i32::try_from(p.ready.max(p.current)).unwrap_or(i32::MAX);
            moments.push((p.t, now - before));
            before = now;
        }
    }
    moments.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = Vec::new();
    for w in &tables.rates {
        let (mut serving, mut from) = (0, w.start);
        for (t, change) in &moments {
            let t = t.clamp(w.start, w.end);
            if serving == 1 && t > from {
                out.push((from, t));
            }
            (serving, from) = (serving + change, t);
        }
        if serving == 1 && w.end > from {
            out.push((from, w.end));
        }
    }
    out
}

/// Is all of a request within one of the spans?
pub fn within(r: &Served, spans: &[(f64, f64)]) -> bool {
    spans.iter().any(|(a, b)| *a <= r.start && r.end <= *b)
}

/// What had happened on the replica by a moment, in sums.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sums {
    pub steps: f64,
    /// Over the steps: requests that decoded, and tokens that they held.
    pub sequences: f64,
    pub kv_tokens: f64,
    /// Steps with prompts, prompts, their tokens, and the squares of these.
    pub mixed: f64,
    pub prompts: f64,
    pub prompt_tokens: f64,
    pub prompt_squares: f64,
}

impl Sums {
    pub fn less(self, o: Self) -> Self {
        Self {
            steps: self.steps - o.steps,
            sequences: self.sequences - o.sequences,
            kv_tokens: self.kv_tokens - o.kv_tokens,
            mixed: self.mixed - o.mixed,
            prompts: self.prompts - o.prompts,
            prompt_tokens: self.prompt_tokens - o.prompt_tokens,
            prompt_squares: self.prompt_squares - o.prompt_squares,
        }
    }
}

/// The replica between two events.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: f64,
    /// Of the sums, at `from`.
    before: Sums,
    /// Decoding requests, and the tokens they hold at `from` and gain in a second.
    running: f64,
    held: f64,
    growth: f64,
    /// Steps in a second.
    pace: f64,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    t: f64,
    running: f64,
    held: f64,
    growth: f64,
    /// Tokens of a prompt that ended here.
    prompt: Option<f64>,
}

/// All of it.
#[derive(Debug)]
pub struct Timeline(Vec<Piece>);

impl Timeline {
    /// The steps' pace is that of the given coefficients; a fit asks for it again with better ones. A prompt of more than `budget`
    /// tokens takes several steps.
    pub fn new(all: &[Served], step: &StepMs, prefill: &PrefillMs, budget: f64) -> Self {
        let mut events: Vec<Event> = Vec::with_capacity(2 * all.len());
        for r in all {
            let growth = if r.end > r.first { (r.output - 1.0) / (r.end - r.first) } else { 0.0 };
            events.push(Event { t: r.first, running: 1.0, held: r.prompt, growth, prompt: Some(r.prompt) });
            events.push(Event { t: r.end, running: -1.0, held: -(r.prompt + r.output - 1.0), growth: -growth, prompt: None });
        }
        events.sort_by(|a, b| a.t.total_cmp(&b.t));
        let mut pieces: Vec<Piece> = Vec::with_capacity(events.len());
        let mut now = Piece { from: f64::NEG_INFINITY, before: Sums::default(), running: 0.0, held: 0.0, growth: 0.0, pace: 0.0 };
        let mut last_first = f64::NEG_INFINITY;
        for e in &events {
            let mut sums = now.before;
            let mut extra_ms = 0.0;
            let mut arrived = Sums::default();
            if let Some(tokens) = e.prompt {
                let own = if e.t - last_first > ONE_STEP_S { (tokens / budget).ceil().max(1.0) } else { 0.0 };
                last_first = e.t;
                arrived = Sums { mixed: own, prompts: 1.0, prompt_tokens: tokens, prompt_squares: tokens * tokens, ..arrived };
                extra_ms = own * prefill.base + prefill.per_token * tokens + prefill.per_token_squared * tokens * tokens;
            }
            if now.from.is_finite() && e.t > now.from && now.running > 0.5 {
                let length = e.t - now.from;
                let held = now.held + now.growth * length / 2.0;
                let ms = step.base + step.per_sequence * now.running + step.per_kv_token * held;
                let steps = ((length * 1000.0 - extra_ms) / ms).max(0.0);
                now.pace = steps / length;
                sums.steps += steps;
                sums.sequences += steps * now.running;
                sums.kv_tokens += steps * held;
            }
            let length = if now.from.is_finite() { e.t - now.from } else { 0.0 };
            pieces.push(now);
            sums.mixed += arrived.mixed;
            sums.prompts += arrived.prompts;
            sums.prompt_tokens += arrived.prompt_tokens;
            sums.prompt_squares += arrived.prompt_squares;
            now = Piece {
                from: e.t,
                before: sums,
                running: (now.running + e.running).max(0.0),
                held: (now.held + now.growth * length + e.held).max(0.0),
                growth: now.growth + e.growth,
                pace: 0.0,
            };
        }
        pieces.push(now);
        Self(pieces)
    }

    fn piece(&self, t: f64) -> Option<&Piece> {
        // The last of those that begin at the same moment: all that happened at `t` has happened.
        self.0.get(self.0.partition_point(|p| p.from <= t).checked_sub(1)?)
    }

    /// All sums by `t`, what happened at `t` included.
    pub fn by(&self, t: f64) -> Sums {
        let Some(p) = self.piece(t).filter(|p| p.from.is_finite()) else { return Sums::default() };
        let length = t - p.from;
        let steps = p.pace * length;
        let mut s = p.before;
        s.steps += steps;
        s.sequences += steps * p.running;
        s.kv_tokens += steps * (p.held + p.growth * length / 2.0);
        s
    }

    /// Requests that decode just before `t`, and tokens that they hold.
    pub fn running(&self, t: f64) -> (f64, f64) {
        let Some(p) = self.0.partition_point(|p| p.from < t).checked_sub(1).and_then(|k| self.0.get(k)) else { return (0.0, 0.0) };
        let length = if p.from.is_finite() { t - p.from } else { 0.0 };
        (p.running, p.held + p.growth * length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate};
    use bench_model::tables::PodLife;

    fn request(start: f64, first: f64, end: f64, prompt: f64, output: f64) -> Served {
        Served { start, first, end, prompt, output, successful: true }
    }

    #[test]
    fn steps_and_their_load_are_counted() {
        // One request of 101 tokens at 10 ms a step, a second one in the middle of it.
        let all = [request(0.0, 0.1, 1.1, 1000.0, 101.0), request(0.4, 0.6, 0.85, 500.0, 26.0)];
        let step = StepMs { base: 10.0, per_sequence: 0.0, per_kv_token: 0.0 };
        let none = PrefillMs { base: 0.0, per_token: 0.0, per_token_squared: 0.0 };
        let t = Timeline::new(&all, &step, &none, 8192.0);
        let s = t.by(1.1).less(t.by(0.1));
        assert!((s.steps - 100.0).abs() < 1e-9, "{s:?}");
        assert!((s.sequences - 125.0).abs() < 1e-9, "25 of the steps had two: {s:?}");
        // The own context grows from 1,000 to 1,100, the other's from 500 to 525.
        assert!((s.kv_tokens - (100.0 * 1050.0 + 25.0 * 512.5)).abs() < 1.0, "{s:?}");
        assert_eq!((s.mixed, s.prompts, s.prompt_tokens), (1.0, 1.0, 500.0));
        let (n, kv) = t.running(0.6);
        assert!(n == 1.0 && (kv - 1050.0).abs() < 1e-6, "{n} {kv}");
        assert_eq!(t.running(0.05), (0.0, 0.0));
        assert_eq!(t.by(-1.0), Sums::default());
    }

    #[test]
    fn a_prompt_takes_from_the_time_of_the_steps() {
        let all = [request(0.0, 0.1, 1.1, 1000.0, 91.0), request(0.4, 0.6, 0.6, 10_000.0, 1.0)];
        let step = StepMs { base: 10.0, per_sequence: 0.0, per_kv_token: 0.0 };
        let t = Timeline::new(&all, &step, &PrefillMs { base: 0.0, per_token: 0.01, per_token_squared: 0.0 }, 8192.0);
        let s = t.by(1.1).less(t.by(0.1));
        assert!((s.steps - 90.0).abs() < 1e-9, "100 ms went into the prompt: {s:?}");
        assert_eq!(s.mixed, 2.0, "10,000 tokens do not go into one step");
    }

    #[test]
    fn only_where_one_replica_serves() {
        let mut t = load(&[rate(0, 2.0, 100.0, 50.0)]);
        t.replicas.clear();
        let pod = |ready: Option<f64>, deleted: Option<f64>| PodLife {
            name: "p".into(),
            created: 0.0,
            scheduled: None,
            ready,
            deleted,
            restarts: 0,
        };
        t.pods = vec![pod(Some(10.0), None), pod(Some(120.0), Some(130.0)), pod(None, None)];
        let spans = alone(&t);
        assert_eq!(spans, [(100.0, 120.0), (130.0, 150.0)]);
        assert!(within(&request(101.0, 102.0, 120.0, 1.0, 1.0), &spans));
        assert!(!within(&request(101.0, 102.0, 121.0, 1.0, 1.0), &spans));
        t.pods.clear();
        assert_eq!(alone(&t), [(0.0, 0.0); 0], "nothing tells of replicas");
    }
}
