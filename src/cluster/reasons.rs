//! Why is it not ready? Container states, last lines of what crashed, what controllers and the scheduler refuse, volumes,
//! nodes, events: everything that a user would ask kubectl for, one after the other.

use super::{Cluster, Container, items_at, text_at, urlencode};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest time for all questions together: whoever asks is already reporting another failure.
const LIMIT: Duration = Duration::from_secs(15);
/// Lines of a crashed container's log that are looked at: a usage text may follow the line that matters.
const LOG_LINES: i64 = 80;
/// Its last lines, which are shown, and how many before them that speak of an error.
const LAST: usize = 4;
const TELLING: usize = 3;
/// Events that are shown.
const EVENTS: usize = 5;

/// What stands in the way of the pods of a selector (an empty one: of all pods in the namespace), the nearest cause first.
///
/// Never fails, and ends in bounded time: what cannot be read is left out.
pub async fn explain(cluster: &Cluster, namespace: &str, selector: &str) -> Vec<String> {
    let mut out = vec![];
    if tokio::time::timeout(LIMIT, gather(cluster, namespace, selector, &mut out)).await.is_err() {
        out.push(format!("(the cluster did not say more within {} s)", LIMIT.as_secs()));
    }
    let mut seen = BTreeSet::new();
    out.retain(|l| seen.insert(l.clone()));
    out
}

async fn gather(cluster: &Cluster, namespace: &str, selector: &str, out: &mut Vec<String>) {
    // When even this cannot be read, there is nothing to say.
    let Ok(pods) = cluster.list("Pod", Some(namespace), selector).await else { return };
    for pod in &pods {
        let name = text_at(pod, "/metadata/name");
        out.extend(pod_reasons(pod).into_iter().map(|r| format!("pod {name}: {r}")));
    }
    let mut crashed = pods.iter().flat_map(crashed_containers);
    if let Some((pod, container, previous)) = crashed.next() {
        out.extend(last_words(cluster, &Container::new(namespace, &pod, &container), previous).await);
    }
    let controllers = controllers(cluster, namespace, selector).await;
    out.extend(controllers.iter().flat_map(refusals));
    for claim in pods.iter().flat_map(claims).collect::<BTreeSet<_>>() {
        out.extend(volume(cluster, namespace, &claim).await);
    }
    for pod in pods.iter().filter(|p| is_unschedulable(p)) {
        out.extend(shortage(cluster, pod).await);
    }
    for node in pods.iter().map(|p| text_at(p, "/spec/nodeName")).filter(|n| !n.is_empty()).collect::<BTreeSet<_>>() {
        if let Ok(node) = cluster.get_path(&format!("/api/v1/nodes/{}", urlencode(node))).await {
            out.extend(node_faults(&node));
        }
    }
    let mut about: BTreeSet<&str> = pods.iter().chain(&controllers).map(|o| text_at(o, "/metadata/uid")).collect();
    let claim_names: BTreeSet<String> = pods.iter().flat_map(claims).collect();
    about.remove("");
    let events = cluster.list("Event", Some(namespace), "").await.unwrap_or_default();
    let ours = |e: &Value| {
        about.contains(text_at(e, "/involvedObject/uid"))
            || (text_at(e, "/involvedObject/kind") == "PersistentVolumeClaim" && claim_names.contains(text_at(e, "/involvedObject/name")))
    };
    let told = out.join("\n");
    let said = warnings(events.into_iter().filter(ours).collect()).into_iter().filter(|(_, message)| !told.contains(message.as_str()));
    out.extend(said.map(|(line, _)| line).take(EVENTS));
}

