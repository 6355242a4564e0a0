//! The published stack: whole cycles of it on an OpenShift and on a Kubernetes that has nothing, which no cluster here can run.

use crate::cycle::{Course, every_call, leaves_nothing, undisturbed};
use crate::lab::{self, End, Lab, Op};
use crate::setting;
use crate::world::{Id, World, text};
use bench_model::plan::Arm;

fn crds(lab: &Lab) -> Vec<String> {
    lab.server.world().of_kind("CustomResourceDefinition").map(|(i, _)| i.name.clone()).collect()
}

/// CRDs that are there at the end and were not at the beginning.
fn new_crds(course: &Course) -> Vec<String> {
    let before = crds(&course.before[0]);
    crds(course.before.last().expect("a last lab")).into_iter().filter(|c| !before.contains(c)).collect()
}

/// Helm leaves WVA's own, as it always did.
const LEFT_BY_HELM: [&str; 1] = ["variantautoscalings.llmd.ai"];

#[test]
fn a_cycle_on_openshift_leaves_nothing_and_grants_nothing() {
    let course = undisturbed(setting::openshift());
    leaves_nothing(&course);
    assert_eq!(new_crds(&course), LEFT_BY_HELM);
    let w = course.before[1].server.world();
    let config = w.get("ConfigMap", "openshift-monitoring", "cluster-monitoring-config").expect("it is there");
    assert!(text(config, "/data/config.yaml").contains("enableUserWorkload: true"), "on while the stack is up");
    for (id, scc) in w.of_kind("SecurityContextConstraints") {
        assert_eq!(scc["users"], serde_json::json!(["system:admin"]), "{id}: no account is given more than it has");
    }
    let adapter = w.get("Deployment", "llmd-bench-adapter", "prometheus-adapter").expect("bench's own adapter");
    let args = adapter.pointer("/spec/template/spec/containers/0/args").expect("args").to_string();
    assert!(args.contains("thanos-querier.openshift-monitoring") && args.contains("--prometheus-token-file=/etc/token/token"), "{args}");
    // No token is in an object of the stack, but for the Secret of its very kind.
    let holding: Vec<String> = w.objects.iter().filter(|(_, o)| o.to_string().contains("token-of-")).map(|(i, _)| i.to_string()).collect();
    assert_eq!(holding, [""; 0]);
    assert!(w.get("InferencePool", setting::STACK, &format!("{}-gaie", "x")).is_none());
}

#[test]
fn a_cycle_on_a_kubernetes_that_has_nothing_leaves_nothing() {
    let course = undisturbed(setting::empty());
    leaves_nothing(&course);
    assert_eq!(new_crds(&course), LEFT_BY_HELM);
    let w = course.before[1].server.world();
    assert!(w.get("Prometheus", "llmd-bench-monitoring", "kube-prometheus-stack-prometheus").is_some());
    assert!(w.get("GatewayClass", "", "istio").is_some());
    let releases: Vec<&String> = w.releases.keys().collect();
    assert_eq!(releases.len(), 5, "istio-base, istiod, kube-prometheus-stack, the scheduler, WVA: {releases:?}");
}

#[test]
fn openshift_with_every_fault() {
    every_call(setting::openshift(), |op| op != Op::Run, 101);
}

#[test]
fn a_kubernetes_that_has_nothing_with_every_fault() {
    every_call(setting::empty(), |op| op != Op::Run, 101);
}

fn standup(world: World) -> (Lab, Result<(), String>) {
    let lab = Lab::new(world);
    let end = match lab.process(Op::Standup(Arm::Static(1))) {
        End::Done => Ok(()),
        End::Failed(e) => Err(e),
        End::Killed => Err("killed".into()),
    };
    (lab, end)
}

#[test]
fn an_istio_of_another_version_is_told_and_used_only_when_asked_for() {
    let with = |set: &[&str]| {
        let mut w = setting::others();
        w.scenario.1.extend(set.iter().map(ToString::to_string));
        w
    };
    let refused = standup(with(&[])).1.expect_err("another version");
    assert!(refused.contains("Istio 1.29.0 in namespace istio-system") && refused.contains("1.28.1"), "{refused}");
    let (lab, done) = standup(with(&["gateway.control_plane.mode=existing"]));
    assert_eq!(done, Ok(()));
    assert_eq!(lab.until_done(Op::Teardown), Ok(()));
    let w = lab.server.world();
    assert!(w.get("Deployment", "istio-system", "istiod").is_some(), "somebody's control plane stays");
    let gateways = w.get("CustomResourceDefinition", "", "gateways.gateway.networking.k8s.io").expect("somebody's CRD stays");
    assert_eq!(gateways["metadata"]["annotations"]["gateway.networking.k8s.io/bundle-version"], "v1.4.0", "and is not written over");
    assert!(w.get("CustomResourceDefinition", "", "inferencepools.inference.networking.k8s.io").is_none(), "bench's own is gone");
}

#[test]
fn an_istio_without_the_inference_extension_is_refused() {
    let mut w = setting::others();
    w.scenario.1.push("gateway.control_plane.mode=existing".into());
    let id = Id::new("Deployment", "istio-system", "istiod");
    let mut istiod = w.objects[&id].clone();
    istiod["spec"]["template"]["spec"]["containers"][0]["env"] = serde_json::json!([]);
    w.update(&id, istiod);
    let refused = standup(w).1.expect_err("no pool would be reached");
    assert!(refused.contains("inference extension"), "{refused}");
}

