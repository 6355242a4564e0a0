//! What was there before bench changed something of somebody else's, kept in the cluster: ConfigMap `llmd-bench-saved-…` in
//! the stack's namespace. Written before the change, and enough to undo it when nothing else is known of the stack.

use super::Ctx;
use crate::cluster::{Cluster, ClusterError, Ref};
use crate::config::manifests::{labels, own};
use serde_json::{Value, json};

/// All names begin with it.
pub const PREFIX: &str = "llmd-bench-saved-";

/// One such ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Stack whose change it is, and namespace of the mark.
    pub stack: String,
    pub object: String,
    pub key: String,
    pub before: String,
    /// Every value that this stack has written, or was about to.
    pub ours: Vec<String>,
}

impl Mark {
    fn of(o: &Value) -> Self {
        let text = |k: &str| o["data"][k].as_str().unwrap_or_default().to_string();
        Self {
            stack: o.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default().into(),
            object: text("object"),
            key: text("key"),
            before: text("before"),
            ours: serde_json::from_str(&text("ours")).unwrap_or_default(),
        }
    }

    fn data(&self) -> Value {
        json!({"object": self.object, "key": self.key, "before": self.before, "ours": json!(self.ours).to_string()})
    }
}

fn at(stack: &str, what: &str) -> Ref {
    Ref::new("ConfigMap", stack, &format!("{PREFIX}{what}"))
}

/// Keeps `before` ahead of a change to `ours`.
///
/// A retry never keeps a value of our own as the original. What is neither ours nor what was kept is newer: somebody changed
/// it after a first try that came to nothing, and that is what will be put back.
pub async fn save(ctx: &Ctx, what: &str, r: &Ref, key: &str, before: &str, ours: Option<&str>) -> anyhow::Result<()> {
    let mark = Mark {
        stack: ctx.namespace().into(),
        object: r.to_string(),
        key: key.into(),
        before: before.into(),
        ours: ours.map(String::from).into_iter().collect(),
    };
    if create(&ctx.cluster, what, &mark).await? {
        return Ok(());
    }
    let r = at(ctx.namespace(), what);
    let Some(found) = ctx.cluster.get(&r).await? else { anyhow::bail!("{r} came and went") };
    let mut kept = Mark::of(&found);
    let was = kept.clone();
    // Marks of older versions do not say what was written: theirs is the only original there is.
    if found["data"]["ours"].is_string() && !kept.ours.iter().any(|o| o == before) {
        kept.before = before.into();
    }
    kept.ours.extend(mark.ours.into_iter().filter(|o| !was.ours.contains(o)));
    if kept != was {
        write(&ctx.cluster, &r, &found, &kept).await?;
    }
    Ok(())
}

/// Makes a mark; `false` when there is one of this name.
pub async fn create(cluster: &Cluster, what: &str, mark: &Mark) -> Result<bool, ClusterError> {
    let mut object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": format!("{PREFIX}{what}"), "namespace": mark.stack},
        "data": mark.data(),
    });
    own(&mut object, &mark.stack);
    match cluster.create(&object).await {
        Ok(_) => Ok(true),
        Err(e) if e.is_conflict() => Ok(false),
        Err(e) => Err(e),
    }
}

async fn write(cluster: &Cluster, r: &Ref, read: &Value, mark: &Mark) -> Result<(), ClusterError> {
    let patch = json!({"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}, "data": mark.data()});
    cluster.merge_patch(r, None, &patch).await.map(drop)
}

/// A stack's mark of this name.
pub async fn get(cluster: &Cluster, stack: &str, what: &str) -> Result<Option<Mark>, ClusterError> {
    Ok(cluster.get(&at(stack, what)).await?.as_ref().map(Mark::of))
}

/// Marks of this name that other stacks have; none when this user may not look into all namespaces.
pub async fn of_others(cluster: &Cluster, stack: &str, what: &str) -> Result<Vec<Mark>, ClusterError> {
    let selector = format!("{}={},{}!={stack}", labels::MANAGED_BY, labels::BENCH, labels::STACK);
    let name = format!("{PREFIX}{what}");
    match cluster.list("ConfigMap", None, &selector).await {
        Ok(all) => Ok(all.iter().filter(|o| o.pointer("/metadata/name").and_then(Value::as_str) == Some(&name)).map(Mark::of).collect()),
        Err(e) if e.is_forbidden() => Ok(vec![]),
        Err(e) => Err(e),
    }
}

/// Another stack's original was a value of ours: once ours is undone, what we found is its original.
pub async fn inherit(cluster: &Cluster, what: &str, heir: &Mark, before: &str) -> Result<(), ClusterError> {
    let r = at(&heir.stack, what);
    let Some(found) = cluster.get(&r).await? else { return Ok(()) };
    write(cluster, &r, &found, &Mark { before: before.into(), ..heir.clone() }).await
}

/// Changes one key of a ConfigMap, only in the version that was read.
pub async fn write_key(cluster: &Cluster, r: &Ref, read: &Value, key: &str, text: &str) -> Result<(), ClusterError> {
    let patch = json!({"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}, "data": {key: text}});
    cluster.merge_patch(r, None, &patch).await.map(drop)
}
