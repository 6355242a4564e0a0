//! The table and the roles of `docs/rbac/` say the same.

use super::*;
use crate::config::Lookup;
use crate::config::manifests;
use crate::config::scenario::ScenarioArgs;
use crate::ops::plan::Intent;
use serde_json::Value;
use std::collections::BTreeSet;

/// Verb, group, resource, name, namespace when it is not the part's own.
type One = (String, String, String, String, String);

fn documents(file: &str) -> Vec<Value> {
    let path = format!("{}/docs/rbac/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_yaml::from_multiple(&text).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn words(rule: &Value, key: &str) -> Vec<String> {
    rule[key].as_array().into_iter().flatten().map(|v| v.as_str().expect("text").to_string()).collect()
}

/// Everything that the roles of a file grant.
fn granted(file: &str) -> BTreeSet<One> {
    let mut out = BTreeSet::new();
    for role in documents(file).iter().filter(|d| d["kind"] == "Role" || d["kind"] == "ClusterRole") {
        // A Role with a namespace of its own is for that one; the others are applied where they are needed.
        let namespace = role["metadata"]["namespace"].as_str().unwrap_or_default().to_string();
        for rule in role["rules"].as_array().expect("rules") {
            let mut names = words(rule, "resourceNames");
            if names.is_empty() {
                names.push(String::new());
            }
            for path in words(rule, "nonResourceURLs") {
                out.extend(words(rule, "verbs").into_iter().map(|v| (v, String::new(), path.clone(), String::new(), namespace.clone())));
            }
            for (verb, name) in words(rule, "verbs").iter().flat_map(|v| names.iter().map(move |n| (v, n))) {
                for (group, resource) in
                    words(rule, "apiGroups").iter().flat_map(|g| words(rule, "resources").into_iter().map(move |r| (g.clone(), r)))
                {
                    let fresh = out.insert((verb.clone(), group.clone(), resource.clone(), name.clone(), namespace.clone()));
                    assert!(fresh, "{file} grants {verb} {resource}.{group} twice");
                }
            }
        }
    }
    out
}

/// What the table says of the parts that a file grants. In one ClusterRole a place is no part of a right.
fn wanted(file: &str) -> BTreeSet<One> {
    let mut out = BTreeSet::new();
    for r in TABLE.iter().filter(|r| r.part.file() == file) {
        let fixed = r.namespace.unwrap_or_default();
        for verb in r.verbs {
            let names: Vec<&str> = if r.names.is_empty() { vec![""] } else { r.names.to_vec() };
            for name in names {
                out.insert((verb.to_string(), r.group.into(), r.resource.into(), name.to_string(), fixed.to_string()));
            }
        }
    }
    out
}

#[test]
fn the_roles_in_docs_grant_what_the_table_says_no_more_and_no_less() {
    let mut seen = BTreeSet::new();
    for file in TABLE.iter().map(|r| r.part.file()).collect::<BTreeSet<_>>() {
        let (granted, wanted) = (granted(file), wanted(file));
        assert_eq!(granted.difference(&wanted).collect::<Vec<_>>(), Vec::<&One>::new(), "{file} grants what nothing uses");
        assert_eq!(wanted.difference(&granted).collect::<Vec<_>>(), Vec::<&One>::new(), "{file} does not grant");
        seen.insert(file.to_string());
    }
    assert_eq!(seen.len(), 7);
}

#[test]
fn nothing_of_an_ordinary_user_is_a_wildcard_or_a_secret_or_outside_a_role() {
    for r in TABLE.iter().filter(|r| matches!(r.part, Part::Stack | Part::Prometheus | Part::Viewer)) {
        assert!(!r.verbs.contains(&"*") && r.resource != "*", "{r:?}");
        assert_ne!(r.resource, "secrets", "{r:?}");
        assert!(r.part != Part::Viewer || r.verbs.iter().all(|v| ["get", "list"].contains(v)), "{r:?}");
        assert!(!r.why.is_empty() && !r.used_by.is_empty(), "{r:?}");
    }
    for file in ["stack-user.yaml", "monitoring-reader.yaml"] {
        assert!(documents(file).iter().all(|d| d["kind"] == "Role"), "{file} holds Roles only");
    }
}

/// Kubernetes lets nobody grant what he does not hold: the recorder's Role must be within the user's.
#[test]
fn the_recorders_role_is_within_the_users() {
    let plan = plan();
    let user = granted("stack-user.yaml");
    let mut rules = 0;
    for role in manifests::objects(&plan, "agent-rbac.yaml", Value::Null).unwrap().iter().filter(|o| o["kind"] == "Role") {
        for rule in role["rules"].as_array().unwrap() {
            for verb in words(rule, "verbs") {
                for (group, resource) in
                    words(rule, "apiGroups").iter().flat_map(|g| words(rule, "resources").into_iter().map(move |r| (g.clone(), r)))
                {
                    rules += 1;
                    let one = (verb.clone(), group, resource, String::new(), String::new());
                    assert!(user.contains(&one), "the recorder's Role grants {one:?}, which stack-user.yaml does not hold");
                }
            }
        }
    }
    assert!(rules >= 15);
}

#[test]
fn the_adapters_rules_in_docs_are_those_that_bench_adds() {
    let path = format!("{}/docs/rbac/adapter-rules.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let theirs: Value = serde_yaml::from_str(&text).unwrap();
    let ours: Value = serde_yaml::from_str(&format!("external:\n{}", manifests::adapter_rules())).unwrap();
    assert_eq!(theirs["rules"]["external"], ours["external"], "as values of prometheus-adapter's chart");
}

/// CI's account is bound to the user's roles and to nothing else.
#[test]
fn the_account_of_ci_has_the_users_roles() {
    let docs = documents("ci.yaml");
    let account = docs.iter().find(|d| d["kind"] == "ServiceAccount").expect("a ServiceAccount");
    assert_eq!(account["automountServiceAccountToken"], false);
    let bound: BTreeSet<&str> =
        docs.iter().filter(|d| d["kind"] == "RoleBinding").map(|d| d["roleRef"]["name"].as_str().unwrap()).collect();
    assert_eq!(bound, BTreeSet::from(["llmd-bench-user", "llmd-bench-prometheus"]));
    assert!(docs.iter().all(|d| d["kind"] != "ClusterRoleBinding"));
    for name in bound {
        let roles = ["stack-user.yaml", "monitoring-reader.yaml"].iter().flat_map(|f| documents(f)).collect::<Vec<_>>();
        assert!(roles.iter().any(|r| r["metadata"]["name"] == name), "{name}");
    }
}

fn plan() -> bench_model::plan::Plan {
    let intent = Intent { scenario: ScenarioArgs { name: "simulated".into(), ..ScenarioArgs::default() }, ..Intent::default() };
    crate::ops::plan::resolve(&Lookup { config_dir: None, current_dir: ".".into() }, &intent, None).unwrap().0
}

#[test]
fn each_verb_is_asked_once_with_all_its_reasons_in_its_place() {
    let places = Places {
        stack: "mine".into(),
        prometheus: "mon".into(),
        prometheus_name: "http:p:80".into(),
        adapter: "ad".into(),
        wva: "wv".into(),
    };
    let all = questions(&plan(), &places);
    let find = |verb: &str, resource: &str, part: Part| {
        let found: Vec<&Answer> = all.iter().filter(|a| a.verb == verb && a.resource == resource && a.part == part).collect();
        assert_eq!(found.len(), 1, "{verb} {resource}: {found:?}");
        found[0]
    };
    let list = find("list", "pods", Part::Stack);
    assert_eq!((list.namespace.as_str(), list.why.len()), ("mine", 2));
    assert_eq!(find("get", "services/proxy", Part::Prometheus).name, "http:p:80");
    assert_eq!(find("get", "services/proxy", Part::Prometheus).namespace, "mon");
    assert_eq!(find("list", "nodes", Part::Viewer).namespace, "");
    assert_eq!(find("create", "rolebindings", Part::Adapter).namespace, "kube-system");
    assert!(all.len() > 150, "{}", all.len());
}

#[test]
fn what_is_missing_is_told_by_resource_with_its_use_and_its_place() {
    let places = Places { stack: "mine".into(), ..Places::default() };
    let all = questions(&plan(), &places);
    let missing: Vec<&Answer> = all.iter().filter(|a| a.part == Part::Stack && a.resource == "jobs" && a.verb != "get").collect();
    assert_eq!(lines(missing), ["list, create, patch, delete jobs.batch in namespace mine: the load (run, resume, teardown, gc)"]);
}

/// `BENCH_UPDATE_RBAC=1` writes the two roles anew.
#[test]
fn the_roles_of_the_published_stack_are_the_tables() {
    if std::env::var_os("BENCH_UPDATE_RBAC").is_none() {
        return;
    }
    for (part, name, kind) in [(Part::Served, "llmd-bench-gpu-user", "Role"), (Part::Platform, "llmd-bench-platform", "ClusterRole")] {
        let mut rows: Vec<(&str, &str, BTreeSet<&str>)> = vec![];
        for r in TABLE.iter().filter(|r| r.part == part) {
            match rows.iter_mut().find(|(g, res, _)| *g == r.group && *res == r.resource) {
                Some((.., verbs)) => verbs.extend(r.verbs),
                None => rows.push((r.group, r.resource, r.verbs.iter().copied().collect())),
            }
        }
        let lines: String = rows
            .iter()
            .map(|(g, res, verbs)| {
                let verbs: Vec<&str> = verbs.iter().copied().collect();
                format!("- {{apiGroups: [{g:?}], resources: [{res:?}], verbs: [{}]}}\n", verbs.join(", "))
            })
            .collect();
        let text = format!("apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nrules:\n{lines}");
        std::fs::write(format!("{}/docs/rbac/{}", env!("CARGO_MANIFEST_DIR"), part.file()), text).unwrap();
    }
}