/// Warnings, newest first, as lines with their bare messages.
fn warnings(mut events: Vec<Value>) -> Vec<(String, String)> {
    let at = |e: &Value| {
        let paths = ["/lastTimestamp", "/series/lastObservedTime", "/eventTime", "/metadata/creationTimestamp"];
        paths.iter().map(|p| text_at(e, p)).find(|t| !t.is_empty()).unwrap_or_default().to_string()
    };
    // A claim that waits says so as a normal event.
    let waits = |e: &Value| matches!(text_at(e, "/reason"), "WaitForFirstConsumer" | "ExternalProvisioning" | "ProvisioningFailed");
    events.retain(|e| text_at(e, "/type") == "Warning" || waits(e));
    events.sort_by_key(|e| std::cmp::Reverse(at(e)));
    let line = |e: &Value| {
        let count = e.pointer("/series/count").or_else(|| e.pointer("/count")).and_then(Value::as_u64).unwrap_or(1);
        let times = if count > 1 { format!(", {count} times") } else { String::new() };
        let message = text_at(e, "/message").trim().to_string();
        let (kind, name) = (text_at(e, "/involvedObject/kind"), text_at(e, "/involvedObject/name"));
        (format!("event {kind} {name}: {message} ({}{times})", text_at(e, "/reason")), message)
    };
    events.iter().map(line).collect()
}

/// What a pod itself says of why it does not run: scheduling, image, crash, OOM, eviction.
pub fn pod_reasons(pod: &Value) -> Vec<String> {
    let mut out = vec![];
    if text_at(pod, "/status/phase") == "Failed" && !text_at(pod, "/status/reason").is_empty() {
        out.push(format!("{}: {}", text_at(pod, "/status/reason"), text_at(pod, "/status/message")));
    }
    for c in items_at(pod, "/status/conditions") {
        if text_at(c, "/type") == "PodScheduled" && text_at(c, "/status") == "False" {
            out.push(format!("{}: {}", text_at(c, "/reason"), text_at(c, "/message")));
        }
    }
    for c in containers(pod) {
        let container = text_at(c, "/name");
        for (state, tag) in [("/state/waiting", ""), ("/state/terminated", ""), ("/lastState/terminated", "before: ")] {
            let reason = text_at(c, &format!("{state}/reason"));
            // Coming up normally, or ended as it should.
            if matches!(reason, "" | "ContainerCreating" | "PodInitializing" | "Completed") {
                continue;
            }
            let message = text_at(c, &format!("{state}/message"));
            let code = c.pointer(&format!("{state}/exitCode")).map(|c| format!(", exit code {c}")).unwrap_or_default();
            out.push(format!("container {container}: {tag}{reason}{code}{}{message}", if message.is_empty() { "" } else { ": " }));
        }
    }
    out
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["/status/initContainerStatuses", "/status/containerStatuses"].into_iter().flat_map(|p| items_at(pod, p))
}

/// Pod, container, and whether its log is the one of its previous life.
fn crashed_containers(pod: &Value) -> Vec<(String, String, bool)> {
    let failed = |c: &Value, p: &str| c.pointer(p).is_some_and(|t| t["exitCode"].as_i64().is_some_and(|code| code != 0));
    let pick = |c: &Value| {
        let previous = failed(c, "/lastState/terminated") && c.pointer("/state/terminated").is_none();
        (previous || failed(c, "/state/terminated"))
            .then(|| (text_at(pod, "/metadata/name").to_string(), text_at(c, "/name").to_string(), previous))
    };
    containers(pod).filter_map(pick).collect()
}

/// The last lines of a crashed container's log; of its previous life when there is one, else of this one.
async fn last_words(cluster: &Cluster, at: &Container, previous: bool) -> Vec<String> {
    let mut log = cluster.logs(at, LOG_LINES, previous).await.unwrap_or_default();
    if log.trim().is_empty() {
        log = cluster.logs(at, LOG_LINES, !previous).await.unwrap_or_default();
    }
    telling(&log).into_iter().map(|l| format!("log {}: {l}", at.container)).collect()
}

/// The lines of a log that explain a crash: the first that speak of an error, and the last.
fn telling(log: &str) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().filter(|l| !l.trim().is_empty()).collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(LAST));
    let words = ["error", "fatal", "panic", "exception", "traceback", "invalid", "cannot", "not defined", "denied", "no such", "failed"];
    let speaks = |l: &&&str| words.iter().any(|w| l.to_lowercase().contains(w));
    before.iter().filter(speaks).take(TELLING).chain(last).copied().collect()
}

