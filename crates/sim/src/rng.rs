//! Named random streams: SplitMix64, seeded by the experiment's seed and the stream's name. A stream's draws do not depend on
//! what another one draws, so both arms of an experiment see the same world as far as their decisions allow.

/// One stream.
#[derive(Debug, Clone)]
pub struct Stream(u64);

impl Stream {
    /// Stream of that name, and of an index for things of which there are many.
    pub fn new(seed: u64, name: &str, index: u64) -> Self {
        // FNV-1a over the name keeps the streams of one seed apart; mixing keeps neighbouring seeds apart.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut s = Self(seed ^ hash ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
        s.next_u64();
        s.0 ^= hash.rotate_left(32);
        s
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    #[allow(clippy::cast_precision_loss)]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in [0, n); 0 for n = 0. The bias of the multiplication method is below 2⁻³².
    pub fn below(&mut self, n: u32) -> u32 {
        let wide = u64::from(n) * (self.next_u64() >> 32);
        u32::try_from(wide >> 32).unwrap_or(0)
    }

    /// Standard normal, by the sum of twelve uniforms: only additions, so the same bits on every machine, where a logarithm of
    /// the system's library might differ in its last place. Its tails end at six.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_index_and_repeat() {
        let first = |seed, name, index| Stream::new(seed, name, index).next_u64();
        let all = [first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(first(1, "a", 0), all[0]);
    }

    #[test]
    fn draws_have_their_moments() {
        let mut s = Stream::new(7, "moments", 0);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| s.normal()).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let var = draws.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.02 && (var - 1.0).abs() < 0.03, "{mean} {var}");
        let mut counts = [0u32; 5];
        (0..50_000).for_each(|_| counts[s.below(5) as usize] += 1);
        assert!(counts.iter().all(|c| (9_600..10_400).contains(c)), "{counts:?}");
        assert_eq!(s.below(0), 0);
    }
}
