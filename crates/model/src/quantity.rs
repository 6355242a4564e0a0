//! Kubernetes quantities: the one parser for manifests, targets of an HPA and what an HPA displays.

/// A Kubernetes quantity as a number: `500m` is 0.5, `64Gi` is 64·2³⁰.
#[must_use]
pub fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let (number, factor) = SUFFIXES.iter().find_map(|(s, factor)| Some((text.strip_suffix(s)?, *factor))).unwrap_or((text, 1.0));
    let plain = number.strip_prefix(['+', '-']).unwrap_or(number);
    // Exponents are allowed, but not together with a suffix.
    let exponent = |c: char| factor == 1.0 && "eE+-".contains(c);
    let begins = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !begins || !plain.chars().all(|c| c.is_ascii_digit() || c == '.' || exponent(c)) {
        return None;
    }
    number.parse::<f64>().ok().filter(|v| v.is_finite()).map(|v| v * factor)
}

/// The same in thousandths, rounded up as Kubernetes does: `600m` is 600.
#[must_use]
pub fn milli(text: &str) -> Option<i64> {
    let v = quantity(text)? * 1000.0;
    let near = v.round();
    // 0.6 has no exact binary form; what is meant is 600.
    let v = if (v - near).abs() < 1e-6 * near.abs().max(1.0) { near } else { v.ceil() };
    #[allow(clippy::cast_possible_truncation)]
    (v.abs() < 1e18).then_some(v as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_kubernetes_own() {
        let near = |text: &str, v: f64| assert!(quantity(text).is_some_and(|q| (q - v).abs() < 1e-9 * v.abs().max(1.0)), "{text}");
        for (text, v) in [
            ("3", 3.0),
            ("600m", 0.6),
            ("64Gi", 68_719_476_736.0),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("2k", 2000.0),
            ("10E", 1e19),
            (".5", 0.5),
            ("-1", -1.0),
        ] {
            near(text, v);
        }
        for text in ["", "m", "64GB", "1 Gi", "0x10", "inf", "nan", "1e3m", "--1", "1..2", "1Ki2"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn thousandths_are_rounded_up() {
        assert_eq!(
            ["3", "600m", "0.6", "1500u", "2k", "x", "", "1e3", "1Ki"].map(milli),
            [Some(3000), Some(600), Some(600), Some(2), Some(2_000_000), None, None, Some(1_000_000), Some(1_024_000)]
        );
    }
}
