//! What is kept of a run besides the load's own files: metrics, logs, images, clocks.

use super::disk;
use crate::cluster::{Cluster, Container, items_at, text_at};
use crate::metrics::{Patience, Prometheus};
use crate::steps::{Ctx, gateway, model_server, scheduler, wva};
use anyhow::Context;
use bench_analysis::ingest::openmetrics;
use bench_model::run::{ClockSample, files};
use bench_model::tables::Series;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// Lines of each container's log that are kept.
const LOG_LINES: i64 = 20_000;

/// Seconds since the epoch by Prometheus' clock.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Of the samples that are fetched.
    pub from: f64,
    /// From here on samples are expected.
    pub load: f64,
    pub to: f64,
}

/// What came out of Prometheus.
#[derive(Debug, Default)]
pub struct Fetched {
    pub samples: usize,
    /// Windows and targets without samples, as sentences.
    pub missing: Vec<String>,
}

/// Raw samples of everything that decided or was decided, with the scrapes' own timestamps. One metric after the other, so that a long
/// run needs no more memory than a short one.
///
/// Histogram buckets are left out: they are nine tenths of the samples, and the load generator measured latency itself.
///
/// # Errors
/// When nothing came, or it could not be written.
pub async fn metrics(ctx: &Ctx, prometheus: &Prometheus, dir: &Path, w: Window) -> anyhow::Result<Fetched> {
    let ns = ctx.plan.serving_namespace();
    let of = |name: &str, scope: &str| format!("{{__name__{name},{scope}=\"{ns}\"}}");
    let families = [
        (of("=~\"vllm:.+\",__name__!~\".+_bucket\"", "namespace"), "namespace"),
        (of("=~\"(inferno|wva)_.+\"", "exported_namespace"), "exported_namespace"),
        (of("=\"up\"", "namespace"), "namespace"),
    ];
    let patience = &Patience::default();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (family, scope) in &families {
        for name in prometheus.names(&ctx.cluster, family, w.from, w.to, patience).await? {
            let one = of(&format!("={}", serde_json::Value::from(name.as_str())), scope);
            names.insert(name, one);
        }
    }
    let path = dir.join(files::METRICS);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let part = path.with_extension("part");
    let cannot = || format!("cannot write {}", part.display());
    let mut out = std::io::BufWriter::new(std::fs::File::create(&part).with_context(cannot)?);
    let mut got = Fetched::default();
    let mut up = vec![];
    let mut failed: BTreeMap<(i64, i64), (usize, String)> = BTreeMap::new();
    let asked = names.len();
    // A few at a time: the way through the API server takes longer than the answer.
    let mut all = futures::stream::iter(names.into_values())
        .map(|selector| async move { prometheus.raw(&ctx.cluster, &selector, w.from, w.to, patience).await })
        .buffered(3);
    while let Some(raw) = all.next().await {
        for (from, to, why) in raw.failed {
            failed.entry((from as i64, to as i64)).or_insert((0, why)).0 += 1;
        }
        got.samples += raw.series.iter().map(|s| s.samples.len()).sum::<usize>();
        up.extend(raw.series.iter().filter(|s| s.name == "up").cloned());
        openmetrics::write_part(&mut out, raw.series).with_context(cannot)?;
    }
    openmetrics::write_end(&mut out).and_then(|()| out.flush()).and_then(|()| out.get_ref().sync_all()).with_context(cannot)?;
    drop(all);
    if got.samples == 0
        && let Some(((_, _), (_, why))) = failed.first_key_value()
    {
        std::fs::remove_file(&part)?;
        anyhow::bail!("nothing could be fetched: {why}");
    }
    std::fs::rename(&part, &path)?;
    for ((from, to), (n, why)) in failed {
        got.missing.push(format!(
            "metrics: {n} of {asked} from {} to {} could not be fetched: {why}",
            clock(from as f64),
            clock(to as f64)
        ));
    }
    got.missing.extend(unscraped(&up, w.load, w.to));
    Ok(got)
}

fn clock(t: f64) -> String {
    DateTime::from_timestamp(t as i64, 0).map_or_else(|| t.to_string(), |t| t.format("%H:%M:%S UTC").to_string())
}

/// Targets told one by one before the rest is only counted.
const TARGETS: usize = 5;

