//! Rules for the HPA's metrics, among them whether a target can be reached at all.

use super::check::Findings;
use super::scenario::argument;
use bench_model::quantity::quantity;
use bench_model::scenario::Scenario;

/// The HPA changes nothing while a metric is off its target by less than this share, unless the cluster says otherwise.
const TOLERANCE: f64 = 0.1;

pub(super) fn hpa(s: &Scenario, f: &mut Findings<'_>) {
    if s.hpa.metrics.is_empty() {
        f.bad(
            "hpa.metrics",
            "no metric: the hpa arm would scale by nothing",
            "add e.g. {name: \"vllm:num_requests_waiting\", average_value: \"3\"}",
        );
    }
    for (i, m) in s.hpa.metrics.iter().enumerate() {
        let ok = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if m.name.is_empty() || !m.name.chars().all(ok) {
            f.bad(
                &format!("hpa.metrics[{i}].name"),
                format!("{:?} is no Prometheus metric", m.name),
                "write e.g. vllm:num_requests_waiting",
            );
        }
        let key = format!("hpa.metrics[{i}].average_value");
        match quantity(&m.average_value).filter(|v| *v > 0.0) {
            None => f.bad(&key, format!("{:?} is no quantity above 0", m.average_value), "write it like \"3\" or 600m (0.6)"),
            Some(target) => {
                if let Some(message) = reach(s, &m.name, target) {
                    f.warn(&key, &message);
                }
            }
        }
    }
    if s.hpa.name == "vllm-deployment-hpa" {
        f.bad("hpa.name", "WVA's chart gives this name to its own HPA", "use another, e.g. vllm-deployment-hpa-manual");
    }
}

/// What makes a target useless: nothing ever reaches it, or everything does.
fn reach(s: &Scenario, metric: &str, target: f64) -> Option<String> {
    // By the naming rules of Prometheus, which vLLM keeps.
    if ["_total", "_count", "_sum", "_bucket"].iter().any(|end| metric.ends_with(end)) {
        return Some(format!("{metric} is a counter and never falls, so the HPA scales up and never down; use a gauge"));
    }
    if metric.ends_with("_info") {
        return Some(format!("{metric} is always 1 on every replica, so the HPA never reacts to the load; use another gauge"));
    }
    let (most, why, help) = most(s, metric, target)?;
    if target > most {
        return Some(format!("{why}, so the target of {target} is never reached and the HPA never scales up; {help}"));
    }
    (target * (1.0 + TOLERANCE) >= most).then(|| {
        format!(
            "{why}, which is within the HPA's tolerance of {:.0} % of the target of {target}, so the HPA never scales up; set less than {}",
            100.0 * TOLERANCE,
            short(most / (1.0 + TOLERANCE))
        )
    })
}

/// The most that a metric is on one replica, why, and what to write instead of a target above it; `None`: nothing bounds it.
fn most(s: &Scenario, metric: &str, target: f64) -> Option<(f64, String, String)> {
    if metric.ends_with("_perc") || metric.ends_with("_ratio") {
        // Whoever writes 60 means percent.
        let share = Some(target / 100.0).filter(|v| (0.05..0.9).contains(v)).unwrap_or(0.6);
        let help = format!("write {} or {:.0}m", short(share), 1000.0 * share);
        return Some((1.0, format!("{metric} is a share between 0 and 1"), help));
    }
    let limit = match metric {
        "vllm:num_requests_running" => "--max-num-seqs",
        // llm-d-inference-sim's; the queue of vLLM has no limit.
        "vllm:num_requests_waiting" => "--max-waiting-queue-length",
        _ => return None,
    };
    #[allow(clippy::cast_precision_loss)]
    let most = argument(s, limit)? as f64;
    let word = metric.rsplit('_').next().unwrap_or_default();
    let help = format!("set less than {}, or raise {limit} in model_server.args", short(most / (1.0 + TOLERANCE)));
    Some((most, format!("a replica has at most {most} requests {word} ({limit})"), help))
}

/// Three digits, which is as many as anybody sets.
fn short(v: f64) -> String {
    format!("{v:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
}
