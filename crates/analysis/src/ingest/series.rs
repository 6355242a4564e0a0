//! What a series is: of one pod of the target, once, whatever scraped it and however many engines the pod has. All that reads series
//! (curves, replays, shares of traffic, numbers) reads what comes out here; the file of samples keeps what was fetched.
//!
//! - A series of a model server in the run's namespace whose pod is not the target's is left out ([`bench_model::target`]).
//! - Series that differ only in the labels of the scrape ([`SCRAPE`]) are one, scraped more than once: that with the most samples counts.
//! - Series that differ only in the engine (vLLM's label `engine`, one for each data-parallel rank) become one of the pod: counts add up,
//!   and so do histograms, shares are averaged.

use crate::words::and;
use bench_model::run::RunRecord;
use bench_model::summary::{Finding, Verdict};
use bench_model::tables::{PodLife, Series};
use bench_model::target;
use std::collections::{BTreeMap, BTreeSet};

/// Labels that Prometheus, its operator and Thanos put to a sample; none tells what was measured.
const SCRAPE: [&str; 14] = [
    "container",
    "endpoint",
    "instance",
    "job",
    "metrics_path",
    "monitor",
    "node",
    "prometheus",
    "prometheus_replica",
    "receive",
    "replica",
    "scrape_job",
    "service",
    "tenant_id",
];
/// Labels of which each only one of the HA pair's replicas bears its value.
const REPLICA: [&str; 2] = ["prometheus_replica", "replica"];
/// Of the engines of one pod.
const ENGINE: &str = "engine";
/// Pods named in a message.
const NAMED: usize = 3;

type Labels = BTreeMap<String, String>;

/// The series of the target, each once, and what a reader must know of the others.
pub(super) fn of_target(all: Vec<Series>, run: &RunRecord, pods: &[PodLife]) -> (Vec<Series>, Vec<Finding>) {
    let mut told = Vec::new();
    let all = ours(all, run, pods, &mut told);
    let all = once(all, &mut told);
    (engines(all, &mut told), told)
}

/// The pod of a series.
pub(crate) fn pod(s: &Series) -> Option<&str> {
    s.labels.get("pod").or_else(|| s.labels.get("pod_name")).map(String::as_str)
}

/// Whether a series is a model server's own.
fn served(s: &Series) -> bool {
    s.name.starts_with("vllm:")
}

fn note(code: &str, message: String) -> Finding {
    Finding { verdict: Verdict::Valid, code: code.into(), message }
}

fn ours(mut all: Vec<Series>, run: &RunRecord, pods: &[PodLife], told: &mut Vec<Finding>) -> Vec<Series> {
    if run.deployment.is_empty() {
        return all;
    }
    let known: BTreeSet<&str> = pods.iter().map(|p| p.name.as_str()).collect();
    let hashes: Vec<String> = known.iter().filter_map(|p| target::hash_of(&run.deployment, p)).map(String::from).collect();
    let is_ours = |name: &str| known.contains(name) || target::named(&run.deployment, name, &hashes);
    let mut others = BTreeSet::new();
    all.retain(|s| match pod(s) {
        Some(name) if served(s) && !is_ours(name) => {
            others.insert(name.to_owned());
            false
        }
        _ => true,
    });
    if !others.is_empty() {
        let count = others.len();
        let names = and(others.into_iter().take(NAMED));
        let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
        let pods = if count == 1 { "a pod that is" } else { "pods that are" };
        told.push(note("other-pods", format!("metrics of {pods} not of {} are left out: {names}{more}", run.deployment)));
    }
    all
}

