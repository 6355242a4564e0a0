//! Helm releases that bench makes, by marks: written before the release is, so that a kill in between cannot turn it into
//! somebody else's, and enough to take it away when nothing else is known of the stack.

use super::marks::{self, Mark};
use super::{Ctx, hand_over};
use crate::cluster::{Chart, ClusterError, HelmOutcome, INSTALL_S, Ref, UNINSTALL_S};
use crate::config::manifests::labels;
use crate::failure::Failure;
use anyhow::Context;
use bench_model::exit::Exit;
use serde_json::Value;

/// Separates releases in a mark's key.
const AND: char = ',';

/// One chart of a part of the stack.
pub struct Wanted<'a> {
    pub release: &'a str,
    /// The chart's name when `charts` is where several are, else empty.
    pub chart: &'a str,
    /// `oci://…`, `https://…` (a repository), or a local directory.
    pub charts: &'a str,
    pub version: &'a str,
    pub values: &'a Value,
    /// Key of the scenario that names `charts`, for messages.
    pub key: &'a str,
}

/// What a part is called in marks: that this stack installed it, and that it uses it.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub installed: &'static str,
    /// Empty for a part that no other stack can use.
    pub used: &'static str,
}

pub async fn installed(ctx: &Ctx, part: Part) -> anyhow::Result<Option<Mark>> {
    Ok(marks::get(&ctx.cluster, ctx.namespace(), part.installed).await?)
}

/// Installs the charts of a part, in order; says what became of each.
///
/// # Errors
/// Exit 6 when there is a release of that name that bench did not make.
pub async fn install(ctx: &Ctx, part: Part, namespace: &str, charts: &[Wanted<'_>]) -> anyhow::Result<String> {
    let helm = ctx.cluster.helm();
    if installed(ctx, part).await?.is_none() {
        for c in charts {
            if let Some(r) = helm.find(c.release).await?.into_iter().find(|r| r.namespace == namespace) {
                let text = format!("helm release {} of namespace {namespace} ({}) is there already, and is not bench's", r.name, r.chart);
                return Err(Failure::new(Exit::Cluster, text)
                    .hint(format!(
                        "bench never takes over what it did not make: helm uninstall {} -n {namespace}, or use it (docs/stack.md)",
                        r.name
                    ))
                    .into());
            }
        }
        let names: Vec<&str> = charts.iter().map(|c| c.release).collect();
        let at = Ref::new("Namespace", "", namespace);
        marks::save(ctx, part.installed, &at, &names.join(&AND.to_string()), namespace, None).await?;
    }
    let mut said = vec![];
    for c in charts {
        let (reference, repository) = place(c);
        let chart = Chart {
            release: c.release,
            namespace,
            reference: &reference,
            repository,
            version: c.version,
            values: c.values,
            labels: &[(labels::MANAGED_BY, labels::BENCH), (labels::STACK, ctx.namespace())],
        };
        let outcome = helm.install(&chart, ctx.limit(INSTALL_S)).await.map_err(|e| match e {
            ClusterError::Helm(text) => anyhow::Error::new(Failure::new(Exit::Cluster, format!("helm: {text}")).hint(format!(
                "the chart is {reference} {}{}; a local copy is used with --set {}=DIR",
                c.version,
                if repository.is_empty() { String::new() } else { format!(" of {repository}") },
                c.key
            ))),
            other => other.into(),
        })?;
        said.push(format!("{} {}", c.release, spoken(outcome)));
    }
    Ok(format!("{} in {namespace}", said.join(", ")))
}

pub fn spoken(outcome: HelmOutcome) -> &'static str {
    match outcome {
        HelmOutcome::Installed => "installed",
        HelmOutcome::Upgraded => "upgraded",
        HelmOutcome::Unchanged => "unchanged",
        HelmOutcome::Repaired => "repaired after an interrupted install",
    }
}

/// What helm is given as the chart, and as its repository.
fn place<'a>(c: &'a Wanted<'_>) -> (String, &'a str) {
    if c.chart.is_empty() {
        (c.charts.into(), "")
    } else if c.charts.starts_with("https://") {
        (c.chart.into(), c.charts)
    } else {
        (format!("{}/{}", c.charts.trim_end_matches('/'), c.chart), "")
    }
}

/// Takes a part away again that this stack installed, or hands it over to a stack that uses it.
pub async fn remove(ctx: &Ctx, part: Part) -> anyhow::Result<Removed> {
    let Some(mark) = installed(ctx, part).await? else { return Ok(Removed::NotOurs) };
    let names: Vec<&str> = mark.key.split(AND).collect();
    if !part.used.is_empty()
        && let Some(said) = hand_over::releases(ctx, part, &mark, &names).await?
    {
        return Ok(Removed::HandedOver(said));
    }
    let helm = ctx.cluster.helm();
    for name in names.iter().rev() {
        let gone = helm.uninstall(name, &mark.before, ctx.limit(UNINSTALL_S)).await;
        gone.with_context(|| format!("release {name} of namespace {} may still be there", mark.before))?;
    }
    Ok(Removed::Gone(format!("helm releases {} of {}", names.join(", "), mark.before)))
}

/// What became of a part.
pub enum Removed {
    NotOurs,
    HandedOver(String),
    Gone(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn charts_are_found_in_repositories_registries_and_directories() {
        let values = json!({});
        let at = |charts: &'static str, chart: &'static str| {
            let w = Wanted { release: "r", chart, charts, version: "1", values: &values, key: "k" };
            let (reference, repository) = place(&w);
            (reference, repository.to_string())
        };
        assert_eq!(at("https://x/charts", "istiod"), ("istiod".into(), "https://x/charts".into()));
        assert_eq!(at("oci://x/charts", "kgateway"), ("oci://x/charts/kgateway".into(), String::new()));
        assert_eq!(at("./charts/", "istiod"), ("./charts/istiod".into(), String::new()));
        assert_eq!(at("oci://x/charts/pool", ""), ("oci://x/charts/pool".into(), String::new()));
    }
}
