//! CPython's `random.Random`, so far as guidellm uses it. Pure.
//!
//! The generator is MT19937 (Matsumoto and Nishimura, 1998), seeded by `init_by_array`. What CPython makes of its words (`random`,
//! `gauss`, `getrandbits`, `randint`) has been the same since 3.2 at the latest. Only `gauss` goes through the platform's `log`, `sin`
//! and `cos`; a difference in their last bit would show after rounding to a token about once in 10^12 draws.

/// Words of the state.
const N: usize = 624;
/// Distance of the word that is mixed in.
const M: usize = 397;
/// 2^-53.
const TO_UNIT: f64 = 1.0 / 9_007_199_254_740_992.0;

/// One `random.Random`.
#[derive(Debug, Clone)]
pub struct Mersenne {
    state: [u32; N],
    /// Next word; N when the state is used up.
    next: usize,
    /// Second value of the pair that `gauss` makes.
    spare: Option<f64>,
}

impl Mersenne {
    /// `random.Random(seed)` of a seed that is not negative.
    pub fn new(seed: u128) -> Self {
        let words = [seed as u32, (seed >> 32) as u32, (seed >> 64) as u32, (seed >> 96) as u32];
        let used = words.iter().rposition(|w| *w != 0).map_or(1, |last| last + 1);
        Self::from_words(&words[..used])
    }

