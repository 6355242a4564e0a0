//! The lengths that guidellm draws for its synthetic requests: the very ones, request by request. Pure.
//!
//! Read in the sources of guidellm 0.4.0, 0.5.0, 0.5.4, 0.7.4 and 0.8.1 (`data/deserializers/synthetic.py`, `data/loaders`,
//! `data/entrypoints.py`, `utils/random.py`), and checked against their real output (`tests/lengths.rs`).
//!
//! - Rate k of a process draws its prompts from `random.Random(b + k)` and its outputs from `random.Random(b + k + 1)`, one of each
//!   per request. So in 0.4 and 0.5 the prompts of rate k + 1 share their generator with the outputs of rate k.
//! - The base b is the seed itself in 0.4 and 0.5. From 0.7.1 it is the first 32-bit word of `random.Random(seed)`.
//! - With a standard deviation a length is `round(clamp(gauss(mean, stdev)))`, halves to even. With none it is `randint(min, max)`,
//!   where a missing bound is the mean, and the lower one at least 1. When both bounds are equal it is that, and nothing is drawn.
//!   A missing bound of the normal is five standard deviations off.
//!
//! The order is that in which the requests are made. It is that in which they are sent from 0.7.4 on; before, each worker holds two
//! of them back ([`super::schedule::Queue`]), which permutes the first 20 of a rate with ten workers, and the later ones while workers
//! are full.

use super::Line;
use super::mersenne::Mersenne;
use bench_model::profile::Lengths;

/// Tokens of prompt and output of the requests of one rate, in the order in which guidellm makes them; it never ends.
///
/// `seed` is the one that guidellm is given (42 by default, [`bench_model::profile::Profile::effective_seed`]), `rate_index` counts
/// the rates of one guidellm process from 0. Where every rate has a process of its own, see [`lengths_per_rate`].
pub fn lengths(line: Line, seed: u64, rate_index: u32, prompt: &Lengths, output: &Lengths) -> Draws {
    let base = match line {
        Line::V04 => u128::from(seed),
        Line::V07 => u128::from(Mersenne::new(seed.into()).word()),
    };
    let seed = base + u128::from(rate_index);
    Draws { prompt: Sampler::new(prompt, seed), output: Sampler::new(output, seed + 1) }
}

/// The same where rate k has a guidellm process of its own, which `bench` gives the seed `seed + k`.
pub fn lengths_per_rate(line: Line, seed: u64, rate_index: u32, prompt: &Lengths, output: &Lengths) -> Draws {
    lengths(line, seed.wrapping_add(rate_index.into()), 0, prompt, output)
}

/// See [`lengths`].
#[derive(Debug, Clone)]
pub struct Draws {
    prompt: Sampler,
    output: Sampler,
}

impl Iterator for Draws {
    /// Tokens of the prompt, tokens of the output.
    type Item = (u32, u32);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.prompt.draw(), self.output.draw()))
    }
}

/// guidellm's `IntegerRangeSampler`.
#[derive(Debug, Clone)]
struct Sampler {
    rule: Rule,
    random: Mersenne,
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    Constant(u64),
    Uniform { min: u64, max: u64 },
    Normal { mean: f64, stdev: f64, min: f64, max: f64 },
}

impl Sampler {
    fn new(l: &Lengths, seed: u128) -> Self {
        // As in Python, where 0 is no deviation.
        let stdev = l.stdev.unwrap_or(0);
        let spread = stdev.saturating_mul(5);
        let min = l.min.unwrap_or_else(|| l.mean.saturating_sub(spread).max(1));
        let max = l.max.unwrap_or_else(|| l.mean.saturating_add(spread));
        let rule = if min == max {
            Rule::Constant(min)
        } else if stdev == 0 {
            Rule::Uniform { min, max }
        } else {
            Rule::Normal { mean: l.mean as f64, stdev: stdev as f64, min: min as f64, max: max as f64 }
        };
        Self { rule, random: Mersenne::new(seed) }
    }

