//! What somebody else keeps in a namespace that bench made: as long as there is anything, the namespace stays.

use super::Ctx;
use crate::cluster::{ClusterError, Inhabitant, Inventory};
use crate::config::manifests::labels;
use kube::core::ObjectMeta;

/// Nobody keeps these for their own sake: they tell of others, or go with them.
const PASSING: [&str; 4] = ["Event", "Endpoints", "EndpointSlice", "Lease"];
/// Most that are named; there may be hundreds.
const NAMED: usize = 12;

/// Each with its kind; also what could not be looked for, because it may be there.
///
/// A PersistentVolumeClaim always counts, whatever its labels: it holds data, such as a model that took an hour to load.
pub async fn strangers(ctx: &Ctx, namespace: &str) -> Result<Vec<String>, ClusterError> {
    let inventory = ctx.cluster.inventory(namespace, &PASSING).await?;
    let s = &ctx.plan.scenario;
    let of = Of { istio: s.gateway.control_plane.namespace == namespace, keda: s.keda.namespace == namespace };
    let mut out: Vec<String> = inventory.inhabitants.iter().filter(|o| counts(o, &inventory, of)).map(line).collect();
    out.sort();
    if out.len() > NAMED {
        let more = out.len() - NAMED;
        out.truncate(NAMED);
        out.push(format!("{more} more"));
    }
    out.extend(inventory.blind.iter().map(|(kind, e)| format!("perhaps objects of kind {kind}, which cannot be looked for ({e})")));
    Ok(out)
}

/// Whose namespace it is: what these make there at run time stays when their charts are gone.
#[derive(Debug, Clone, Copy, Default)]
struct Of {
    istio: bool,
    keda: bool,
}

fn line(o: &Inhabitant) -> String {
    format!("{} {}{}", o.kind, name(&o.meta), if is_ours(&o.meta) { ", which bench made" } else { "" })
}

fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

fn label<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(key).map(String::as_str)
}

fn is_ours(meta: &ObjectMeta) -> bool {
    label(meta, labels::MANAGED_BY) == Some(labels::BENCH)
}

fn counts(o: &Inhabitant, all: &Inventory, of: Of) -> bool {
    let stays = o.kind == "PersistentVolumeClaim" || !(is_ours(&o.meta) || is_child(o, all) || is_usual(o, of));
    stays && o.meta.deletion_timestamp.is_none()
}

/// It goes with what it was made from, which counts itself when it is anybody's.
fn is_child(o: &Inhabitant, all: &Inventory) -> bool {
    o.meta.owner_references.iter().flatten().any(|owner| {
        let group = owner.api_version.rsplit_once('/').map_or("", |(g, _)| g);
        // An owner that was looked for and is not there is gone: Kubernetes takes what it left.
        all.inhabitants.iter().any(|i| i.meta.uid.as_deref() == Some(&owner.uid))
            || all.looked_for.iter().any(|(g, k)| g == group && *k == owner.kind)
    })
}

