//! The only door to Kubernetes: every request that `bench` makes to an API server goes through [`Cluster`].
//!
//! Objects are plain JSON, because most of them are rendered from templates or belong to somebody else's CRD.
//! No step logic, no printing.

mod error;
mod exec;
mod helm;
mod inventory;
mod json;
mod kinds;
mod outside;
mod proxy;
mod reasons;
mod wait;
mod web;

pub use error::{ClusterError, is_forbidden};
pub use exec::{Container, ExecOutput};
pub use helm::{Chart, Helm, HelmOutcome, INSTALL_S, Release, UNINSTALL_S};
pub use inventory::{Inhabitant, Inventory};
pub use json::{items_at, text_at};
pub use kinds::{KINDS, Kind, kind};
pub use outside::Outside;
pub use proxy::ServicePort;
pub use reasons::{explain, is_hopeless, pod_reasons};
pub use wait::{Poll, wait_for};
pub use web::Page;

use http::Request;
use kube::{Client, config::KubeConfigOptions};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Field manager of all server-side applies.
pub const MANAGER: &str = "llmd-bench";

/// Longest time that a single question to the API may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for what changes something: longer than the 34 s after which the API server itself gives up on a webhook, because
/// its own answer names it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(40);
/// A cluster that is there answers its first question at once.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Longer than the first answer may take, so that a silent server is told as one whatever it is silent about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// For the kubeconfig's credential plugin, which may ask the user to log in.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(120);
/// Pages of a list; more are a server that goes round in circles.
const MOST_PAGES: usize = 2000;

/// One object by its kind, namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    pub kind: &'static Kind,
    /// None for cluster-scoped kinds.
    pub namespace: Option<String>,
    pub name: String,
}

impl std::fmt::Display for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.namespace {
            Some(ns) => write!(f, "{} {ns}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

impl Ref {
    /// `namespace` is dropped for cluster-scoped kinds.
    pub fn new(kind_name: &str, namespace: &str, name: &str) -> Self {
        let kind = kind(kind_name);
        Self { kind, namespace: kind.namespaced.then(|| namespace.to_string()), name: name.to_string() }
    }

    /// Of a rendered object.
    pub fn of(object: &Value) -> Result<Self, ClusterError> {
        let text = |p: &str| text_at(object, p);
        let kind = Kind::find(text("/kind"), text("/apiVersion"))
            .ok_or_else(|| ClusterError::UnknownKind { kind: text("/kind").into(), api_version: text("/apiVersion").into() })?;
        Ok(Self {
            kind,
            namespace: kind.namespaced.then(|| text("/metadata/namespace").to_string()),
            name: text("/metadata/name").to_string(),
        })
    }

    fn path(&self) -> String {
        format!("{}/{}", self.kind.collection(self.namespace.as_deref()), self.name)
    }
}

/// What a server-side apply did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Created,
    Changed,
    Unchanged,
}

/// A connection to one cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// Where the API server is, for error messages only.
    pub url: String,
    /// Context's namespace.
    pub default_namespace: String,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
    /// What takes the place of exec streams and helm; `None` for the real ones.
    outside: Option<Arc<dyn Outside>>,
}

/// A parser's message without the lines of the file that it shows: they may hold a credential.
fn without_excerpt(message: &str) -> String {
    message.lines().next().unwrap_or_default().into()
}

impl Cluster {
    /// Over any client, such as one whose service answers from memory. Streams into containers and helm are no requests of a
    /// client: `outside` answers for them.
    pub fn with_client(client: Client, outside: Arc<dyn Outside>) -> Self {
        let default_namespace = client.default_namespace().to_string();
        Self { client, url: "a client that was given".into(), default_namespace, kubeconfig: None, context: None, outside: Some(outside) }
    }