    /// Lengths that no u32 holds count as the largest.
    fn draw(&mut self) -> u32 {
        match self.rule {
            Rule::Constant(n) => u32::try_from(n).unwrap_or(u32::MAX),
            Rule::Uniform { min, max } => u32::try_from(self.random.randint(min, max)).unwrap_or(u32::MAX),
            // Not f64::clamp, which panics on min > max. The cast saturates.
            Rule::Normal { mean, stdev, min, max } => self.random.gauss(mean, stdev).min(max).max(min).round_ties_even() as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn l(mean: u64, stdev: Option<u64>, min: Option<u64>, max: Option<u64>) -> Lengths {
        Lengths { mean, stdev, min, max }
    }

    fn prompts(p: Lengths) -> Vec<u32> {
        lengths(Line::V04, 42, 0, &p, &p).take(6).map(|(p, _)| p).collect()
    }

    #[test]
    fn rules() {
        // Printed by guidellm's own sampler under CPython 3.11.7.
        assert_eq!(prompts(l(4096, Some(2048), Some(10), Some(8192))), [3801, 3742, 3868, 5534, 3835, 1029]);
        assert_eq!(prompts(l(4096, Some(2048), None, None)), [3801, 3742, 3868, 5534, 3835, 1029]);
        assert_eq!(prompts(l(10, Some(5), None, None)), [9, 9, 9, 14, 9, 3]);
        assert_eq!(prompts(l(10, Some(5), None, Some(12))), [9, 9, 9, 12, 9, 3]);
        assert_eq!(prompts(l(100, None, Some(50), Some(150))), [131, 64, 53, 144, 85, 81]);
        assert_eq!(prompts(l(100, None, None, Some(150))), [140, 107, 101, 147, 117, 115]);
        assert_eq!(prompts(l(100, None, Some(50), None)), [90, 57, 51, 97, 67, 65]);
        assert_eq!(prompts(l(100, None, None, None)), [100, 100, 100, 100, 100, 100]);
        assert_eq!(prompts(l(100, Some(3), Some(7), Some(7))), [7, 7, 7, 7, 7, 7]);
        assert_eq!(
            prompts(l(100, None, Some(1), Some(8589934592))),
            [2746317214, 1181241944, 958682847, 3163119786, 1812140442, 127978095]
        );
    }

    #[test]
    fn no_panic_on_nonsense() {
        let values = [None, Some(0), Some(1), Some(7), Some(u64::MAX)];
        for mean in [0, 1, u64::MAX] {
            for stdev in values {
                for min in values {
                    for max in values {
                        let p = l(mean, stdev, min, max);
                        assert_eq!(lengths(Line::V07, u64::MAX, u32::MAX, &p, &p).take(3).count(), 3);
                        assert_eq!(lengths_per_rate(Line::V04, u64::MAX, 1, &p, &p).take(3).count(), 3);
                    }
                }
            }
        }
    }

    #[test]
    fn seeds() {
        let p = l(4096, Some(2048), Some(10), Some(8192));
        let prompts = |line, seed, k| lengths(line, seed, k, &p, &p).map(|(p, _)| p).take(50).collect::<Vec<_>>();
        let outputs = |line, seed, k| lengths(line, seed, k, &p, &p).map(|(_, o)| o).take(50).collect::<Vec<_>>();
        assert_eq!(outputs(Line::V04, 42, 0), prompts(Line::V04, 42, 1));
        assert_eq!(prompts(Line::V04, 43, 0), prompts(Line::V04, 42, 1));
        assert_eq!(prompts(Line::V07, 42, 0), prompts(Line::V04, 2_746_317_213, 0));
        assert_ne!(prompts(Line::V07, 43, 0), prompts(Line::V07, 42, 1));
        let own: Vec<_> = lengths_per_rate(Line::V07, 42, 1, &p, &p).map(|(p, _)| p).take(50).collect();
        assert_eq!(own, prompts(Line::V07, 43, 0));
    }
}
