//! Prometheus: where it is, what it says now, and the raw samples of a window. No analysis.

mod thanos;

pub use thanos::{inside as thanos, valid as token_life};

use crate::cluster::{Cluster, ClusterError, Ref, ServicePort, text_at, urlencode};
use crate::failure::Failure;
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::PrometheusRef;
use bench_model::tables::Series;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A Prometheus inside the cluster.
#[derive(Debug, Clone)]
pub struct Prometheus {
    /// As programs inside the cluster reach it.
    pub at: ServicePort,
    /// As bench reaches it, when that is not through the API server's proxy.
    door: Option<Arc<thanos::Door>>,
    /// Namespace of the stack that asks.
    stack: String,
    /// Why nobody answers.
    absent: Option<String>,
}

/// One series of an instant query.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Longest window of one raw query; longer ones are fetched in pieces, so that no answer grows without bound.
const CHUNK_S: f64 = 1800.0;

/// How long all queries of a collection together may wait for a Prometheus that does not answer.
const PATIENCE: Duration = Duration::from_secs(150);

/// What is left of [`PATIENCE`]; shared by the queries of one collection.
pub struct Patience(Mutex<Duration>);

impl Default for Patience {
    fn default() -> Self {
        Self(Mutex::new(PATIENCE))
    }
}

impl Patience {
    /// Takes a pause out of it; `false` when there is none left.
    fn spend(&self, pause: Duration) -> bool {
        let mut left = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let enough = *left >= pause;
        *left = left.saturating_sub(pause);
        enough
    }
}

/// Raw samples of a window, and the parts of it that could not be asked for.
#[derive(Debug, Default)]
pub struct Raw {
    pub series: Vec<Series>,
    /// (from, to, why), seconds since the epoch.
    pub failed: Vec<(f64, f64, String)>,
}

impl Prometheus {
    /// Finds it: where the scenario says, on OpenShift its Thanos querier, or behind the Services beside the cluster's
    /// `Prometheus` objects. A stack that is measured as it is may have none, and then nothing is asked of one.
    ///
    /// # Errors
    /// Exit 6 when none answers.
    pub async fn discover(cluster: &Cluster, plan: &Plan) -> anyhow::Result<Self> {
        if plan.arm == Arm::Existing { Ok(Self::if_any(cluster, plan).await) } else { Self::find(cluster, plan).await }
    }

    /// Why there is none.
    pub fn absent(&self) -> Option<&str> {
        self.absent.as_deref()
    }

    async fn find(cluster: &Cluster, plan: &Plan) -> anyhow::Result<Self> {
        let wanted = &plan.scenario.monitoring.prometheus;
        let anywhere = wanted.namespace == "auto" && wanted.service == "auto";
        if !(anywhere && plan.on_openshift()) {
            return Self::behind_proxy(cluster, wanted, plan.namespace()).await;
        }
        let door = Arc::new(thanos::Door::find(cluster, plan.namespace()).await?);
        let found = Self { at: thanos::inside(), door: Some(door), stack: plan.namespace().into(), absent: None };
        match found.query(cluster, "time()").await {
            Ok(_) => Ok(found),
            Err(e) => Err(Failure::new(Exit::Cluster, format!("the Thanos querier does not answer: {e}"))
                .hint(format!(
                    "ServiceAccount {} of namespace {} asks it, bound to ClusterRole cluster-monitoring-view: bench standup makes both",
                    crate::config::manifests::METRICS_ACCOUNT,
                    plan.namespace()
                ))
                .into()),
        }
    }

    /// For what goes on without: one that is not found, or may not be looked for, leaves every question unanswered.
    pub async fn if_any(cluster: &Cluster, plan: &Plan) -> Self {
        match Self::find(cluster, plan).await {
            Ok(found) => found,
            Err(e) => {
                let at = ServicePort { namespace: String::new(), service: String::new(), port: 0, scheme: String::new() };
                Self { at, door: None, stack: plan.namespace().into(), absent: Some(format!("{e:#}")) }
            }
        }
    }

    /// Looked for once more, where nobody answered before.
    pub async fn again(&self, cluster: &Cluster, plan: &Plan) -> Self {
        if self.absent.is_some() { Self::if_any(cluster, plan).await } else { self.clone() }
    }

