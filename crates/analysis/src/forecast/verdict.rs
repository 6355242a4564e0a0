use super::differs::{failed_matters, matters, separate};
use crate::words::{brief, percent};
use bench_model::forecast::{ArmForecast, Band};

/// Every other arm against the first, a sentence each: failures, time to the first token, and what they cost. Empty with
/// fewer than two arms.
pub fn verdict(arms: &[ArmForecast]) -> Vec<String> {
    let Some((first, others)) = arms.split_first() else { return Vec::new() };
    others.iter().map(|other| against(first, other)).collect()
}

/// Which of two is lower, and whether the seeds leave a doubt.
struct Side {
    text: String,
    /// Negative: the first arm is better; 0: neither.
    better: i8,
}

fn side(a: Band, b: Band, differs: bool, words: [&str; 3], show: fn(f64) -> String) -> Side {
    let values = format!("{} against {}", show(a.median), show(b.median));
    if !differs {
        return Side { text: format!("{} ({values})", words[2]), better: 0 };
    }
    let (word, better) = if a.median < b.median { (words[0], -1) } else { (words[1], 1) };
    // What other seeds would turn round decides nothing.
    if separate(&a, &b) {
        Side { text: format!("{word} ({values})"), better }
    } else {
        Side { text: format!("{word} ({values}; the bands overlap)"), better: 0 }
    }
}

fn against(a: &ArmForecast, b: &ArmForecast) -> String {
    let (x, y) = (a.overall.failed_fraction, b.overall.failed_fraction);
    let failed = side(x, y, failed_matters(&x, &y), ["fewer failures", "more failures", "the same failures"], percent);
    let ttft = match (a.overall.ttft_ms_mean, b.overall.ttft_ms_mean) {
        (Some(x), Some(y)) => {
            let words = ["a lower TTFT", "a higher TTFT", "the same TTFT"];
            side(
                x,
                y,
                matters(&x, &y),
                words,
                |ms| if ms >= 999.5 { format!("{} s", brief(ms / 1e3)) } else { format!("{} ms", brief(ms)) },
            )
        }
        (x, y) => Side {
            text: "a TTFT that cannot be compared, as one of them hardly answers".into(),
            better: i8::from(y.is_some()) - i8::from(x.is_some()),
        },
    };
    let (x, y) = (a.scaling.ready_replica_s, b.scaling.ready_replica_s);
    let cost = side(x, y, matters(&x, &y), ["fewer replica-seconds", "more replica-seconds", "the same replica-seconds"], brief);
    let service = failed.better.signum() + ttft.better.signum();
    let (one, other) = (a.arm.to_string(), b.arm.to_string());
    let sum = match (service.signum(), cost.better) {
        (0, 0) if failed.better == 0 => "the seeds do not tell them apart".into(),
        (0, _) if failed.better != 0 => "fewer failures stand against a lower TTFT, which is of the answered requests alone".into(),
        (0, c) => format!("they serve alike, and {} is cheaper", if c < 0 { &one } else { &other }),
        (s, 0) => format!("{} serves better at the same cost", if s < 0 { &one } else { &other }),
        (s, c) if s == c => format!("{} serves better and is cheaper", if s < 0 { &one } else { &other }),
        (s, _) => format!("{} serves better and costs more", if s < 0 { &one } else { &other }),
    };
    format!("{one} against {other}: {}, {}, {}: {sum}.", failed.text, ttft.text, cost.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::testing::{arm, around};
    use bench_model::plan::Arm;

    fn with(failed: Band, ttft: Option<Band>, cost: Band) -> String {
        let (mut wva, hpa) = (arm(Arm::Wva), arm(Arm::Hpa));
        (wva.overall.failed_fraction, wva.overall.ttft_ms_mean, wva.scaling.ready_replica_s) = (failed, ttft, cost);
        verdict(&[wva, hpa]).remove(0)
    }

    #[test]
    fn what_differs_is_said_and_weighed() {
        let (none, ttft, cost) = (around(0.0, 0.0), Some(around(60.0, 0.1)), around(12_000.0, 0.05));
        assert_eq!(
            with(around(0.12, 0.1), Some(around(1800.0, 0.1)), around(9000.0, 0.05)),
            "wva against hpa: more failures (12 % against 0 %), a higher TTFT (1.8 s against 60 ms), fewer replica-seconds (9000 against 12k): hpa serves better and \
             costs more."
        );
        assert_eq!(
            with(none, Some(around(50.0, 0.3)), around(14_000.0, 0.01)),
            "wva against hpa: the same failures (0 % against 0 %), a lower TTFT (50 ms against 60 ms; the bands overlap), more replica-seconds (14k against 12k): \
             they serve alike, and hpa is cheaper."
        );
        assert!(with(none, ttft, cost).ends_with("the seeds do not tell them apart."));
        assert!(with(none, Some(around(30.0, 0.1)), cost).ends_with("wva serves better at the same cost."));
        assert!(with(none, Some(around(30.0, 0.1)), around(6000.0, 0.1)).ends_with("wva serves better and is cheaper."));
        assert!(with(around(0.1, 0.0), Some(around(30.0, 0.1)), cost).contains("fewer failures stand against"));
        assert!(with(around(1.0, 0.0), None, cost).ends_with("hpa serves better at the same cost."));
    }

    #[test]
    fn each_other_arm_has_a_sentence() {
        assert_eq!(verdict(&[]), Vec::<String>::new());
        assert_eq!(verdict(&[arm(Arm::Wva)]), Vec::<String>::new());
        let all = verdict(&[arm(Arm::Wva), arm(Arm::Hpa), arm(Arm::Static(3))]);
        assert_eq!(all.len(), 2);
        assert!(all[1].starts_with("wva against static-3: "));
    }
}
