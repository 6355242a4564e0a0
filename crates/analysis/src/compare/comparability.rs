//! What stands against comparing runs. Every run is held against the first one.

use super::Input;
use bench_model::comparison::{Comparability, Level};
use bench_model::run::{RunState, Source};
use bench_model::summary::Verdict;
use std::collections::BTreeSet;

/// Findings, worst first; each names both values.
pub fn comparability(inputs: &[Input<'_>]) -> Vec<Comparability> {
    let mut out = Vec::new();
    let mut add = |level: Level, code: &str, message: String| {
        let c = Comparability { level, code: code.into(), message };
        if !out.contains(&c) {
            out.push(c);
        }
    };
    for i in inputs {
        let s = &i.summary.validity;
        if s.verdict == Verdict::Invalid {
            let why: Vec<&str> = s.findings.iter().filter(|f| f.verdict == Verdict::Invalid).map(|f| f.message.as_str()).collect();
            add(Level::Refuse, "invalid", format!("{} is not a valid measurement: {}", i.run.id, why.join("; ")));
        }
        if s.verdict == Verdict::ValidClosedLoop {
            let text = format!("{}: the generator reached its cap of requests in flight; the server set the pace there", i.run.id);
            add(Level::Warn, "closed-loop", text);
        }
        if i.run.state != RunState::Complete {
            add(Level::Warn, "state", format!("{} did not come to its end: its state is {:?}", i.run.id, i.run.state));
        }
    }
    let Some((first, others)) = inputs.split_first() else { return out };
    for (k, i) in others.iter().enumerate() {
        if inputs[..=k].iter().any(|b| b.run.id == i.run.id) {
            add(Level::Refuse, "same-run", format!("{} is given twice", i.run.id));
        }
        let twin = inputs[..=k].iter().find(|b| {
            let same_arm = (b.run.arm, b.run.source, b.label) == (i.run.arm, i.run.source, i.label) && b.run.id != i.run.id;
            let (x, y) = (b.tables, i.tables);
            same_arm && !x.requests.is_empty() && x.requests == y.requests && x.replicas == y.replicas
        });
        if let Some(b) = twin {
            let text =
                format!("{} and {} hold the same records: they are one run, or one seed played twice, and no repeat", b.run.id, i.run.id);
            add(Level::Refuse, "same-records", text);
        }
        let both = |a: &str, b: &str| format!("{} has {a}, {} has {b}", first.run.id, i.run.id);
        let (a, b) = (first.run, i.run);
        let mode = |i: &Input<'_>| i.plan.map(|p| format!("{:?}", p.scenario.load.mode));
        match (mode(first), mode(i)) {
            (Some(x), Some(y)) if x != y => add(Level::Refuse, "load-mode", format!("not the same kind of load: {}", both(&x, &y))),
            _ if a.hashes.load != b.hashes.load => {
                let name = |r: &bench_model::run::RunRecord| format!("{} ({})", r.profile, r.hashes.load);
                add(Level::Refuse, "load", format!("not the same load: {}", both(&name(a), &name(b))));
            }
            _ => {}
        }
        if a.model != b.model {
            add(Level::Refuse, "model", format!("not the same model: {}", both(&a.model, &b.model)));
        }
        if a.source != b.source {
            let (level, end) = if a.arm == b.arm {
                (Level::Note, "differences are those of the model")
            } else {
                (Level::Refuse, "an arm that was measured and another that was predicted differ by the model's errors too")
            };
            add(level, "source", format!("{}: {end}", both(source(a.source), source(b.source))));
        }
        let (x, y) = (&first.summary.guidellm_version, &i.summary.guidellm_version);
        // Without a report there is no version, which is told as the run being invalid.
        if x != y && !x.is_empty() && !y.is_empty() {
            add(Level::Refuse, "guidellm", format!("not the same guidellm: {}", both(x, y)));
        }
        for (name, image) in &a.images {
            if let Some(other) = b.images.get(name).filter(|o| image_id(o) != image_id(image)) {
                add(Level::Warn, "image", format!("container {name}: {}", both(image, other)));
            }
        }
        if let Some(keys) = other_keys(first, i) {
            add(Level::Warn, "stack", format!("not the same stack, different in {keys}: {}", both(&a.hashes.stack, &b.hashes.stack)));
        }
        let gpus = |i: &Input<'_>| -> String {
            let all: BTreeSet<&str> = i.run.nodes.iter().map(|n| n.gpu_product.as_deref().unwrap_or("no GPU")).collect();
            all.into_iter().collect::<Vec<_>>().join(", ")
        };
        if a.source == b.source && gpus(first) != gpus(i) {
            add(Level::Refuse, "gpu", format!("not the same GPUs: {}", both(&gpus(first), &gpus(i))));
        }
        let cluster = |i: &Input<'_>| i.plan.and_then(|p| p.facts.as_ref()).map(|f| f.kubernetes.clone());
        if let (Some(x), Some(y)) = (cluster(first), cluster(i))
            && x != y
        {
            add(Level::Warn, "kubernetes", both(&x, &y));
        }
        let span = |i: &Input<'_>| crate::scorecard::recorded_s(i.run, i.tables);
        if let (Some(x), Some(y)) = (span(first), span(i))
            && (x - y).abs() > 60.0
        {
            let text = format!("recordings of unequal length, seconds: {}", both(&format!("{x:.0}"), &format!("{y:.0}")));
            add(Level::Note, "length", text);
        }
    }
    out.sort_by_key(|f| std::cmp::Reverse(f.level));
    out
}

