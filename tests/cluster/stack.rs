//! The published stack, as far as a cluster without GPUs can say: the API server accepts every object of its plans, by the real CRDs
//! of the Gateway API and of Prometheus' operator. Nothing is made.

use super::support::Place;
use std::path::Path;

const NS: &str = "bench-dry";

#[test]
#[ignore = "needs a cluster: BENCH_TEST_KUBECONFIG"]
fn cluster_accepts_the_published_stack() {
    let p = Place::new("stack");
    // Namespaced objects are only looked at where their namespace is.
    p.kubectl(&["create", "namespace", NS]);
    let mut accepted = std::collections::BTreeSet::new();
    for facts in ["kubernetes", "openshift"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/facts-{facts}.yaml"));
        for arm in [&["--wva"][..], &["--hpa"], &["--static", "2"]] {
            let out = p.dir.join(format!("{facts}{}", arm[0]));
            let (file, dir) = (file.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
            let plan = ["plan", "-c", "inference-scheduling", "-p", NS, "--facts", file, "--out", dir];
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
    p.kubectl(&["delete", "namespace", NS, "--wait=false"]).exits(0);
    println!("accepted: {accepted:?}");
    for kind in ["deployment", "gateway", "httproute", "horizontalpodautoscaler", "variantautoscaling", "job", "persistentvolumeclaim"] {
        assert!(accepted.contains(kind), "{kind} is among them: {accepted:?}");
    }
}
