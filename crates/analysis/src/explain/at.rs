//! A moment as a user writes it.

use super::input::zero;
use bench_model::run::{RunRecord, Source};
use bench_model::tables::Tables;
use chrono::DateTime;

/// A moment of a run, as the tables count time: `+45m`, `+48:30`, `1:05:10`, `1h5m10s`, `90`, all from the load's start; or RFC 3339 for
/// a measured run.
///
/// # Errors
/// One sentence that says what can be written.
pub fn moment(text: &str, run: &RunRecord, tables: &Tables) -> Result<f64, String> {
    let text = text.trim();
    if let Ok(t) = DateTime::parse_from_rfc3339(text) {
        if run.source == Source::Predicted {
            return Err(format!("{text} is a time of the calendar, and a prediction has none: count from the load's start, like +45m"));
        }
        #[allow(clippy::cast_precision_loss)]
        return Ok(t.timestamp_millis() as f64 / 1000.0);
    }
    match seconds(text) {
        Some(s) => Ok(zero(tables) + s),
        None => Err(format!(
            "{text:?} is no moment: write +45m, +48:30, +1h5m10s or seconds from the load's start, or RFC 3339 for a measured run"
        )),
    }
}

fn seconds(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(r) => (-1.0, r),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    // Only what is written here: no signs within, no exponents, no infinity.
    if rest.is_empty() || rest.len() > 20 || !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = if rest.contains(':') {
        colons(rest)?
    } else if rest.ends_with(|c: char| c.is_ascii_digit()) {
        number(rest)?
    } else {
        units(rest)?
    };
    Some(sign * value)
}

fn number(text: &str) -> Option<f64> {
    text.bytes().all(|b| b.is_ascii_digit() || b == b'.').then(|| text.parse().ok())?
}

fn colons(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let values: Vec<f64> = parts.iter().map(|p| number(p)).collect::<Option<_>>()?;
    match values.as_slice() {
        [m, s] if *s < 60.0 => Some(m * 60.0 + s),
        [h, m, s] if *m < 60.0 && *s < 60.0 => Some(h * 3600.0 + m * 60.0 + s),
        _ => None,
    }
}

fn units(text: &str) -> Option<f64> {
    let (mut rest, mut sum, mut last) = (text, 0.0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = match rest.get(end..=end)? {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return None,
        };
        // From the greatest to the least, each once.
        if unit >= last {
            return None;
        }
        last = unit;
        sum += number(&rest[..end])? * unit;
        rest = &rest[end + 1..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::{load, rate, run};

    #[test]
    fn moments_are_read_as_people_write_them() {
        let good = ["+45m", "+48:30", "1:05:10", "1h5m10s", "90", "-30s", "12.5", "+0:00"].map(seconds);
        assert_eq!(good, [2700.0, 2910.0, 3910.0, 3910.0, 90.0, -30.0, 12.5, 0.0].map(Some));
        for bad in ["", "+", "x", "45x", "1m1h", "1:60", "1:2:3:4", "1e9", "inf", "nan", "--3", "5m3", "m", "1:", "é1m", "1é", "3mé"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_calendar_is_only_for_what_was_measured() {
        let t = load(&[rate(0, 2.0, 100.0, 30.0)]);
        let mut r = run();
        assert_eq!(moment("+10s", &r, &t), Ok(110.0));
        assert_eq!(moment("1970-01-01T00:01:50Z", &r, &t), Ok(110.0));
        r.source = Source::Predicted;
        assert!(moment("1970-01-01T00:01:50Z", &r, &t).unwrap_err().contains("+45m"));
        assert!(moment("soon", &r, &t).unwrap_err().contains("+48:30"));
    }
}
