//! Every verb of the roles in `docs/rbac/` is missed when it is taken away, alone.

use super::rights::{BY_KEDA, NS, account, apply, bench, cleaned_up, places, plan, prepared, read};
use super::support::Place;
use bench::cluster::Cluster;
use bench::config::Lookup;
use bench::ops::rights::{self, Part};
use bench_model::plan::{Arm, Plan};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Verb and resource of what is missing of these parts.
async fn missing(cluster: &Cluster, plan: &Plan, parts: &[Part]) -> BTreeSet<String> {
    let all = rights::ask(cluster, plan, &places()).await.unwrap();
    let own = all.iter().filter(|a| parts.contains(&a.part) && !a.allowed);
    own.map(|a| format!("{} {}.{}", a.verb, a.resource, a.group)).collect()
}

/// The same until it is what it should be: the authorizer learns of a change a moment later.
fn missing_at_last(
    runtime: &tokio::runtime::Runtime,
    cluster: &Cluster,
    plan: &Plan,
    parts: &[Part],
    wanted: &BTreeSet<String>,
) -> BTreeSet<String> {
    let begun = Instant::now();
    loop {
        let now = runtime.block_on(missing(cluster, plan, parts));
        if now == *wanted || begun.elapsed() > Duration::from_secs(10) {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Takes each verb of a file's Role away, alone, and lets `look` see what that does: group, resource, verb. The Role is whole again after it.
fn each_verb_taken(admin: &Place, file: &str, namespace: &str, mut look: impl FnMut(&str, &str, &str)) {
    let role: Value = serde_yaml::from_str(&read(file)).unwrap();
    let name = role["metadata"]["name"].as_str().unwrap();
    let put = |rules: &Value| {
        let patch = json!({ "rules": rules }).to_string();
        admin.kubectl(&["patch", "role", "-n", namespace, name, "--type=merge", "-p", &patch]).exits(0);
    };
    let rules = role["rules"].as_array().unwrap();
    for (i, rule) in rules.iter().enumerate() {
        for resource in rule["resources"].as_array().unwrap() {
            for verb in rule["verbs"].as_array().unwrap() {
                let mut less: Vec<Value> = rules.to_vec();
                less[i]["resources"] = rule["resources"].as_array().unwrap().iter().filter(|r| *r != resource).cloned().collect();
                let mut rest = rule.clone();
                rest["resources"] = json!([resource]);
                rest["verbs"] = rule["verbs"].as_array().unwrap().iter().filter(|v| *v != verb).cloned().collect();
                less.push(rest);
                less.retain(|r| r["resources"] != json!([]) && r["verbs"] != json!([]));
                put(&json!(less));
                look(rule["apiGroups"][0].as_str().unwrap(), resource.as_str().unwrap(), verb.as_str().unwrap());
            }
        }
    }
    put(&role["rules"]);
}

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights_each_verb_is_missed() {
    let admin = Place::new("rights-each");
    let (user, _) = prepared(&admin);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::connect(Some(&user.kubeconfig), None)).unwrap();
    let (by_hpa, by_keda) = (plan(&[]), plan(&[BY_KEDA]));
    let own = [Part::Stack, Part::Prometheus];
    let until = |plan: &Plan, wanted: &BTreeSet<String>| missing_at_last(&runtime, &cluster, plan, &own, wanted);
    for plan in [&by_hpa, &by_keda] {
        assert_eq!(until(plan, &BTreeSet::new()), BTreeSet::new(), "with the roles as they are nothing is missing");
    }
    let mut taken = 0;
    for (file, namespace) in [("stack-user.yaml", NS), ("monitoring-reader.yaml", "monitoring")] {
        each_verb_taken(&admin, file, namespace, |group, resource, verb| {
            // What scales by KEDA is asked of a plan that does.
            let (plan, set) = if group == "keda.sh" { (&by_keda, Some(BY_KEDA)) } else { (&by_hpa, None) };
            let wanted = BTreeSet::from([format!("{verb} {resource}.{group}")]);
            assert_eq!(until(plan, &wanted), wanted);
            taken += 1;
            if taken % 20 == 1 {
                // And as a user reads it.
                let mut args = vec!["preflight", "-c", "simulated", "--wva", "-p", NS];
                args.extend(set.iter().flat_map(|s| ["--set", s]));
                bench(&user, &args).exits(6).says("missing").says(&format!("{verb} {resource}")).says(file);
            }
        });
    }
    eprintln!("{taken} verbs, each missed alone");
    assert!(taken > 75, "{taken}");
    cleaned_up(&admin);
}

/// The roles that stand beside a user's own: for the published stack, and for one that was adopted. Each is bound to an account that has
/// nothing else, so that no other role has the verb that is taken away. The API server decides about kinds that it does not have, too.
#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights_each_verb_of_published_and_adopted_stacks_is_missed() {
    let admin = Place::new("rights-beside");
    let (_, _) = prepared(&admin);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut counts = vec![];
    for (part, plan) in [(Part::Served, published()), (Part::Adopted, adopted())] {
        let role: Value = serde_yaml::from_str(&read(part.file())).unwrap();
        let (role, name) = (role["metadata"]["name"].as_str().unwrap(), format!("{}-alone", part.file().trim_end_matches(".yaml")));
        apply(&admin, part.file(), &read(part.file()), &["-n", NS]);
        admin.kubectl(&["create", "serviceaccount", "-n", NS, &name]).exits(0);
        let bound = format!("--serviceaccount={NS}:{name}");
        admin.kubectl(&["create", "rolebinding", "-n", NS, &name, &format!("--role={role}"), &bound]).exits(0);
        let (alone, _) = account(&admin, &name, &name);
        let cluster = runtime.block_on(Cluster::connect(Some(&alone.kubeconfig), None)).unwrap();
        let until = |wanted: &BTreeSet<String>| missing_at_last(&runtime, &cluster, &plan, &[part], wanted);
        assert_eq!(until(&BTreeSet::new()), BTreeSet::new(), "with {} as it is nothing of it is missing", part.file());
        let mut taken = 0;
        each_verb_taken(&admin, part.file(), NS, |group, resource, verb| {
            let wanted = BTreeSet::from([format!("{verb} {resource}.{group}")]);
            assert_eq!(until(&wanted), wanted, "{}", part.file());
            taken += 1;
        });
        eprintln!("{}: {taken} verbs, each missed alone", part.file());
        counts.push(taken);
    }
    assert!(counts[0] >= 75 && counts[1] >= 9, "{counts:?}");
    cleaned_up(&admin);
}

/// The published stack on an OpenShift, scaled by KEDA: all of its rows are asked.
fn published() -> Plan {
    let lookup = Lookup { config_dir: None, current_dir: "/".into() };
    let args =
        bench::config::scenario::ScenarioArgs { name: "inference-scheduling".into(), namespace: Some(NS.into()), ..Default::default() };
    let intent = bench::ops::plan::Intent { scenario: args, arm: Some(Arm::Wva), ..Default::default() };
    let mut plan = bench::ops::plan::resolve(&lookup, &intent, None).unwrap().0;
    plan.scenario.scaling.by = bench_model::scenario::Scaler::Keda;
    plan.facts = Some(bench_model::plan::ClusterFacts { openshift: true, ..Default::default() });
    assert_eq!(plan.scenario.monitoring.prometheus.service, "auto", "so a token for the Thanos querier is asked for");
    plan
}

fn adopted() -> Plan {
    let mut plan = plan(&[]);
    plan.scenario.existing = Some(bench_model::existing::Existing { adopted: true, ..Default::default() });
    plan
}

/// Whether the two plans are such that every row of their roles is asked, without a cluster.
#[test]
fn published_and_adopted_plans_are_asked_all_of_their_roles() {
    let p = published();
    let s = &p.scenario;
    assert!(p.by_keda() && p.on_openshift() && s.model_server.method.is_vllm() && s.gateway.kind.is_gateway_api());
    assert!(adopted().is_adopted() && !adopted().is_endpoint());
}
