use super::*;

fn fault(text: &str) -> RuleError {
    Rule::parse(text).expect_err(text)
}

#[test]
fn rules_of_every_kind_are_read() {
    for good in [
        "p99_ttft_ms < 800",
        "p99_ttft_ms<800ms",
        "p99_ttft_s <= 0.8 s",
        "failed_fraction < 1%",
        "failed_fraction < 0.01",
        "replica_seconds < baseline * 1.1",
        "replica_seconds < 1.1 * baseline",
        "baseline * 1.1 > replica_seconds",
        "replica_seconds < baseline.replica_seconds + 60s",
        "rate[5].p99_ttft_ms < baseline * 110%",
        "rate[#2].mean_itl_ms < 2 * rate[#1].mean_itl_ms",
        "rate[*].achieved_fraction >= 98%",
        "rate[*].p50_e2e_s < baseline.rate[*].p50_e2e_s",
        "rate[0.5].goodput_fraction >= 0.95",
        "replica_seconds / load_s < max_ready",
        "replica_seconds < 5 * load_s",
        "-(first_scale_up_s - 2min) > 0",
        "max_ready == 3",
        "p99_ttft_ms / p50_ttft_ms < 3",
        "p99_ttft_ms < 8e2",
        "  p99_ttft_ms\n<\t800  ",
    ] {
        let rule = Rule::parse(good).unwrap_or_else(|e| panic!("{good}: {e}"));
        assert!(!rule.text.contains('\n') && !rule.text.starts_with(' '), "{:?}", rule.text);
    }
}

#[test]
fn errors_say_where_and_what() {
    for (bad, at, said) in [
        ("", 0, "missing at the end"),
        ("p99_ttft_ms", 11, "a comparison is missing"),
        ("p99_ttft_ms <", 13, "missing at the end"),
        ("p99_ttft_ms = 800", 12, "write `==`"),
        ("p99_ttft_ms ≤ 800", 12, "write `<=`"),
        ("p99_ttft_ms != 800", 12, "no comparison"),
        ("1 < p99_ttft_ms < 800", 16, "one comparison a rule"),
        ("p99_ttft_ms < 800 and max_ready < 3", 18, "one comparison a rule"),
        ("p99_ttft_ms < 800 900", 18, "an operator is missing"),
        ("p99_ttft < 800", 0, "`p99_ttft` is no number of a run"),
        ("max_ready < 3 + failure", 16, "`failure` is no number of a run"),
        ("p99_ttft_ms < 800us", 17, "`us` is no unit"),
        ("p99_ttft_ms < (800", 14, "never closed"),
        ("p99_ttft_ms < 800)", 17, "an operator is missing"),
        ("p99_ttft_ms < 1.2.3", 14, "`1.2.3` is no number"),
        ("p99_ttft_ms < 1e999", 14, "is no number"),
        ("p99_ttft_ms < $x", 14, "not `$`"),
        ("failed_fraction < 800ms", 16, "a fraction or percent meets a time"),
        ("max_ready < 10s", 10, "a plain number meets a time"),
        ("replica_seconds < baseline + 10%", 27, "a time meets a fraction"),
        ("load_s * span_s > 3", 7, "multiplied"),
        ("1 < 2", 0, "no number of the run"),
        ("baseline.max_ready < 3", 0, "no number of the run"),
        ("max_ready + scale_ups < baseline", 24, "which number of the baseline"),
        ("baseline < 3", 0, "which number of the baseline"),
        ("rate[5].max_ready < 3", 8, "of the whole run"),
        ("gap_before_s < 3", 0, "write rate[*].gap_before_s"),
        ("rate.p99_ttft_ms < 3", 4, "write rate[5]"),
        ("rate[x].p99_ttft_ms < 3", 5, "write rate[5]"),
        ("rate[5.p99_ttft_ms < 3", 7, "write rate[5]"),
        ("rate[#0].p99_ttft_ms < 3", 6, "counted from 1"),
        ("rate[5] < 3", 8, "rate[…].NAME"),
        ("baseline. < 3", 9, "a name is expected"),
    ] {
        let e = fault(bad);
        assert!(e.message.contains(said), "{bad}: {e}");
        assert_eq!(e.at, at, "{bad}:\n{e}");
    }
    assert_eq!(fault("p99_ttft < 800").unknown.as_deref(), Some("p99_ttft"));
    let shown = fault("max_ready < 3 + failure").to_string();
    assert!(shown.ends_with("\n  | max_ready < 3 + failure\n  |                 ^^^^^^^"), "{shown}");
}

#[test]
fn a_plain_baseline_is_the_same_number() {
    let rule = Rule::parse("rate[#2].p99_ttft_s < 1.1 * baseline").unwrap();
    let mut refs = vec![];
    rule.right.each(&mut |r| refs.push(r.clone()));
    assert!(refs.len() == 1 && refs[0].baseline && refs[0].rate == Some(Which::Position(2)) && refs[0].factor == 0.001, "{refs:?}");
    assert!(rule.needs_baseline() && !rule.of_each_rate());
}

/// xorshift: the texts are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap_or_default()
    }
}

#[test]
fn no_text_makes_it_panic() {
    const PIECES: [&str; 40] = [
        "p99_ttft_ms",
        "max_ready",
        "rate[",
        "rate[5].",
        "rate[#1].",
        "rate[*].",
        "]",
        "#",
        "*",
        "baseline",
        "baseline.",
        ".",
        "<",
        "<=",
        ">",
        ">=",
        "==",
        "=",
        "!",
        "+",
        "-",
        "/",
        "(",
        ")",
        "800",
        "1e9",
        "1e",
        "0",
        "%",
        "ms",
        "s",
        " ",
        "é",
        "≤",
        "\u{202e}",
        "\0",
        "\n",
        "_",
        "99999999999999999999",
        "goodput_fraction",
    ];
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for n in 0..30_000 {
        let mut text = String::new();
        for _ in 0..random.below(14) {
            if n % 3 == 0 {
                text.extend(char::from_u32(u32::try_from(random.below(0x2000)).unwrap_or_default()));
            } else {
                text.push_str(PIECES[random.below(PIECES.len())]);
            }
        }
        match Rule::parse(&text) {
            Ok(_) => read += 1,
            Err(e) => assert!(e.at <= e.text.chars().count() && !e.to_string().is_empty(), "{text:?}"),
        }
    }
    assert!(read > 0, "the pieces never made a rule");
    for deep in ["(".repeat(1999), "-".repeat(1999), "1+".repeat(999), "1*(".repeat(600), "x".repeat(5000), "max_ready<".repeat(100)] {
        fault(&deep).to_string();
    }
}
