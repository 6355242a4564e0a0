//! `events.jsonl` as the agent writes it.

use bench_analysis::ingest::events::{Seen, read};
use bench_model::tables::{Gap, ReplicaPoint};
use serde_json::{Value, json};

const D: &str = "qwen-decode";

fn line(t: &str, what: &str, kind: &str, name: &str, object: &Value) -> String {
    format!("{}\n", json!({"t": format!("2026-11-23T20:{t}Z"), "what": what, "kind": kind, "name": name, "object": object}))
}

fn seen(lines: &[String]) -> Seen {
    read(lines.concat().as_bytes(), D).unwrap()
}

/// Epoch seconds of 20:MM:SS.
fn at(minutes: u32, seconds: f64) -> f64 {
    1_795_464_000.0 + f64::from(minutes) * 60.0 + seconds
}

#[test]
fn replicas_are_those_of_the_deployment() {
    let o = |spec: u32, status: Value| json!({"spec": {"replicas": spec}, "status": status});
    let s = seen(&[
        line("00:01.250", "present", "Deployment", D, &o(1, json!({"replicas": 1, "readyReplicas": 1}))),
        line("00:02", "applied", "Deployment", "other", &o(9, json!({}))),
        line("00:03", "applied", "Deployment", D, &o(2, json!({"replicas": 2, "readyReplicas": 1}))),
        // Zeros are left out by the API.
        line("00:04", "applied", "Deployment", D, &o(0, json!({"observedGeneration": 3}))),
        line("00:05", "deleted", "Deployment", D, &o(2, json!({"replicas": 2}))),
    ]);
    let p = |t: f64, desired, current, ready| ReplicaPoint { t: at(0, t), desired, current, ready };
    assert_eq!(s.replicas, [p(1.25, 1, 1, 1), p(3.0, 2, 2, 1), p(4.0, 0, 0, 0), p(5.0, 0, 0, 0)]);
    assert_eq!((s.last.map(|t| t.timestamp()), s.problems), (Some(at(0, 5.0) as i64), vec![]));
}

fn pod(created: &str, deletion: Option<&str>, conditions: &[(&str, &str, &str)], restarts: &[u32]) -> Value {
    let conditions: Vec<Value> =
        conditions.iter().map(|(k, s, t)| json!({"type": k, "status": s, "lastTransitionTime": format!("2026-11-23T20:{t}Z")})).collect();
    let containers: Vec<Value> = restarts.iter().map(|n| json!({"restartCount": n})).collect();
    let mut o = json!({
        "metadata": {"creationTimestamp": format!("2026-11-23T20:{created}Z")},
        "status": {"conditions": conditions, "containerStatuses": containers}
    });
    if let Some(d) = deletion {
        o["metadata"]["deletionTimestamp"] = json!(format!("2026-11-23T20:{d}Z"));
    }
    o
}

#[test]
fn a_pods_life_is_followed_from_creation_to_deletion() {
    let s = seen(&[
        line("00:10", "applied", "Pod", "qwen-decode-5d-a", &pod("00:10", None, &[], &[])),
        line(
            "00:11",
            "applied",
            "Pod",
            "qwen-decode-5d-a",
            &pod("00:10", None, &[("PodScheduled", "True", "00:11"), ("Ready", "False", "00:11")], &[0]),
        ),
        line(
            "00:40",
            "applied",
            "Pod",
            "qwen-decode-5d-a",
            &pod("00:10", None, &[("PodScheduled", "True", "00:11"), ("Ready", "True", "00:40")], &[0, 1]),
        ),
        // Later it fails a probe and comes back: still ready since 00:40.
        line("02:00", "applied", "Pod", "qwen-decode-5d-a", &pod("00:10", None, &[("Ready", "True", "02:00")], &[1, 1])),
        line("03:00", "applied", "Pod", "qwen-decode-5d-a", &pod("00:10", Some("03:30"), &[], &[1, 1])),
        line("03:20", "deleted", "Pod", "qwen-decode-5d-a", &pod("00:10", Some("03:30"), &[], &[1, 1])),
        // Its end was not seen, but it was marked.
        line("00:02", "present", "Pod", "qwen-decode-5d-b", &pod("00:01", Some("00:31"), &[], &[])),
        line("00:02", "present", "Pod", "qwen-gateway-x", &pod("00:01", None, &[], &[])),
        line("00:02", "present", "Pod", "qwen-decode", &pod("00:01", None, &[], &[])),
    ]);
    let names: Vec<&str> = s.pods.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["qwen-decode-5d-b", "qwen-decode-5d-a"]);
    let (b, a) = (&s.pods[0], &s.pods[1]);
    assert_eq!((a.created, a.scheduled, a.ready), (at(0, 10.0), Some(at(0, 11.0)), Some(at(0, 40.0))));
    assert_eq!((a.deleted, a.restarts), (Some(at(3, 20.0)), 2));
    assert_eq!((b.scheduled, b.ready, b.deleted, b.restarts), (None, None, Some(at(0, 31.0)), 0));
}

