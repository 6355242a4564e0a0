//! What was drawn for a rate is kept for the next play: arms, seeds and schedules share their load, and drawing its lengths is a tenth of a
//! play. A list is the same whoever drew it, so that nothing but the time depends on what is kept.

use super::Line;
use super::lengths::{Draws, lengths, lengths_per_rate};
use crate::input::Load;
use bench_model::profile::Lengths;
use std::sync::{Mutex, PoisonError};

/// Lists that are kept at most.
const LISTS: usize = 16;
/// Requests of a list that is kept at most.
const REQUESTS: usize = 1 << 17;

static KEPT: Mutex<Vec<List>> = Mutex::new(Vec::new());

/// The lengths of one rate, in the order in which they are drawn.
pub(crate) struct Drawn {
    /// There until it is dropped.
    list: Option<List>,
}

#[derive(Debug)]
struct List {
    of: Of,
    lengths: Vec<(u32, u32)>,
    draws: Draws,
}

/// All that the lengths depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Of {
    line: Line,
    seed: u64,
    per_rate: bool,
    rate: u32,
    prompt: Lengths,
    output: Lengths,
}

impl Of {
    fn draws(&self) -> Draws {
        let draws = if self.per_rate { lengths_per_rate } else { lengths };
        draws(self.line, self.seed, self.rate, &self.prompt, &self.output)
    }
}

impl Drawn {
    pub fn new(load: &Load, rate: u32) -> Self {
        Self::of(Of { line: load.line, seed: load.seed, per_rate: load.per_rate, rate, prompt: load.prompt, output: load.output })
    }

    fn of(of: Of) -> Self {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|l| l.of == of).map(|i| kept.swap_remove(i));
        drop(kept);
        Self { list: Some(known.unwrap_or_else(|| List { of, lengths: Vec::new(), draws: of.draws() })) }
    }

    /// Tokens of prompt and output of the draw `which`, from 0.
    pub fn get(&mut self, which: usize) -> Option<(u32, u32)> {
        let list = self.list.as_mut()?;
        while list.lengths.len() <= which {
            list.lengths.push(list.draws.next()?);
        }
        list.lengths.get(which).copied()
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        let Some(list) = self.list.take().filter(|l| l.lengths.len() <= REQUESTS) else { return };
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= LISTS {
            kept.remove(0);
        }
        kept.push(list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_list_is_what_would_be_drawn() {
        let lengths_of = |mean| Lengths { mean, stdev: Some(50), min: Some(1), max: None };
        for (seed, per_rate, rate, mean) in
            [(1, false, 0, 900), (1, false, 1, 900), (1, true, 1, 900), (2, false, 0, 900), (1, false, 0, 800)]
        {
            let of = Of { line: Line::V04, seed, per_rate, rate, prompt: lengths_of(mean), output: lengths_of(100) };
            let expected: Vec<_> = of.draws().take(40).collect();
            // Drawn in part, kept, drawn further; and two at once.
            for take in [10, 40, 5] {
                let (mut a, mut b) = (Drawn::of(of), Drawn::of(of));
                for (i, lengths) in expected.iter().enumerate().take(take) {
                    assert_eq!((a.get(i), b.get(i)), (Some(*lengths), Some(*lengths)));
                }
            }
        }
    }
}
