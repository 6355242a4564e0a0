//! What a request must keep to be good, as `bench compare --slo` writes it.

use bench_model::scorecard::Slo;

/// Nothing is asked of a request.
pub const NONE: Slo = Slo { ttft_ms: None, itl_ms: None, e2e_ms: None };

/// Reads targets, `ttft=500ms,itl=50ms,e2e=10s`, into what is asked already.
///
/// # Errors
/// A sentence that says how they are written.
pub fn parse(text: &str, slo: &mut Slo) -> Result<(), String> {
    let more: Slo = text.parse()?;
    slo.ttft_ms = more.ttft_ms.or(slo.ttft_ms);
    slo.itl_ms = more.itl_ms.or(slo.itl_ms);
    slo.e2e_ms = more.e2e_ms.or(slo.e2e_ms);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_add_up() {
        let mut slo = NONE;
        parse("ttft=500ms, itl = 0.05s", &mut slo).unwrap();
        parse("e2e=10s,ttft=1s", &mut slo).unwrap();
        assert_eq!(slo, Slo { ttft_ms: Some(1000.0), itl_ms: Some(50.0), e2e_ms: Some(10_000.0) });
        for bad in ["ttft=x", "no=1s", "ttft", "ttft=-1s", "", "ttft=NaNs", "ttft=1e999s"] {
            assert!(parse(bad, &mut slo).is_err(), "{bad}");
        }
    }
}
