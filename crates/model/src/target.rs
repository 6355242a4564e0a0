//! Which pods are a Deployment's: by their owner, never by the beginning of a name. The one rule for the recorder, for what is read of its
//! records, and for the series of a pod.

use serde_json::Value;

/// Longest beginning of a name that the API server generates; five characters follow it.
const GENERATED: usize = 58;

/// Whether a pod is a replica of the Deployment: made by the ReplicaSet that bears the Deployment's name and the pod's
/// `pod-template-hash`. A neighbour `NAME-canary` has a ReplicaSet of its own, a StatefulSet or a bare pod none of a Deployment's.
/// A pod without owner and hash, as in cut records, goes by [`named`].
#[must_use]
pub fn owns(deployment: &str, name: &str, pod: &Value) -> bool {
    let text = |p: &str| pod.pointer(p).and_then(Value::as_str);
    let hash = text("/metadata/labels/pod-template-hash");
    let owners = pod.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let Some(owners) = owners.filter(|o| !o.is_empty()) else {
        return hash_of(deployment, name).is_some_and(|h| hash.is_none_or(|l| l == h));
    };
    let Some(hash) = hash else { return false };
    let set = format!("{deployment}-{hash}");
    let made = owners.iter().any(|o| o["kind"] == "ReplicaSet" && o["controller"] != false && o["name"] == set.as_str());
    let generated: String = format!("{set}-").chars().take(GENERATED).collect();
    made && name.strip_prefix(&generated).is_some_and(plain)
}

/// Whether a pod of this name can be a replica of the Deployment, where nothing but the name is known; `hashes` are those of replicas that
/// are known by their owner, none when nothing is.
#[must_use]
pub fn named(deployment: &str, pod: &str, hashes: &[String]) -> bool {
    hash_of(deployment, pod).is_some_and(|h| hashes.is_empty() || hashes.iter().any(|known| known == h))
}

/// The hash in the name of a Deployment's pod, `DEPLOYMENT-HASH-SUFFIX`.
#[must_use]
pub fn hash_of<'a>(deployment: &str, pod: &'a str) -> Option<&'a str> {
    let rest = pod.strip_prefix(deployment)?.strip_prefix('-')?;
    match rest.split_once('-') {
        Some((hash, suffix)) => (plain(hash) && plain(suffix)).then_some(hash),
        // Of a long name the end was cut before the suffix came.
        None => (pod.len() == GENERATED + 5 && plain(rest)).then(|| &rest[..rest.len() - 5]),
    }
}

/// What the API server and the Deployment's controller append to names.
fn plain(s: &str) -> bool {
    !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(name: &str, hash: Option<&str>, owner: Option<(&str, &str)>) -> Value {
        let mut pod = json!({"metadata": {"name": name}});
        if let Some(hash) = hash {
            pod["metadata"]["labels"] = json!({"pod-template-hash": hash});
        }
        if let Some((kind, name)) = owner {
            pod["metadata"]["ownerReferences"] = json!([{"kind": kind, "name": name, "controller": true}]);
        }
        pod
    }

    #[test]
    fn replicas_are_told_by_their_owner() {
        let set = |name| Some(("ReplicaSet", name));
        for (is, pod) in [
            (true, pod("d-7c9d8-abcde", Some("7c9d8"), set("d-7c9d8"))),
            (false, pod("d-canary-7c9d8-abcde", Some("7c9d8"), set("d-canary-7c9d8"))),
            // As a pod that was copied with its labels and owner.
            (false, pod("d-canary-7c9d8-abcde", Some("7c9d8"), set("d-7c9d8"))),
            // A Deployment named as ours and a hash.
            (false, pod("d-7c9d8-5f5f5-abcde", Some("5f5f5"), set("d-7c9d8-5f5f5"))),
            (false, pod("d-canary-abcde", None, set("d-canary"))),
            (false, pod("d-abc-0", None, Some(("StatefulSet", "d-abc")))),
            (false, pod("d-abc-0", Some("abc"), Some(("LeaderWorkerSet", "d-abc")))),
            (false, pod("d-7c9d8-abcde", Some("other"), None)),
            (true, pod("d-7c9d8-abcde", None, None)),
            (false, pod("dd-7c9d8-abcde", None, None)),
            (false, pod("d-job-1-x", None, None)),
            (false, json!({})),
        ] {
            assert_eq!(owns("d", pod["metadata"]["name"].as_str().unwrap_or_default(), &pod), is, "{pod}");
        }
    }

    #[test]
    fn names_alone_are_held_against_the_hashes_that_are_known() {
        let known = ["b48".to_owned()];
        assert!(named("d", "d-b48-x1y2z", &known) && named("d", "d-b49-x1y2z", &[]));
        assert!(!named("d", "d-b49-x1y2z", &known) && !named("d", "d-canary-b48-x1y2z", &known) && !named("d", "d", &[]));
    }

    #[test]
    fn a_long_name_is_cut_before_its_suffix() {
        let deployment = "d".repeat(52);
        // 52 characters, a dash, and five of the hash's ten.
        let name = format!("{deployment}-7c9d8abcde");
        assert_eq!((name.len(), hash_of(&deployment, &name)), (63, Some("7c9d8")));
        for deployment in [deployment, "e".repeat(70)] {
            let set = format!("{deployment}-7c9d8ffff");
            let name = format!("{}abcde", &format!("{set}-")[..58]);
            assert!(owns(&deployment, &name, &pod(&name, Some("7c9d8ffff"), Some(("ReplicaSet", &set)))), "{name}");
        }
    }
}
