//! Do the objects of a plan hold together? What an API server would refuse, and what it would take and never do.

use crate::plan::objects;
use serde_json::Value;

/// Every arm, and both modes of the load.
fn plans() -> Vec<(String, Vec<Value>)> {
    let mut out = vec![];
    for arm in [&["--wva"][..], &["--hpa"], &["--static", "2"]] {
        for mode in ["--continuous", "--per-rate"] {
            let args = [arm, &["-w", "ramp_small", mode]].concat();
            out.push((args.join(" "), objects(&args)));
        }
    }
    out
}

fn text<'a>(o: &'a Value, pointer: &str) -> &'a str {
    o.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Pod templates with the name of what makes them.
fn pods(all: &[Value]) -> Vec<(&str, &Value)> {
    all.iter().filter_map(|o| Some((text(o, "/metadata/name"), o.pointer("/spec/template")?))).collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten()
}

fn has(all: &[Value], kind: &str, name: &str) -> bool {
    all.iter().any(|o| o["kind"] == kind && o["metadata"]["name"] == name)
}

/// All labels of `wanted` stand in `labels`.
fn matches(wanted: &Value, labels: &Value) -> bool {
    let wanted = wanted.as_object().expect("labels to select by");
    !wanted.is_empty() && wanted.iter().all(|(k, v)| labels.get(k) == Some(v))
}

#[test]
fn every_object_is_labelled_as_benchs_and_lies_in_the_namespace() {
    for (plan, all) in plans() {
        assert!(all.len() >= 8, "{plan}");
        for o in &all {
            let labels = &o["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/managed-by"], "llmd-bench", "{plan}: {o}");
            assert_eq!(labels["llmd-bench/stack"], "llmdbench", "{plan}: {o}");
            assert_eq!(o["metadata"]["namespace"], "llmdbench", "{plan}: {o}");
        }
    }
}

#[test]
fn names_and_label_values_are_such_as_the_api_server_takes() {
    fn name(s: &str) -> bool {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (1..=63).contains(&s.len()) && s.chars().all(inner) && !s.starts_with('-') && !s.ends_with('-')
    }
    fn label(s: &str) -> bool {
        let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        s.len() <= 63
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && ends(s.chars().next())
            && ends(s.chars().last())
    }
    for (plan, all) in plans() {
        for o in &all {
            assert!(name(text(o, "/metadata/name")), "{plan}: {}", o["metadata"]["name"]);
            let of_pods = o.pointer("/spec/template/metadata/labels").and_then(Value::as_object).into_iter().flatten();
            for (k, v) in o["metadata"]["labels"].as_object().into_iter().flatten().chain(of_pods) {
                assert!(v.as_str().is_some_and(label), "{plan}: {k}={v}");
            }
        }
    }
}

#[test]
fn what_selects_finds_what_it_selects() {
    for (plan, all) in plans() {
        let mut services = 0;
        for o in &all {
            if let Some(selector) = o.pointer("/spec/selector/matchLabels") {
                assert!(matches(selector, &o["spec"]["template"]["metadata"]["labels"]), "{plan}: {o}");
            }
            if o["kind"] == "Service" {
                services += 1;
                let found: Vec<_> =
                    pods(&all).into_iter().filter(|(_, p)| matches(&o["spec"]["selector"], &p["metadata"]["labels"])).collect();
                assert_eq!(found.len(), 1, "{plan}: Service {} selects the pods of one Deployment", o["metadata"]["name"]);
                let port = text(o, "/spec/ports/0/targetPort");
                let named = |c: &Value| c["ports"].as_array().into_iter().flatten().any(|p| p["name"] == port);
                assert!(containers(found[0].1).any(named), "{plan}: port {port} of {}", found[0].0);
            }
            let target = &o["spec"]["scaleTargetRef"];
            if target.is_object() {
                assert!(has(&all, text(target, "/kind"), text(target, "/name")), "{plan}: {target}");
            }
            if o["kind"] == "RoleBinding" {
                assert!(has(&all, "Role", text(o, "/roleRef/name")), "{plan}: {o}");
                assert!(has(&all, "ServiceAccount", text(o, "/subjects/0/name")), "{plan}: {o}");
            }
            if o["kind"] == "VariantAutoscaling" {
                assert!(has(&all, "Deployment", text(o, "/metadata/name")), "{plan}: WVA maps it to the Deployment of its name");
            }
        }
        assert_eq!(services, 2, "{plan}");
        let hpas = all.iter().filter(|o| o["kind"] == "HorizontalPodAutoscaler").count();
        assert_eq!(hpas, usize::from(!plan.contains("static")), "{plan}: two HPAs of one Deployment would fight");
    }
}