/// What every namespace has by itself: Kubernetes', OpenShift's, the operator lifecycle manager's, Istio's.
fn is_usual(o: &Inhabitant, of: Of) -> bool {
    let name = name(&o.meta);
    match o.kind.as_str() {
        "ServiceAccount" => matches!(name, "default" | "builder" | "deployer"),
        "ConfigMap" => {
            matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt")
                || label(&o.meta, "istio.io/config") == Some("true")
                || (of.istio && name.starts_with("istio-"))
        }
        "Secret" => {
            let of_an_account = o.meta.annotations.iter().flatten().any(|(k, _)| {
                k == "kubernetes.io/service-account.name" || k == "openshift.io/internal-registry-auth-token.service-account"
            });
            of_an_account || name.contains("-dockercfg-") || (of.istio && name.starts_with("istio-"))
                // Its operator's certificate, under the name that its chart has for it.
                || (of.keda && name == "kedaorg-certs")
        }
        "RoleBinding" => matches!(name, "system:image-pullers" | "system:image-builders" | "system:deployers"),
        "ClusterServiceVersion" => label(&o.meta, "olm.copiedFrom").is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    fn of(kind: &str, group: &str, name: &str) -> Inhabitant {
        let meta = ObjectMeta { name: Some(name.into()), uid: Some(format!("uid of {name}")), ..Default::default() };
        Inhabitant { kind: kind.into(), group: group.into(), meta }
    }

    fn owned_by(mut o: Inhabitant, api_version: &str, kind: &str, name: &str) -> Inhabitant {
        let owner = OwnerReference {
            api_version: api_version.into(),
            kind: kind.into(),
            name: name.into(),
            uid: format!("uid of {name}"),
            ..Default::default()
        };
        o.meta.owner_references = Some(vec![owner]);
        o
    }

    fn ours(mut o: Inhabitant) -> Inhabitant {
        o.meta.labels = Some([(labels::MANAGED_BY.to_string(), labels::BENCH.to_string())].into());
        o
    }

    fn strangers_among(inhabitants: Vec<Inhabitant>) -> Vec<String> {
        let looked_for = vec![(String::new(), "Pod".into()), ("apps".into(), "ReplicaSet".into()), ("batch".into(), "CronJob".into())];
        let all = Inventory { inhabitants, looked_for, blind: vec![] };
        all.inhabitants.iter().filter(|o| counts(o, &all, Of::default())).map(line).collect()
    }

    #[test]
    fn every_kind_of_somebody_elses_counts() {
        let kinds =
            ["CronJob", "HorizontalPodAutoscaler", "DaemonSet", "ServiceAccount", "Role", "Ingress", "PodDisruptionBudget", "Widget"];
        let found = strangers_among(kinds.iter().map(|k| of(k, "", "theirs")).collect());
        assert_eq!(found, kinds.map(|k| format!("{k} theirs")));
    }

    #[test]
    fn what_bench_made_and_what_every_namespace_has_does_not() {
        let usual = vec![
            ours(of("Deployment", "apps", "a")),
            of("ServiceAccount", "", "default"),
            of("ConfigMap", "", "kube-root-ca.crt"),
            of("RoleBinding", "rbac.authorization.k8s.io", "system:deployers"),
        ];
        assert_eq!(strangers_among(usual), Vec::<String>::new());
        assert_eq!(
            strangers_among(vec![ours(of("PersistentVolumeClaim", "", "models"))]),
            ["PersistentVolumeClaim models, which bench made"]
        );
    }

    #[test]
    fn kedas_certificate_keeps_its_own_namespace_from_nobody() {
        let all = Inventory { inhabitants: vec![of("Secret", "", "kedaorg-certs")], looked_for: vec![], blind: vec![] };
        let kept = |keda| counts(&all.inhabitants[0], &all, Of { keda, istio: false });
        assert_eq!((kept(true), kept(false)), (false, true));
    }

    #[test]
    fn a_child_counts_when_nothing_tells_of_its_owner() {
        // Of bench's, of somebody's who counts himself, of one that is gone already.
        let pod = |name: &str| of("Pod", "", name);
        let found = strangers_among(vec![
            ours(of("ReplicaSet", "apps", "mine")),
            owned_by(pod("of-mine"), "apps/v1", "ReplicaSet", "mine"),
            of("CronJob", "batch", "theirs"),
            owned_by(pod("of-theirs"), "batch/v1", "CronJob", "theirs"),
            owned_by(pod("of-one-that-is-gone"), "apps/v1", "ReplicaSet", "gone"),
            // Of a kind that lives in no namespace, or could not be listed.
            owned_by(pod("of-a-node"), "v1", "Node", "n1"),
            owned_by(pod("of-a-widget"), "example.com/v1", "Widget", "w"),
        ]);
        assert_eq!(found, ["CronJob theirs", "Pod of-a-node", "Pod of-a-widget"]);
    }
}
