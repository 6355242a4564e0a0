//! bench as an ordinary user of one namespace: the roles of `docs/rbac/` and nothing else, in a namespace that enforces the
//! restricted profile; no credential goes anywhere. `rights_each.rs` takes the verbs of the roles away, one by one.

use super::support::{Done, Place};
use bench::cluster::Cluster;
use bench::config::{Lookup, manifests};
use bench::ops::rights::{self, Places};
use bench_model::plan::{Arm, Plan};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub const NS: &str = "rights-x";
pub const BY_KEDA: &str = "scaling.by=keda";
const PROMETHEUS: &str = "monitoring.prometheus.namespace=monitoring;monitoring.prometheus.service=kube-prometheus-stack-prometheus";

fn docs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rbac").join(file)
}

pub fn apply(admin: &Place, name: &str, text: &str, namespace: &[&str]) {
    let file = admin.dir.join(name);
    std::fs::write(&file, text).unwrap();
    admin.kubectl(&[&["apply", "-f", file.to_str().unwrap()], namespace].concat()).exits(0);
}

pub fn read(file: &str) -> String {
    std::fs::read_to_string(docs(file)).unwrap()
}

/// What an administrator does once, and the user's place with a kubeconfig that holds a token only.
pub fn prepared(admin: &Place) -> (Place, String) {
    // The adapter's rules and WVA are there in the cluster for tests; the namespace and the rights are made here.
    admin.kubectl(&["delete", "namespace", NS, "--ignore-not-found"]).exits(0);
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS, "labels": {
        "pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest",
    }}});
    apply(admin, "namespace.json", &namespace.to_string(), &[]);
    apply(admin, "user.yaml", &read("stack-user.yaml"), &["-n", NS]);
    apply(admin, "reader.yaml", &read("monitoring-reader.yaml"), &["-n", "monitoring"]);
    apply(admin, "ci.yaml", &read("ci.yaml").replace("namespace: llmdbench", &format!("namespace: {NS}")), &[]);
    account(admin, "llmd-bench-ci", "user")
}

/// A place whose kubeconfig holds nothing but a token of this account of [`NS`].
pub fn account(admin: &Place, name: &str, place: &str) -> (Place, String) {
    let token = admin.kubectl(&["create", "token", "-n", NS, name, "--duration", "2h"]).exits(0).stdout.trim().to_string();
    let view = admin.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]).exits(0).stdout;
    let mut config: Value = serde_json::from_str(&view).unwrap();
    config["users"][0]["user"] = json!({ "token": token });
    let dir = admin.dir.join(place);
    std::fs::create_dir_all(&dir).unwrap();
    // Beside the place, so that a search through the place does not find it.
    let kubeconfig = admin.dir.join(format!("{place}.kubeconfig"));
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    (Place { dir, kubeconfig }, token)
}

pub fn cleaned_up(admin: &Place) {
    admin.kubectl(&["delete", "-n", "monitoring", "rolebinding/llmd-bench-ci", "role/llmd-bench-prometheus", "--ignore-not-found"]);
    admin.kubectl(&["delete", "namespace", NS, "--ignore-not-found", "--wait=false"]);
}

pub fn bench(p: &Place, args: &[&str]) -> Done {
    eprintln!("$ bench {}", args.join(" "));
    let out = p.command(args).env("BENCH_SET", PROMETHEUS).output().expect("bench starts");
    let done = Done {
        code: out.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    };
    eprint!("{}{}\n[exit {}]\n", done.stderr, done.stdout, done.code);
    done
}

const RUN: [&str; 8] = [
    "run",
    "-p",
    NS,
    "-w",
    "sanity_random",
    "--max-seconds=12",
    "--set=recording.settle_s=1",
    "--skip-reset=replicas,pods,warmup,drain,window",
];

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights() {
    let admin = Place::new("rights");
    let (user, token) = prepared(&admin);
    // Really nobody: what is not in the roles is refused.
    for refused in [&["get", "nodes"][..], &["get", "configmaps", "-n", "monitoring"], &["get", "secrets", "-n", NS], &["get", "ns", NS]] {
        assert_ne!(user.kubectl(refused).code, 0, "{refused:?}");
    }
    let mut seen = Seen::default();

    bench(&user, &["preflight", "-c", "simulated", "--wva", "-p", NS]).exits(0).says("rights in namespace rights-x").says("held");
    bench(&user, &["standup", "-c", "simulated", "--wva", "-p", NS])
        .exits(0)
        .says("used as somebody else serves them")
        .says("somebody's controller is used as it is set");
    // The real admission would have refused a pod that is not as the profile wants.
    seen.look(&admin);
    bench(&user, &RUN).ran(&user);
    bench(&user, &["status", "-p", NS]).exits(0);
    bench(&user, &["swap-to-hpa", "-p", NS]).exits(0).says("not restarted");
    ended(&admin, &user, seen, &token);
}

