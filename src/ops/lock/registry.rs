//! Digests by the distribution API of OCI registries, without credentials. Manifests are asked for, layers never.

use super::reference::{Reference, is_digest, is_local};
use reqwest::header::{ACCEPT, HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode, Url};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Index and manifest, of OCI and of Docker: an index first, so that one digest fits nodes of every architecture.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The specification lets registries refuse more.
const LARGEST: usize = 4 << 20;

/// Why there is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{host} gave no answer: {why}")]
    Silent { host: String, why: String },
    #[error("{host} has no {what}")]
    Missing { host: String, what: String },
    #[error("{host} refuses {what} to those without credentials (HTTP {code})")]
    Denied { host: String, what: String, code: u16 },
    #[error("{host} answers with HTTP {code}")]
    Status { host: String, code: u16 },
    #[error("{host} answers without a digest that can be believed")]
    NoDigest { host: String },
}

/// Asks registries. `HTTPS_PROXY` and `NO_PROXY` count, but for those of this machine.
pub struct Registries {
    far: Client,
    near: Client,
}

impl Registries {
    /// `patience`: for one request, all in all.
    ///
    /// # Errors
    /// TLS that cannot be set up.
    pub fn new(patience: Duration) -> anyhow::Result<Self> {
        crate::ops::remote::store::cryptography();
        let agent = concat!("llmd-bench/", env!("CARGO_PKG_VERSION"));
        let new = || Client::builder().user_agent(agent).timeout(patience).connect_timeout(patience.min(Duration::from_secs(10)));
        Ok(Self { far: new().https_only(true).build()?, near: new().no_proxy().build()? })
    }

    /// Digest of what a tag names now.
    ///
    /// # Errors
    /// [`Fault`].
    pub async fn digest(&self, r: &Reference) -> Result<String, Fault> {
        if let Some(digest) = &r.digest {
            return Ok(digest.clone());
        }
        let mut token = None;
        let mut answer = self.manifest(r, Method::HEAD, None).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            token = self.token(r, answer.headers()).await?;
            if token.is_some() {
                answer = self.manifest(r, Method::HEAD, token.as_deref()).await?;
            }
        }
        let answer = judge(r, answer)?;
        if let Some(digest) = answer.headers().get("docker-content-digest") {
            let digest = digest.to_str().unwrap_or_default();
            return if is_digest(digest) { Ok(digest.into()) } else { Err(Fault::NoDigest { host: r.host.clone() }) };
        }
        // The header may be left out; the digest is that of the bytes.
        let mut answer = judge(r, self.manifest(r, Method::GET, token.as_deref()).await?)?;
        let mut sum = Sha256::new();
        let mut bytes = 0;
        while let Some(part) = answer.chunk().await.map_err(|e| silent(&r.host, &e))? {
            bytes += part.len();
            if bytes > LARGEST {
                return Err(Fault::NoDigest { host: r.host.clone() });
            }
            sum.update(&part);
        }
        if bytes == 0 {
            return Err(Fault::NoDigest { host: r.host.clone() });
        }
        Ok(format!("sha256:{:x}", sum.finalize()))
    }

    async fn manifest(&self, r: &Reference, method: Method, token: Option<&str>) -> Result<Response, Fault> {
        let (client, scheme) = if r.is_local() { (&self.near, "http") } else { (&self.far, "https") };
        let url = format!("{scheme}://{}/v2/{}/manifests/{}", r.host, r.repository, r.tag);
        let request = client.request(method, url).header(ACCEPT, MANIFESTS);
        let request = if let Some(t) = token { request.bearer_auth(t) } else { request };
        request.send().await.map_err(|e| silent(&r.host, &e))
    }

    /// The token that everybody gets; `None` where the registry offers none.
    async fn token(&self, r: &Reference, headers: &HeaderMap) -> Result<Option<String>, Fault> {
        let challenge = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|v| v.to_str().ok()).find_map(bearer);
        let Some(challenge) = challenge else { return Ok(None) };
        let Ok(mut url) = Url::parse(&challenge.realm) else { return Ok(None) };
        // A far registry must not send this machine to servers of its own.
        let near = is_local(url.host_str().unwrap_or_default());
        if near != r.is_local() {
            return Ok(None);
        }
        let scope = challenge.scope.unwrap_or_else(|| format!("repository:{}:pull", r.repository));
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = challenge.service {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let host = url.host_str().unwrap_or_default().to_string();
        let client = if near { &self.near } else { &self.far };
        let mut answer = client.get(url).send().await.map_err(|e| silent(&host, &e))?;
        if !answer.status().is_success() {
            return if answer.status().is_server_error() { Err(Fault::Status { host, code: answer.status().as_u16() }) } else { Ok(None) };
        }
        let mut body = vec![];
        while let Some(part) = answer.chunk().await.map_err(|e| silent(&host, &e))? {
            body.extend_from_slice(&part);
            if body.len() > LARGEST {
                return Ok(None);
            }
        }
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok(["token", "access_token"].into_iter().find_map(|k| body[k].as_str()).map(str::to_string))
    }
}

fn judge(r: &Reference, answer: Response) -> Result<Response, Fault> {
    let (host, what) = (r.host.clone(), format!("{}:{}", r.repository, r.tag));
    match answer.status() {
        s if s.is_success() => Ok(answer),
        StatusCode::NOT_FOUND => Err(Fault::Missing { host, what }),
        s @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Err(Fault::Denied { host, what, code: s.as_u16() }),
        s => Err(Fault::Status { host, code: s.as_u16() }),
    }
}

/// In few words that are the same everywhere: what the system adds differs.
fn silent(host: &str, e: &reqwest::Error) -> Fault {
    let why = match () {
        () if e.is_timeout() => "time ran out",
        () if e.is_connect() => "no connection",
        () => "the connection broke",
    };
    Fault::Silent { host: host.into(), why: why.into() }
}

#[derive(Debug, Default, PartialEq)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

/// `Bearer realm="…",service="…",scope="…"`; commas inside quotes are part of a value.
fn bearer(header: &str) -> Option<Challenge> {
    let (scheme, mut rest) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let mut out = Challenge::default();
    while let Some((key, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "realm" => out.realm = value.into(),
            "service" => out.service = Some(value.into()),
            "scope" => out.scope = Some(value.into()),
            _ => {}
        }
        rest = after.trim_start_matches([',', ' ']);
    }
    (!out.realm.is_empty()).then_some(out)
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