/// When Prometheus scraped nothing at all (it was away), and which targets it missed meanwhile otherwise, by the series `up`.
fn unscraped(up: &[Series], from: f64, to: f64) -> Vec<String> {
    let mut all: Vec<f64> = up.iter().flat_map(|s| &s.samples).map(|(t, _)| *t).filter(|t| *t >= from && *t <= to).collect();
    if all.is_empty() {
        return vec![format!("samples: Prometheus has none of this stack from {} to {}", clock(from), clock(to))];
    }
    all.sort_by(f64::total_cmp);
    let Some(interval) = interval(up) else { return vec![] };
    let limit = 3.0 * interval + 2.0;
    let away: Vec<(f64, f64)> = std::iter::once(from)
        .chain(all)
        .chain([to])
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|w| w[1] - w[0] > limit)
        .map(|w| (w[0], w[1]))
        .collect();
    let mut out: Vec<String> = away
        .iter()
        .map(|(a, b)| format!("samples: Prometheus has none of this stack from {} to {} ({:.0} s)", clock(*a), clock(*b), b - a))
        .collect();
    let mut targets = vec![];
    for s in up {
        let name = ["pod", "instance", "job"].iter().find_map(|l| s.labels.get(*l)).cloned().unwrap_or_default();
        let holes = s.samples.windows(2).filter(|w| w[1].0 - w[0].0 > limit && w[1].0 > from);
        // What Prometheus missed altogether is told above.
        let own = holes.filter(|w| !away.iter().any(|(a, b)| w[0].0 <= *b && w[1].0 >= *a));
        targets.extend(own.map(|w| format!("samples: none of {name} from {} to {}", clock(w[0].0), clock(w[1].0))));
    }
    let more = targets.len().saturating_sub(TARGETS);
    out.extend(targets.into_iter().take(TARGETS));
    if more > 0 {
        out.push(format!("samples: {more} more gaps of single targets"));
    }
    out
}

/// The usual time between two scrapes of a target: the median.
fn interval(up: &[Series]) -> Option<f64> {
    let mut steps: Vec<f64> = up.iter().flat_map(|s| s.samples.windows(2).map(|w| w[1].0 - w[0].0)).filter(|d| *d > 0.0).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}

/// Logs of model servers, gateway, scheduler and WVA's controller, bounded. Gives what could not be read.
///
/// # Errors
/// When the disk is full.
pub async fn logs(ctx: &Ctx, dir: &Path) -> anyhow::Result<Vec<String>> {
    let mut missing = vec![];
    let ns = ctx.namespace().to_string();
    let mut selectors = vec![model_server::selector(ctx)];
    selectors.extend(gateway::selector(ctx));
    if ctx.plan.scenario.scheduler.enabled {
        selectors.push(scheduler::selector(ctx));
    }
    let mut sources: Vec<(String, String)> = selectors.into_iter().map(|s| (ns.clone(), s)).collect();
    match wva::controller_pods(ctx).await {
        Ok(found) => sources.extend(found.map(|(ns, selector)| (ns, selector.to_string()))),
        Err(e) => missing.push(format!("WVA's log: {e:#}")),
    }
    let logs = dir.join(files::LOGS);
    std::fs::create_dir_all(&logs).with_context(|| format!("cannot make {}", logs.display()))?;
    for (ns, selector) in sources {
        let pods = match ctx.cluster.list("Pod", Some(&ns), &selector).await {
            Ok(p) => p,
            Err(e) => {
                missing.push(format!("logs of {selector}: {e}"));
                continue;
            }
        };
        for (pod, container) in containers(&pods) {
            if let Err(e) = log(ctx, &Container::new(&ns, &pod, &container), &logs).await {
                if disk::ran_out(&e) {
                    return Err(e);
                }
                missing.push(format!("log of {pod}: {e:#}"));
            }
        }
    }
    Ok(missing)
}

/// One log, written whole or not at all.
async fn log(ctx: &Ctx, at: &Container, dir: &Path) -> anyhow::Result<()> {
    let text = ctx.cluster.logs(at, LOG_LINES, false).await?;
    // A server may print what it was given; run directories are passed on.
    let text = crate::config::secrets::redact_text(&text);
    super::results::write_soon(&dir.join(format!("{}.{}.log", at.pod, at.container)), text.as_bytes())
}

fn containers(pods: &[Value]) -> Vec<(String, String)> {
    let text = |v: &Value, p: &str| text_at(v, p).to_string();
    pods.iter()
        .flat_map(|p| items_at(p, "/spec/containers").map(|c| (text(p, "/metadata/name"), text(c, "/name"))).collect::<Vec<_>>())
        .collect()
}

/// container → image and its id of all pods of the namespace, as the kubelet reports them; several where pods differ. Containers of
/// WVA's controller, which acts in other namespaces too, are `wva/NAME`: another controller is another arm.
pub async fn images(ctx: &Ctx) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = images_of(&ctx.cluster.list("Pod", Some(ctx.namespace()), "").await?);
    if let Some((ns, selector)) = wva::controller_pods(ctx).await? {
        match ctx.cluster.list("Pod", Some(&ns), selector).await {
            Ok(pods) => all.extend(images_of(&pods).into_iter().map(|(name, image)| (format!("wva/{name}"), image))),
            // Told with its log, which is not to be had either.
            Err(e) if e.is_forbidden() => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(all)
}

fn images_of(pods: &[Value]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for c in pods.iter().flat_map(|pod| items_at(pod, "/status/containerStatuses")) {
        let text = |k: &str| c[k].as_str().unwrap_or_default().to_string();
        // Nothing of a container without an id has run.
        let known = all.entry(text("name")).or_default();
        if !text("imageID").is_empty() {
            known.insert(format!("{} {}", text("image"), text("imageID")));
        }
    }
    all.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k, v.into_iter().collect::<Vec<_>>().join(", "))).collect()
}