/// The same user in a static arm: a run that is killed in the middle of its load, and taken up again.
#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights_resume() {
    let admin = Place::new("rights-resume");
    let (user, token) = prepared(&admin);
    let mut seen = Seen::default();
    bench(&user, &["preflight", "-c", "simulated", "--static", "1", "-p", NS]).exits(0);
    bench(&user, &["standup", "-c", "simulated", "--static", "1", "-p", NS]).exits(0);
    let mut run = user.command(&RUN).env("BENCH_SET", PROMETHEUS).stderr(Stdio::null()).spawn().unwrap();
    harness_runs(&admin, &mut run);
    seen.look(&admin);
    run.kill().unwrap();
    run.wait().unwrap();
    bench(&user, &["resume"]).ran(&user);
    seen.look(&admin);
    assert!(seen.pods >= 4, "model server, gateway, recorder and load were looked at: {}", seen.pods);
    ended(&admin, &user, seen, &token);
}

/// Teardown, and what is left: nothing of bench's, the namespace, and no credential anywhere.
fn ended(admin: &Place, user: &Place, mut seen: Seen, token: &str) {
    bench(user, &["teardown", "-p", NS]).exits(0);
    let kinds = "all,configmap,lease,role,rolebinding,serviceaccount,hpa";
    let left = admin.get(&[kinds, "-n", NS, "-l", "app.kubernetes.io/managed-by=llmd-bench"]);
    let left: Vec<&Value> = left["items"].as_array().unwrap().iter().map(|o| &o["metadata"]["name"]).collect();
    assert_eq!(left, Vec::<&Value>::new());
    assert_eq!(admin.get(&["namespace", NS])["status"]["phase"], "Active", "somebody else's namespace stays");
    let files = seen.read_files(&user.dir);
    assert!(files > 20, "{files} files");
    seen.holds_no_credential(token, admin);
    cleaned_up(admin);
}

fn harness_runs(admin: &Place, run: &mut Child) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let pods = admin.get(&["pods", "-n", NS, "-l", "app.kubernetes.io/name=llmd-bench-harness"]);
        let running = |c: &Value| c["name"] == "guidellm" && c["state"]["running"].is_object();
        let all = pods["items"].as_array().cloned().unwrap_or_default();
        if all.iter().any(|p| p["status"]["containerStatuses"].as_array().is_some_and(|c| c.iter().any(running))) {
            return;
        }
        assert!(run.try_wait().unwrap().is_none(), "the run ended before its load began");
        assert!(Instant::now() < deadline, "the load never began");
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Everything that a credential could have gone into: text with where it is from.
#[derive(Default)]
struct Seen {
    texts: Vec<(String, String)>,
    pods: usize,
}

impl Seen {
    /// All objects of the namespace and all logs, as an administrator reads them.
    fn look(&mut self, admin: &Place) {
        let kinds = "pod,configmap,job,deployment,replicaset,service,event,hpa,lease,role,rolebinding,serviceaccount";
        let all = admin.get(&[kinds, "-n", NS]);
        let mut names = BTreeSet::new();
        for o in all["items"].as_array().unwrap() {
            let name = format!("{}/{}", o["kind"].as_str().unwrap_or_default(), o["metadata"]["name"].as_str().unwrap_or_default());
            // Kubernetes puts the API server's public CA into every namespace.
            if name == "ConfigMap/kube-root-ca.crt" {
                continue;
            }
            if o["kind"] == "Pod" {
                names.insert(name.clone());
                restricted_and_without_token(o);
                for c in o["spec"]["containers"].as_array().unwrap() {
                    let container = c["name"].as_str().unwrap();
                    let log = admin.kubectl(&["logs", "-n", NS, &name, "-c", container]);
                    self.texts.push((format!("log of {name} {container}"), log.stdout));
                }
            }
            self.texts.push((name, o.to_string()));
        }
        self.pods = self.pods.max(names.len());
    }

