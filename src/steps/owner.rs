//! Whose stack it is: who stood it up, kept in the annotations of its record.

use super::record;
use crate::cluster::Cluster;
use crate::failure::Failure;
use bench_model::exit::Exit;
use serde_json::{Value, json};

/// Kubernetes' name of the user who made the stack.
pub const OWNER: &str = "llmd-bench/owner";
/// When it was made.
pub const MADE_AT: &str = "llmd-bench/made-at";

/// This user, as the API server calls it; the machine's name for it where the API server does not say.
pub async fn whoami(cluster: &Cluster) -> anyhow::Result<String> {
    match cluster.user().await {
        Ok(Some(name)) => Ok(name),
        Ok(None) => Ok(of_the_machine()),
        Err(e) if e.is_forbidden() || e.is_not_found() => Ok(of_the_machine()),
        Err(e) => Err(e.into()),
    }
}

/// `user@host`, as this machine calls them.
pub fn of_the_machine() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_else(|_| "somebody".into());
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let host = files.iter().find_map(|f| std::fs::read_to_string(f).ok()).or_else(|| std::env::var("HOSTNAME").ok());
    format!("{user}@{}", host.as_deref().unwrap_or("somewhere").trim())
}

fn annotation<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
    record.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// Annotations of a record that is written (again): the first owner stays until somebody takes over.
pub async fn annotations(cluster: &Cluster, found: Option<&Value>) -> anyhow::Result<Value> {
    let kept = |name: &str| found.and_then(|f| annotation(f, name)).map(String::from);
    let owner = match kept(OWNER) {
        Some(o) => o,
        None => whoami(cluster).await?,
    };
    let at = kept(MADE_AT).unwrap_or_else(|| chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    Ok(json!({OWNER: owner, MADE_AT: at}))
}

/// # Errors
/// Exit 6 when the stack in this namespace is another user's.
pub async fn require(cluster: &Cluster, namespace: &str) -> anyhow::Result<()> {
    let Some(found) = cluster.get(&record::at(namespace)).await? else { return Ok(()) };
    let me = whoami(cluster).await?;
    let Some(owner) = other_than(&me, &found) else { return Ok(()) };
    let since = annotation(&found, MADE_AT).map(|t| format!(", since {t}")).unwrap_or_default();
    Err(Failure::new(Exit::Cluster, format!("the stack in namespace {namespace} is {owner}'s{since}; you are {me}"))
        .hint(format!(
            "ask {owner}, or choose another namespace with -p. If it is agreed: bench standup -p {namespace} --take-over … makes it yours, \
             bench teardown -p {namespace} --take-over removes it"
        ))
        .into())
}

/// The owner, when that is another user. A record of an older version does not say.
fn other_than<'a>(me: &str, record: &'a Value) -> Option<&'a str> {
    annotation(record, OWNER).filter(|o| *o != me)
}

/// The owner that [`take_over`] would take the stack from.
pub async fn another(cluster: &Cluster, namespace: &str) -> anyhow::Result<Option<String>> {
    let Some(found) = cluster.get(&record::at(namespace)).await?.filter(|o| super::is_ours(o, namespace)) else { return Ok(None) };
    Ok(other_than(&whoami(cluster).await?, &found).map(String::from))
}

/// Makes the stack in this namespace this user's; gives the owner before, when that was another.
pub async fn take_over(cluster: &Cluster, namespace: &str) -> anyhow::Result<Option<String>> {
    let r = record::at(namespace);
    let Some(found) = cluster.get(&r).await?.filter(|o| super::is_ours(o, namespace)) else { return Ok(None) };
    let me = whoami(cluster).await?;
    let Some(before) = other_than(&me, &found).map(String::from) else { return Ok(None) };
    let patch = json!({"metadata": {"resourceVersion": found["metadata"]["resourceVersion"], "annotations": {OWNER: me}}});
    cluster.merge_patch(&r, None, &patch).await?;
    Ok(Some(before))
}
