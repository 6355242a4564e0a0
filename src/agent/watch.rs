//! One watch of one kind: every change becomes a record; a watch that was begun anew becomes a gap.

use crate::config::secrets::redact;
use bench_model::record::{Record, What};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

/// What to watch.
pub struct Watched {
    pub kind: &'static crate::cluster::Kind,
    /// Only this object.
    pub only: Option<String>,
}

/// Follows until the process ends. A kind that the cluster does not have is told once and tried again slowly.
pub async fn follow(client: Client, namespace: String, watched: Watched, out: UnboundedSender<Record>) {
    let k = watched.kind;
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(k.group, k.version, k.kind), k.plural);
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &resource);
    let mut config = Config::default();
    if let Some(name) = &watched.only {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let mut stream = watcher(api, config).default_backoff().boxed();
    let mut seen_until: Option<DateTime<Utc>> = None;
    let mut listed = false;
    let mut complained = false;
    while let Some(event) = stream.next().await {
        let now = Utc::now();
        let record = |what, name: String, object| Record { t: now, what, kind: k.kind.into(), name, object };
        let records = match event {
            Ok(Event::Init) if listed => {
                // Whatever came and went while the watch was broken is not in the new list.
                vec![record(What::Gap, String::new(), json!({"from": seen_until, "why": "the watch was begun anew"}))]
            }
            Ok(Event::Init) => vec![],
            Ok(Event::InitApply(o)) => vec![record(What::Present, o.name_any(), whole(&o))],
            Ok(Event::InitDone) => {
                listed = true;
                vec![]
            }
            Ok(Event::Apply(o)) => vec![record(What::Applied, o.name_any(), whole(&o))],
            Ok(Event::Delete(o)) => vec![record(What::Deleted, o.name_any(), whole(&o))],
            Err(e) => {
                // The stream goes on by itself, with growing pauses; one line says that it broke.
                let first = !std::mem::replace(&mut complained, true);
                if first { vec![record(What::Agent, String::new(), json!({"watch": k.plural, "error": e.to_string()}))] } else { vec![] }
            }
        };
        // Each new try begins with a list of its own; only what came through counts as seen.
        if records.iter().any(|r| !matches!(r.what, What::Agent | What::Gap)) {
            complained = false;
            seen_until = Some(now);
        }
        for r in records {
            if out.send(r).is_err() {
                return;
            }
        }
    }
}

/// The object without managedFields, which are long and say nothing about the run, and without credentials: records are passed on,
/// and somebody else's pods may have one in plain text, and once more in what kubectl keeps of their manifest.
fn whole(o: &DynamicObject) -> Value {
    let mut v = serde_json::to_value(o).unwrap_or_default();
    if let Some(m) = v.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        m.remove("managedFields");
        if let Some(kept) = m.get_mut("annotations").and_then(Value::as_object_mut) {
            kept.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    redact(&mut v);
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebodys_credentials_are_not_recorded() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "chat", "managedFields": [{"manager": "kubectl"}], "annotations": {
                "why": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{\"env\":[{\"name\":\"HF_TOKEN\",\"value\":\"word\"}]}",
            }},
            "spec": {"containers": [{
                "name": "vllm", "args": ["--api-key", "word", "--port", "8000"],
                "env": [{"name": "HF_TOKEN", "value": "word"}, {"name": "HF_HOME", "value": "/models"}],
            }]},
        });
        let kept = whole(&serde_json::from_value(pod).unwrap());
        assert!(!kept.to_string().contains("word"), "{kept}");
        assert_eq!(kept["metadata"], json!({"name": "chat", "annotations": {"why": "kept"}}));
        assert_eq!(kept["spec"]["containers"][0]["args"], json!(["--api-key", "<redacted>", "--port", "8000"]));
    }
}