    async fn behind_proxy(cluster: &Cluster, wanted: &PrometheusRef, stack: &str) -> anyhow::Result<Self> {
        let mut candidates = vec![];
        let explicit = wanted.namespace != "auto" && wanted.service != "auto";
        if explicit {
            candidates.push((wanted.namespace.clone(), wanted.service.clone()));
        } else {
            let objects = match cluster.list("Prometheus", None, "").await {
                Ok(o) => o,
                Err(e) if e.is_not_found() => vec![],
                // Whoever names the namespace needs nothing of the rest of the cluster.
                Err(e) if e.is_forbidden() && wanted.namespace != "auto" => vec![],
                Err(e) if e.is_forbidden() => return Err(unseen(&e)),
                Err(e) => return Err(e.into()),
            };
            let mut namespaces: Vec<String> = objects.iter().map(|o| text_at(o, "/metadata/namespace").to_string()).collect();
            if wanted.namespace != "auto" {
                namespaces = vec![wanted.namespace.clone()];
            }
            namespaces.dedup();
            for ns in namespaces {
                let services = match cluster.list("Service", Some(&ns), "").await {
                    Err(e) if e.is_forbidden() => return Err(unseen(&e)),
                    other => other?,
                };
                let mut names: Vec<&str> =
                    services.iter().filter(|s| has_port(s, wanted.port)).map(|s| text_at(s, "/metadata/name")).collect();
                // The operator's headless Service answers too, but its name is in no certificate.
                names.sort_by_key(|n| (*n == "prometheus-operated", !n.contains("prometheus"), n.len()));
                candidates.extend(names.into_iter().map(|n| (ns.clone(), n.to_string())));
            }
        }
        let mut tried = vec![];
        for (namespace, service) in candidates {
            let at = ServicePort { namespace, service, port: wanted.port, scheme: wanted.scheme.clone() };
            let prometheus = Self { at, door: None, stack: stack.into(), absent: None };
            match prometheus.query(cluster, "time()").await {
                Ok(_) => return Ok(prometheus),
                Err(e) => tried.push(format!("{}: {e}", prometheus.url())),
            }
        }
        let seen = if tried.is_empty() { "there is no Prometheus object in the cluster".into() } else { tried.join("; ") };
        Err(Failure::new(Exit::Cluster, format!("no Prometheus answers: {seen}"))
            .hint(
                "install kube-prometheus-stack (docs/kind.md has the command), or say where it is: \
                 --set monitoring.prometheus.namespace=NS --set monitoring.prometheus.service=NAME \
                 --set monitoring.prometheus.port=9090 --set monitoring.prometheus.scheme=https",
            )
            .into())
    }

    /// URL for programs inside the cluster.
    pub fn url(&self) -> String {
        self.at.url()
    }

    /// Must whoever asks it show a token?
    pub fn wants_token(&self) -> bool {
        self.door.is_some()
    }

    async fn get(&self, cluster: &Cluster, path: &str) -> Result<Value, ClusterError> {
        if let Some(why) = &self.absent {
            return Err(ClusterError::NoPrometheus(why.clone()));
        }
        match &self.door {
            Some(door) => door.get(cluster, path).await,
            None => cluster.proxy_get(&self.at, path).await,
        }
    }

    /// PEM of what its certificate can be checked against: the CA of the web TLS Secret, else the certificate itself
    /// (a root for Go's verifier when it is self-signed). Empty without TLS.
    pub async fn ca(&self, cluster: &Cluster) -> anyhow::Result<String> {
        if self.at.scheme != "https" {
            return Ok(String::new());
        }
        if self.door.is_some() {
            return thanos::ca(cluster, &self.stack).await;
        }
        let objects = cluster.list("Prometheus", Some(&self.at.namespace), "").await?;
        for o in objects {
            let Some(cert) = o.pointer("/spec/web/tlsConfig/cert") else { continue };
            let (kind, key) = if cert.get("secret").is_some() { ("Secret", "secret") } else { ("ConfigMap", "configMap") };
            let name = text_at(cert, &format!("/{key}/name"));
            let Some(found) = cluster.get(&Ref::new(kind, &self.at.namespace, name)).await? else { continue };
            for file in ["ca.crt", text_at(cert, &format!("/{key}/key"))] {
                let data = text_at(&found, &format!("/data/{}", file.replace('/', "~1")));
                let pem = if kind == "Secret" { decode(data) } else { data.to_string() };
                if pem.contains("BEGIN CERTIFICATE") {
                    return Ok(pem);
                }
            }
        }
        Err(Failure::new(Exit::Cluster, format!("the certificate of {} was not found", self.url()))
            .hint("WVA needs it: the Prometheus object's spec.web.tlsConfig.cert must name a Secret or ConfigMap that this user may read")
            .into())
    }

    /// Instant query.
    pub async fn query(&self, cluster: &Cluster, expression: &str) -> Result<Vec<Sample>, ClusterError> {
        let data = self.ask(cluster, expression, None).await?;
        if text_at(&data, "/resultType") == "scalar" {
            return Ok(vec![Sample { labels: BTreeMap::new(), value: number(data.pointer("/result/1")) }]);
        }
        let rows = data.get("result").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(rows.iter().map(|r| Sample { labels: labels_of(r), value: number(r.pointer("/value/1")) }).collect())
    }

