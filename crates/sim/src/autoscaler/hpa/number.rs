//! Go's conversions of numbers, as the controller's binary for amd64 does them.

/// `int32(f)`: towards zero; what does not fit, and NaN, becomes the least value.
pub(super) fn to_i32(f: f64) -> i32 {
    // Both bounds are exact; −2³¹ − 1 < f means that truncation still fits.
    if f > -2_147_483_649.0 && f < 2_147_483_648.0 { f as i32 } else { i32::MIN }
}

/// `int64(f)`: towards zero; what does not fit, and NaN, becomes the least value.
pub(super) fn to_i64(f: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&f) { f as i64 } else { i64::MIN }
}

/// The instant `seconds` before `now_ms`.
pub(super) fn seconds_before(now_ms: i64, seconds: i64) -> i64 {
    now_ms.saturating_sub(seconds.saturating_mul(1000))
}

/// The instant `seconds` after `at_ms`.
pub(super) fn seconds_after(at_ms: i64, seconds: i64) -> i64 {
    at_ms.saturating_add(seconds.saturating_mul(1000))
}