#[test]
fn what_a_pod_mounts_and_probes_is_there() {
    for (plan, all) in plans() {
        for (name, pod) in pods(&all) {
            let volumes: Vec<&str> = pod["spec"]["volumes"].as_array().into_iter().flatten().map(|v| text(v, "/name")).collect();
            for v in pod["spec"]["volumes"].as_array().into_iter().flatten() {
                let map = text(v, "/configMap/name");
                assert!(map.is_empty() || has(&all, "ConfigMap", map), "{plan}: {name} mounts ConfigMap {map}");
            }
            for c in containers(pod) {
                for m in c["volumeMounts"].as_array().into_iter().flatten() {
                    assert!(volumes.contains(&text(m, "/name")), "{plan}: {name} mounts {m}");
                }
                for probe in ["readinessProbe", "startupProbe"] {
                    let port = text(c, &format!("/{probe}/httpGet/port"));
                    let named = c["ports"].as_array().into_iter().flatten().any(|p| p["name"] == port);
                    assert!(port.is_empty() || named, "{plan}: {name} probes port {port}");
                }
            }
        }
    }
}

/// The profile `restricted` of Pod Security, and no token where none is needed.
#[test]
fn pods_pass_the_restricted_profile() {
    for (plan, all) in plans() {
        for (name, pod) in pods(&all) {
            let s = &pod["spec"];
            assert_eq!(s["securityContext"]["runAsNonRoot"], true, "{plan}: {name}");
            assert_eq!(s["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{plan}: {name}");
            assert_eq!(s["automountServiceAccountToken"], false, "{plan}: {name}");
            for c in containers(pod) {
                assert_eq!(c["securityContext"]["allowPrivilegeEscalation"], false, "{plan}: {name}");
                assert_eq!(c["securityContext"]["capabilities"]["drop"], serde_json::json!(["ALL"]), "{plan}: {name}");
                assert_eq!(c["securityContext"]["readOnlyRootFilesystem"], true, "{plan}: {name}");
                assert!(c["resources"]["requests"]["memory"].is_string(), "{plan}: {name} requests memory");
            }
        }
    }
}

/// A value of the environment, or an argument, that was quoted twice reaches the program with its quotes.
#[test]
fn nothing_is_quoted_twice() {
    for (plan, all) in plans() {
        for (name, pod) in pods(&all) {
            for c in containers(pod) {
                let values = c["env"].as_array().into_iter().flatten().map(|e| text(e, "/value"));
                let args = c["args"].as_array().into_iter().flatten().filter_map(Value::as_str);
                for v in values.chain(args) {
                    assert!(!(v.starts_with('"') && v.ends_with('"')), "{plan}: {name} is given {v:?}");
                }
            }
        }
    }
}

/// A run's objects are found again by its label, whichever of them it is.
#[test]
fn a_run_labels_all_its_objects_alike() {
    for (plan, all) in plans() {
        let mut seen: Vec<&Value> = vec![];
        for o in &all {
            seen.extend(o["metadata"]["labels"].get("llmd-bench/run"));
            seen.extend(o.pointer("/spec/template/metadata/labels").and_then(|l| l.get("llmd-bench/run")));
        }
        assert_eq!(seen.len(), 3, "{plan}: ConfigMap, Job and its pod");
        assert!(seen.iter().all(|v| *v == seen[0]), "{plan}: {seen:?}");
    }
}

/// A pod for which HAProxy has no slot serves nobody, and looks ready all the while.
#[test]
fn the_gateway_has_a_slot_for_every_replica_of_the_arm() {
    let all = objects(&["--static", "10"]);
    let config = all.iter().find_map(|o| o.pointer("/data/haproxy.cfg")?.as_str()).expect("a configuration");
    let line = config.lines().find(|l| l.contains("server-template")).expect("slots");
    let slots: u32 = line.split("1-").nth(1).and_then(|r| r.split(' ').next()?.parse().ok()).expect("a number of slots");
    assert!(slots >= 10, "{line}");
}

/// The published stack in the same namespace.
fn planned_published() -> Value {
    let r = crate::support::bench(&["plan", "-p", "some-stack", "--output", "json"]).exits(0);
    r.json().into_iter().find(|e| e["event"] == "plan").expect("a plan")
}

/// Every template there is, as it is rendered for a namespace: also what `bench plan` does not show.
fn every_template() -> Vec<(String, Value)> {
    use bench::config::{llmd, manifests};
    let published = || serde_json::from_value(planned_published()["plan"]["scenario"].clone()).expect("a scenario");
    let plan: bench_model::plan::Plan =
        serde_json::from_value(crate::plan::planned(&["--wva", "-p", "some-stack", "-w", "ramp_small"])["plan"].clone()).expect("a plan");
    let (run, job) = ("20260101t000000z-abcd", "llmd-bench-load-abcd");
    let mut out = vec![];
    let mut add = |template: &str, objects: Vec<Value>| out.extend(objects.into_iter().map(|o| (template.to_string(), o)));
    let adapter = serde_json::json!({
        "rules": "r", "rules_sum": "0", "suffix": "some-stack", "prometheus_url": "https://p", "prometheus_ca": "ca",
        "wants_token": true,
    });
    let agent = serde_json::json!({"agent_pod": "llmd-bench-agent-x", "agent_image": "i", "streamed": true, "agent_args": ["x"]});
    for (template, _) in manifests::TEMPLATES {
        let objects = match *template {
            // A part of another one; the load's has a function of its own.
            "haproxy.cfg.tera" | "harness.yaml" | "gateway-haproxy.yaml" | "hpa.yaml" | "vllm.yaml" | "weights.yaml" | "route.yaml" => {
                continue;
            }
            "adapter.yaml" => manifests::objects(&plan, template, adapter.clone()),
            "agent-pod.yaml" => manifests::objects(&plan, template, agent.clone()).map(|mut all| {
                all.iter_mut().for_each(|o| manifests::own_by_run(o, run));
                all
            }),
            _ => manifests::objects(&plan, template, Value::Null),
        };
        add(template, objects.expect("it renders"));
    }
    let mut gpu = plan.clone();
    gpu.scenario = published();
    add("vllm.yaml", llmd::vllm(&gpu).expect("it renders"));
    add("weights.yaml", llmd::weights(&gpu).expect("it renders"));
    add("claim", llmd::claim(&gpu).into_iter().collect());
    add("route.yaml", llmd::route(&gpu).expect("it renders"));
    add("gateway-haproxy.yaml", manifests::gateway(&plan).expect("it renders"));
    add("hpa.yaml", manifests::hpa(&plan).expect("it renders"));
    add("harness.yaml", bench::load::job::harness(&plan, run, job).expect("it renders").objects);
    out
}

/// Whatever is not found by its labels is not removed: each object, and what a controller makes of its template.
#[test]
fn everything_that_is_made_says_whose_it_is() {
    let all = every_template();
    assert!(all.len() > 20, "{}", all.len());
    for (template, o) in &all {
        let of_a_run = ["agent-pod.yaml", "harness.yaml"].contains(&template.as_str());
        for labels in [o.pointer("/metadata/labels"), o.pointer("/spec/template/metadata/labels")].into_iter().flatten() {
            assert_eq!(labels["app.kubernetes.io/managed-by"], "llmd-bench", "{template}: {o}");
            assert_eq!(labels["llmd-bench/stack"], "some-stack", "{template}: {o}");
            assert_eq!(labels.get("llmd-bench/run").is_some(), of_a_run, "{template}: {o}");
        }
        assert!(o.pointer("/metadata/labels").is_some(), "{template}: {o}");
        let made_of = o.pointer("/spec/template");
        assert!(made_of.is_none_or(|t| t.pointer("/metadata/labels").is_some()), "{template}: {o}");
    }
}

/// Two stacks never meet in one name, but for the API that only one server can have, and namespaces, which belong to who made them.
#[test]
fn names_outside_the_namespace_end_with_it() {
    let mut outside = 0;
    for (template, o) in every_template() {
        let (kind, ns) = (text(&o, "/kind"), text(&o, "/metadata/namespace"));
        // bench's own adapter has a namespace to itself.
        if ["APIService", "Namespace"].contains(&kind) || ["some-stack", "llmd-bench-adapter"].contains(&ns) {
            continue;
        }
        outside += 1;
        assert!(text(&o, "/metadata/name").ends_with("-some-stack"), "{template}: {o}");
        let role = text(&o, "/roleRef/name");
        assert!(
            role.is_empty()
                || role.starts_with("system:")
                || role == "cluster-monitoring-view"
                || role.ends_with("-some-stack")
                || role.starts_with("extension-"),
            "{o}"
        );
    }
    assert_eq!(outside, 8, "ClusterRoles, their bindings, and a RoleBinding in kube-system");
}
