//! The equations: what each request, and each interval between two scrapes, says of the unknowns.

use super::counters::intervals;
use super::lsq::{MOST, Row, Unknown};
use super::timeline::{Served, Timeline, alone, served, within};
use super::{Fixed, Server, Vllm};
use bench_model::tables::Tables;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    Ttft,
    Itl,
    ServerTtft,
    ServerItl,
}

impl Quantity {
    pub const ALL: [Self; 4] = [Self::Ttft, Self::Itl, Self::ServerTtft, Self::ServerItl];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ttft => "ttft",
            Self::Itl => "itl",
            Self::ServerTtft => "server-ttft",
            Self::ServerItl => "server-itl",
        }
    }
}

/// An equation in milliseconds, and where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub quantity: Quantity,
    pub t: f64,
    /// Position of its request; `None` for a counter.
    pub request: Option<usize>,
    pub row: Row,
}

/// Fewer output tokens make more noise than sense of a time between tokens.
const LEAST_TOKENS: f64 = 16.0;

/// Unknowns of vLLM, by their column.
pub const VLLM: [Unknown; MOST] = {
    const fn of(name: &'static str) -> Unknown {
        Unknown { name, base: 0.0, signed: false }
    }
    [
        of("step_ms.base"),
        of("step_ms.per_sequence"),
        of("step_ms.per_kv_token"),
        of("prefill_ms.base"),
        of("prefill_ms.per_token"),
        of("prefill_ms.per_token_squared"),
        of("front_end.per_request_ms"),
        of("front_end.per_prompt_token_us"),
        of("front_end.per_output_token_us"),
        of("router.latency_ms"),
    ]
};
/// The most certain first. What a request costs the front-end and what the way takes add up to one constant; of the two, the way is a
/// property of the cluster, and stays.
pub const VLLM_ORDER: [usize; MOST] = [0, 2, 4, 1, 3, 6, 9, 5, 7, 8];

/// Unknowns of a simulator.
pub const FIXED: [Unknown; 3] = [
    Unknown { name: "time_to_first_token_ms", base: 0.0, signed: false },
    Unknown { name: "inter_token_latency_ms", base: 0.0, signed: false },
    Unknown { name: "router.latency_ms", base: 0.0, signed: false },
];
/// Its arguments state the time to the first token: what counters do not separate belongs to the way.
pub const FIXED_ORDER: [usize; 3] = [1, 2, 0];

/// What a run holds, looked up once.
pub struct Seen<'a> {
    pub tables: &'a Tables,
    pub served: Vec<Served>,
    pub alone: Vec<(f64, f64)>,
    /// When requests began to wait for a first token, and when they ceased to; each sorted.
    begun: Vec<f64>,
    ceased: Vec<f64>,
}

impl<'a> Seen<'a> {
    pub fn new(tables: &'a Tables) -> Self {
        let window_end = |k: usize| tables.rates.get(k).map_or(f64::INFINITY, |w| w.end);
        let waits = tables.requests.iter().filter_map(|r| Some((r.start?, r.first_token.or(r.end).unwrap_or(window_end(r.rate)))));
        let (mut begun, mut ceased): (Vec<f64>, Vec<f64>) = waits.unzip();
        begun.sort_by(f64::total_cmp);
        ceased.sort_by(f64::total_cmp);
        Self { tables, served: served(tables), alone: alone(tables), begun, ceased }
    }

    /// No other request waited for its first token while this one did, so none stood before it.
    fn waited_alone(&self, r: &Served) -> bool {
        self.begun.partition_point(|t| *t <= r.first) - self.ceased.partition_point(|t| *t < r.start) == 1
    }
}

/// All equations of a run under `server`, whose step times say how dense the steps were.
pub fn rows(seen: &Seen<'_>, server: &Server) -> Vec<Told> {
    match server {
        Server::Vllm(v) => of_vllm(seen, v),
        Server::Fixed(f) => of_fixed(seen, f),
    }
}

fn told(quantity: Quantity, t: f64, request: Option<usize>, y: f64, x: &[(usize, f64)], weight: f64) -> Told {
    let mut all = [0.0; MOST];
    x.iter().for_each(|(i, v)| all[*i] += v);
    Told { quantity, t, request, row: Row { block: 0, y, x: all, weight } }
}

fn of_vllm(seen: &Seen<'_>, v: &Vllm) -> Vec<Told> {
    let line = Timeline::new(&seen.served, &v.step, &v.prefill, v.budget);
    let mut out = Vec::new();
    let mut clean: Vec<(f64, Option<[f64; MOST]>)> = Vec::new();
    for (i, r) in seen.served.iter().enumerate() {
        let inside = within(r, &seen.alone);
        if inside && r.successful && r.output >= LEAST_TOKENS && r.end > r.first {
            out.extend(between_tokens(&line, i, r));
        }
        let first = (inside && seen.waited_alone(r)).then(|| to_first_token(&line, i, r, v.budget));
        clean.push((r.first, first.map(|f| f.row.x)));
        out.extend(first);
    }
    clean.sort_by(|a, b| a.0.total_cmp(&b.0));
    for k in intervals(seen.tables, "vllm:time_to_first_token_seconds") {
        // Only where every one of the interval's requests is known, and stood alone.
        let (a, b) = (clean.partition_point(|c| c.0 <= k.from), clean.partition_point(|c| c.0 <= k.to));
        let of: Vec<&[f64; MOST]> = clean[a..b].iter().filter_map(|c| c.1.as_ref()).collect();
        #[allow(clippy::cast_precision_loss)]
        let n = of.len() as f64;
        if of.is_empty() || of.len() < b - a || (n - k.count).abs() > 0.5 {
            continue;
        }
        // A server does not see the way.
        let x: Vec<(usize, f64)> = (0..MOST).filter(|i| *i != 9).map(|i| (i, of.iter().map(|x| x[i]).sum::<f64>() / n)).collect();
        out.push(told(Quantity::ServerTtft, k.to, None, k.mean_ms, &x, n.sqrt()));
    }
    out
}