    /// Connects by a kubeconfig (or the environment's, or the pod's ServiceAccount) and asks for the version.
    pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Self, ClusterError> {
        let options = KubeConfigOptions { context: context.map(Into::into), ..Default::default() };
        let mut config = match kubeconfig {
            Some(path) => {
                let file = kube::config::Kubeconfig::read_from(path)
                    .map_err(|e| ClusterError::Config(format!("{}: {}", path.display(), without_excerpt(&e.to_string()))))?;
                kube::Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|e| ClusterError::Config(without_excerpt(&e.to_string())))?
            }
            None if context.is_some() => {
                kube::Config::from_kubeconfig(&options).await.map_err(|e| ClusterError::Config(without_excerpt(&e.to_string())))?
            }
            None => kube::Config::infer().await.map_err(|e| ClusterError::Config(without_excerpt(&e.to_string())))?,
        };
        let url = config.cluster_url.to_string();
        let default_namespace = config.default_namespace.clone();
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        let made = tokio::task::spawn_blocking(move || Client::try_from(config));
        let client = match tokio::time::timeout(CREDENTIALS_TIMEOUT, made).await {
            Ok(Ok(made)) => made.map_err(|e| ClusterError::from_kube(e, "connect", &url))?,
            Ok(Err(e)) => return Err(ClusterError::Config(e.to_string())),
            Err(_) => return Err(ClusterError::Credentials { seconds: CREDENTIALS_TIMEOUT.as_secs() }),
        };
        Self::first_answer(&client, &url).await?;
        Ok(Self { client, url, default_namespace, kubeconfig: kubeconfig.map(Into::into), context: context.map(Into::into), outside: None })
    }

    /// Something that takes the connection and does not answer is told at once, and not by whatever is asked first.
    async fn first_answer(client: &Client, url: &str) -> Result<(), ClusterError> {
        let request = Request::get("/version").body(vec![]).map_err(|e| ClusterError::Config(e.to_string()))?;
        match tokio::time::timeout(FIRST_ANSWER, client.request::<Value>(request)).await {
            Ok(Ok(_)) => Ok(()),
            // Some clusters do not tell strangers their version.
            Ok(Err(kube::Error::Api(s))) if s.code == 403 => Ok(()),
            Ok(Err(e)) => Err(ClusterError::from_kube(e, "ask for its version", url)),
            Err(_) => Err(ClusterError::Silent { url: url.into(), seconds: FIRST_ANSWER.as_secs() }),
        }
    }

    /// The underlying client, for watches.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Runs helm against the same cluster.
    pub fn helm(&self) -> Helm {
        Helm::new(self.kubeconfig.clone(), self.context.clone(), self.outside.clone())
    }

    /// One JSON request; `what` names it in errors. A question whose answer got lost on its way is asked once more.
    async fn request(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>, what: &str) -> Result<Value, ClusterError> {
        match self.request_once(method, path, content_type, body, what).await {
            Err(ClusterError::Unreachable { .. }) if method == "GET" => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                self.request_once(method, path, content_type, vec![], what).await
            }
            other => other,
        }
    }

    async fn request_once(&self, method: &str, path: &str, content_type: &str, body: Vec<u8>, what: &str) -> Result<Value, ClusterError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content_type)
            .header("accept", "application/json")
            .body(body)
            .map_err(|e| ClusterError::Config(e.to_string()))?;
        let limit = if method == "GET" { CALL_TIMEOUT } else { WRITE_TIMEOUT };
        match tokio::time::timeout(limit, self.client.request::<Value>(request)).await {
            Ok(Ok(v)) => Ok(v),
            Ok(Err(e)) => Err(ClusterError::from_kube(e, what, &self.url)),
            Err(_) => Err(ClusterError::Slow { what: what.into(), seconds: limit.as_secs() }),
        }
    }

    /// GET of any path, e.g. `/version`.
    pub async fn get_path(&self, path: &str) -> Result<Value, ClusterError> {
        self.request("GET", path, "application/json", vec![], &format!("get {path}")).await
    }

    /// Does the API server serve this kind? By discovery, which every user may read.
    pub async fn serves(&self, kind_name: &str) -> Result<bool, ClusterError> {
        let k = kind(kind_name);
        match self.get_path(&format!("/apis/{}/{}", k.group, k.version)).await {
            Ok(list) => Ok(list["resources"].as_array().into_iter().flatten().any(|r| r["name"] == k.plural)),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Objects of a kind; none where the cluster does not have it or this user may not look.
    pub async fn list_if_any(&self, kind: &str, namespace: Option<&str>) -> Result<Vec<Value>, ClusterError> {
        match self.list(kind, namespace, "").await {
            Err(e) if e.is_not_found() || e.is_forbidden() => Ok(vec![]),
            other => other,
        }
    }

    /// An object that one may do without: `None` when it is not there, and when this user may not look.
    pub async fn get_if_allowed(&self, r: &Ref) -> Result<Option<Value>, ClusterError> {
        match self.get(r).await {
            Err(e) if e.is_forbidden() => Ok(None),
            other => other,
        }
    }

    /// Does anybody serve this group of the API?
    pub async fn serves_group(&self, group: &str) -> Result<bool, ClusterError> {
        let groups = self.get_path("/apis").await?;
        Ok(groups["groups"].as_array().into_iter().flatten().any(|g| g["name"] == group))
    }

    /// `Ok(None)` when there is no such object; a missing kind is an error.
    pub async fn get(&self, r: &Ref) -> Result<Option<Value>, ClusterError> {
        match self.request("GET", &r.path(), "application/json", vec![], &format!("get {r}")).await {
            Ok(v) => Ok(Some(v)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Objects of a kind, in one namespace or in all (`None`), optionally by label selector.
    pub async fn list(&self, kind_name: &str, namespace: Option<&str>, selector: &str) -> Result<Vec<Value>, ClusterError> {
        let k = kind(kind_name);
        let mut out = vec![];
        let mut next = String::new();
        for _ in 0..MOST_PAGES {
            let path = format!("{}?limit=500&labelSelector={}&continue={}", k.collection(namespace), urlencode(selector), urlencode(&next));
            let mut page = self.request("GET", &path, "application/json", vec![], &format!("list {}", k.plural)).await?;
            let items = page.get_mut("items").map(Value::take);
            if let Some(Value::Array(items)) = items {
                out.extend(items.into_iter().map(|mut o| {
                    // Items of a list come without their type.
                    if let Some(m) = o.as_object_mut() {
                        m.insert("kind".into(), json!(k.kind));
                        m.insert("apiVersion".into(), json!(k.api_version()));
                    }
                    o
                }));
            }
            next = page.pointer("/metadata/continue").and_then(Value::as_str).unwrap_or_default().to_string();
            if next.is_empty() {
                return Ok(out);
            }
        }
        let message = format!("it has not come to its end after {MOST_PAGES} pages");
        Err(ClusterError::Api { what: format!("list {}", k.plural), code: 0, reason: String::new(), message })
    }

    /// Server-side apply without force: a field that another manager owns is an error that names it.
    pub async fn apply(&self, object: &Value) -> Result<(Applied, Value), ClusterError> {
        let r = Ref::of(object)?;
        let before = self.get(&r).await?;
        let after = self.apply_request(&r, object, false).await?;
        let version = |v: &Value| v.pointer("/metadata/resourceVersion").cloned();
        let applied = match &before {
            None => Applied::Created,
            Some(b) if version(b) == version(&after) => Applied::Unchanged,
            Some(_) => Applied::Changed,
        };
        Ok((applied, after))
    }

    /// What [`Self::apply`] would make of it; nothing is stored.
    pub async fn apply_dry_run(&self, object: &Value) -> Result<Value, ClusterError> {
        self.apply_request(&Ref::of(object)?, object, true).await
    }

    async fn apply_request(&self, r: &Ref, object: &Value, dry_run: bool) -> Result<Value, ClusterError> {
        let path = format!("{}?fieldManager={MANAGER}{}", r.path(), if dry_run { "&dryRun=All" } else { "" });
        self.request("PATCH", &path, "application/apply-patch+yaml", object.to_string().into_bytes(), &format!("apply {r}")).await
    }

    /// Creates; an existing object of that name is an error (`is_already_exists`).
    pub async fn create(&self, object: &Value) -> Result<Value, ClusterError> {
        let r = Ref::of(object)?;
        let path = format!("{}?fieldManager={MANAGER}", r.kind.collection(r.namespace.as_deref()));
        self.request("POST", &path, "application/json", object.to_string().into_bytes(), &format!("create {r}")).await
    }

    /// JSON merge patch, optionally of a subresource (`scale`, `status`).
    pub async fn merge_patch(&self, r: &Ref, subresource: Option<&str>, patch: &Value) -> Result<Value, ClusterError> {
        let sub = subresource.map(|s| format!("/{s}")).unwrap_or_default();
        let path = format!("{}{sub}?fieldManager={MANAGER}", r.path());
        self.request("PATCH", &path, "application/merge-patch+json", patch.to_string().into_bytes(), &format!("patch {r}")).await
    }

    /// Deletes; `false` when it was not there. With a uid only that very object.
    pub async fn delete(&self, r: &Ref, uid: Option<&str>) -> Result<bool, ClusterError> {
        let mut body = json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"});
        if let Some(uid) = uid {
            body["preconditions"] = json!({ "uid": uid });
        }
        match self.request("DELETE", &r.path(), "application/json", body.to_string().into_bytes(), &format!("delete {r}")).await {
            Ok(_) => Ok(true),
            Err(e) if e.is_not_found() => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Deletes and waits until it is gone.
    pub async fn delete_and_wait(&self, r: &Ref, limit: Duration) -> anyhow::Result<bool> {
        if !self.delete(r, None).await? {
            return Ok(false);
        }
        wait_for(&format!("{r} to be gone"), limit, Duration::from_millis(500), async || {
            Ok(match self.get(r).await? {
                None => Poll::Done(()),
                Some(o) => Poll::Not(match o.pointer("/metadata/finalizers") {
                    Some(f) => format!("it is still there, finalizers {f}"),
                    None => "it is still there".into(),
                }),
            })
        })
        .await?;
        Ok(true)
    }

    /// This user as the API server calls it; `None` when it does not say.
    pub async fn user(&self) -> Result<Option<String>, ClusterError> {
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let answer = self.request("POST", path, "application/json", body.to_string().into_bytes(), "ask who this user is").await?;
        let name = answer.pointer("/status/userInfo/username").and_then(Value::as_str);
        Ok(name.filter(|n| !n.is_empty()).map(String::from))
    }

    /// May this user do it? By SelfSubjectAccessReview.
    pub async fn may(&self, a: &Access<'_>) -> Result<bool, ClusterError> {
        let spec = if a.resource.starts_with('/') {
            json!({"nonResourceAttributes": {"verb": a.verb, "path": a.resource}})
        } else {
            json!({"resourceAttributes": {
                "verb": a.verb, "group": a.group, "resource": a.resource, "subresource": a.subresource,
                "namespace": a.namespace, "name": a.name,
            }})
        };
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let answer = self.request("POST", path, "application/json", body.to_string().into_bytes(), "ask for rights").await?;
        Ok(answer.pointer("/status/allowed") == Some(&Value::Bool(true)))
    }
}

/// A question to [`Cluster::may`]. Empty: the core group, no subresource, all namespaces (or none), all names.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    /// Or a path of the API server, with its slash.
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

/// Percent-encodes all but unreserved characters.
pub fn urlencode(s: &str) -> String {
    s.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}
