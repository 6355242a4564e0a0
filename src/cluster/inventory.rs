//! Everything that a namespace holds, of whatever kind, also of kinds that bench does not know.

use super::{Cluster, ClusterError};
use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::ObjectMeta;
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Api, Client};
use std::time::Duration;

/// Lists that are under way at once.
const AT_ONCE: usize = 8;
const PAGE: u32 = 500;
/// Over all pages of one kind.
const LIMIT: Duration = Duration::from_secs(60);

/// An object by its kind and what every object says of itself.
#[derive(Debug, Clone)]
pub struct Inhabitant {
    pub kind: String,
    /// Empty for the core group.
    pub group: String,
    pub meta: ObjectMeta,
}

/// What was found, and which kinds could not be looked for.
#[derive(Debug, Default)]
pub struct Inventory {
    pub inhabitants: Vec<Inhabitant>,
    /// Group and kind of all that was looked for.
    pub looked_for: Vec<(String, String)>,
    pub blind: Vec<(String, ClusterError)>,
}

impl Cluster {
    /// Everything in a namespace that can be deleted, by the API server's own list of its kinds, but for kinds of the given names.
    ///
    /// # Errors
    /// When that list cannot be had. A single kind that cannot be listed is told as `blind`.
    pub async fn inventory(&self, namespace: &str, but: &[&str]) -> Result<Inventory, ClusterError> {
        let mut kinds = self.kinds_in_namespaces().await?;
        kinds.retain(|k| !but.contains(&k.kind.as_str()));
        let lists: Vec<_> = futures::stream::iter(kinds)
            .map(async |kind| {
                let found = tokio::time::timeout(LIMIT, twice(async || list(self.client.clone(), &kind, namespace).await)).await;
                (kind, found)
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut out = Inventory::default();
        for (kind, found) in lists {
            let what = format!("list {}", kind.plural);
            let found = match found {
                Ok(found) => found.map_err(|e| ClusterError::from_kube(e, &what, &self.url)),
                Err(_) => Err(ClusterError::Slow { what, seconds: LIMIT.as_secs() }),
            };
            match found {
                Ok(metas) => {
                    out.inhabitants.extend(metas.into_iter().map(|meta| Inhabitant {
                        kind: kind.kind.clone(),
                        group: kind.group.clone(),
                        meta,
                    }));
                    out.looked_for.push((kind.group, kind.kind));
                }
                // A CRD that goes at this moment.
                Err(e) if e.is_not_found() => {}
                Err(e) => out.blind.push((kind.kind, e)),
            }
        }
        Ok(out)
    }

    async fn kinds_in_namespaces(&self) -> Result<Vec<ApiResource>, ClusterError> {
        let all = twice(async || Discovery::new(self.client.clone()).run_aggregated().await).await;
        // Servers older than 1.26 answer in another form, which reads as if there were nothing.
        let all = match all {
            Ok(all) if !all.has_group("") => Discovery::new(self.client.clone()).run().await,
            other => other,
        };
        let all = all.map_err(|e| ClusterError::from_kube(e, "list the kinds of its API", &self.url))?;
        Ok(all
            .groups()
            .flat_map(kube::discovery::ApiGroup::recommended_resources)
            .filter(|(_, c)| c.scope == Scope::Namespaced && c.supports_operation(verbs::LIST) && c.supports_operation(verbs::DELETE))
            .map(|(kind, _)| kind)
            .collect())
    }
}

/// Once more when no answer came: a question may be repeated.
async fn twice<T>(ask: impl AsyncFn() -> kube::Result<T>) -> kube::Result<T> {
    match ask().await {
        Err(kube::Error::Api(refused)) => Err(kube::Error::Api(refused)),
        Err(_) => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            ask().await
        }
        found => found,
    }
}

/// Without the objects' contents, which may be secret and large.
async fn list(client: Client, kind: &ApiResource, namespace: &str) -> kube::Result<Vec<ObjectMeta>> {
    let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, kind);
    let mut page = ListParams::default().limit(PAGE);
    let mut out = vec![];
    loop {
        let found = api.list_metadata(&page).await?;
        out.extend(found.items.into_iter().map(|o| o.metadata));
        match found.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(next) => page = page.continue_token(&next),
            None => return Ok(out),
        }
    }
}