#[test]
fn an_hpa_is_read_as_it_displays_itself() {
    let metric = |name: &str, key: &str, v: Value| json!({"type": "External", "external": {"metric": {"name": name}, key: v}});
    let hpa = json!({
        "spec": {
            "scaleTargetRef": {"name": D},
            "metrics": [
                metric("vllm:num_requests_waiting", "target", json!({"type": "AverageValue", "averageValue": "3"})),
                metric("vllm:kv_cache_usage_perc", "target", json!({"type": "AverageValue", "averageValue": "600m"})),
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
            ],
        },
        "status": {
            "currentReplicas": 2, "desiredReplicas": 3,
            "currentMetrics": [
                metric("vllm:num_requests_waiting", "current", json!({"averageValue": "4500m"})),
                {"type": ""},
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 41, "averageValue": "410m"}}},
            ],
            "conditions": [
                {"type": "ScalingLimited", "status": "True", "reason": "ScaleUpLimit", "message": "…"},
                {"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"},
            ],
        },
    });
    let mut other = hpa.clone();
    other["spec"]["scaleTargetRef"]["name"] = json!("another");
    let s = seen(&[
        line("00:15", "applied", "HorizontalPodAutoscaler", "h", &hpa),
        line("00:15", "applied", "HorizontalPodAutoscaler", "o", &other),
        line("00:20", "deleted", "HorizontalPodAutoscaler", "h", &hpa),
        line("00:00", "present", "HorizontalPodAutoscaler", "fresh", &json!({"spec": {"scaleTargetRef": {"name": D}}})),
    ]);
    assert_eq!(s.decisions.len(), 2);
    let (fresh, d) = (&s.decisions[0], &s.decisions[1]);
    assert_eq!((fresh.name.as_str(), fresh.desired), ("fresh", None));
    assert_eq!((d.t, d.by.as_str(), d.current, d.desired), (at(0, 15.0), "hpa", Some(2), Some(3)));
    let input = |n: &str| (d.inputs[n].0.as_str(), d.inputs[n].1.as_str());
    assert_eq!(input("vllm:num_requests_waiting"), ("4500m", "3"));
    assert_eq!(input("vllm:kv_cache_usage_perc"), ("<unknown>", "600m"));
    assert_eq!(input("cpu"), ("41%", "80%"));
    assert_eq!(d.conditions["ScalingLimited"], ("True".into(), "ScaleUpLimit".into()));
}

#[test]
fn a_variant_autoscaling_says_what_it_wants_and_when_it_ran() {
    let va = json!({
        "status": {
            "currentAlloc": {"numReplicas": 1, "accelerator": "sim"},
            "desiredOptimizedAlloc": {"numReplicas": 2, "lastRunTime": "2026-11-23T20:00:59Z", "accelerator": "sim"},
            "conditions": [{"type": "OptimizationReady", "status": "True", "reason": "CapacityOnlyMode"}],
        },
    });
    let s = seen(&[line("01:00", "applied", "VariantAutoscaling", D, &va)]);
    let d = &s.decisions[0];
    assert_eq!((d.by.as_str(), d.t, d.current, d.desired), ("wva", at(1, 0.0), Some(1), Some(2)));
    assert_eq!(d.inputs["lastRunTime"].0, "2026-11-23T20:00:59Z");
    assert_eq!(d.conditions["OptimizationReady"].1, "CapacityOnlyMode");
}

