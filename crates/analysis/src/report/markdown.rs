//! A run for a pull request, as Markdown of GitHub: verdict, six numbers, rates, scalings; the rest folded away.
//!
//! Names and messages were recorded, so they are escaped: none can end a table's cell, begin markup or call a person.

use super::Material;
use super::terminal::explain::{change, tally};
use super::writer::markdown::{code, plain};
use crate::Calendar;
use crate::words::{clock, duration, number, percent};
use bench_model::explanation::Explanation;
use bench_model::run::{RunRecord, Source};
use bench_model::summary::{Stats, Verdict};
use std::fmt::Write as _;

/// Scalings shown before the rest is folded away, and rows of a folded table.
const SHOWN: usize = 12;
const FOLDED: usize = 200;

/// The whole document.
pub fn render(m: &Material<'_>) -> String {
    let calendar = Calendar::new(m.run, m.tables, None);
    [heading(m), numbers(m), rates(m), scalings(m, calendar), details(m, calendar)].join("\n")
}

fn heading(m: &Material<'_>) -> String {
    let (r, v) = (m.run, &m.summary.validity);
    let verdict = match v.verdict {
        Verdict::Valid => "**Valid.**",
        Verdict::ValidClosedLoop => "**Valid, but closed-loop**: the generator reached its cap of requests in flight.",
        Verdict::Invalid => "**INVALID**: do not judge the autoscaler by these numbers.",
    };
    let source = if r.source == Source::Measured { "measured" } else { "predicted by simulation, not measured" };
    let mut out = format!("### Run {}: arm {}, {source}\n\n{verdict}\n", code(&r.id), code(&r.arm.to_string()));
    if let Some(why) = &r.failure {
        let _ = writeln!(out, "\nThe run failed: {}", plain(why));
    }
    for f in v.findings.iter().filter(|f| f.verdict != Verdict::Valid) {
        let _ = writeln!(out, "- {}: {}", code(&f.code), plain(&f.message));
    }
    let notes = v.findings.iter().filter(|f| f.verdict == Verdict::Valid).count();
    let missing = m.problems.len();
    if notes + missing > 0 {
        let _ = writeln!(out, "\n{notes} notes and {missing} missing or unreadable parts are under Details.");
    }
    let by = if r.deployment.is_empty() { String::new() } else { format!(" as {}", code(&r.deployment)) };
    let _ = writeln!(out, "\n{}{by} in {}, load {}", code(&r.model), code(&r.namespace), code(&r.profile));
    out
}

#[allow(clippy::cast_precision_loss)]
fn numbers(m: &Material<'_>) -> String {
    let s = m.summary;
    let na = || "n/a".to_owned();
    let sum = |f: fn(&bench_model::summary::RateSummary) -> u64| s.rates.iter().map(f).sum::<u64>();
    let (all, failed) = (sum(|r| r.requests), sum(|r| r.errored));
    let last = s.rates.iter().max_by(|a, b| a.rate.total_cmp(&b.rate));
    let of = |stats: Option<Stats>, unit: &str| stats.map_or_else(na, |t| format!("{} / {} {unit}", number(t.p50), number(t.p99)));
    let n = |v: Option<u32>| v.map_or_else(na, |v| v.to_string());
    let failed = if all == 0 { na() } else { format!("{failed} of {all} ({})", percent(failed as f64 / all as f64)) };
    let at = last.map_or_else(String::new, |r| format!(" at {}/s", r.rate));
    let rows = [
        ("failed requests".to_owned(), failed),
        (format!("TTFT p50 / p99{at}"), of(last.and_then(|r| r.ttft_ms), "ms")),
        (format!("end to end p50 / p99{at}"), of(last.and_then(|r| r.e2e_s), "s")),
        ("first scale-up after the load began".into(), s.scaling.first_scale_up_s.map_or_else(|| "none".into(), duration)),
        ("replicas at the start / most wanted / most ready".into(), {
            format!("{} / {} / {}", n(s.scaling.start_replicas), n(s.scaling.max_desired), n(s.scaling.max_ready))
        }),
        ("replica-seconds ready".into(), if m.tables.replicas.is_empty() { na() } else { format!("{:.0}", s.scaling.ready_replica_s) }),
    ];
    let mut out = String::from("| | |\n|---|---:|\n");
    for (name, value) in rows {
        let _ = writeln!(out, "| {name} | {value} |");
    }
    out
}

fn rates(m: &Material<'_>) -> String {
    if m.summary.rates.is_empty() {
        return "There is no report of any rate.\n".into();
    }
    let mut out = String::from(
        "| rate | requests | ok | failed | cut off | sent/s | TTFT ms p50 | p99 | ITL ms p50 | p99 | E2E s p50 | p99 | tokens/s |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for r in &m.summary.rates {
        let two = |s: &Option<Stats>| s.as_ref().map_or_else(|| "n/a | n/a".into(), |s| format!("{} | {}", number(s.p50), number(s.p99)));
        let _ = writeln!(
            out,
            "| {}/s | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            r.rate,
            r.requests,
            r.successful,
            r.errored,
            r.incomplete,
            number(r.achieved_rate),
            two(&r.ttft_ms),
            two(&r.itl_ms),
            two(&r.e2e_s),
            number(r.output_tokens_per_s)
        );
    }
    out + "\nLatencies are of successes, from sent; cut off: in flight when the rate ended.\n"
}

