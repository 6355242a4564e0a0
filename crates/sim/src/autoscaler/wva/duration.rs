//! Go's durations, the format of `GLOBAL_OPT_INTERVAL`.

/// Go's `time.ParseDuration`, in ns: signs, decimals and sums such as `1h2m3.5s`; digits beyond a nanosecond are cut off.
/// `None` where Go returns an error (no unit, unknown unit, no digits, beyond 63 bits).
#[must_use]
pub fn go_duration_ns(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let limit: u64 = 1 << 63;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let whole = rest[..digits].bytes().try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')))?;
        if whole > limit {
            return None;
        }
        rest = &rest[digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let n = after.bytes().take_while(u8::is_ascii_digit).count();
            (fraction, rest) = after.split_at(n);
        }
        if digits == 0 && fraction.is_empty() {
            return None;
        }
        let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
        let unit: u64 = match &rest[..end] {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        rest = &rest[end..];
        let mut value = whole.checked_mul(unit).filter(|v| *v <= limit)?;
        // Go keeps the decimals as an integer and a power of ten, stops at 63 bits, and multiplies in floating point.
        let (mut numerator, mut scale) = (0u64, 1f64);
        for digit in fraction.bytes() {
            match numerator.checked_mul(10).and_then(|n| n.checked_add(u64::from(digit - b'0'))).filter(|n| *n < limit) {
                Some(n) => (numerator, scale) = (n, scale * 10.0),
                None => break,
            }
        }
        if numerator > 0 {
            value += (numerator as f64 * (unit as f64 / scale)) as u64;
        }
        total = total.checked_add(value).filter(|v| *v <= limit)?;
    }
    if negative { Some((total as i64).wrapping_neg()) } else { i64::try_from(total).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        for (text, ns) in [
            ("60s", Some(60_000_000_000)),
            ("1h2m3.5s", Some(3_723_500_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            (".5s", Some(500_000_000)),
            ("5.s", Some(5_000_000_000)),
            ("0", Some(0)),
            ("-0", Some(0)),
            ("+90s", Some(90_000_000_000)),
            ("-1.5m", Some(-90_000_000_000)),
            ("1µs", Some(1_000)),
            ("1μs", Some(1_000)),
            ("0.3333333333333333333h", Some(1_200_000_000_000)),
            ("9223372036854775807ns", Some(i64::MAX)),
            ("-9223372036854775808ns", Some(i64::MIN)),
            ("9223372036854775808ns", None),
            ("", None),
            ("-", None),
            ("60", None),
            ("s", None),
            (".s", None),
            ("soon", None),
            ("1d", None),
            ("1 s", None),
            ("60s ", None),
            ("3000000h", None),
        ] {
            assert_eq!(go_duration_ns(text), ns, "{text}");
        }
    }
}
