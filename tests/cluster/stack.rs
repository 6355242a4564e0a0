//! The published stack, as far as a cluster without GPUs can say: the API server accepts every object of its plans, by the real CRDs
//! of the Gateway API and of Prometheus' operator. Nothing is made.

use super::support::Place;
use std::path::Path;

const NS: &str = "bench-dry";
const NEWEST_NS: &str = "bench-dry-newest";

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_accepts_the_published_stack() {
    let p = Place::new("stack");
    let accepted = accepted(&p, "inference-scheduling", NS);
    for kind in ["deployment", "gateway", "httproute", "horizontalpodautoscaler", "variantautoscaling", "job", "persistentvolumeclaim"] {
        assert!(accepted.contains(kind), "{kind} is among them: {accepted:?}");
    }
}

/// KEDA's CRDs are of its release `v2.20.2`, `config/crd/bases`; they are there for as long as the test runs.
#[test]
#[ignore = "needs a cluster, and KEDA's CRDs: BENCH_TEST_KUBECONFIG, BENCH_TEST_KEDA_CRDS=DIR"]
fn cluster_accepts_the_newest_stack() {
    let p = Place::new("newest");
    let crds = std::env::var("BENCH_TEST_KEDA_CRDS").expect("BENCH_TEST_KEDA_CRDS names a directory with KEDA's CRDs");
    let ours = p.kubectl(&["get", "crd", "scaledobjects.keda.sh"]).code != 0;
    if ours {
        p.kubectl(&["apply", "--server-side", "-f", &crds]).exits(0);
        p.kubectl(&["wait", "--for=condition=Established", "crd/scaledobjects.keda.sh", "--timeout=60s"]).exits(0);
    }
    let seen = std::panic::catch_unwind(|| accepted(&p, "optimized-baseline", NEWEST_NS));
    if ours {
        p.kubectl(&["delete", "-f", &crds, "--ignore-not-found"]).exits(0);
    }
    let accepted = seen.unwrap_or_else(|e| std::panic::resume_unwind(e));
    for kind in ["deployment", "scaledobject", "triggerauthentication", "secret", "job", "persistentvolumeclaim"] {
        assert!(accepted.contains(kind), "{kind} is among them: {accepted:?}");
    }
    for kind in ["gateway", "httproute", "horizontalpodautoscaler", "variantautoscaling"] {
        assert!(!accepted.contains(kind), "no {kind} is: {accepted:?}");
    }
}

/// Kinds of the objects of a scenario's plans, each taken by the API server; nothing is made but a namespace, for a while.
fn accepted(p: &Place, scenario: &str, ns: &str) -> std::collections::BTreeSet<String> {
    // Namespaced objects are only looked at where their namespace is.
    p.kubectl(&["create", "namespace", ns]);
    let mut accepted = std::collections::BTreeSet::new();
    for facts in ["kubernetes", "openshift"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/facts-{facts}.yaml"));
        for arm in [&["--wva"][..], &["--hpa"], &["--static", "2"]] {
            let out = p.dir.join(format!("{facts}{}", arm[0]));
            let (file, dir) = (file.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
            let plan = ["plan", "-c", scenario, "-p", ns, "--facts", file, "--out", dir];
            p.bench(&[&plan[..], arm].concat()).exits(0);
            for entry in std::fs::read_dir(&out).expect("manifests") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                if name == "plan.yaml" || name.starts_with("values-") {
                    continue;
                }
                let d = p.kubectl(&["apply", "--server-side", "--dry-run=server", "-f", path.to_str().expect("UTF-8")]);
                assert_eq!(d.code, 0, "{facts} {arm:?} {name}: {}", d.stderr);
                accepted.insert(name.split('-').next().expect("a kind").to_string());
            }
        }
    }
    p.kubectl(&["delete", "namespace", ns, "--wait=false"]).exits(0);
    println!("accepted: {accepted:?}");
    accepted
}
