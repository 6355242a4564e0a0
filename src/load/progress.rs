//! guidellm's own progress lines (0.8 writes them to stderr at least every ten seconds).

/// One progress line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Position of the rate within this process, from 0.
    pub benchmark: usize,
    /// Requests per second, when the strategy's name tells it (`constant@2.00`).
    pub rate: Option<f64>,
    /// `started`, `pending`, `active`, `cooldown`, `compile`, `completed`.
    pub status: String,
    /// Seconds since the benchmark was set up, workers' start included.
    pub elapsed_s: f64,
    pub successful: u64,
    pub errored: u64,
}

/// Reads `Benchmark 1 (constant@2.00): active | elapsed=40.9s | successful=19 errored=0 …`; anything else is `None`.
pub fn parse(line: &str) -> Option<Line> {
    let rest = &line[line.find("Benchmark ")? + "Benchmark ".len()..];
    let (number, rest) = rest.split_once(' ')?;
    let (strategy, rest) = rest.split_once("): ")?;
    let (status, rest) = rest.split_once(" | ")?;
    let field = |name: &str| -> Option<f64> {
        let at = rest.find(&format!("{name}="))? + name.len() + 1;
        let end = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |n| at + n);
        rest[at..end].parse().ok()
    };
    Some(Line {
        benchmark: number.parse::<usize>().ok()?.checked_sub(1)?,
        rate: strategy.rsplit_once('@').and_then(|(_, r)| r.parse().ok()),
        status: status.into(),
        elapsed_s: field("elapsed")?,
        successful: field("successful")? as u64,
        errored: field("errored")? as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_genuine_line() {
        let line = "26-11-23 19:10:54|INFO     |guidellm.benchmark.progress:_log_update:420 - Benchmark 1 (constant@2.00): active | elapsed=40.9s | successful=19 errored=0 incomplete=0 | requests/s=2.05 output_tokens/s=67.90";
        let want = Line { benchmark: 0, rate: Some(2.0), status: "active".into(), elapsed_s: 40.9, successful: 19, errored: 0 };
        assert_eq!(parse(line), Some(want));
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "Benchmark",
            "Benchmark 0 (x): y | elapsed=",
            "All benchmarks finalized",
            "Benchmark 0 (c): a | elapsed=1s | successful=1 errored=0",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
