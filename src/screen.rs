//! A failure on one screen, and lines of anybody's text made safe for a terminal.

use crate::failure::Failure;
use bench_analysis::visible;
use std::io::Write;

/// Lines of evidence that a screen has room for; `--output json` has them all.
const EVIDENCE: usize = 12;
/// Characters of one line of evidence.
const WIDTH: usize = 300;
/// Lines of what is kept.
const KEPT: usize = 3;

/// Text from the cluster, from files and from the command line: line breaks stay, whatever else would steer or deceive a
/// terminal (escapes, control characters, those that turn or hide text) comes out as `\u{1b}`.
pub fn clean(text: &str) -> String {
    if text.bytes().all(|b| b == b'\n' || (b' '..=b'~').contains(&b)) {
        return text.into();
    }
    text.replace("\r\n", "\n").replace('\t', "    ").split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

/// A line on standard error, made safe. A terminal that is gone is no reason to end otherwise than by the exit code.
pub fn tell_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", clean(text));
}

/// At most [`WIDTH`] characters on one line.
fn one_line(text: &str) -> String {
    let text = clean(&text.trim().replace('\n', " "));
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// What failed, what stayed false, why, what was kept, what to do.
pub fn render(f: &Failure) -> String {
    let mut out = vec![format!("error: {}", clean(&f.message))];
    let mut row = |name: &str, text: String| out.push(format!("  {name:<8} {text}"));
    if let Some(step) = &f.step {
        row("step", one_line(step));
    }
    if let Some(c) = &f.condition {
        let same = if c.unchanged_s > 0 { format!("; the same for {} s", c.unchanged_s) } else { String::new() };
        row("waited", one_line(&format!("{} s for {}, since {}{same}", c.waited_s, c.what, c.since.format("%H:%M:%S UTC"))));
        if !c.still.is_empty() && !f.message.contains(&c.still) {
            row("still", one_line(&c.still));
        }
    }
    out.extend(f.evidence.iter().take(EVIDENCE).map(|l| format!("  | {}", one_line(l))));
    if f.evidence.len() > EVIDENCE {
        out.push(format!("  | … {} more with --output json", f.evidence.len() - EVIDENCE));
    }
    for (i, what) in f.kept.iter().take(KEPT).enumerate() {
        out.push(format!("  {:<8} {}", if i == 0 { "kept" } else { "" }, one_line(what)));
    }
    if f.kept.len() > KEPT {
        out.push(format!("  {:<8} … and {} more", "", f.kept.len() - KEPT));
    }
    if let Some(h) = &f.hint {
        out.push(format!("  -> {}", clean(h).replace('\n', "\n     ")));
    }
    if let Some(n) = &f.next {
        out.push(format!("  carry on {}", one_line(n)));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Condition;
    use bench_model::exit::Exit;
    use chrono::{TimeZone, Utc};

    fn waited(what: &str, still: &str) -> Condition {
        let since = Utc.with_ymd_and_hms(2026, 11, 25, 0, 12, 3).unwrap();
        Condition { what: what.into(), still: still.into(), since, waited_s: 600, unchanged_s: 588 }
    }

    fn shown(f: &Failure) -> String {
        let text = render(f);
        assert!(text.lines().count() <= 25, "{text}");
        text
    }

    #[test]
    fn no_room_for_eleven_gpus() {
        let still = "0 of 1 replicas ready, 1 exist";
        let f = Failure::new(Exit::TimedOut, format!("gave up after 600 s waiting for Deployment d to be ready: {still}"))
            .step("model-server")
            .condition(waited("Deployment d to be ready", still))
            .evidence(vec![
                "pod d-1: Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.".into(),
                "pod d-1 asks for 11 nvidia.com/gpu; the largest node has 10, of which 9 are free".into(),
            ])
            .hint("smaller requests, or more nodes")
            .next("bench standup -c simulated --wva");
        insta::assert_snapshot!(shown(&f), @r"
        error: gave up after 600 s waiting for Deployment d to be ready: 0 of 1 replicas ready, 1 exist
          step     model-server
          waited   600 s for Deployment d to be ready, since 00:12:03 UTC; the same for 588 s
          | pod d-1: Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.
          | pod d-1 asks for 11 nvidia.com/gpu; the largest node has 10, of which 9 are free
          -> smaller requests, or more nodes
          carry on bench standup -c simulated --wva
        ");
    }

    #[test]
    fn a_server_that_crashes_and_says_much() {
        let mut lines = vec!["pod d-1: container vllm: CrashLoopBackOff: back-off 10s".to_string()];
        lines.extend((0..40).map(|i| format!("log vllm, before it was restarted: line {i} {}", "x".repeat(400))));
        let f = Failure::new(Exit::Cluster, "model server pod d-1 cannot start: container vllm: CrashLoopBackOff")
            .step("model-server")
            .condition(waited("Deployment d to be ready", "0 of 1 replicas ready, 1 exist"))
            .evidence(lines);
        let text = shown(&f);
        assert!(text.contains("  still    0 of 1 replicas ready"), "{text}");
        assert!(text.contains("  | … 29 more with --output json"), "{text}");
        assert!(text.lines().all(|l| l.chars().count() <= 320));
    }

    #[test]
    fn what_was_kept_and_how_to_carry_on() {
        let f = Failure::new(Exit::Interrupted, "not everything could be fetched (load); the pods are kept")
            .step("collect")
            .kept("results/20261124T031159Z-ramp_small-wva-c97c")
            .kept("pod llmd-bench-load-x in namespace llmdbench, until 2026-11-25 03:12 UTC")
            .next("bench resume 20261124T031159Z-ramp_small-wva-c97c");
        insta::assert_snapshot!(shown(&f), @r"
        error: not everything could be fetched (load); the pods are kept
          step     collect
          kept     results/20261124T031159Z-ramp_small-wva-c97c
                   pod llmd-bench-load-x in namespace llmdbench, until 2026-11-25 03:12 UTC
          carry on bench resume 20261124T031159Z-ramp_small-wva-c97c
        ");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let f = Failure::new(Exit::Cluster, "cannot get \u{1b}]0;owned\u{7}x\nsecond line\r\u{9b}2J")
            .step("a\u{1b}[2Jb")
            .evidence(vec!["event \u{1b}[31mred\u{1b}[0m \u{202e}back".into()])
            .kept("dir\u{8}")
            .hint("do\u{1b}[0m this\tand that");
        let text = shown(&f);
        assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{text:?}");
        assert!(text.contains("second line") && text.contains("\\u{1b}[31mred"), "{text}");
        assert_eq!(clean("as it was\n  é"), "as it was\n  é");
    }
}