/// A row a change, with its reason where one is known.
fn scalings(m: &Material<'_>, calendar: Calendar) -> String {
    let at = |t: f64| clock(calendar.relative(t));
    let mut rows: Vec<String> = vec![];
    let mut out = String::from("**Scaling**\n\n");
    if let Some(e) = m.explanation {
        for f in &e.findings {
            let _ = writeln!(out, "- {} {} to {}: {}", code(&f.code), at(f.from), at(f.to), plain(&f.message));
        }
        let n = |v: Option<u32>| v.map_or_else(|| "?".into(), |v| v.to_string());
        rows.extend(
            e.moments.iter().map(|x| format!("| {} | {} | {} → {} | {} |", at(x.t), code(&x.by), n(x.from), n(x.to), plain(&x.reason))),
        );
    } else {
        let changes = m.tables.replicas.windows(2).filter(|w| w[0].desired != w[1].desired);
        rows.extend(changes.map(|w| format!("| {} | | {} → {} | {} |", at(w[1].t), w[0].desired, w[1].desired, seen(m, w[1].t))));
    }
    if rows.is_empty() {
        return out + "The wanted number of replicas did not change.\n";
    }
    const HEADING: &str = "| at | by | replicas | why |\n|---:|---|---|---|\n";
    let (first, rest) = rows.split_at(rows.len().min(SHOWN));
    let _ = writeln!(out, "\n{HEADING}{}", first.join("\n"));
    if !rest.is_empty() {
        let shown = &rest[..rest.len().min(FOLDED)];
        let _ = writeln!(out, "\n<details><summary>{} more</summary>\n\n{HEADING}{}\n\n</details>", rest.len(), shown.join("\n"));
    }
    out
}

