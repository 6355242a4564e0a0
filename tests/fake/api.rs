//! Requests and their answers.

use crate::apply;
use crate::world::{Id, Server, Silence, World, by_path, is_leaving, kind_of, text};
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An error as the API server gives it.
#[derive(Debug)]
pub struct Status(pub u16, Value);

impl Status {
    pub fn new(code: u16, reason: &str, message: &str) -> Self {
        let v = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code});
        Self(code, v)
    }

    pub fn not_found(id: &Id) -> Self {
        Self::new(404, "NotFound", &format!("{id} not found"))
    }
}

pub enum Answer {
    Json(Value),
    Text(String),
}

type Done = Result<Answer, Status>;

impl tower_service::Service<Request<Body>> for Server {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect_bytes().await.map_err(std::io::Error::other)?;
            let target = parts.uri.to_string();
            let what = format!("{} {}", parts.method, target.split("&continue").next().unwrap_or_default());
            let header = |name: &str| parts.headers.get(name).and_then(|h| h.to_str().ok()).unwrap_or_default().to_string();
            let (patch, accept) = (header("content-type"), header("accept"));
            match server.perform(&what, |w| handle(w, parts.method.as_str(), &target, (&patch, &accept), &body)) {
                Ok(done) => {
                    let (code, body) = match done {
                        Ok(Answer::Json(v)) => (200, v.to_string()),
                        Ok(Answer::Text(t)) => (200, t),
                        Err(Status(code, v)) => (code, v.to_string()),
                    };
                    let date = chrono::Utc::now().to_rfc2822();
                    let response = Response::builder().status(code).header("content-type", "application/json").header("date", date);
                    response.body(Body::from(body.into_bytes())).map_err(std::io::Error::other)
                }
                Err(Silence::Lost(_)) => Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "connection reset by peer")),
                Err(Silence::Dead(_)) => std::future::pending().await,
            }
        })
    }
}

pub fn decode(s: &str) -> String {
    let bytes = s.as_bytes();
    let mut out = vec![];
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| s.get(i + 1..i + 3)).flatten().and_then(|h| u8::from_str_radix(h, 16).ok());
        out.push(hex.unwrap_or(bytes[i]));
        i += if hex.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub fn parameter(query: &str, name: &str) -> String {
    query.split('&').filter_map(|p| p.split_once('=')).find(|(k, _)| *k == name).map(|(_, v)| decode(v)).unwrap_or_default()
}

/// Does an object fit `a=b,c!=d,e in (f,g),h`?
pub fn selected(object: &Value, selector: &str) -> bool {
    let label = |k: &str| object.pointer("/metadata/labels").and_then(|l| l.get(k)).and_then(Value::as_str);
    let mut rest = selector.trim();
    while !rest.is_empty() {
        let inside = rest.find(" in (").filter(|i| !rest[..*i].contains(','));
        let ok;
        if let Some(i) = inside {
            let end = rest.find(')').unwrap_or(rest.len() - 1);
            let values = rest[i + 5..end].split(',').map(str::trim).collect::<Vec<_>>();
            ok = label(rest[..i].trim()).is_some_and(|v| values.contains(&v));
            rest = rest[end + 1..].trim_start_matches(',').trim();
        } else {
            let (one, tail) = rest.split_once(',').unwrap_or((rest, ""));
            rest = tail.trim();
            ok = match (one.split_once("!="), one.split_once('=')) {
                (Some((k, v)), _) => label(k.trim()) != Some(v.trim()),
                (None, Some((k, v))) => label(k.trim()) == Some(v.trim_start_matches('=').trim()),
                (None, None) if one.starts_with('!') => label(&one[1..]).is_none(),
                (None, None) => label(one.trim()).is_some(),
            };
        }
        if !ok {
            return false;
        }
    }
    true
}

