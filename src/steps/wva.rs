//! The Workload-Variant-Autoscaler: bench's own release, or somebody's that is used with marked settings.

use super::adapter::{deployment_ready, restart as replace_pods};
use super::marks::{self, Mark, write_key};
use super::{Ctx, hand_over, namespace};
use crate::cluster::{Chart, ClusterError, INSTALL_S, Ref, Release, UNINSTALL_S};
use crate::config::manifests::{self, labels};
use crate::failure::Failure;
use crate::metrics::Prometheus;
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::scenario::Provision;
use serde_json::json;

/// Fixed by the chart of v0.4.2.
pub const CONTROLLER: &str = "workload-variant-autoscaler-controller-manager";
const CONTROLLER_PODS: &str = "control-plane=controller-manager,app.kubernetes.io/name=workload-variant-autoscaler";
const MAIN_CONFIG: &str = "workload-variant-autoscaler-variantautoscaling-config";
const CAPACITY_CONFIG: &str = "capacity-scaling-config";
const INTERVAL: &str = "GLOBAL_OPT_INTERVAL";
/// Marks of ours in the stack's namespace: the release that we installed, the release that we use.
pub const INSTALLED: &str = "wva-installed";
pub const USED: &str = "wva-used";
/// Beginning of the key of our override in somebody's `capacity-scaling-config`.
const OVERRIDE: &str = "llmd-bench-";
/// Mark of the controller's interval as it was.
pub const PACE: &str = "wva-interval";

async fn installed(ctx: &Ctx) -> anyhow::Result<Option<Mark>> {
    Ok(marks::get(&ctx.cluster, ctx.namespace(), INSTALLED).await?)
}

async fn used(ctx: &Ctx) -> anyhow::Result<Option<Mark>> {
    Ok(marks::get(&ctx.cluster, ctx.namespace(), USED).await?)
}

/// Namespace of the WVA that this stack installed or uses.
pub async fn in_use(ctx: &Ctx) -> anyhow::Result<Option<String>> {
    Ok(installed(ctx).await?.or(used(ctx).await?).map(|m| m.before))
}

/// Whose release it is.
enum Whose {
    None,
    Ours(Release),
    Foreign(Release),
    /// Helm's releases may not be listed, or there is no helm: what can be seen of it decides.
    Unseen(ClusterError),
}

async fn whose(ctx: &Ctx) -> anyhow::Result<Whose> {
    let w = &ctx.plan.scenario.wva;
    let releases = match ctx.cluster.helm().find(&w.release).await {
        Err(e) if e.is_forbidden() || matches!(&e, ClusterError::Helm(text) if text.starts_with("cannot run helm")) => {
            return Ok(Whose::Unseen(e));
        }
        other => other?,
    };
    let Some(found) = releases.into_iter().next() else {
        refuse_without_release(ctx).await?;
        return Ok(Whose::None);
    };
    // Written before the release was made, so that a kill in between cannot turn it into somebody else's.
    let ours = installed(ctx).await?.is_some_and(|m| m.before == found.namespace);
    Ok(if ours { Whose::Ours(found) } else { Whose::Foreign(found) })
}