/// Does a selector of the form `a=b,c=d` take these labels?
fn takes(selector: &str, labels: Option<&Value>) -> bool {
    selector.split(',').filter(|s| !s.is_empty()).all(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        labels.and_then(|l| l.get(key)).and_then(Value::as_str) == Some(value)
    })
}

/// Deployments, ReplicaSets and Jobs that make the pods of a selector.
async fn controllers(cluster: &Cluster, namespace: &str, selector: &str) -> Vec<Value> {
    let mut out = vec![];
    for kind in ["Deployment", "ReplicaSet", "Job"] {
        let found = cluster.list(kind, Some(namespace), "").await.unwrap_or_default();
        // ReplicaSets of older templates want no pods.
        let idle = |o: &Value| kind == "ReplicaSet" && o.pointer("/spec/replicas").and_then(Value::as_u64) == Some(0);
        out.extend(found.into_iter().filter(|o| takes(selector, o.pointer("/spec/template/metadata/labels")) && !idle(o)));
    }
    out
}

/// What a controller could not do: quota, PodSecurity, a webhook, a deadline.
fn refusals(o: &Value) -> Vec<String> {
    let bad = |c: &&Value| {
        matches!(
            (text_at(c, "/type"), text_at(c, "/status")),
            ("ReplicaFailure" | "Failed" | "FailureTarget", "True") | ("Progressing", "False")
        )
    };
    // A Deployment repeats what its ReplicaSet says.
    let repeats = |c: &&Value| text_at(o, "/kind") == "Deployment" && text_at(c, "/type") == "ReplicaFailure";
    items_at(o, "/status/conditions")
        .filter(bad)
        .filter(|c| !repeats(c))
        .map(|c| format!("{} {}: {}: {}", text_at(o, "/kind"), text_at(o, "/metadata/name"), text_at(c, "/reason"), text_at(c, "/message")))
        .collect()
}

fn claims(pod: &Value) -> Vec<String> {
    items_at(pod, "/spec/volumes").map(|v| text_at(v, "/persistentVolumeClaim/claimName").to_string()).filter(|n| !n.is_empty()).collect()
}

/// Why a claim is not bound; nothing when it is.
async fn volume(cluster: &Cluster, namespace: &str, claim: &str) -> Option<String> {
    let path = format!("/api/v1/namespaces/{}/persistentvolumeclaims/{}", urlencode(namespace), urlencode(claim));
    let found = match cluster.get_path(&path).await {
        Ok(c) => c,
        Err(e) if e.is_not_found() => return Some(format!("PersistentVolumeClaim {claim}: it does not exist in namespace {namespace}")),
        Err(_) => return None,
    };
    let phase = text_at(&found, "/status/phase");
    if phase == "Bound" {
        return None;
    }
    let class = text_at(&found, "/spec/storageClassName");
    let classes = cluster.get_path("/apis/storage.k8s.io/v1/storageclasses").await.ok();
    Some(format!("PersistentVolumeClaim {claim}: {phase}, not bound: {}", class_said(class, classes.as_ref())))
}

/// What a claim's StorageClass has to do with it; `classes` is the list, where it may be read.
fn class_said(class: &str, classes: Option<&Value>) -> String {
    let Some(classes) = classes else {
        return if class.is_empty() { "it names no StorageClass".into() } else { format!("its StorageClass is {class}") };
    };
    let names: Vec<&str> = items_at(classes, "/items").map(|c| text_at(c, "/metadata/name")).collect();
    let there = if names.is_empty() { "the cluster has none".into() } else { format!("the cluster has {}", names.join(", ")) };
    match items_at(classes, "/items").find(|c| text_at(c, "/metadata/name") == class) {
        _ if class.is_empty() => format!("it names no StorageClass and there is no default one; {there}"),
        None => format!("there is no StorageClass {class}; {there}"),
        Some(c) => {
            let (provisioner, mode) = (text_at(c, "/provisioner"), text_at(c, "/volumeBindingMode"));
            format!("StorageClass {class} (provisioner {provisioner}, {mode}) has made no volume")
        }
    }
}