/// A request's steps, each of its own length, over their number.
fn between_tokens(line: &Timeline, i: usize, r: &Served) -> Option<Told> {
    let s = line.by(r.end).less(line.by(r.first));
    let steps = r.output - 1.0;
    // The pace came out of coefficients; the number of steps is known.
    let f = steps / s.steps;
    let delivered = line.running(r.end).0 - (line.running(r.first).0 + 1.0);
    let x = [
        (0, 1.0),
        (1, (f * s.sequences + s.prompts) / steps),
        (2, f * s.kv_tokens / steps),
        (3, s.mixed / steps),
        (4, s.prompt_tokens / steps),
        (5, s.prompt_squares / steps),
        (8, delivered / steps / 1000.0),
    ];
    let y = (r.end - r.first) * 1000.0 / steps;
    (f.is_finite() && y.is_finite()).then(|| told(Quantity::Itl, r.start, Some(i), y, &x, (steps / 64.0).sqrt().min(1.0)))
}

/// The way and the front-end, half a step until the scheduler looks, and the steps that the prompt takes.
fn to_first_token(line: &Timeline, i: usize, r: &Served, budget: f64) -> Told {
    let (n, kv) = line.running(r.first);
    let steps = (r.prompt / budget).ceil().max(1.0);
    let until = if n > 0.5 { 0.5 } else { 0.0 };
    let x = [
        (0, steps + until),
        (1, steps * (n + 1.0) + until * n),
        (2, (steps + until) * kv),
        (3, steps),
        (4, r.prompt),
        (5, r.prompt * r.prompt),
        (6, 1.0),
        (7, r.prompt / 1000.0),
        (8, (n + 1.0) / 1000.0),
        (9, 1.0),
    ];
    told(Quantity::Ttft, r.start, Some(i), (r.first - r.start) * 1000.0, &x, 1.0)
}

fn of_fixed(seen: &Seen<'_>, f: &Fixed) -> Vec<Told> {
    let mut out = Vec::new();
    let room = Room::new(seen, f);
    for (i, r) in seen.served.iter().enumerate() {
        if room.is_there(r) {
            out.push(told(Quantity::Ttft, r.start, Some(i), (r.first - r.start) * 1000.0, &[(0, 1.0), (2, 1.0)], 1.0));
        }
        if r.successful && r.output >= LEAST_TOKENS && r.end > r.first {
            let steps = r.output - 1.0;
            out.push(told(Quantity::Itl, r.start, Some(i), (r.end - r.first) * 1000.0 / steps, &[(1, 1.0)], 1.0));
        }
    }
    // From admitted to the first token: its queue is not in it.
    for k in intervals(seen.tables, "vllm:request_prefill_time_seconds") {
        out.push(told(Quantity::ServerTtft, k.to, None, k.mean_ms, &[(0, 1.0)], k.count.sqrt()));
    }
    let mut itl = intervals(seen.tables, "vllm:inter_token_latency_seconds");
    if itl.is_empty() {
        itl = intervals(seen.tables, "vllm:time_per_output_token_seconds");
    }
    for k in itl {
        out.push(told(Quantity::ServerItl, k.to, None, k.mean_ms, &[(1, 1.0)], k.count.sqrt().min(30.0)));
    }
    out
}

/// Whether a simulator admits a request at once: a slot and blocks for prompt and output, with some way to go for a replica that has
/// more than its share.
struct Room<'a> {
    seen: &'a Seen<'a>,
    server: &'a Fixed,
    /// (moment, blocks) of those sent and of those ended, each in order of time, blocks added up.
    sent: Vec<(f64, f64)>,
    ended: Vec<(f64, f64)>,
}

/// What the fullest replica has over the mean.
const UNEVEN: f64 = 1.3;

impl<'a> Room<'a> {
    fn new(seen: &'a Seen<'a>, server: &'a Fixed) -> Self {
        let sums = |of: fn(&Served) -> f64| {
            let mut all: Vec<(f64, f64)> = seen.served.iter().map(|r| (of(r), server.blocks(r))).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut sum = 0.0;
            all.iter_mut().for_each(|a| {
                sum += a.1;
                a.1 = sum;
            });
            all
        };
        Self { seen, server, sent: sums(|r| r.start), ended: sums(|r| r.end) }
    }

    #[allow(clippy::cast_precision_loss)]
    fn is_there(&self, r: &Served) -> bool {
        let by = |all: &[(f64, f64)]| {
            let n = all.partition_point(|a| a.0 < r.start);
            (n as f64, n.checked_sub(1).map_or(0.0, |k| all[k].1))
        };
        let (sent, ended) = (by(&self.sent), by(&self.ended));
        let serving =
            self.seen.tables.pods.iter().filter(|p| p.ready.is_some_and(|t| t <= r.start) && p.deleted.is_none_or(|t| t > r.start));
        let replicas = (serving.count() as f64).max(1.0);
        let share = if replicas > 1.0 { UNEVEN / replicas } else { 1.0 };
        (sent.0 - ended.0) * share + 1.0 <= self.server.max_sequences
            && (sent.1 - ended.1) * share + self.server.blocks(r) <= self.server.kv_blocks
    }
}

impl Fixed {
    fn blocks(&self, r: &Served) -> f64 {
        ((r.prompt + r.output) / self.block_size).ceil()
    }
}
