//! Why is it not ready? The events and container states that explain it.

use super::Cluster;
use serde_json::Value;

fn text<'a>(v: &'a Value, path: &str) -> &'a str {
    v.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// What stands in the way of the pods of a selector: container states first, then warnings of the last minutes.
///
/// Never fails: what cannot be read is left out, because the caller is already reporting another failure.
pub async fn explain(cluster: &Cluster, namespace: &str, selector: &str) -> Vec<String> {
    let mut out = vec![];
    let pods = cluster.list("Pod", Some(namespace), selector).await.unwrap_or_default();
    let mut names: Vec<String> = vec![];
    for pod in &pods {
        let name = text(pod, "/metadata/name");
        names.push(name.to_string());
        for reason in pod_reasons(pod) {
            out.push(format!("pod {name}: {reason}"));
        }
    }
    let mut events = cluster.list("Event", Some(namespace), "").await.unwrap_or_default();
    events.retain(|e| text(e, "/type") == "Warning");
    events.sort_by_key(|e| text(e, "/lastTimestamp").to_string());
    let about = |e: &Value| text(e, "/involvedObject/name").to_string();
    let ours = |e: &&Value| names.is_empty() || names.iter().any(|n| *n == about(e) || n.starts_with(&about(e)));
    for e in events.iter().rev().filter(ours).take(5) {
        out.push(format!(
            "event {} {}: {} ({})",
            text(e, "/involvedObject/kind"),
            about(e),
            text(e, "/message").trim(),
            text(e, "/reason")
        ));
    }
    out.dedup();
    out
}

/// What a pod itself says of why it does not run: scheduling, image, crash, OOM.
pub fn pod_reasons(pod: &Value) -> Vec<String> {
    let mut out = vec![];
    for c in pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten() {
        if text(c, "/type") == "PodScheduled" && text(c, "/status") == "False" {
            out.push(format!("{}: {}", text(c, "/reason"), text(c, "/message")));
        }
    }
    let lists = ["/status/initContainerStatuses", "/status/containerStatuses"];
    for c in lists.iter().filter_map(|l| pod.pointer(l)).filter_map(Value::as_array).flatten() {
        let container = text(c, "/name");
        for (state, tag) in [("/state/waiting", ""), ("/state/terminated", ""), ("/lastState/terminated", "before: ")] {
            let reason = text(c, &format!("{state}/reason"));
            // Coming up normally, or ended as it should.
            if matches!(reason, "" | "ContainerCreating" | "PodInitializing" | "Completed") {
                continue;
            }
            let message = text(c, &format!("{state}/message"));
            let code = c.pointer(&format!("{state}/exitCode")).map(|c| format!(", exit code {c}")).unwrap_or_default();
            out.push(format!("container {container}: {tag}{reason}{code}{}{message}", if message.is_empty() { "" } else { ": " }));
        }
    }
    out
}

/// A reason that waiting will not cure.
pub fn is_hopeless(pod: &Value) -> Option<String> {
    pod_reasons(pod).into_iter().find(|r| {
        ["ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError", "CrashLoopBackOff"]
            .iter()
            .any(|h| r.contains(h))
    })
}