/// # Errors
/// Exit 6 for a controller that no helm release of the scenario's name installed.
async fn refuse_without_release(ctx: &Ctx) -> anyhow::Result<()> {
    let found = match ctx.cluster.list("Deployment", None, CONTROLLER_PODS).await {
        Ok(f) => f,
        Err(e) if e.is_forbidden() => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let Some(ns) = found.first().and_then(|d| d.pointer("/metadata/namespace")?.as_str()) else { return Ok(()) };
    Err(Failure::new(
        Exit::Cluster,
        format!("a WVA controller runs in namespace {ns}, but helm knows no release {}", ctx.plan.scenario.wva.release),
    )
    .hint("name its release with --set wva.release=NAME, or remove it")
    .into())
}

/// Namespace in which the controller runs.
pub async fn controller_namespace(ctx: &Ctx) -> anyhow::Result<String> {
    Ok(match whose(ctx).await? {
        Whose::Ours(r) | Whose::Foreign(r) => r.namespace,
        Whose::None | Whose::Unseen(_) => ctx.plan.scenario.wva.namespace.clone(),
    })
}

pub async fn ensure(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<((), String)> {
    let w = &ctx.plan.scenario.wva;
    let said = match (whose(ctx).await?, w.mode) {
        (Whose::Foreign(r), _) if w.by_annotations() => {
            return Err(Failure::new(
                Exit::Cluster,
                format!("the WVA in namespace {} ({}) is somebody's; bench uses somebody's only of the 0.4 line", r.namespace, r.chart),
            )
            .hint(format!(
                "its cluster-wide names allow only one, and its thresholds are of the whole cluster there. Remove it, and bench installs \
                 its own: helm uninstall {} -n {}",
                r.name, r.namespace
            ))
            .into());
        }
        (Whose::Foreign(r), Provision::Install) => {
            return Err(Failure::new(
                Exit::Cluster,
                format!("another WVA is installed: release {} in namespace {} ({})", r.name, r.namespace, r.chart),
            )
            .hint("its cluster-wide names allow only one. Remove it, or use it: --set wva.mode=existing")
            .into());
        }
        (Whose::Unseen(e), _) if w.by_annotations() => return Err(e.into()),
        // Names of ConfigMaps, gauges and fields are those of the 0.4 line.
        (Whose::Foreign(r), _) if !r.chart.contains("-0.4.") => {
            return Err(Failure::new(
                Exit::Cluster,
                format!("the WVA in namespace {} is {}; bench knows the 0.4 line", r.namespace, r.chart),
            )
            .hint("remove it and let bench install its own: --set wva.mode=install")
            .into());
        }
        (Whose::Foreign(r), _) => use_foreign(ctx, &r).await?,
        (Whose::Unseen(e), mode) => return Ok(((), use_unseen(ctx, e, mode).await?)),
        (Whose::None, Provision::Existing) => {
            return Err(Failure::new(Exit::Cluster, "no WVA is installed, and the scenario says that one exists")
                .hint("let bench install it: --set wva.mode=install")
                .into());
        }
        (Whose::None | Whose::Ours(_), _) => install(ctx, prometheus).await?,
    };
    let ns = controller_namespace(ctx).await?;
    deployment_ready(ctx, &ns, CONTROLLER).await?;
    Ok(((), said))
}

async fn install(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<String> {
    let w = &ctx.plan.scenario.wva;
    if prometheus.at.scheme != "https" {
        return Err(Failure::new(Exit::Cluster, format!("WVA refuses Prometheus without TLS: {}", prometheus.url()))
            .hint("give Prometheus a web TLS certificate, and --set monitoring.prometheus.scheme=https")
            .into());
    }
    namespace::ensure_named(ctx, &w.namespace).await?;
    marks::save(ctx, INSTALLED, &Ref::new("Namespace", "", &w.namespace), &w.release, &w.namespace, None).await?;
    let ca = prometheus.ca(&ctx.cluster).await?;
    let values = manifests::wva_values(&ctx.plan, &prometheus.url(), &prometheus.at.namespace, &ca);
    let chart = Chart {
        release: &w.release,
        namespace: &w.namespace,
        reference: &w.chart,
        repository: "",
        version: &w.chart_version,
        values: &values,
        labels: &[(labels::MANAGED_BY, labels::BENCH), (labels::STACK, ctx.namespace())],
    };
    let outcome = ctx.cluster.helm().install(&chart, ctx.limit(INSTALL_S)).await.map_err(|e| match e {
        ClusterError::Helm(text) => anyhow::Error::new(Failure::new(Exit::Cluster, format!("helm: {text}")).hint(format!(
            "the chart is {} {}; a local copy is used with --set wva.chart=DIR (or BENCH_SET='wva.chart=DIR')",
            w.chart, w.chart_version
        ))),
        other => other.into(),
    })?;
    let what = super::release::spoken(outcome);
    Ok(format!("release {} {what} in {}", w.release, w.namespace))
}

/// Key of our override in somebody else's `capacity-scaling-config`.
fn override_key(ctx: &Ctx) -> String {
    format!("{OVERRIDE}{}", ctx.namespace())
}

/// Our thresholds as an override for our model, and our interval; both are put back at teardown.
async fn use_foreign(ctx: &Ctx, r: &Release) -> anyhow::Result<String> {
    let w = &ctx.plan.scenario.wva;
    let t = &w.thresholds;
    // All four: v0.4.2 validates an override before it is merged, and drops a partial one in silence.
    let text = format!(
        "model_id: {}\nnamespace: {}\nkvCacheThreshold: {}\nqueueLengthThreshold: {}\nkvSpareTrigger: {}\nqueueSpareTrigger: {}\n",
        ctx.plan.scenario.model,
        ctx.namespace(),
        t.kv_cache_threshold,
        t.queue_length_threshold,
        t.kv_spare_trigger,
        t.queue_spare_trigger
    );
    let mut changed = vec![];
    marks::save(ctx, USED, &Ref::new("Namespace", "", &r.namespace), &r.name, &r.namespace, None).await?;
    let capacity = Ref::new("ConfigMap", &r.namespace, CAPACITY_CONFIG);
    let found = ctx.cluster.get(&capacity).await?.with_context(|| format!("{capacity} is missing"))?;
    let key = override_key(ctx);
    if found["data"][&key].as_str() != Some(&text) {
        write_key(&ctx.cluster, &capacity, &found, &key, &text).await?;
        changed.push("thresholds for this model added");
    }
    let main = Ref::new("ConfigMap", &r.namespace, MAIN_CONFIG);
    let found = ctx.cluster.get(&main).await?.with_context(|| format!("{main} is missing"))?;
    let before = found["data"][INTERVAL].as_str().unwrap_or_default();
    let wanted = format!("{}s", w.interval_s);
    if before != wanted {
        marks::save(ctx, PACE, &main, INTERVAL, before, Some(&wanted)).await?;
        write_key(&ctx.cluster, &main, &found, INTERVAL, &wanted).await?;
        // An old loop goes on with its own period until its next run.
        restart(ctx).await?;
        changed.push("interval set, controller restarted");
    }
    let what = if changed.is_empty() { "unchanged".into() } else { changed.join(", ") };
    Ok(format!("release {} of {} is used, {what}", r.name, r.namespace))
}

/// As an ordinary user: a controller of which nothing may be seen is taken as it is set. Whether it is at work shows when
/// the VariantAutoscaling gets a status.
async fn use_unseen(ctx: &Ctx, why: ClusterError, mode: Provision) -> anyhow::Result<String> {
    if mode == Provision::Install {
        return Err(why.into());
    }
    if !ctx.cluster.serves("VariantAutoscaling").await? {
        return Err(Failure::new(Exit::Cluster, format!("no WVA is to be seen: the API knows no VariantAutoscaling, and {why}"))
            .hint("an administrator installs it (docs/rbac/README.md)")
            .into());
    }
    let capacity = Ref::new("ConfigMap", &ctx.plan.scenario.wva.namespace, CAPACITY_CONFIG);
    let found = ctx.cluster.get_if_allowed(&capacity).await?;
    let set = match found.as_ref().and_then(|o| o.pointer("/data/default")?.as_str()) {
        Some(text) => format!("they are: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")),
        None => format!("{capacity} may not be read"),
    };
    ctx.report.warn(format!(
        "this user may not look at WVA's release: the controller that is there is used, with its thresholds and interval as they are \
         ({set}). bench takes those of the scenario for granted: make them equal with --set wva.thresholds.… and wva.interval_s"
    ));
    Ok("somebody's controller is used as it is set".into())
}

/// Replaces the controller's pods: its loops and gauges outlive a VariantAutoscaling. `false` when this user may not.
pub async fn restart(ctx: &Ctx) -> anyhow::Result<bool> {
    let ns = controller_namespace(ctx).await?;
    match replace_pods(ctx, &ns, CONTROLLER, CONTROLLER_PODS).await {
        Err(e) if crate::cluster::is_forbidden(&e) => Ok(false),
        other => other.map(|()| true),
    }
}

/// Namespace and selector of the controller's pods, for logs; `None` when the stack has nothing to do with WVA.
pub async fn controller_pods(ctx: &Ctx) -> anyhow::Result<Option<(String, &'static str)>> {
    Ok(in_use(ctx).await?.map(|ns| (ns, CONTROLLER_PODS)))
}

/// Uninstalls our release (or hands it over), or takes our settings out of somebody else's. Goes by the marks alone: it needs
/// nothing of the plan but its namespace, and no helm for a stack that installed nothing.
pub async fn remove(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    let mut done = vec![];
    if let Some(mark) = installed(ctx).await? {
        let found = ctx.cluster.helm().find(&mark.key).await;
        let found = found.context("bench's part of WVA may still be there, and helm does not say")?;
        if let Some(r) = found.iter().find(|r| r.namespace == mark.before) {
            match hand_over::wva(ctx, r).await? {
                Some(said) => done.push(said),
                None => {
                    ctx.cluster.helm().uninstall(&r.name, &r.namespace, ctx.limit(UNINSTALL_S)).await?;
                    done.push(format!("release {} of {}", r.name, r.namespace));
                }
            }
            return Ok(done);
        }
    }
    if let Some(mark) = used(ctx).await? {
        done.extend(take_out(ctx, &mark.before).await?);
    }
    Ok(done)
}

/// Takes this stack's settings out of the WVA in a namespace.
async fn take_out(ctx: &Ctx, namespace: &str) -> anyhow::Result<Vec<String>> {
    let mut done = vec![];
    let capacity = Ref::new("ConfigMap", namespace, CAPACITY_CONFIG);
    let key = override_key(ctx);
    if ctx.cluster.get(&capacity).await?.is_some_and(|o| o["data"].get(&key).is_some()) {
        ctx.cluster.merge_patch(&capacity, None, &json!({"data": {key: null}})).await?;
        done.push(format!("override taken out of {capacity}"));
    }
    let Some(mark) = marks::get(&ctx.cluster, ctx.namespace(), PACE).await? else { return Ok(done) };
    let main = Ref::new("ConfigMap", namespace, MAIN_CONFIG);
    let Some(found) = ctx.cluster.get(&main).await? else { return Ok(done) };
    let now = found["data"][INTERVAL].as_str().unwrap_or_default();
    // Marks of older versions do not say what was written; the plan does.
    let ours =
        |v: &str| mark.ours.iter().any(|o| o == v) || (mark.ours.is_empty() && v == format!("{}s", ctx.plan.scenario.wva.interval_s));
    for other in marks::of_others(&ctx.cluster, ctx.namespace(), PACE).await? {
        // What another stack found there was ours: it will put back what we found.
        if other.object == mark.object && ours(&other.before) {
            marks::inherit(&ctx.cluster, PACE, &other, &mark.before).await?;
        }
    }
    // Only our own value is taken back; a newer change by somebody else stays.
    if !ours(now) {
        return Ok(done);
    }
    // A stack that wanted the very same pace found it there, and goes on with it; it puts it back in its turn.
    let others = marks::of_others(&ctx.cluster, ctx.namespace(), USED).await?;
    let mut heirs = others.iter().filter(|o| o.before == namespace);
    if let Some(heir) = heirs.next() {
        let mine = Mark { stack: heir.stack.clone(), ..mark.clone() };
        let had_none = marks::create(&ctx.cluster, PACE, &mine).await?;
        if had_none {
            done.push(format!("{INTERVAL} stays {now}: stack {} goes on with it, and puts it back", heir.stack));
            return Ok(done);
        }
    }
    write_key(&ctx.cluster, &main, &found, INTERVAL, &mark.before).await?;
    done.push(format!("{INTERVAL} of {main} is {} again", mark.before));
    Ok(done)
}

/// Stacks whose override is in a WVA's settings, by namespace of the WVA: what is left of one whose namespace is gone.
pub async fn stacks_with_overrides(ctx: &Ctx) -> anyhow::Result<Vec<(String, String)>> {
    let all = match ctx.cluster.list("Deployment", None, CONTROLLER_PODS).await {
        Ok(all) => all,
        Err(e) if e.is_forbidden() => vec![],
        Err(e) => return Err(e.into()),
    };
    let mut out = vec![];
    for ns in all.iter().filter_map(|d| d.pointer("/metadata/namespace")?.as_str()) {
        let Some(config) = ctx.cluster.get(&Ref::new("ConfigMap", ns, CAPACITY_CONFIG)).await? else { continue };
        let keys = config["data"].as_object().into_iter().flatten().filter_map(|(k, _)| k.strip_prefix(OVERRIDE));
        out.extend(keys.map(|stack| (stack.to_string(), ns.to_string())));
    }
    Ok(out)
}

/// Takes out the settings of a stack that has no mark any more.
pub async fn forget(ctx: &Ctx, namespace: &str) -> anyhow::Result<Vec<String>> {
    take_out(ctx, namespace).await
}