/// Is there a namespace that takes a new object?
pub fn room(w: &World, id: &Id) -> Result<(), Status> {
    if !w.serves(kind_of(id.kind)) {
        return Err(Status::new(404, "NotFound", "the server could not find the requested resource"));
    }
    if !kind_of(id.kind).namespaced {
        return Ok(());
    }
    match w.get("Namespace", "", &id.ns) {
        None => Err(Status::new(404, "NotFound", &format!("namespaces {:?} not found", id.ns))),
        Some(n) if is_leaving(n) => Err(Status::new(403, "Forbidden", &format!("namespace {} is being terminated", id.ns))),
        Some(_) => Ok(()),
    }
}

/// All kinds at once, as a server answers who asks for the aggregated form.
fn discovery(w: &World, core: bool) -> Value {
    let mut groups: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for k in bench::cluster::KINDS.iter().filter(|k| k.group.is_empty() == core && w.serves(k)) {
        groups.entry((k.group, k.version)).or_default().push(json!({
            "resource": k.plural,
            "responseKind": {"group": k.group, "version": k.version, "kind": k.kind},
            "scope": if k.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": k.kind.to_lowercase(),
            "verbs": ["create", "delete", "get", "list", "patch"],
        }));
    }
    let items: Vec<Value> = groups
        .into_iter()
        .map(|((group, version), resources)| {
            json!({"metadata": {"name": group}, "versions": [{"version": version, "resources": resources, "freshness": "Current"}]})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn handle(w: &mut World, method: &str, target: &str, (content_type, accept): (&str, &str), body: &[u8]) -> Done {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let json = |b: &[u8]| -> Result<Value, Status> {
        if b.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(b).map_err(|e| Status::new(400, "BadRequest", &e.to_string())) }
    };
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        ["version"] => return Ok(Answer::Json(json!({"gitVersion": "v1.34.2", "major": "1", "minor": "34"}))),
        ["readyz"] => return Ok(Answer::Text("ok".into())),
        ["api" | "apis"] if accept.contains("APIGroupDiscoveryList") => return Ok(Answer::Json(discovery(w, path == "/api"))),
        ["apis"] => {
            let mut groups = if w.openshift() { vec![json!({"name": "route.openshift.io"})] } else { vec![] };
            if w.get("APIService", "", "v1beta1.external.metrics.k8s.io").is_some() {
                groups.push(json!({"name": "external.metrics.k8s.io"}));
            }
            return Ok(Answer::Json(json!({"kind": "APIGroupList", "groups": groups})));
        }
        ["apis", group, version] => {
            let all: Vec<Value> = bench::cluster::KINDS
                .iter()
                .filter(|k| k.group == *group && k.version == *version && w.serves(k))
                .map(|k| json!({"name": k.plural}))
                .collect();
            return Ok(Answer::Json(json!({"kind": "APIResourceList", "resources": all})));
        }
        ["api", "v1", "namespaces", ns, "serviceaccounts", name, "token"] if method == "POST" => {
            let id = Id::new("ServiceAccount", ns, name);
            let account = w.objects.get(&id).ok_or_else(|| Status::not_found(&id))?;
            let token = format!("token-of-{}", text(account, "/metadata/uid"));
            let end = chrono::Utc::now() + chrono::TimeDelta::days(1);
            return Ok(Answer::Json(json!({"status": {"token": token, "expirationTimestamp": end.to_rfc3339()}})));
        }
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
            return Ok(Answer::Json(json!({"status": {"allowed": true}})));
        }
        ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"] => {
            return Ok(Answer::Json(json!({"status": {"userInfo": {"username": "alice", "groups": ["system:authenticated"]}}})));
        }
        ["apis", "external.metrics.k8s.io", "v1beta1", "namespaces", ns, metric] => {
            return crate::metrics::external(w, ns, &decode(metric), &parameter(query, "labelSelector")).map(Answer::Json);
        }
        ["api", "v1", "namespaces", ns, "services", service, "proxy", rest @ ..] => {
            return crate::metrics::proxy(w, ns, service, &format!("/{}", rest.join("/")), query).map(Answer::Json);
        }
        ["api", "v1", "namespaces", ns, "pods", pod, "log"] => {
            return crate::pods::log(w, ns, pod, &parameter(query, "container")).map(Answer::Text);
        }
        _ => {}
    }
    let (group, version, rest) = match parts.as_slice() {
        ["api", v, rest @ ..] => ("", *v, rest),
        ["apis", g, v, rest @ ..] => (*g, *v, rest),
        _ => return Err(Status::new(404, "NotFound", &format!("no path {path}"))),
    };
    let (ns, plural, name, sub) = match rest {
        ["namespaces", ns, plural, rest @ ..] if by_path(group, version, plural).is_some() => {
            (*ns, *plural, rest.first().copied().unwrap_or_default(), rest.get(1).copied().unwrap_or_default())
        }
        [plural, rest @ ..] => ("", *plural, rest.first().copied().unwrap_or_default(), rest.get(1).copied().unwrap_or_default()),
        [] => return Err(Status::new(404, "NotFound", "no resource")),
    };
    let Some(kind) = by_path(group, version, plural) else {
        return Err(Status::new(404, "NotFound", &format!("the server could not find the requested resource {path}")));
    };
    if !w.serves(kind) {
        return Err(Status::new(404, "NotFound", "the server could not find the requested resource"));
    }
    let id = Id::new(kind.kind, ns, name);
    let manager = parameter(query, "fieldManager");
    let dry_run = query.contains("dryRun=All");
    match (method, name.is_empty()) {
        ("GET", true) => {
            let (labels, named) = (parameter(query, "labelSelector"), parameter(query, "fieldSelector"));
            let named = named.strip_prefix("metadata.name=");
            let items: Vec<Value> = w
                .of_kind(kind.kind)
                .filter(|(i, o)| (ns.is_empty() || i.ns == ns) && named.is_none_or(|n| i.name == n) && selected(o, &labels))
                .map(|(_, o)| o.clone())
                .collect();
            Ok(Answer::Json(
                json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": {}, "items": items}),
            ))
        }
        ("GET", false) => w.objects.get(&id).cloned().map(Answer::Json).ok_or_else(|| Status::not_found(&id)),
        ("POST", _) => {
            let body = json(body)?;
            let id = Id::new(kind.kind, ns, text(&body, "/metadata/name"));
            room(w, &id)?;
            if w.objects.contains_key(&id) {
                return Err(Status::new(409, "AlreadyExists", &format!("{id} already exists")));
            }
            if dry_run {
                return Ok(Answer::Json(body));
            }
            let fields = apply::fields(&body);
            let made = w.insert(id.clone(), body);
            apply::own(w, &made, &manager, "Update", fields);
            w.wrote(format!("create {id}"));
            Ok(Answer::Json(made))
        }
        ("PATCH", _) if content_type.contains("apply-patch") => apply::apply(w, &id, &json(body)?, &manager, dry_run).map(Answer::Json),
        ("PATCH", _) if content_type.contains("merge-patch") && matches!(sub, "" | "scale") => {
            apply::merge_patch(w, &id, &json(body)?, &manager).map(Answer::Json)
        }
        ("DELETE", false) => {
            let body = json(body)?;
            let Some(found) = w.objects.get(&id) else { return Err(Status::not_found(&id)) };
            let wanted = text(&body, "/preconditions/uid");
            if !wanted.is_empty() && wanted != text(found, "/metadata/uid") {
                return Err(Status::new(409, "Conflict", "the UID in the precondition does not match"));
            }
            if dry_run {
                return Ok(Answer::Json(json!({"kind": "Status", "status": "Success"})));
            }
            if !is_leaving(found) {
                w.wrote(format!("delete {id}"));
            }
            w.delete(&id);
            Ok(Answer::Json(json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})))
        }
        _ => Err(Status::new(405, "MethodNotAllowed", &format!("{method} {target} {content_type}"))),
    }
}