fn is_unschedulable(pod: &Value) -> bool {
    items_at(pod, "/status/conditions").any(|c| text_at(c, "/type") == "PodScheduled" && text_at(c, "/reason") == "Unschedulable")
}

/// Extended resources (those with a slash, such as `nvidia.com/gpu`) that a pod asks for.
fn devices(pod: &Value) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    for c in items_at(pod, "/spec/containers") {
        for (k, v) in c.pointer("/resources/requests").and_then(Value::as_object).into_iter().flatten() {
            if let (true, Some(n)) = (k.contains('/'), v.as_str().and_then(|s| s.parse::<u64>().ok())) {
                *out.entry(k.clone()).or_insert(0) += n;
            }
        }
    }
    out
}

/// What an unschedulable pod asks for, and what the nodes have of it.
async fn shortage(cluster: &Cluster, pod: &Value) -> Vec<String> {
    let wanted = devices(pod);
    if wanted.is_empty() {
        return vec![];
    }
    let Ok(nodes) = cluster.list("Node", None, "").await else { return vec![] };
    // Without the right to see all pods, what is free is not known.
    let others = cluster.list("Pod", None, "").await.ok();
    let name = text_at(pod, "/metadata/name");
    wanted.iter().map(|(device, n)| shortage_of(name, device, *n, &nodes, others.as_deref())).collect()
}

fn shortage_of(pod: &str, device: &str, wanted: u64, nodes: &[Value], pods: Option<&[Value]>) -> String {
    let has = |n: &Value| n.pointer("/status/allocatable")?.get(device)?.as_str()?.parse::<u64>().ok();
    let used = |node: &str, pods: &[Value]| {
        let there = |p: &&Value| text_at(p, "/spec/nodeName") == node && !matches!(text_at(p, "/status/phase"), "Succeeded" | "Failed");
        pods.iter().filter(there).filter_map(|p| devices(p).get(device).copied()).sum::<u64>()
    };
    let best = nodes
        .iter()
        .filter_map(|n| {
            let (name, all) = (text_at(n, "/metadata/name"), has(n)?);
            Some((pods.map_or(all, |p| all.saturating_sub(used(name, p))), all, name))
        })
        .max();
    match best {
        None | Some((_, 0, _)) => format!("pod {pod} asks for {wanted} {device}; no node of the cluster has any"),
        Some((free, all, node)) => {
            let free = if pods.is_some() { format!(", {free} of them free") } else { String::new() };
            format!("pod {pod} asks for {wanted} {device}; node {node}, which has the most to give, has {all}{free}")
        }
    }
}

/// What is wrong with a node.
fn node_faults(node: &Value) -> Vec<String> {
    let name = text_at(node, "/metadata/name");
    let bad = |c: &&Value| match text_at(c, "/type") {
        "Ready" => text_at(c, "/status") != "True",
        "MemoryPressure" | "DiskPressure" | "PIDPressure" | "NetworkUnavailable" => text_at(c, "/status") == "True",
        _ => false,
    };
    items_at(node, "/status/conditions")
        .filter(bad)
        .map(|c| format!("node {name}: {} is {}: {}", text_at(c, "/type"), text_at(c, "/status"), text_at(c, "/message")))
        .collect()
}

