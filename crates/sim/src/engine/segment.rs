//! Closed forms of a run of decode steps, between two of which nothing changes but that every sequence grows by one token.

use crate::time::Ps;

/// `steps` steps whose times are an arithmetic progression: step i (from 0) takes `first + grow·i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub first: Ps,
    /// `per_kv_token · sequences`: each step reads one more token of each.
    pub grow: Ps,
    pub steps: u64,
}

impl Segment {
    /// Time of the first `j` steps: j·first + grow·j(j−1)/2.
    pub fn time(&self, j: u64) -> Ps {
        let j = j.cast_signed();
        j * self.first + self.grow * (j * (j - 1) / 2)
    }

    /// How many steps have ended after `elapsed`: the largest j ≤ steps with time(j) ≤ elapsed.
    pub fn done(&self, elapsed: Ps) -> u64 {
        if elapsed < self.first {
            return 0;
        }
        let mut j = self.estimate(elapsed).min(self.steps);
        while j > 0 && self.time(j) > elapsed {
            j -= 1;
        }
        while j < self.steps && self.time(j + 1) <= elapsed {
            j += 1;
        }
        j
    }

    /// The step at whose end `elapsed` has passed: the smallest j ≥ 1 with time(j) ≥ elapsed; `steps` when there is none.
    pub fn reach(&self, elapsed: Ps) -> u64 {
        let j = self.done(elapsed);
        let j = if self.time(j) < elapsed { j + 1 } else { j };
        j.clamp(1, self.steps.max(1))
    }

    /// Root of grow/2·j² + (first − grow/2)·j = elapsed, in floats; the callers put it right by steps of one.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn estimate(&self, elapsed: Ps) -> u64 {
        let e = elapsed as f64;
        if self.grow == 0 {
            return (e / self.first as f64) as u64;
        }
        let half = self.grow as f64 / 2.0;
        let b = self.first as f64 - half;
        // Numerically safe form of the positive root.
        ((2.0 * e) / (b + (b * b + 4.0 * half * e).sqrt())) as u64
    }
}

/// How many sequences need a new KV block in which step: a sequence needs one when its context is a multiple of the block
/// size. `context − step` does not change while it decodes, so counts by its remainder serve for all steps.
#[derive(Debug, Clone)]
pub struct BlockBins {
    counts: Vec<u32>,
    /// Sum of the counts.
    sequences: u64,
}

impl BlockBins {
    pub fn new(block_size: u32) -> Self {
        Self { counts: vec![0; block_size as usize], sequences: 0 }
    }

    fn bin(&self, context: u64, step: u64) -> usize {
        let b = self.counts.len() as u64;
        usize::try_from((context + b - step % b) % b).unwrap_or(0)
    }

    pub fn add(&mut self, context: u64, step: u64) {
        let i = self.bin(context, step);
        self.counts[i] += 1;
        self.sequences += 1;
    }

    pub fn remove(&mut self, context: u64, step: u64) {
        let i = self.bin(context, step);
        self.counts[i] -= 1;
        self.sequences -= 1;
    }

    /// Blocks that step `step` needs.
    pub fn need(&self, step: u64) -> u64 {
        self.counts[self.bin(0, step)].into()
    }

    /// Blocks that the `j` steps from `step` on need.
    pub fn growth(&self, step: u64, j: u64) -> u64 {
        let b = self.counts.len();
        let rest = usize::try_from(j % b as u64).unwrap_or(0);
        // The bins of successive steps go downwards from this one, around the end.
        let from = self.bin(0, step);
        let below = from + 1;
        let part: u64 = if rest <= below {
            self.counts[below - rest..below].iter().map(|c| u64::from(*c)).sum()
        } else {
            let wrapped = rest - below;
            self.counts[..below].iter().chain(&self.counts[b - wrapped..]).map(|c| u64::from(*c)).sum()
        };
        j / b as u64 * self.sequences + part
    }

    /// Most steps from `step` on, at most `limit`, that `free` blocks allow.
    pub fn steps_within(&self, step: u64, free: u64, limit: u64) -> u64 {
        if self.sequences == 0 {
            return limit;
        }
        let b = self.counts.len() as u64;
        let cycles = free / self.sequences;
        let mut j = cycles.saturating_mul(b);
        if j >= limit {
            return limit;
        }
        let mut left = free - cycles * self.sequences;
        let mut i = self.bin(0, step);
        while j < limit {
            let need = u64::from(self.counts[i]);
            if need > left {
                break;
            }
            left -= need;
            j += 1;
            i = if i == 0 { self.counts.len() - 1 } else { i - 1 };
        }
        j
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn closed_forms_agree_with_a_loop() {
        let mut r = Stream::new(3, "segment", 0);
        for _ in 0..2_000 {
            let most = if r.unit() < 0.2 { 1 } else { 90_000 };
            let s =
                Segment { first: i64::from(r.below(5_000_000)) + 1, grow: i64::from(r.below(most)), steps: u64::from(r.below(400)) + 1 };
            let mut ends = vec![0];
            for i in 0..s.steps {
                ends.push(ends.last().unwrap() + s.first + s.grow * i.cast_signed());
            }
            for j in 0..=s.steps {
                assert_eq!(s.time(j), ends[usize::try_from(j).unwrap()]);
            }
            for _ in 0..20 {
                let e = i64::try_from(r.next_u64() % (ends.last().unwrap().unsigned_abs() + 2)).unwrap();
                let done = ends.iter().rposition(|t| *t <= e).unwrap() as u64;
                assert_eq!(s.done(e), done, "{s:?} {e}");
                let reach = ends.iter().skip(1).position(|t| *t >= e).map_or(s.steps, |p| p as u64 + 1);
                assert_eq!(s.reach(e), reach, "{s:?} {e}");
            }
        }
    }

    #[test]
    fn bins_agree_with_counting() {
        let mut r = Stream::new(4, "bins", 0);
        for _ in 0..300 {
            let b = [1, 2, 16, 64][r.below(4) as usize];
            let mut bins = BlockBins::new(b);
            let step = u64::from(r.below(1000));
            let contexts: Vec<u64> = (0..r.below(50)).map(|_| u64::from(r.below(5000))).collect();
            contexts.iter().for_each(|c| bins.add(*c, step));
            let blocks = |j: u64| contexts.iter().map(|c| (c + j).div_ceil(b.into())).sum::<u64>();
            for j in 0..150 {
                assert_eq!(bins.growth(step, j), blocks(j) - blocks(0), "block size {b}, {j} steps");
            }
            let free = u64::from(r.below(60));
            let most = (0..150).rev().find(|j| blocks(*j) - blocks(0) <= free).unwrap();
            assert_eq!(bins.steps_within(step, free, 149), most);
            contexts.iter().for_each(|c| bins.remove(*c, step));
            assert_eq!(bins.growth(step, 1000), 0);
        }
    }
}