    /// Sum over all series of the answer; `None` when there is none.
    pub async fn value(&self, cluster: &Cluster, expression: &str) -> Result<Option<f64>, ClusterError> {
        let rows = self.query(cluster, expression).await?;
        Ok((!rows.is_empty()).then(|| rows.iter().map(|r| r.value).sum()))
    }

    /// Names of all metrics with a sample in ]from, to] (seconds since the epoch), sorted.
    pub async fn names(&self, cluster: &Cluster, selector: &str, from: f64, to: f64, p: &Patience) -> Result<Vec<String>, ClusterError> {
        let path = format!("/api/v1/label/__name__/values?match[]={}&start={from:.3}&end={to:.3}", urlencode(selector));
        let answer = patiently(p, async || self.get(cluster, &path).await).await?;
        let mut names: Vec<String> =
            answer["data"].as_array().into_iter().flatten().filter_map(Value::as_str).map(ToString::to_string).collect();
        names.sort();
        Ok(names)
    }

    /// Raw samples with the scrape's own timestamps, by range selectors over ]from, to] (seconds since the epoch). A piece that
    /// cannot be had does not cost the others.
    pub async fn raw(&self, cluster: &Cluster, selector: &str, from: f64, to: f64, patience: &Patience) -> Raw {
        type Id = (String, BTreeMap<String, String>);
        let mut out: BTreeMap<Id, Vec<(f64, f64)>> = BTreeMap::new();
        let mut failed = vec![];
        let mut end = from;
        while end < to {
            let begin = end;
            end = (begin + CHUNK_S).min(to);
            let milliseconds = ((end - begin) * 1000.0).ceil().max(1.0);
            let expression = format!("{selector}[{milliseconds}ms]");
            let data = match patiently(patience, async || self.ask(cluster, &expression, Some(end)).await).await {
                Ok(d) => d,
                Err(e) => {
                    failed.push((begin, end, e.to_string()));
                    continue;
                }
            };
            for row in data.get("result").and_then(Value::as_array).into_iter().flatten() {
                let mut labels = labels_of(row);
                let name = labels.remove("__name__").unwrap_or_default();
                let samples = out.entry((name, labels)).or_default();
                for s in row.get("values").and_then(Value::as_array).into_iter().flatten() {
                    let t = s.get(0).and_then(Value::as_f64).unwrap_or_default();
                    // The range is closed on both ends in Prometheus 2: a sample on the seam comes twice.
                    if samples.last().is_none_or(|(last, _)| t > *last) {
                        samples.push((t, number(s.get(1))));
                    }
                }
            }
        }
        Raw { series: out.into_iter().map(|((name, labels), samples)| Series { name, labels, samples }).collect(), failed }
    }

    async fn ask(&self, cluster: &Cluster, expression: &str, time: Option<f64>) -> Result<Value, ClusterError> {
        let mut path = format!("/api/v1/query?query={}", urlencode(expression));
        if let Some(t) = time {
            path.push_str(&format!("&time={t:.3}"));
        }
        let mut answer = self.get(cluster, &path).await?;
        Ok(answer.get_mut("data").map(Value::take).unwrap_or_default())
    }
}

/// Prometheus cannot be looked for by this user.
fn unseen(e: &ClusterError) -> anyhow::Error {
    Failure::new(Exit::Cluster, format!("Prometheus cannot be looked for: {e}"))
        .hint(
            "say where it is, and no more than asking it is needed (docs/rbac/monitoring-reader.yaml): \
             --set monitoring.prometheus.namespace=NS --set monitoring.prometheus.service=NAME (or once for all in BENCH_SET)",
        )
        .into()
}

/// What is asked for once only, when a run is over, is asked for again when the network or Prometheus fails.
async fn patiently<T>(patience: &Patience, mut ask: impl AsyncFnMut() -> Result<T, ClusterError>) -> Result<T, ClusterError> {
    let mut pause = Duration::from_secs(1);
    loop {
        match ask().await {
            Err(e) if e.is_passing() && patience.spend(pause) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(10));
            }
            other => return other,
        }
    }
}

fn has_port(service: &Value, port: u16) -> bool {
    service.pointer("/spec/ports").and_then(Value::as_array).into_iter().flatten().any(|p| p.get("port") == Some(&port.into()))
}

fn labels_of(row: &Value) -> BTreeMap<String, String> {
    let metric = row.get("metric").and_then(Value::as_object);
    metric.into_iter().flatten().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string())).collect()
}

/// Prometheus writes numbers as strings, `NaN` and `+Inf` among them.
fn number(v: Option<&Value>) -> f64 {
    v.and_then(Value::as_str).and_then(|s| s.parse().ok()).unwrap_or(f64::NAN)
}

/// A value of a Secret as text; empty when it is none.
fn decode(base64: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(base64).ok().and_then(|b| String::from_utf8(b).ok()).unwrap_or_default()
}
