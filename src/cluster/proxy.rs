//! HTTP to Services inside the cluster, through the API server's proxy: no port-forward, no route needed.

use super::{Cluster, ClusterError};
use http::Request;
use kube::client::Body;
use serde_json::Value;
use std::time::Duration;

/// An HTTP endpoint behind a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    pub namespace: String,
    pub service: String,
    pub port: u16,
    /// `http` or `https`; the API server does not verify the certificate.
    pub scheme: String,
}

impl ServicePort {
    /// For programs inside the cluster.
    pub fn url(&self) -> String {
        format!("{}://{}.{}.svc.cluster.local:{}", self.scheme, self.service, self.namespace, self.port)
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/services/{}:{}:{}/proxy{rest}", self.namespace, self.scheme, self.service, self.port)
    }
}

impl Cluster {
    /// GET through the proxy; the body must be JSON.
    pub async fn proxy_get(&self, at: &ServicePort, rest: &str) -> Result<Value, ClusterError> {
        self.request("GET", &at.path(rest), "application/json", vec![], &format!("ask {}/{}", at.namespace, at.service)).await
    }

    /// POST of a form or JSON through the proxy; the body of the answer must be JSON.
    pub async fn proxy_post(&self, at: &ServicePort, rest: &str, content_type: &str, body: String) -> Result<Value, ClusterError> {
        self.request("POST", &at.path(rest), content_type, body.into_bytes(), &format!("ask {}/{}", at.namespace, at.service)).await
    }

    /// The API server's clock by its Date header, which counts whole seconds.
    pub async fn server_date(&self) -> Result<chrono::DateTime<chrono::Utc>, ClusterError> {
        let request = Request::get("/readyz").body(Body::empty()).map_err(|e| ClusterError::Config(e.to_string()))?;
        let answer = tokio::time::timeout(Duration::from_secs(10), self.client.send(request))
            .await
            .map_err(|_| ClusterError::Slow { what: "say its time".into(), seconds: 10 })?
            .map_err(|e| ClusterError::from_kube(e, "ask for the time", &self.url))?;
        let date = answer.headers().get("date").and_then(|d| d.to_str().ok()).unwrap_or_default();
        chrono::DateTime::parse_from_rfc2822(date).map(Into::into).map_err(|e| ClusterError::Api {
            what: "read the API server's clock".into(),
            code: 0,
            reason: String::new(),
            message: format!("Date header {date:?}: {e}"),
        })
    }
}