/// What tells images apart: the ids, where the kubelet reported them. The same image may be named by tag or by digest.
fn image_id(reported: &str) -> Vec<&str> {
    let all = reported.split(", ").map(|one| one.split_once(' ').map_or(one, |(name, id)| if id.is_empty() { name } else { id }));
    // A registry's name before the digest says where it came from, not what it is.
    let mut ids: Vec<&str> = all.map(|id| id.rsplit_once('@').map_or(id, |(_, digest)| digest)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn source(s: Source) -> &'static str {
    match s {
        Source::Measured => "measured",
        Source::Predicted => "predicted",
    }
}

/// Keys of the scenario that belong to the stack and differ; `None` when the stacks are the same.
fn other_keys(a: &Input<'_>, b: &Input<'_>) -> Option<String> {
    /// As `Hashes::of` leaves out of the stack.
    const NOT_THE_STACK: [&str; 9] = ["name", "description", "recording", "goal", "reset", "scaling", "hpa", "wva", "load"];
    if a.run.hashes.stack == b.run.hashes.stack {
        return None;
    }
    let tree = |i: &Input<'_>| i.plan.and_then(|p| serde_json::to_value(&p.scenario).ok());
    let (Some(x), Some(y)) = (tree(a), tree(b)) else { return Some("what no plan tells".into()) };
    let keys = x.as_object()?.iter().filter(|(k, v)| !NOT_THE_STACK.contains(&k.as_str()) && y.get(k.as_str()) != Some(*v));
    Some(crate::words::and(keys.map(|(k, _)| k.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing;
    use bench_model::tables::Tables;

    /// What is said of a container that two runs reported so.
    fn said(first: &str, second: &str) -> Vec<(Level, String)> {
        let run = |image: &str| {
            let mut r = testing::run();
            r.images = [("vllm".to_string(), image.to_string())].into();
            r
        };
        let (a, mut b) = (run(first), run(second));
        b.id = "another".into();
        let tables = Tables::default();
        let summary = crate::summary::summarise(&a, &tables, "", &crate::Settings::default());
        let input = |run| Input { run, label: None, plan: None, tables: &tables, summary: &summary, gpus_per_replica: 1.0 };
        let found = comparability(&[input(&a), input(&b)]);
        found.into_iter().filter(|f| f.code == "image").map(|f| (f.level, f.message)).collect()
    }

    #[test]
    fn another_image_of_the_same_container_is_a_warning() {
        // One tag, moved between the runs.
        let found = said("r.io/vllm:v1 r.io/vllm@sha256:aa", "r.io/vllm:v1 r.io/vllm@sha256:bb");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, Level::Warn);
        assert!(found[0].1.contains("container vllm") && found[0].1.contains("sha256:aa") && found[0].1.contains("sha256:bb"), "{found:?}");
        // Replicas of one run that differ among themselves.
        assert_eq!(said("r.io/vllm:v1 r.io/vllm@sha256:aa", "r.io/vllm:v1 r.io/vllm@sha256:aa, r.io/vllm:v1 r.io/vllm@sha256:bb").len(), 1);
        // Without ids there is only the name.
        assert_eq!(said("r.io/vllm:v1 ", "r.io/vllm:v2 ").len(), 1);
    }

    #[test]
    fn the_same_image_under_another_name_is_the_same() {
        assert_eq!(said("r.io/vllm:v1 r.io/vllm@sha256:aa", "r.io/vllm:v1@sha256:aa r.io/vllm@sha256:aa"), []);
        assert_eq!(said("r.io/vllm:v1 r.io/vllm@sha256:aa", "mirror/vllm:v1 mirror/vllm@sha256:aa"), []);
    }
}