    fn read_files(&mut self, dir: &Path) -> usize {
        let mut n = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                n += self.read_files(&path);
                continue;
            }
            n += 1;
            // A message in the script that every page carries, about fonts.
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).replace("unsupported font token: ", "");
            self.texts.push((path.display().to_string(), text));
        }
        n
    }

    fn holds_no_credential(&self, token: &str, admin: &Place) {
        let mut words: Vec<String> =
            ["PRIVATE KEY", "BEGIN CERTIFICATE", "LS0tLS1CRUdJTi", "eyJhbGciOi", "Bearer ", "client-key", "token: "]
                .iter()
                .map(ToString::to_string)
                .collect();
        words.extend(token.split('.').map(ToString::to_string));
        let view = admin.kubectl(&["config", "view", "--raw", "-o", "json"]).exits(0).stdout;
        let config: Value = serde_json::from_str(&view).unwrap();
        for (list, what) in [("users", "user"), ("clusters", "cluster")] {
            for o in config[list].as_array().unwrap() {
                let secrets =
                    o[what].as_object().unwrap().iter().filter(|(k, _)| k.ends_with("-data") || *k == "token" || *k == "password");
                words.extend(secrets.filter_map(|(_, v)| v.as_str().map(|s| s.chars().take(80).collect())));
            }
        }
        assert!(words.len() >= 10 && words.iter().all(|w| w.len() >= 7), "{}", words.len());
        assert!(self.texts.len() > 40, "{}", self.texts.len());
        let found: Vec<String> = self
            .texts
            .iter()
            .flat_map(|(at, text)| words.iter().filter(|w| text.contains(*w)).map(move |w| format!("{at}: {}…", &w[..w.len().min(12)])))
            .collect();
        assert_eq!(found, [""; 0]);
    }
}

/// As it is at work, not as it was rendered.
fn restricted_and_without_token(pod: &Value) {
    let name = pod["metadata"]["name"].as_str().unwrap();
    let spec = &pod["spec"];
    let recorder = pod["metadata"]["labels"]["app.kubernetes.io/name"] == "llmd-bench-agent";
    let mounts = spec["containers"].as_array().unwrap().iter().flat_map(|c| c["volumeMounts"].as_array().cloned().unwrap_or_default());
    let token = mounts.into_iter().any(|m| m["mountPath"].as_str().unwrap().contains("serviceaccount"));
    assert_eq!(token, recorder, "{name}: only the recorder has a token");
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
    for c in spec["containers"].as_array().unwrap() {
        assert_eq!(c["securityContext"]["readOnlyRootFilesystem"], true, "{name}");
        assert_eq!(c["securityContext"]["capabilities"]["drop"], json!(["ALL"]), "{name}");
    }
}

pub fn plan(set: &[&str]) -> Plan {
    let intent = bench::ops::plan::Intent {
        scenario: bench::config::scenario::ScenarioArgs {
            name: "simulated".into(),
            namespace: Some(NS.into()),
            set: set.iter().map(ToString::to_string).collect(),
            env_set: Some(PROMETHEUS.into()),
            ..Default::default()
        },
        arm: Some(Arm::Wva),
        ..Default::default()
    };
    bench::ops::plan::resolve(&Lookup { config_dir: None, current_dir: "/".into() }, &intent, None).unwrap().0
}

pub fn places() -> Places {
    Places {
        stack: NS.into(),
        prometheus: "monitoring".into(),
        prometheus_name: rights::PROMETHEUS.into(),
        adapter: "monitoring".into(),
        wva: "llm-d-autoscaler".into(),
    }
}

/// The real admission of Pod Security's restricted profile takes every pod that bench makes.
#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights_pods_pass_pod_security() {
    let admin = Place::new("rights-pods");
    let (_, _) = prepared(&admin);
    let mut plan = plan(&[]);
    plan.profile = Some(
        serde_json::from_value(json!({
            "name": "p", "request_type": "chat_completions", "rates": [1.0], "max_seconds": 10, "prompt_tokens": {"mean": 10},
            "output_tokens": {"mean": 10}, "seed": 1, "effective_seed": 1, "samples": null,
        }))
        .unwrap(),
    );
    plan.scenario.adapter.namespace = NS.into();
    let mut objects = manifests::stack(&plan).unwrap();
    objects.extend(bench::load::job::harness(&plan, "r", "load").unwrap().objects);
    let recorder = json!({"agent_pod": "agent", "agent_image": "x:1", "streamed": true, "agent_args": ["a"]});
    objects.extend(manifests::objects(&plan, "agent-pod.yaml", recorder).unwrap());
    let adapter = json!({"rules": "rules: []", "rules_sum": "0", "suffix": "x", "prometheus_url": "https://x", "prometheus_ca": "x"});
    objects.extend(manifests::objects(&plan, "adapter.yaml", adapter).unwrap());
    for account in ["llmd-bench-agent", "prometheus-adapter"] {
        admin.kubectl(&["create", "serviceaccount", "-n", NS, account]);
    }
    let mut tried = 0;
    let mut dry_run = |spec: &Value| {
        tried += 1;
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("pod-{tried}"), "namespace": NS}, "spec": spec});
        let file = admin.dir.join("pod.json");
        std::fs::write(&file, pod.to_string()).unwrap();
        admin.kubectl(&["create", "--dry-run=server", "-f", file.to_str().unwrap()])
    };
    for o in &objects {
        let spec = if o["kind"] == "Pod" { Some(&o["spec"]) } else { o.pointer("/spec/template/spec") };
        if let Some(spec) = spec {
            dry_run(spec).exits(0);
        }
    }
    let loose = json!({"containers": [{"name": "c", "image": "x:1"}]});
    dry_run(&loose).exits(1).says("violates PodSecurity");
    assert_eq!(tried, 6, "model server, gateway, load, recorder, adapter, and the one that is refused");
    cleaned_up(&admin);
}

