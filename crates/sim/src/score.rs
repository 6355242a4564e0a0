//! One run in a few numbers, straight from its records: for sweeps, where thousands are played.

use crate::input::{Autoscaler, Experiment, Server, longest};
use crate::output::{Fate, Prediction, Request};
use crate::time::{NEVER, PS_PER_S, Ps, seconds};
use bench_model::profile::Lengths;

/// What a request must keep to be a success for its user; [`NEVER`] where nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slo {
    /// From due to the first token.
    pub ttft: Ps,
    /// Mean between two tokens.
    pub itl: Ps,
    /// From due to the last token.
    pub e2e: Ps,
}

impl Slo {
    /// Asks for nothing: each limit is [`NEVER`].
    pub const NONE: Self = Self { ttft: NEVER, itl: NEVER, e2e: NEVER };

    /// Whether a request was good; `None`: it does not count, because its rate ended before it could be bad.
    pub fn judge(&self, r: &Request) -> Option<bool> {
        let ttft = (r.first != NEVER).then(|| r.first - r.due);
        match r.fate {
            Fate::Served => {
                let gaps = i64::from(r.output_tokens.max(2) - 1);
                let in_time = ttft.is_some_and(|t| t <= self.ttft) && r.end - r.due <= self.e2e;
                Some(in_time && (r.end - r.first) / gaps <= self.itl)
            }
            Fate::Silent | Fate::Broken | Fate::Refused => Some(false),
            // Censored, unless it was too late already.
            Fate::CutOff | Fate::Open => {
                let late = ttft.unwrap_or(r.end - r.due) > self.ttft || r.end - r.due > self.e2e;
                late.then_some(false)
            }
        }
    }
}

/// The numbers of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Requests that were due, sent or not.
    pub due: u64,
    /// Requests that count: all that were due but those cut off at a rate's end before they could miss the SLO.
    pub counted: u64,
    /// Of these, within the SLO. Failed and unsent ones are not.
    pub met: u64,
    /// Given up, broken off or refused.
    pub failed: u64,
    /// Tokens that clients received, whatever became of their requests.
    pub output_tokens: u64,
    /// Of these, those of requests within the SLO.
    pub good_output_tokens: u64,
    /// From due to the first token, over all that had one; NaN without any.
    pub ttft_mean_s: f64,
    pub ttft_p99_s: f64,
    /// Pods from scheduled to their end: what is paid.
    pub replica_s: f64,
    /// Pods while they were ready.
    pub ready_s: f64,
    pub max_ready: u32,
    /// From the load's start; NaN when nothing was scaled up.
    pub first_scale_up_s: f64,
    pub scale_ups: u32,
    pub scale_downs: u32,
}

impl Score {
    /// Share of the requests that met the SLO; NaN without a request.
    #[allow(clippy::cast_precision_loss)]
    pub fn attainment(&self) -> f64 {
        self.met as f64 / self.counted as f64
    }
}