fn without(labels: &Labels, those: &[&str]) -> Labels {
    labels.iter().filter(|(k, _)| !those.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn once(all: Vec<Series>, told: &mut Vec<Finding>) -> Vec<Series> {
    let mut groups: BTreeMap<(String, Labels), Vec<Series>> = BTreeMap::new();
    for s in all {
        // Only a pod's own: what has no pod may be told apart by its instance.
        let key = if pod(&s).is_some() { without(&s.labels, &SCRAPE) } else { s.labels.clone() };
        groups.entry((s.name.clone(), key)).or_default().push(s);
    }
    let mut twice: BTreeSet<String> = BTreeSet::new();
    let mut apart: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut out = Vec::with_capacity(groups.len());
    for mut group in groups.into_values() {
        if group.len() > 1 {
            twice.extend(group.iter().filter_map(pod).map(String::from));
            for label in SCRAPE {
                let values: BTreeSet<&String> = group.iter().filter_map(|s| s.labels.get(label)).collect();
                if values.len() > 1 {
                    apart.entry(label).or_default().extend(values.into_iter().cloned());
                }
            }
        }
        // The first of those with the most samples.
        let most = group.iter().map(|s| s.samples.len()).max().unwrap_or(0);
        if let Some(i) = group.iter().position(|s| s.samples.len() == most) {
            out.push(group.swap_remove(i));
        }
    }
    if !twice.is_empty() {
        let by = and(apart.iter().map(|(label, values)| format!("{label} {}", and(values.iter().take(NAMED).cloned()))));
        let pods = if twice.len() == 1 { "1 pod".to_owned() } else { format!("{} pods", twice.len()) };
        let why = if apart.keys().any(|l| REPLICA.contains(l)) {
            "a pair of Prometheus answers as one"
        } else {
            "a second scrape finds the same pods, which an autoscaler's query may count twice"
        };
        told.push(note("scraped-twice", format!("the series of {pods} are there more than once ({by}); each is counted once: {why}")));
    }
    out
}

/// How the engines of a pod become one.
fn is_share(name: &str) -> bool {
    name.ends_with("_perc") || name.ends_with("_rate") || name.ends_with("_ratio")
}

fn engines(all: Vec<Series>, told: &mut Vec<Finding>) -> Vec<Series> {
    let mut groups: BTreeMap<(String, Labels), Vec<Series>> = BTreeMap::new();
    for s in all {
        let key = if served(&s) && s.labels.contains_key(ENGINE) {
            let mut scrape = SCRAPE.to_vec();
            scrape.push(ENGINE);
            without(&s.labels, &scrape)
        } else {
            s.labels.clone()
        };
        groups.entry((s.name.clone(), key)).or_default().push(s);
    }
    let mut most = 0;
    let out = groups
        .into_iter()
        .map(|((name, labels), mut group)| {
            most = most.max(group.len());
            match group.len() {
                1 => group.swap_remove(0),
                _ => Series { samples: merged(&group, is_share(&name), name.ends_with("_info")), name, labels },
            }
        })
        .collect();
    if most > 1 {
        let message = format!("pods have {most} engines each: their counts are added up, shares such as the KV usage are averaged");
        told.push(note("several-engines", message));
    }
    out
}

/// Samples of one scrape have one time. An engine without a sample there, such as a counter that has not begun, adds nothing.
fn merged(group: &[Series], share: bool, constant: bool) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = group.iter().flat_map(|s| s.samples.iter().copied()).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Vec<(f64, f64, f64)> = Vec::new();
    for (t, v) in all {
        match out.last_mut().filter(|last| last.0.total_cmp(&t).is_eq()) {
            Some(last) if constant => last.1 = last.1.max(v),
            Some(last) => (last.1, last.2) = (last.1 + v, last.2 + 1.0),
            None => out.push((t, v, 1.0)),
        }
    }
    out.into_iter().map(|(t, sum, n)| (t, if share { sum / n } else { sum })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validity::testing::run as record;

    fn series(name: &str, labels: &[(&str, &str)], samples: &[(f64, f64)]) -> Series {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Series { name: name.into(), labels, samples: samples.to_vec() }
    }

    fn life(name: &str) -> PodLife {
        PodLife { name: name.into(), created: 0.0, scheduled: None, ready: None, deleted: None, restarts: 0 }
    }

    type Read = Vec<(String, Vec<(f64, f64)>)>;

    fn read(all: Vec<Series>, pods: &[&str]) -> (Read, Vec<String>) {
        let run = RunRecord { deployment: "d".into(), ..record() };
        let pods: Vec<PodLife> = pods.iter().map(|p| life(p)).collect();
        let (series, told) = of_target(all, &run, &pods);
        (series.into_iter().map(|s| (s.name, s.samples)).collect(), told.into_iter().map(|f| f.message).collect())
    }

    #[test]
    fn a_neighbours_series_are_left_out_and_what_has_no_pod_stays() {
        let (kept, told) = read(
            vec![
                series("vllm:a", &[("pod", "d-b48-11111")], &[(0.0, 1.0)]),
                // A replica of before the recording.
                series("vllm:b", &[("pod", "d-b48-22222")], &[(0.0, 1.0)]),
                series("vllm:c", &[("pod", "d-c99-33333")], &[(0.0, 1.0)]),
                series("vllm:d", &[("pod", "d-canary-b48-44444")], &[(0.0, 1.0)]),
                series("inferno_desired_replicas", &[("pod", "controller")], &[(0.0, 1.0)]),
                series("vllm:e", &[], &[(0.0, 1.0)]),
            ],
            &["d-b48-11111"],
        );
        assert_eq!(kept.iter().map(|s| s.0.as_str()).collect::<Vec<_>>(), ["inferno_desired_replicas", "vllm:a", "vllm:b", "vllm:e"]);
        assert_eq!(told, ["metrics of pods that are not of d are left out: d-c99-33333 and d-canary-b48-44444"]);
    }

    #[test]
    fn a_second_scrape_and_a_second_prometheus_count_once() {
        let of = |job: &str, samples: &[(f64, f64)]| series("vllm:a", &[("pod", "d-1-a"), ("job", job)], samples);
        let (kept, told) = read(vec![of("x", &[(0.0, 1.0)]), of("y", &[(1.0, 1.0), (6.0, 2.0)])], &[]);
        assert_eq!(kept, [("vllm:a".to_owned(), vec![(1.0, 1.0), (6.0, 2.0)])]);
        assert!(told[0].contains("(job x and y)"), "{told:?}");
        let of = |r: &str| series("vllm:a", &[("pod", "d-1-a"), ("prometheus_replica", r)], &[(0.0, 1.0)]);
        let (kept, told) = read(vec![of("p-0"), of("p-1")], &[]);
        assert!(kept.len() == 1 && told[0].contains("a pair of Prometheus answers as one"), "{told:?}");
        // What the metric itself tells apart stays apart.
        let of = |reason: &str| series("vllm:a", &[("pod", "d-1-a"), ("finished_reason", reason)], &[(0.0, 1.0)]);
        assert_eq!(read(vec![of("stop"), of("length")], &[]), (vec![("vllm:a".into(), vec![(0.0, 1.0)]); 2], vec![]));
    }

    #[test]
    fn engines_become_one_pod() {
        let of =
            |name: &str, engine: &str, samples: &[(f64, f64)]| series(name, &[("pod", "d-1-a"), ("engine", engine), ("job", "x")], samples);
        let (kept, told) = read(
            vec![
                of("vllm:kv_cache_usage_perc", "0", &[(0.0, 0.2), (5.0, 1.0)]),
                of("vllm:kv_cache_usage_perc", "1", &[(0.0, 0.4), (5.0, 1.0)]),
                of("vllm:num_requests_waiting", "0", &[(0.0, 2.0), (5.0, 3.0)]),
                of("vllm:num_requests_waiting", "1", &[(5.0, 4.0)]),
                of("vllm:cache_config_info", "0", &[(0.0, 1.0)]),
                of("vllm:cache_config_info", "1", &[(0.0, 1.0)]),
            ],
            &[],
        );
        let close = |a: &[(f64, f64)], b: &[(f64, f64)]| a.iter().zip(b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-12);
        assert_eq!(kept.len(), 3);
        assert_eq!(kept[0].1, [(0.0, 1.0)]);
        assert!(close(&kept[1].1, &[(0.0, 0.3), (5.0, 1.0)]), "{kept:?}");
        assert_eq!(kept[2].1, [(0.0, 2.0), (5.0, 7.0)]);
        assert!(told[0].starts_with("pods have 2 engines each"), "{told:?}");
        // The one engine that most servers have is no matter.
        assert_eq!(read(vec![of("vllm:num_requests_waiting", "0", &[(0.0, 2.0)])], &[]).1, [""; 0]);
    }
}
