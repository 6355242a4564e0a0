//! `summary.json` and `forecast.json`.

use serde::Serialize;

/// Indented JSON with a line feed at its end.
///
/// # Errors
/// None that a summary or a forecast can cause; kept so that no caller has to believe it.
pub fn render(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|s| s + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::validity::testing::{load, rate, run, settings};
    use bench_model::summary::Summary;

    #[test]
    fn a_summary_comes_back() {
        let t = load(&[rate(0, 2.0, 100.0, 60.0)]);
        let s = summarise(&run(), &t, "0.8.1", &settings(&t));
        let text = render(&s).unwrap();
        assert!(text.ends_with("}\n"));
        assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), s);
    }
}