/// An explanation as a document of its own: patterns, then a table of the decisions, with their steps folded.
pub fn explanation(run: &RunRecord, e: &Explanation) -> String {
    let at = |t: f64| clock(t - e.load_start);
    let mut out =
        format!("### {}: arm {}, {}\n\n{}\n\n{}\n", code(&e.run), run.arm, plain(&e.autoscaler), capital(&tally(e)), plain(&e.replay.note));
    for m in &e.missing {
        let _ = writeln!(out, "\n- missing: {}", plain(m));
    }
    for f in &e.findings {
        let _ = writeln!(out, "\n- {} {} to {}: {}", code(&f.code), at(f.from), at(f.to), plain(&f.message));
    }
    if e.moments.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\n| at | what | why |\n|---:|---|---|");
    for m in &e.moments {
        let until = m.until.map_or_else(String::new, |u| format!(" to {}", at(u)));
        let differs = m.difference.as_ref().map_or_else(String::new, |d| format!(" Differs: {}.", plain(d)));
        let _ = writeln!(out, "| {}{until} | {} | {}{differs} |", at(m.t), plain(&change(m)), plain(&m.reason));
    }
    let _ = writeln!(out, "\n<details><summary>Steps</summary>\n");
    for m in e.moments.iter().filter(|m| !m.steps.is_empty()) {
        let _ = writeln!(out, "**{}** {}\n", at(m.t), plain(&change(m)));
        for s in &m.steps {
            let _ = writeln!(out, "- {}", plain(s.trim()));
        }
        out.push('\n');
    }
    out + "</details>\n"
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// What the autoscalers' last words before a change were.
fn seen(m: &Material<'_>, t: f64) -> String {
    // The status is written after the scaling that it tells of.
    let Some(d) = m.tables.decisions.iter().rfind(|d| d.by == "hpa" && d.t <= t + 1.0) else { return String::new() };
    let metrics = d.inputs.iter().filter(|(_, (_, target))| !target.is_empty());
    metrics.map(|(name, (v, target))| format!("{} {} of {}", code(name), plain(v), plain(target))).collect::<Vec<_>>().join(", ")
}

fn details(m: &Material<'_>, calendar: Calendar) -> String {
    let mut out = String::from("<details><summary>Details</summary>\n\n");
    let notes: Vec<String> = (m.summary.validity.findings.iter().map(|f| format!("- {}: {}", code(&f.code), plain(&f.message))))
        .chain(m.problems.iter().map(|p| format!("- not read: {}", plain(p))))
        .chain(m.run.missing.iter().map(|p| format!("- missing: {}", plain(p))))
        .chain(m.explanation.iter().flat_map(|e| &e.missing).map(|p| format!("- not explained: {}", plain(p))))
        .collect();
    if !notes.is_empty() {
        let _ = writeln!(out, "**Findings**\n\n{}\n", notes.join("\n"));
    }
    let errors: Vec<String> = (m.summary.rates.iter())
        .flat_map(|r| r.errors.iter().map(|(class, n)| format!("| {}/s | {n} | {} |", r.rate, plain(class))))
        .take(FOLDED)
        .collect();
    if !errors.is_empty() {
        let _ = writeln!(out, "**Failures**\n\n| rate | requests | error |\n|---:|---:|---|\n{}\n", errors.join("\n"));
    }
    let pod = |p: &bench_model::tables::PodLife| {
        let n = m.summary.requests_per_pod.get(&p.name).map_or_else(|| "n/a".into(), |n| format!("{n:.0}"));
        let ready = p.ready.map_or_else(|| "never".into(), |r| duration(r - p.created));
        let gone = p.deleted.map_or_else(|| "-".into(), |d| clock(calendar.relative(d)));
        format!("| {} | {n} | {} | {ready} | {gone} | {} |", code(&p.name), clock(calendar.relative(p.created)), p.restarts)
    };
    if !m.tables.pods.is_empty() {
        let rows: Vec<String> = m.tables.pods.iter().take(FOLDED).map(pod).collect();
        let _ = writeln!(
            out,
            "**Pods**\n\n| pod | requests | created | ready after | deleted | restarts |\n|---|---:|---:|---:|---:|---:|\n{}\n",
            rows.join("\n")
        );
    }
    let h = &m.run.hashes;
    let _ = writeln!(
        out,
        "**Provenance**\n\n- bench {}, guidellm {}\n- hashes: stack {}, arm {}, load {}, plan {}",
        plain(&m.run.bench_version),
        plain(&m.summary.guidellm_version),
        code(&h.stack),
        code(&h.arm),
        code(&h.load),
        code(&h.plan)
    );
    let images = m.run.images.iter().map(|(name, image)| format!("{}: {}", plain(name), code(image)));
    let nodes =
        m.run.nodes.iter().map(|n| format!("node {}: {} × {}", code(&n.name), n.gpus, plain(n.gpu_product.as_deref().unwrap_or("no GPU"))));
    for line in images.chain(nodes).chain(m.run.notes.iter().map(|n| plain(n))) {
        let _ = writeln!(out, "- {line}");
    }
    out + "\n</details>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::material;
    use crate::validity::testing::{load, rate};

    #[test]
    fn verdict_and_numbers_come_first() {
        let text = material(&load(&[rate(0, 2.0, 100.0, 60.0)]), render);
        let lines: Vec<&str> = text.lines().take(3).collect();
        assert!(lines[0].starts_with("### Run <code>20261124T101500Z") && lines[2].starts_with("**"), "{text}");
        assert!(text.contains("| failed requests | 0 of 120 (0 %) |"), "{text}");
        let rows: Vec<usize> =
            text.lines().filter(|l| l.starts_with("| rate |") || l.starts_with("| 2/s")).map(|l| l.matches('|').count()).collect();
        assert_eq!(rows, [14, 14]);
    }

    #[test]
    fn nothing_recorded_is_markup() {
        let evil = "</details><script>alert(1)</script> | `x` [a](javascript:1) ![i](http://x) **b** _c_ @team #1 $x$\n# h\n- l\\";
        let mut t = load(&[rate(0, 2.0, 100.0, 60.0)]);
        t.pods.push(bench_model::tables::PodLife {
            name: evil.into(),
            created: 90.0,
            scheduled: None,
            ready: None,
            deleted: None,
            restarts: 0,
        });
        let text = material(&t, |m| {
            let (mut run, mut summary) = (m.run.clone(), m.summary.clone());
            (run.id, run.model, run.failure) = (evil.into(), evil.into(), Some(evil.into()));
            run.notes.push(evil.into());
            summary.rates[0].errors.insert(evil.into(), 1);
            render(&Material { run: &run, summary: &summary, problems: &[evil.into()], ..*m })
        });
        for bad in ["<script", "`", "](", "![", "@", "**b", "_c_", "$x"] {
            assert!(!text.contains(bad), "{bad}\n{text}");
        }
        assert!(!text.lines().any(|l| l.starts_with("# h") || l.starts_with("- l")));
        assert_eq!(text.matches("</details>").count(), text.matches("<details>").count());
        let widths: Vec<usize> = text.lines().filter(|l| l.contains("| n/a | ")).map(|l| l.matches('|').count()).collect();
        assert!(widths.iter().all(|w| *w == 7), "{widths:?}\n{text}");
    }

    #[test]
    fn an_empty_run_is_told_as_such() {
        let text = material(&bench_model::tables::Tables::default(), render);
        assert!(text.contains("There is no report of any rate.") && text.contains("**INVALID**"), "{text}");
    }
}
