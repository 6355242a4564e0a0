//! Every pod that bench makes, on plain Kubernetes and on OpenShift, in all its forms: what Pod Security's restricted profile
//! and OpenShift's restricted-v2 want, and more.

use super::*;
use crate::config::Lookup;
use crate::config::profile::ProfileArgs;
use crate::config::scenario::ScenarioArgs;
use crate::load::job;
use crate::ops::plan::{Intent, resolve};
use bench_model::plan::ClusterFacts;

fn plan(arm: Arm, openshift: bool, set: &[&str]) -> Plan {
    let intent = Intent {
        scenario: ScenarioArgs { name: "simulated".into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() },
        profile: Some(ProfileArgs { name: "ramp_small".into(), ..ProfileArgs::default() }),
        arm: Some(arm),
        ..Intent::default()
    };
    let facts = ClusterFacts { openshift, ..ClusterFacts::default() };
    resolve(&Lookup { config_dir: None, current_dir: "/nonexistent".into() }, &intent, Some(facts)).unwrap().0
}

/// Every object of every template, in every form that changes a pod.
fn everything(openshift: bool) -> Vec<(String, Value)> {
    let mut out = vec![];
    let tokenizers: [&[&str]; 4] = [
        &["load.guidellm.tokenizer.source=embedded"],
        &["load.guidellm.tokenizer={source: hub}", "load.guidellm.env.HF_TOKEN=secret://hub/token"],
        &["load.guidellm.tokenizer={source: pvc, claim: models, path: /tokenizer/x}"],
        &["load.guidellm.tokenizer={source: directory, path: /tokenizer}"],
    ];
    for set in tokenizers {
        let p = plan(Arm::Wva, openshift, set);
        let name = set[0].to_string();
        out.extend(job::harness(&p, "RUN", "load").unwrap().objects.into_iter().map(|o| (name.clone(), o)));
    }
    let p = plan(Arm::Wva, openshift, &["model_server.env.HF_TOKEN=secret://hub/token"]);
    for streamed in [true, false] {
        let extra = json!({"agent_pod": "agent", "agent_image": "x:1", "streamed": streamed, "agent_args": ["a"]});
        out.extend(objects(&p, "agent-pod.yaml", extra).unwrap().into_iter().map(|o| (format!("agent {streamed}"), o)));
    }
    let extra = json!({"rules": "rules: []", "rules_sum": "0", "suffix": "x", "prometheus_url": "https://x", "prometheus_ca": "pem"});
    out.extend(objects(&p, "adapter.yaml", extra).unwrap().into_iter().map(|o| ("adapter".to_string(), o)));
    for arm in [Arm::Wva, Arm::Hpa, Arm::Static(2)] {
        let p = plan(arm, openshift, &[]);
        let all = stack(&p).unwrap().into_iter().chain(hpa(&p).unwrap()).chain(variant_autoscaling(&p).unwrap());
        out.extend(all.map(|o| (arm.to_string(), o)));
    }
    out
}

/// Specs of pods, by what makes them.
fn pods(all: &[(String, Value)]) -> Vec<(String, &Value)> {
    all.iter()
        .filter_map(|(form, o)| {
            let spec = if o["kind"] == "Pod" { o.pointer("/spec") } else { o.pointer("/spec/template/spec") }?;
            Some((format!("{form}: {} {}", o["kind"], o["metadata"]["name"]), spec))
        })
        .collect()
}

#[test]
fn every_container_is_as_the_restricted_profiles_want_it() {
    for openshift in [false, true] {
        let all = everything(openshift);
        let pods = pods(&all);
        assert!(pods.len() >= 4 + 2 + 1 + 3 * 2, "{}", pods.len());
        for (name, spec) in pods {
            let s = &spec["securityContext"];
            assert_eq!(s["runAsNonRoot"], true, "{name}");
            assert_eq!(s["seccompProfile"]["type"], "RuntimeDefault", "{name}");
            // OpenShift gives each namespace a range of its own, and refuses any other.
            let fixed = ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"].iter().filter(|k| !s[**k].is_null()).count();
            assert_eq!(fixed > 0, !openshift, "{name}: {s}");
            assert_ne!(s["runAsUser"], 0, "{name}");
            for forbidden in ["hostNetwork", "hostPID", "hostIPC", "hostUsers"] {
                assert!(spec[forbidden].is_null(), "{name}: {forbidden}");
            }
            for v in spec["volumes"].as_array().into_iter().flatten() {
                let kinds: Vec<&String> = v.as_object().unwrap().keys().filter(|k| *k != "name").collect();
                assert!(
                    kinds.iter().all(|k| ["configMap", "emptyDir", "persistentVolumeClaim"].contains(&k.as_str())),
                    "{name}: {kinds:?}"
                );
            }
            let mut containers = 0;
            for list in ["initContainers", "containers", "ephemeralContainers"] {
                for c in spec[list].as_array().into_iter().flatten() {
                    containers += 1;
                    let s = &c["securityContext"];
                    let (name, c_name) = (&name, &c["name"]);
                    assert_eq!(s["allowPrivilegeEscalation"], false, "{name} {c_name}");
                    assert_eq!(s["readOnlyRootFilesystem"], true, "{name} {c_name}");
                    assert_eq!(s["capabilities"], json!({"drop": ["ALL"]}), "{name} {c_name}");
                    assert!(s["privileged"].is_null() && s["runAsUser"].is_null() && s["seccompProfile"].is_null(), "{name} {c_name}");
                    assert!(c["ports"].as_array().into_iter().flatten().all(|p| p["hostPort"].is_null()), "{name} {c_name}");
                }
            }
            assert!(containers > 0, "{name}");
        }
    }
}

#[test]
fn only_the_recorder_and_the_adapter_have_a_token() {
    let all = everything(false);
    let mut with = std::collections::BTreeSet::new();
    for (name, spec) in pods(&all) {
        // Said by every pod itself: what a ServiceAccount says may be changed by others.
        let Some(mounted) = spec["automountServiceAccountToken"].as_bool() else { panic!("{name} does not say") };
        assert_eq!(spec["serviceAccountName"].is_string(), mounted, "{name}");
        if mounted {
            with.insert(spec["serviceAccountName"].as_str().unwrap().to_string());
        }
    }
    assert_eq!(with.into_iter().collect::<Vec<_>>(), ["llmd-bench-agent", "prometheus-adapter"]);
    let accounts = all.iter().filter(|(_, o)| o["kind"] == "ServiceAccount").inspect(|(_, o)| {
        assert_eq!(o["automountServiceAccountToken"], false, "{o}");
    });
    assert!(accounts.count() >= 2);
    assert!(all.iter().all(|(_, o)| o["kind"] != "Secret"), "bench makes no Secret");
}

#[test]
fn a_secret_is_named_in_a_pod_and_nowhere_held() {
    let all = everything(false);
    let mut found = 0;
    for (name, spec) in pods(&all) {
        for e in spec["containers"].as_array().unwrap().iter().flat_map(|c| c["env"].as_array().cloned().unwrap_or_default()) {
            assert!(!e["value"].as_str().unwrap_or_default().contains("secret://"), "{name}: {e}");
            if e["name"] == "HF_TOKEN" {
                assert_eq!(e["valueFrom"]["secretKeyRef"], json!({"name": "hub", "key": "token"}), "{name}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 1, "the load's; the model server's is in another form");
    let p = plan(Arm::Hpa, false, &["model_server.env.HF_TOKEN=secret://hub/token"]);
    let text = json!(model_server(&p).unwrap()).to_string();
    assert!(text.contains(r#""secretKeyRef":{"name":"hub","key":"token"}"#), "{text}");
}