#[test]
fn somebodys_model_servers_are_used_and_get_their_replicas_back() {
    let mut w = setting::empty();
    w.scenario = (
        "inference-scheduling",
        ["model_server.method=existing", "gateway.kind=none", "scheduler.enabled=false"].map(String::from).to_vec(),
    );
    w.insert(Id::new("Namespace", "", setting::STACK), serde_json::json!({"metadata": {}}));
    let label = bench_model::names::model_label(setting::STACK, "Qwen/Qwen3-0.6B");
    let labels = serde_json::json!({"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": label, "llm-d.ai/role": "decode"});
    let container = serde_json::json!({"name": "vllm", "image": "vllm", "args": ["--served-model-name", "Qwen/Qwen3-0.6B"]});
    let spec = serde_json::json!({"replicas": 3, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [container]}}});
    let id = Id::new("Deployment", setting::STACK, &format!("{label}-decode"));
    w.insert(id.clone(), serde_json::json!({"metadata": {"labels": labels}, "spec": spec}));
    let (lab, done) = standup(w);
    assert_eq!(done, Ok(()));
    assert_eq!(lab.server.world().objects[&id]["spec"]["replicas"], 1, "the arm's number");
    assert_eq!(lab.second_pass(Op::Standup(Arm::Static(1))), Ok(vec![]));
    assert_eq!(lab.until_done(Op::Teardown), Ok(()));
    assert_eq!(lab.server.world().objects[&id]["spec"]["replicas"], 3, "as it was");
}

#[test]
fn too_few_gpus_are_told_before_anything_is_made() {
    let mut w = setting::empty();
    w.scenario.1.push("scaling.max_replicas=20".into());
    w.insert(Id::new("Namespace", "", setting::STACK), serde_json::json!({"metadata": {}}));
    w.writes.clear();
    let lab = Lab::new(w);
    let End::Failed(e) = lab.process(Op::Standup(Arm::Wva)) else { panic!("there are 16 GPUs for 20 replicas") };
    assert!(e.contains("no room for the stack: GPUs") && e.contains("NVIDIA-A100-SXM4-80GB"), "{e}");
    assert_eq!(lab.server.world().writes, [""; 0]);
}

/// A claim that no StorageClass gives a volume for: named, in the place of a time-out that says nothing.
#[test]
fn weights_without_a_volume_name_their_claim() {
    let mut w = setting::openshift();
    let claim = Id::new("PersistentVolumeClaim", setting::STACK, "model-pvc");
    w.insert(claim, serde_json::json!({"metadata": {}, "spec": {"storageClassName": "slow"}, "status": {"phase": "Pending"}}));
    let lab = Lab::new(w);
    let End::Failed(e) = lab.process(Op::Standup(Arm::Static(1))) else { panic!("there is no volume for the weights") };
    assert!(e.contains("to load Qwen/Qwen3-0.6B") && e.contains("is not bound yet"), "{e}");
    assert!(e.contains("PersistentVolumeClaim") && e.contains("model-pvc"), "{e}");
}

#[test]
fn preflight_passes_where_standup_will_and_changes_nothing() {
    for world in [setting::openshift(), setting::empty()] {
        let lab = Lab::new(world);
        let scenario = lab::scenario(lab.server.world().scenario.clone());
        let end = lab.process_of(async |session| {
            let plan = lab::plan(session, scenario.clone(), Arm::Wva).await?;
            let checks = bench::ops::preflight::preflight(&session.cluster, &plan, &session.report).await?;
            let failed: Vec<String> = checks.iter().filter(|c| !c.ok).map(|c| format!("{}: {}", c.name, c.detail)).collect();
            assert_eq!(failed, [""; 0]);
            for wanted in ["GPUs", "KV cache", "Gateway API", "control plane", "Prometheus"] {
                assert!(checks.iter().any(|c| c.name == wanted), "{wanted} was not looked at");
            }
            Ok(())
        });
        assert!(matches!(end, End::Done));
        assert_eq!(lab.server.world().writes, [""; 0]);
    }
}

#[test]
fn weights_that_the_hub_refuses_are_6_with_its_words_and_loaded_once_it_gives_them() {
    let mut w = setting::openshift();
    let words = "GatedRepoError: 403 Client Error. Access to model is restricted";
    w.hub_refuses = Some(words);
    let lab = Lab::new(w);
    for _ in 0..2 {
        let begun = lab.server.world().now();
        let f = lab.failure(Op::Standup(Arm::Static(1))).expect("there are no weights");
        assert_eq!(f.exit, bench_model::exit::Exit::Cluster, "{}", f.message);
        assert!(f.message.contains("could not be loaded: PodFailurePolicy: ") && f.message.contains("exit code 3"), "{}", f.message);
        assert!(f.hint.as_ref().is_some_and(|h| h.contains("HF_TOKEN")), "{:?}", f.hint);
        assert!(f.evidence.iter().any(|l| l.ends_with(words)), "{:?}", f.evidence);
        assert!(lab.server.world().now() - begun < 300.0, "what no second try mends is not waited for");
    }
    lab.server.world().hub_refuses = None;
    assert_eq!(lab.until_done(Op::Standup(Arm::Static(1))), Ok(()));
    assert_eq!(lab.until_done(Op::Teardown), Ok(()));
}