/// Whoever prepares the cluster: what an own adapter and WVA's chart make passes under that role, escalation checks and all.
#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_rights_of_the_cluster_part() {
    let admin = Place::new("rights-cluster-part");
    let (_, _) = prepared(&admin);
    let bindings = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "preparer", "namespace": NS}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "rights-x-preparer"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "llmd-bench-cluster-part"},
         "subjects": [{"kind": "ServiceAccount", "name": "preparer", "namespace": NS}]},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
         "metadata": {"name": "rights-x-preparer", "namespace": "kube-system"},
         "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "llmd-bench-cluster-part"},
         "subjects": [{"kind": "ServiceAccount", "name": "preparer", "namespace": NS}]},
    ]});
    apply(&admin, "part.yaml", &read("cluster-part.yaml"), &[]);
    apply(&admin, "bindings.json", &bindings.to_string(), &[]);
    let (preparer, _) = account(&admin, "preparer", "preparer");

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime.block_on(Cluster::connect(Some(&preparer.kubeconfig), None)).unwrap();
    let mut plan = plan(&[]);
    let asked = runtime.block_on(rights::ask(&cluster, &plan, &places())).unwrap();
    let of_part = asked.iter().filter(|a| a.part.file() == "cluster-part.yaml");
    let refused: Vec<_> = of_part.clone().filter(|a| !a.allowed).collect();
    assert_eq!(refused, Vec::<&rights::Answer>::new());
    assert!(of_part.count() > 100);

    // Names of their own. A binding is refused before its role exists, so a dry run would not do; what acts on others is one.
    plan.scenario.adapter.namespace = NS.into();
    let extra = json!({"rules": "rules: []", "rules_sum": "0", "suffix": NS, "prometheus_url": "https://x", "prometheus_ca": "x"});
    let mut tried = vec![];
    for o in manifests::objects(&plan, "adapter.yaml", extra).unwrap() {
        let file = preparer.dir.join(format!("{}.json", tried.len()));
        std::fs::write(&file, o.to_string()).unwrap();
        let file = file.to_str().unwrap().to_string();
        let dry = matches!(o["kind"].as_str().unwrap(), "APIService" | "Deployment" | "Namespace");
        let mut args = vec!["apply", "--server-side", "--force-conflicts", "-f", &file];
        args.extend(dry.then_some("--dry-run=server"));
        preparer.kubectl(&args).exits(0);
        tried.push((file, dry));
    }
    assert!(tried.len() >= 10, "{tried:?}");
    for (file, _) in tried.iter().rev().filter(|(_, dry)| !dry) {
        preparer.kubectl(&["delete", "-f", file]).exits(0);
    }
    // A right that the preparer does not hold cannot be granted by him.
    let escalation = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "rights-x-more"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]});
    std::fs::write(preparer.dir.join("more.json"), escalation.to_string()).unwrap();
    let refused = preparer.kubectl(&["apply", "--dry-run=server", "-f", preparer.dir.join("more.json").to_str().unwrap()]);
    assert_ne!(refused.code, 0);
    refused.says("attempting to grant RBAC permissions not currently held");

    admin.kubectl(&["delete", "clusterrolebinding/rights-x-preparer", "clusterrole/llmd-bench-cluster-part"]);
    admin.kubectl(&["delete", "-n", "kube-system", "rolebinding/rights-x-preparer", "role/llmd-bench-cluster-part"]);
    cleaned_up(&admin);
}