/// Offset of another clock, read between `before` and now.
fn offset(clock: &str, before: DateTime<Utc>, theirs: f64, resolution_s: f64) -> ClockSample {
    let after = Utc::now();
    let mid = (before.timestamp_millis() + after.timestamp_millis()) as f64 / 2000.0;
    let round_trip = (after - before).num_milliseconds() as f64 / 1000.0;
    ClockSample { clock: clock.into(), at: before, offset_s: theirs - mid, uncertainty_s: round_trip / 2.0 + resolution_s }
}

/// Clock of the load's container, by the Python that guidellm brings.
pub async fn harness_clock(cluster: &Cluster, at: &Container) -> Option<ClockSample> {
    let before = Utc::now();
    // Starting Python takes a while: the time is read at its end, so half the round trip would be too early.
    let out = cluster.exec(at, &["python3", "-c", "import time; print(time.time())"]).await.ok()?;
    let mut sample = offset("harness", before, out.text().parse().ok()?, 0.0);
    sample.uncertainty_s *= 2.0;
    Some(sample)
}

/// Clocks of API server, Prometheus and the recorder against this machine's. What does not answer is left out.
pub async fn clocks(cluster: &Cluster, prometheus: &Prometheus, agent: Option<(&Container, &str)>) -> Vec<ClockSample> {
    let mut out = vec![];
    let before = Utc::now();
    if let Ok(t) = cluster.server_date().await {
        // The header has whole seconds, rounded down: on average half a second early.
        out.push(offset("api-server", before, t.timestamp() as f64 + 0.5, 0.5));
    }
    let before = Utc::now();
    if let Ok(Some(t)) = prometheus.value(cluster, "time()").await {
        out.push(offset("prometheus", before, t, 0.001));
    }
    if let Some((at, bench)) = agent {
        let before = Utc::now();
        let said = cluster.exec(at, &[bench, "agent", "clock"]).await.ok().and_then(|o| o.text().parse::<f64>().ok());
        if let Some(t) = said {
            out.push(offset("agent", before, t, 0.001));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_of_one_container_with_different_images_are_both_told() {
        let pod =
            |image: &str, id: &str| serde_json::json!({"status": {"containerStatuses": [{"name": "vllm", "image": image, "imageID": id}]}});
        let all = [pod("r.io/v:1", "r.io/v@sha256:bb"), pod("r.io/v:1", "r.io/v@sha256:aa"), pod("r.io/v:1", "r.io/v@sha256:bb")];
        assert_eq!(images_of(&all)["vllm"], "r.io/v:1 r.io/v@sha256:aa, r.io/v:1 r.io/v@sha256:bb");
        assert!(images_of(&[pod("r.io/v:1", "")]).is_empty(), "it was never started");
    }

    fn up(pod: &str, times: impl IntoIterator<Item = u32>) -> Series {
        let labels = BTreeMap::from([("pod".to_string(), pod.to_string())]);
        Series { name: "up".into(), labels, samples: times.into_iter().map(|t| (f64::from(t), 1.0)).collect() }
    }

    #[test]
    fn a_prometheus_that_was_away_and_a_target_that_was_missed_are_told_apart() {
        let every = |from: u32, to: u32| (from..=to).step_by(5);
        assert_eq!(unscraped(&[up("a", every(0, 100)), up("b", every(2, 100))], 0.0, 100.0), Vec::<String>::new());
        let away = [up("a", every(0, 40).chain(every(70, 100))), up("b", every(2, 42).chain(every(72, 102)))];
        assert_eq!(unscraped(&away, 0.0, 100.0), ["samples: Prometheus has none of this stack from 00:00:42 UTC to 00:01:10 UTC (28 s)"]);
        let one = [up("a", every(0, 100)), up("b", every(0, 40).chain(every(70, 100)))];
        assert_eq!(unscraped(&one, 0.0, 100.0), ["samples: none of b from 00:00:40 UTC to 00:01:10 UTC"]);
        // Pods come and go: that is no gap. Neither is one before the load.
        assert!(unscraped(&[up("a", every(0, 100)), up("b", every(50, 60))], 0.0, 100.0).is_empty());
        assert!(unscraped(&[up("a", every(0, 5).chain(every(80, 200)))], 90.0, 200.0).is_empty());
        assert_eq!(unscraped(&[up("a", every(0, 50))], 0.0, 100.0).len(), 1, "it never came back");
        assert_eq!(unscraped(&[], 0.0, 100.0).len(), 1);
    }
}
