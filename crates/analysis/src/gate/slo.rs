//! `ttft=500ms,itl=50ms`: what a request must keep to be good.

use bench_model::scorecard::Slo;

/// Nothing is asked of a request.
pub const NONE: Slo = Slo { ttft_ms: None, itl_ms: None, e2e_ms: None };

const FORM: &str = "write ttft=500ms,itl=50ms,e2e=10s (one of them is enough)";

/// Longest time that may be asked for: a day.
const LONGEST_MS: f64 = 86_400_000.0;

/// A time with its unit, `ms` or `s`, in milliseconds.
///
/// # Errors
/// A sentence that says how it is written.
pub fn time_ms(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let scale = match unit {
        "ms" => 1.0,
        "s" => 1000.0,
        _ => return Err(format!("`{text}` needs a unit, ms or s: write 500ms or 1.5s")),
    };
    let ms = number.trim().parse::<f64>().map(|v| v * scale);
    ms.ok()
        .filter(|v| *v > 0.0 && *v <= LONGEST_MS)
        .ok_or_else(|| format!("`{text}` is no time above 0 and up to a day: write 500ms or 1.5s"))
}

/// Reads targets into what is asked already.
///
/// # Errors
/// A sentence that says how it is written.
pub fn parse(text: &str, slo: &mut Slo) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("there is nothing in it: {FORM}"));
    }
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`: {FORM}"))?;
        let target = match name.trim() {
            "ttft" => &mut slo.ttft_ms,
            "itl" => &mut slo.itl_ms,
            "e2e" => &mut slo.e2e_ms,
            other => return Err(format!("`{other}` is none of ttft, itl and e2e: {FORM}")),
        };
        *target = Some(time_ms(value)?);
    }
    Ok(())
}

/// `TTFT 500 ms, ITL 50 ms`; `none` when nothing is asked.
pub fn words(slo: &Slo) -> String {
    let parts = [("TTFT", slo.ttft_ms), ("ITL", slo.itl_ms), ("E2E", slo.e2e_ms)];
    let told: Vec<String> = parts.iter().filter_map(|(n, v)| v.map(|v| format!("{n} {v} ms"))).collect();
    if told.is_empty() { "none".into() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_units() {
        let mut slo = NONE;
        parse("ttft=500ms, itl = 0.05s", &mut slo).unwrap();
        assert_eq!(slo, Slo { ttft_ms: Some(500.0), itl_ms: Some(50.0), e2e_ms: None });
        parse("e2e=10s,ttft=1s", &mut slo).unwrap();
        assert_eq!(slo, Slo { ttft_ms: Some(1000.0), itl_ms: Some(50.0), e2e_ms: Some(10_000.0) });
        assert_eq!((words(&slo).as_str(), words(&NONE).as_str()), ("TTFT 1000 ms, ITL 50 ms, E2E 10000 ms", "none"));
        for (bad, said) in [
            ("ttft=5", "unit"),
            ("tpot=1s", "none of"),
            ("ttft", "no `=`"),
            ("ttft=-1s", "no time"),
            ("", "nothing"),
            ("ttft=NaNs", "unit"),
        ] {
            assert!(parse(bad, &mut slo).unwrap_err().contains(said), "{bad}: {}", parse(bad, &mut slo).unwrap_err());
        }
    }
}
