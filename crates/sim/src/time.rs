//! Virtual time: integer picoseconds. Integers make two ways of adding up the same steps agree to the bit.

/// Picoseconds since the start of the experiment. `i64` reaches 106 days.
pub type Ps = i64;

/// Never.
pub const NEVER: Ps = Ps::MAX;

pub const PS_PER_S: Ps = 1_000_000_000_000;
pub const PS_PER_MS: Ps = 1_000_000_000;
pub const PS_PER_US: Ps = 1_000_000;

/// Longest span that an experiment may last, load and settling together: a month. The step engine adds up spans of this
/// order without overflow.
pub const MAX_SPAN_S: i64 = 31 * 24 * 3600;

/// Seconds, for tables and reports.
#[allow(clippy::cast_precision_loss)] // nanosecond precision is kept for the longest experiment
pub fn seconds(t: Ps) -> f64 {
    t as f64 / PS_PER_S as f64
}

/// From seconds, to the nearest picosecond; saturates, and takes NaN for 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
pub fn from_seconds(s: f64) -> Ps {
    (s * PS_PER_S as f64).round() as Ps
}

/// From milliseconds, likewise.
pub fn from_ms(ms: f64) -> Ps {
    from_seconds(ms / 1000.0)
}
