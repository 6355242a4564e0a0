//! Which pod belongs to which variant.

use std::collections::BTreeMap;

use super::analysis::Replica;
use super::view::{Deployment, ListedPod};

/// Go's `int(x)` of a float on amd64: towards zero, and the smallest integer for NaN and whatever does not fit.
pub(crate) fn go_int(x: f64) -> i64 {
    // ±2^63 are exact as floats.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&x) { x as i64 } else { i64::MIN }
}

/// Merges both answers and gives each pod its variant: the replicas, by pod name, and the pods that no variant claims.
///
/// - The pods are the union of both answers; what is missing in one of them counts as 0.
/// - First the selectors: a listed pod belongs to the Deployment that selects it. Where several do, the first by name takes it (random
///   in the original). The list is that of `namespace`, whatever namespace the Deployment is in.
/// - A pod that no list holds, above all one **deleted within the last minute**, goes to the Deployment with the longest name that,
///   followed by `-`, begins the pod's name. So a deleted pod still counts, and so do the pods of an unmanaged Deployment `foo-bar`
///   for a variant `foo`.
///
/// `deployments` are the group's, by variant name.
pub fn attribute<'a>(
    kv: &[(&'a str, f64)],
    queue: &[(&'a str, f64)],
    pods: &[ListedPod<'_>],
    namespace: &str,
    deployments: &BTreeMap<&'a str, &Deployment>,
) -> (Vec<Replica<'a>>, Vec<&'a str>) {
    let mut merged: BTreeMap<&'a str, (f64, i64)> = BTreeMap::new();
    for (pod, value) in kv.iter().filter(|(pod, _)| !pod.is_empty()) {
        merged.entry(pod).or_default().0 = *value;
    }
    for (pod, value) in queue.iter().filter(|(pod, _)| !pod.is_empty()) {
        merged.entry(pod).or_default().1 = go_int(*value);
    }
    // Built from the back, so that the first name wins.
    let selectors: BTreeMap<&str, &'a str> = deployments.iter().rev().map(|(name, d)| (d.selector.as_str(), *name)).collect();
    let listed: BTreeMap<&str, &str> = pods.iter().filter(|p| p.namespace == namespace).map(|p| (p.name, p.app)).collect();

    let mut replicas = Vec::with_capacity(merged.len());
    let mut unmatched = Vec::new();
    for (pod, (kv, queue)) in merged {
        let selected = listed.get(pod).and_then(|app| selectors.get(app).copied());
        match selected.or_else(|| longest_prefix(pod, deployments)) {
            Some(variant) => replicas.push(Replica { pod, variant, kv, queue }),
            None => unmatched.push(pod),
        }
    }
    (replicas, unmatched)
}

/// The Deployment with the longest name `d` such that the pod's name begins with `d-`. Looked up from the pod's own dashes, so that it
/// costs nothing per Deployment.
fn longest_prefix<'a>(pod: &str, deployments: &BTreeMap<&'a str, &Deployment>) -> Option<&'a str> {
    pod.rmatch_indices('-').find_map(|(at, _)| deployments.get_key_value(&pod[..at]).map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(replicas: &[Replica<'a>]) -> Vec<(&'a str, &'a str)> {
        replicas.iter().map(|r| (r.pod, r.variant)).collect()
    }

    #[test]
    fn the_list_comes_first_then_the_longest_prefix() {
        let foo = Deployment { selector: "foo".to_owned(), ..Deployment::default() };
        let bar = Deployment { selector: "foo-bar".to_owned(), ..Deployment::default() };
        let deployments = BTreeMap::from([("foo", &foo), ("foo-bar", &bar)]);
        let pods = [
            ListedPod { namespace: "n", name: "odd", app: "foo-bar" },
            ListedPod { namespace: "n", name: "foo-bar-1", app: "foo" },
            ListedPod { namespace: "n", name: "foo-other-1", app: "foo-other" },
            ListedPod { namespace: "elsewhere", name: "stranger", app: "foo" },
        ];
        let kv = ["odd", "foo-bar-1", "foo-bar-2", "foo-other-1", "stranger", "foo", ""].map(|p| (p, 0.5));
        let (replicas, unmatched) = attribute(&kv, &[("foo-9", 3.9)], &pods, "n", &deployments);
        assert_eq!(
            names(&replicas),
            [("foo-9", "foo"), ("foo-bar-1", "foo"), ("foo-bar-2", "foo-bar"), ("foo-other-1", "foo"), ("odd", "foo-bar")]
        );
        assert_eq!(unmatched, ["foo", "stranger"]);
        // Missing in the KV answer: 0; the queue is truncated.
        assert_eq!((replicas[0].kv, replicas[0].queue), (0.0, 3));
    }

    #[test]
    fn floats_become_integers_as_in_go() {
        assert_eq!([2.99, -2.99, 1e300, f64::NAN, -1e300].map(go_int), [2, -2, i64::MIN, i64::MIN, i64::MIN]);
    }
}