/// A reason that waiting will not cure.
pub fn is_hopeless(pod: &Value) -> Option<String> {
    pod_reasons(pod).into_iter().find(|r| {
        ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"]
            .iter()
            .any(|h| r.contains(h))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_log_of_a_crash_is_that_of_the_life_that_crashed() {
        let crash = |state: Value, last: Value| {
            json!({"metadata": {"name": "p"}, "status": {"containerStatuses": [
            {"name": "ok", "state": {"terminated": {"exitCode": 0}}}, {"name": "c", "state": state, "lastState": last}]}})
        };
        let looping = crash(json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({"terminated": {"exitCode": 1}}));
        assert_eq!(crashed_containers(&looping), [("p".into(), "c".into(), true)]);
        let ended = crash(json!({"terminated": {"exitCode": 3}}), json!({"terminated": {"exitCode": 1}}));
        assert_eq!(crashed_containers(&ended), [("p".into(), "c".into(), false)]);
        assert_eq!(crashed_containers(&crash(json!({"running": {}}), json!({}))), []);
    }

    #[test]
    fn the_line_that_matters_may_come_before_a_usage_text() {
        let log =
            format!("flag provided but not defined: -x\nUsage:\n{}", (0..60).map(|i| format!("  -f{i} string\n")).collect::<String>());
        assert_eq!(telling(&log).first(), Some(&"flag provided but not defined: -x"));
        assert_eq!((telling(&log).len(), telling(&log).last()), (5, Some(&"  -f59 string")));
    }

    #[test]
    fn gpus_wanted_and_gpus_there() {
        let node = |name: &str, n: &str| json!({"metadata": {"name": name}, "status": {"allocatable": {"nvidia.com/gpu": n}}});
        let pod = |node: &str, n: &str| json!({"spec": {"nodeName": node, "containers": [{"resources": {"requests": {"nvidia.com/gpu": n, "cpu": "1"}}}]}});
        let nodes = [node("a", "8"), node("b", "10")];
        let pods = [pod("b", "7"), pod("", "11")];
        assert_eq!(devices(&pods[1]).into_iter().collect::<Vec<_>>(), [("nvidia.com/gpu".into(), 11)]);
        let said = |pods| shortage_of("p", "nvidia.com/gpu", 11, &nodes, pods);
        assert_eq!(said(Some(&pods[..])), "pod p asks for 11 nvidia.com/gpu; node a, which has the most to give, has 8, 8 of them free");
        assert_eq!(said(None), "pod p asks for 11 nvidia.com/gpu; node b, which has the most to give, has 10");
        assert!(shortage_of("p", "amd.com/gpu", 1, &nodes, None).ends_with("no node of the cluster has any"));
    }

    #[test]
    fn a_claim_names_its_class() {
        let classes = json!({"items": [{"metadata": {"name": "fast"}, "provisioner": "x.io", "volumeBindingMode": "Immediate"}]});
        assert_eq!(class_said("slow", Some(&classes)), "there is no StorageClass slow; the cluster has fast");
        assert!(
            class_said("", Some(&json!({"items": []}))).contains("names no StorageClass and there is no default one; the cluster has none")
        );
        assert!(class_said("fast", Some(&classes)).contains("provisioner x.io"));
        assert_eq!(class_said("slow", None), "its StorageClass is slow");
    }

    #[test]
    fn a_quota_is_told_once_and_by_the_replica_set() {
        let condition = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}]);
        let of = |kind: &str| json!({"kind": kind, "metadata": {"name": "d"}, "status": {"conditions": condition}});
        assert_eq!(refusals(&of("ReplicaSet")), ["ReplicaSet d: FailedCreate: exceeded quota: q"]);
        assert!(refusals(&of("Deployment")).is_empty());
        assert!(
            takes("a=b,c=d", Some(&json!({"a": "b", "c": "d", "e": "f"}))) && !takes("a=b", Some(&json!({"a": "c"}))) && takes("", None)
        );
    }

    #[test]
    fn events_newest_first_with_their_count() {
        let e = |t: &str, kind: &str, n: u64| {
            json!({"type": kind, "lastTimestamp": t, "count": n, "reason": "R", "message": format!("m{n}"),
            "involvedObject": {"kind": "Pod", "name": "p"}})
        };
        let told = warnings(vec![
            e("2026-01-01T00:00:01Z", "Warning", 1),
            e("2026-01-01T00:00:02Z", "Warning", 7),
            e("2026-01-01T00:00:03Z", "Normal", 2),
        ]);
        assert_eq!(told.into_iter().map(|(l, _)| l).collect::<Vec<_>>(), ["event Pod p: m7 (R, 7 times)", "event Pod p: m1 (R)"]);
    }
}