    /// `random.Random` of a seed of any size: its 32-bit words, the lowest first, without zeros at the top. Zero is `[0]`.
    pub fn from_words(key: &[u32]) -> Self {
        let key = if key.is_empty() { &[0] } else { key };
        let mut s = [0u32; N];
        s[0] = 19_650_218;
        for i in 1..N {
            s[i] = mix(s[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            s[i] = (s[i] ^ mix(s[i - 1]).wrapping_mul(1_664_525)).wrapping_add(key[j]).wrapping_add(j as u32);
            (i, j) = (step(&mut s, i), (j + 1) % key.len());
        }
        for _ in 1..N {
            s[i] = (s[i] ^ mix(s[i - 1]).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i = step(&mut s, i);
        }
        s[0] = 1 << 31;
        Self { state: s, next: N, spare: None }
    }

    /// The next 32 bits.
    pub fn word(&mut self) -> u32 {
        if self.next >= N {
            self.refill();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn refill(&mut self) {
        let s = &mut self.state;
        let twist = |high: u32, low: u32, far: u32| {
            let y = (high & 0x8000_0000) | (low & 0x7fff_ffff);
            far ^ (y >> 1) ^ (if y & 1 == 1 { 0x9908_b0df } else { 0 })
        };
        for k in 0..N - M {
            s[k] = twist(s[k], s[k + 1], s[k + M]);
        }
        for k in N - M..N - 1 {
            s[k] = twist(s[k], s[k + 1], s[k + M - N]);
        }
        s[N - 1] = twist(s[N - 1], s[0], s[M - 1]);
        self.next = 0;
    }

    /// `random()`: in [0, 1), 53 bits.
    pub fn random(&mut self) -> f64 {
        let (high, low) = (self.word() >> 5, self.word() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) * TO_UNIT
    }

    /// `gauss(mu, sigma)`: every second call uses the second value of the pair made by the call before.
    pub fn gauss(&mut self, mu: f64, sigma: f64) -> f64 {
        let z = self.spare.take().unwrap_or_else(|| {
            let angle = self.random() * std::f64::consts::TAU;
            let radius = (-2.0 * (1.0 - self.random()).ln()).sqrt();
            let (sin, cos) = angle.sin_cos();
            self.spare = Some(sin * radius);
            cos * radius
        });
        // Two roundings, as in Python: no fused multiply-add.
        mu + z * sigma
    }

    /// `getrandbits(bits)`; more than 128 count as 128.
    pub fn bits(&mut self, bits: u32) -> u128 {
        let (mut left, mut out) = (bits.min(128), 0);
        for at in (0..128).step_by(32) {
            if left == 0 {
                break;
            }
            // The lowest word comes first; of the last one the upper bits count.
            let take = left.min(32);
            out |= u128::from(self.word() >> (32 - take)) << at;
            left -= take;
        }
        out
    }

    /// `randint(low, high)`, both included. Python refuses `low > high`; here that is `low`, and nothing is drawn.
    pub fn randint(&mut self, low: u64, high: u64) -> u64 {
        let Some(span) = high.checked_sub(low) else { return low };
        let n = u128::from(span) + 1;
        let bits = 128 - n.leading_zeros();
        loop {
            let r = self.bits(bits);
            if r < n {
                // r <= high - low, which fits.
                return low + r as u64;
            }
        }
    }
}

fn mix(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The place after `i` in the rounds of `init_by_array`, which go around from the last word to the second.
fn step(s: &mut [u32; N], i: usize) -> usize {
    if i + 1 < N {
        return i + 1;
    }
    s[0] = s[N - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    // All values printed by CPython 3.11.7.

    #[test]
    fn seeds_of_every_size() {
        let cases: [(u128, u32, u32); 10] = [
            (0, 3_626_764_237, 3_579_999_110),
            (1, 577_090_037, 3_348_972_608),
            (42, 2_746_317_213, 2_918_508_077),
            (1234, 4_150_886_329, 2_395_385_490),
            (u128::from(u32::MAX), 2_728_839_433, 1_534_215_042),
            (1 << 32, 485_306_839, 3_178_487_130),
            ((1 << 32) + 5, 675_479_763, 3_641_514_124),
            (u128::from(u64::MAX), 93_740_670, 3_868_817_262),
            ((1 << 64) + 7, 4_134_331_577, 2_780_168_206),
            (u128::MAX, 1_009_630_920, 2_916_801_454),
        ];
        for (seed, first, word_700) in cases {
            let mut m = Mersenne::new(seed);
            assert_eq!((m.word(), (0..699).map(|_| m.word()).last()), (first, Some(word_700)), "{seed}");
        }
        // 2^200 + 3.
        let mut m = Mersenne::from_words(&[3, 0, 0, 0, 0, 0, 1 << 8]);
        assert_eq!((m.word(), m.word()), (0xaf6b_4166, 0xb19d_b36d));
        assert_eq!(Mersenne::from_words(&[]).word(), Mersenne::new(0).word());
        // More words than the state has: each is used, none panics.
        assert_ne!(Mersenne::from_words(&[1; 2000]).word(), Mersenne::from_words(&[1; 2001]).word());
    }

    #[test]
    fn floats() {
        let mut m = Mersenne::new(42);
        assert_eq!([m.random(), m.random(), m.random()], [0.639_426_798_457_883_7, 0.025_010_755_222_666_936, 0.275_029_318_369_119_26]);
        let mut m = Mersenne::new(42);
        let want =
            [3_800.903_005_024_403, 3_741.893_426_521_048_2, 3_868.025_115_509_427_5, 5_533.662_669_002_471, 3_834.699_194_812_647_4];
        for want in want {
            let got = m.gauss(4096.0, 2048.0);
            assert!((got - want).abs() < 1e-9, "{got} {want}");
        }
    }

    #[test]
    fn integers() {
        let mut m = Mersenne::new(43);
        let got: Vec<u64> = (0..10).map(|_| m.randint(10, 20)).collect();
        assert_eq!(got, [10, 14, 12, 17, 15, 20, 11, 17, 19, 17]);
        assert_eq!((m.randint(0, u64::MAX), m.randint(0, u64::MAX)), (10_636_765_494_296_774_882, 8_007_143_890_914_293_512));
        assert_eq!((m.randint(5, 1 << 40), m.randint(5, 1 << 40)), (60_886_264_303, 119_618_598_386));
        assert_eq!((m.randint(7, 7), m.word()), (7, 1_614_299_040));
        assert_eq!((m.randint(9, 7), m.bits(0)), (9, 0));
    }
}