/// Replica-seconds run from the load's start to the end of `span` after it, the same in every arm, when `span` is given; else to the
/// recording's end.
pub fn score(p: &Prediction, e: &Experiment, slo: Slo, span: Option<Ps>) -> Score {
    let start = p.rates.first().map_or(0, |r| r.start);
    let end = span.map_or(p.end, |s| start + s);
    let mut s = Score {
        due: p.requests.len() as u64,
        counted: 0,
        met: 0,
        failed: 0,
        output_tokens: 0,
        good_output_tokens: 0,
        ttft_mean_s: f64::NAN,
        ttft_p99_s: f64::NAN,
        replica_s: 0.0,
        ready_s: 0.0,
        max_ready: p.replicas.iter().map(|r| r.ready).max().unwrap_or(0),
        first_scale_up_s: f64::NAN,
        scale_ups: 0,
        scale_downs: 0,
    };
    let mut first = Vec::with_capacity(p.requests.len());
    for r in &p.requests {
        let ttft = (r.first != NEVER).then(|| r.first - r.due);
        first.extend(ttft);
        let good = slo.judge(r);
        s.counted += u64::from(good.is_some());
        s.met += u64::from(good == Some(true));
        s.output_tokens += u64::from(r.received);
        s.good_output_tokens += if good == Some(true) { u64::from(r.received) } else { 0 };
        s.failed += u64::from(matches!(r.fate, Fate::Silent | Fate::Broken | Fate::Refused));
    }
    // What was due and never sent is a miss.
    for r in &p.rates {
        let unsent = crate::client::schedule::requests(e.load.window, r.rate, e.load.seconds).saturating_sub(r.sent);
        s.due += unsent;
        s.counted += unsent;
    }
    if !first.is_empty() {
        #[allow(clippy::cast_precision_loss)]
        let mean = first.iter().map(|t| seconds(*t)).sum::<f64>() / first.len() as f64;
        let place = (first.len() * 99).div_ceil(100).max(1) - 1;
        let (_, p99, _) = first.select_nth_unstable(place);
        (s.ttft_mean_s, s.ttft_p99_s) = (mean, seconds(*p99));
    }
    replicas(p, &mut s, start, end);
    s
}

fn replicas(p: &Prediction, s: &mut Score, start: Ps, end: Ps) {
    let within = |from: Ps, to: Ps| seconds((to.min(end) - from.max(start)).max(0));
    for pod in &p.pods {
        let to = pod.ended.unwrap_or(Ps::MAX);
        s.replica_s += pod.scheduled.map_or(0.0, |t| within(t, to));
        s.ready_s += pod.ready.map_or(0.0, |t| within(t, pod.deleted.unwrap_or(Ps::MAX)));
    }
    for w in p.replicas.windows(2).filter(|w| w[1].t >= start && w[1].t <= end) {
        if w[1].desired > w[0].desired {
            s.scale_ups += 1;
            if s.first_scale_up_s.is_nan() {
                s.first_scale_up_s = seconds(w[1].t - start);
            }
        } else if w[1].desired < w[0].desired {
            s.scale_downs += 1;
        }
    }
}

/// Requests per second that one replica serves at most with these lengths: its completions while as many requests are in flight
/// as keep it full, twice what fits, each one that ends replaced at once. `None` when too few end to tell, or the experiment is not a
/// valid one.
pub fn knee(e: &Experiment) -> Option<f64> {
    const SECONDS: u32 = 600;
    /// Completions that make a number.
    const ENOUGH: usize = 30;
    let mean = |l: &Lengths| longest(l).min(l.mean.max(1));
    let tokens = mean(&e.load.prompt) + mean(&e.load.output);
    let (blocks, block_size, sequences) = match &e.server {
        Server::Vllm(v) => (v.kv_blocks, v.block_size, v.max_sequences),
        Server::Fixed(f) => (f.kv_blocks, f.block_size, f.max_sequences),
    };
    let fit = (blocks.saturating_mul(block_size.into()) / tokens.max(1)).clamp(1, sequences.into());
    let in_flight = u32::try_from(2 * fit).unwrap_or(u32::MAX).max(4);
    let mut probe = e.clone();
    probe.autoscaler = Autoscaler::Static;
    probe.fleet.start_replicas = 1;
    // Always behind: no more begin than end.
    probe.load.rates = vec![f64::from(in_flight).min(5_000.0)];
    probe.load.max_in_flight = in_flight;
    probe.load.seconds = SECONDS;
    probe.load.silence = None;
    (probe.load.lead, probe.load.settle, probe.load.tail_limit) = (0, 0, 0);
    let p = crate::run(&probe).ok()?;
    let from = p.rates.first()?.start + i64::from(SECONDS / 2) * PS_PER_S;
    let served = p.requests.iter().filter(|r| r.fate == Fate::Served && r.end >= from).count();
    #[allow(clippy::cast_precision_loss)]
    (served >= ENOUGH).then(|| served as f64 / f64::from(SECONDS / 2))
}