#[test]
fn events_come_once_and_at_their_own_time() {
    let e = |uid: &str, count: u32| {
        json!({
            "metadata": {"uid": uid}, "type": "Warning", "reason": "BackOff", "message": "m", "count": count,
            "involvedObject": {"kind": "Pod", "name": "p"}, "firstTimestamp": "2026-11-23T20:00:01Z", "lastTimestamp": "2026-11-23T20:00:30Z",
        })
    };
    let newer = json!({
        "metadata": {"uid": "c"}, "type": "Normal", "reason": "Scheduled", "note": "assigned", "eventTime": "2026-11-23T20:00:05.500000Z",
        "regarding": {"kind": "Pod", "name": "q"}, "lastTimestamp": null,
    });
    let s = seen(&[
        line("01:00", "applied", "Event", "a", &e("a", 1)),
        line("01:10", "present", "Event", "a", &e("a", 1)),
        line("01:20", "applied", "Event", "a", &e("a", 2)),
        line("01:30", "deleted", "Event", "a", &e("a", 2)),
        line("01:40", "applied", "Event", "c", &newer),
        line("01:50", "applied", "Event", "bare", &json!({"reason": "x"})),
    ]);
    let got: Vec<_> = s.events.iter().map(|e| (e.t, e.reason.as_str(), e.object.as_str(), e.message.as_str(), e.count)).collect();
    assert_eq!(
        got,
        [
            (at(0, 5.5), "Scheduled", "Pod/q", "assigned", 1),
            (at(0, 30.0), "BackOff", "Pod/p", "m", 1),
            (at(0, 30.0), "BackOff", "Pod/p", "m", 2),
            (at(1, 50.0), "x", "/", "", 1),
        ]
    );
}

#[test]
fn broken_watches_are_gaps() {
    let s = seen(&[
        line("01:00", "gap", "Pod", "", &json!({"from": "2026-11-23T20:00:48.5Z"})),
        line("02:00", "gap", "", "", &Value::Null),
        line("02:30", "agent", "", "", &json!("heartbeat")),
    ]);
    let gap = |from, to, what: &str| Gap {
        kind: "watch".into(),
        from,
        to,
        detail: format!("the watch on {what} broke; changes in between may be missing"),
    };
    assert_eq!(s.gaps, [gap(at(0, 48.5), at(1, 0.0), "Pod objects"), gap(at(2, 0.0), at(2, 0.0), "objects")]);
    assert_eq!(s.last.map(|t| t.timestamp()), Some(at(2, 30.0) as i64));
}

#[test]
fn a_torn_last_line_is_told_and_costs_nothing_else() {
    let good = line("00:01", "present", "Deployment", D, &json!({"spec": {"replicas": 1}}));
    let torn = &good[..good.len() - 20];
    let s = seen(&[good.clone(), torn.to_owned()]);
    assert_eq!(s.replicas.len(), 1);
    assert_eq!(s.problems, ["line 2: the last line is torn; the agent was stopped while it wrote"]);
    // Whole but for its line feed, it counts.
    assert_eq!(seen(&[good.clone(), good.trim_end().to_owned()]).replicas.len(), 2);
}

#[test]
fn broken_lines_in_between_are_told_with_their_number() {
    let good = line("00:01", "present", "Deployment", D, &json!({"spec": {"replicas": 1}}));
    let bad = "{\"t\": 5}\n".to_owned();
    let mut bytes = [good.clone(), "\n".into(), bad.clone(), bad.clone(), bad.clone(), bad.clone()].concat().into_bytes();
    bytes.extend(b"\xff\xfe\n");
    bytes.extend(good.as_bytes());
    let s = read(&bytes[..], D).unwrap();
    assert_eq!(s.replicas.len(), 2);
    assert_eq!(s.problems.len(), 4, "{:?}", s.problems);
    assert!(s.problems[0].starts_with("line 3: "), "{:?}", s.problems);
    assert_eq!(s.problems[3], "2 more lines were not understood");
}
