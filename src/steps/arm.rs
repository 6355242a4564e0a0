//! The arm: the one autoscaler that acts on the Deployment, and the proof that it is alive.

pub use super::others::{hpas, refuse as refuse_foreign_hpa};
use super::{Ctx, adapter, is_ours, others, wva};
use crate::cluster::{Poll, Ref, text_at, wait_for};
use crate::config::keda;
use crate::config::manifests::{self, WVA_HPA};
use crate::failure::Failure;
use crate::metrics::Prometheus;
use bench_model::exit::Exit;
use bench_model::plan::Arm;
use serde_json::Value;
use std::time::Duration;

fn va(ctx: &Ctx) -> Ref {
    Ref::new("VariantAutoscaling", ctx.namespace(), &ctx.plan.deployment())
}

/// WVA's gauge for our variant, as Prometheus has it.
fn gauge(ctx: &Ctx) -> String {
    let gauge = ctx.plan.scenario.wva.gauge();
    format!("{gauge}{{exported_namespace=\"{}\",variant_name=\"{}\"}}", ctx.namespace(), ctx.plan.deployment())
}

/// Waits until nobody says any more how many replicas WVA once wanted: the series of a replaced controller pod stays for
/// a scrape or two, and an HPA adds series up.
async fn gauge_gone(ctx: &Ctx, prometheus: &Prometheus, limit: Duration) -> anyhow::Result<()> {
    let gauge = gauge(ctx);
    wait_for("WVA's old gauge for this model to be gone", limit, Duration::from_secs(1), async || {
        let n = prometheus.query(&ctx.cluster, &gauge).await?.len();
        Ok(if n == 0 { Poll::Done(()) } else { Poll::Not(format!("{n} series are still there")) })
    })
    .await
}

/// Makes WVA forget what it once wanted for our variant: by a restart of its controller, or, where that is somebody else's,
/// by waiting. v0.4.2 keeps the gauge of a variant that is gone; its first decision about the new one overwrites it, and
/// nothing but the wva arm's HPA reads it.
pub async fn forget(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<&'static str> {
    if wva::restart(ctx).await? {
        gauge_gone(ctx, prometheus, ctx.limit(120)).await?;
        return Ok("controller restarted");
    }
    let patience = Duration::from_secs(u64::from(ctx.plan.scenario.monitoring.scrape_interval_s) * 3 + 10);
    if gauge_gone(ctx, prometheus, patience).await.is_ok() {
        return Ok("controller is somebody else's and was not restarted; its gauge is gone");
    }
    ctx.report.warn(
        "WVA's controller is somebody else's and cannot be restarted: it still says how many replicas it once wanted, until its next \
         decision about this model; and its loops go on from where they were",
    );
    Ok("controller is somebody else's and was not restarted; its gauge stays until its next decision")
}

/// Deletes our ScaledObjects of the Deployment, but for one, and waits for what KEDA made from them; gives their names.
async fn delete_scaled(ctx: &Ctx, but: Option<&str>) -> anyhow::Result<Vec<String>> {
    let deployment = ctx.plan.deployment();
    let mut gone = vec![];
    for o in ctx.cluster.list_if_any("ScaledObject", Some(ctx.namespace())).await? {
        let name = text_at(&o, "/metadata/name");
        if but == Some(name) || !others::targets(&o, &deployment) || !is_ours(&o, ctx.namespace()) {
            continue;
        }
        // It has a finalizer of KEDA's.
        ctx.cluster.delete_and_wait(&Ref::new("ScaledObject", ctx.namespace(), name), ctx.limit(60)).await?;
        gone.push(name.to_string());
    }
    if !gone.is_empty() {
        wait_for("KEDA's HPA to be gone", ctx.limit(60), Duration::from_millis(500), async || {
            let all = hpas(ctx).await?;
            let of_them = |h: &&Value| others::scaled_object_of(h).is_some_and(|o| gone.iter().any(|g| g == text_at(o, "/name")));
            Ok(match all.iter().find(of_them) {
                None => Poll::Done(()),
                Some(h) => Poll::Not(format!("{} is left", text_at(h, "/metadata/name"))),
            })
        })
        .await?;
    }
    Ok(gone)
}

/// Deletes what scales by our will: ScaledObjects, with KEDA's HPAs, and HPAs; gives their names.
pub async fn delete_hpas(ctx: &Ctx) -> anyhow::Result<Vec<String>> {
    others::refuse_autoscalers(ctx).await?;
    let mut gone = delete_scaled(ctx, None).await?;
    for h in hpas(ctx).await? {
        let name = text_at(&h, "/metadata/name").to_string();
        ctx.cluster.delete_and_wait(&Ref::new("HorizontalPodAutoscaler", ctx.namespace(), &name), ctx.limit(60)).await?;
        gone.push(name);
    }
    Ok(gone)
}

/// Deletes our VariantAutoscaling; `false` when there was none of ours (or no such kind).
pub async fn delete_va(ctx: &Ctx) -> anyhow::Result<bool> {
    if !ctx.cluster.get(&va(ctx)).await?.is_some_and(|o| is_ours(&o, ctx.namespace())) {
        return Ok(false);
    }
    ctx.cluster.delete_and_wait(&va(ctx), ctx.limit(60)).await
}

/// The VariantAutoscaling, and WVA's first decision about it: one gauge series that says the present number.
pub async fn ensure_va(ctx: &Ctx, prometheus: &Prometheus, expected: Option<u32>) -> anyhow::Result<((), String)> {
    let tally = ctx.apply_all(manifests::variant_autoscaling(&ctx.plan)?).await?;
    let limit = ctx.limit(u64::from(ctx.plan.scenario.wva.interval_s) * 3 + 120);
    let wanted = wait_for("WVA's decision", limit, Duration::from_secs(1), async || {
        let Some(object) = ctx.cluster.get(&va(ctx)).await? else { return Ok(Poll::Not("the VariantAutoscaling is gone".into())) };
        let n = object.pointer("/status/desiredOptimizedAlloc/numReplicas").and_then(Value::as_u64);
        Ok(match n {
            Some(n) if n > 0 => Poll::Done(n),
            _ => Poll::Not("its status has no desired number yet: WVA has seen no metrics of the pods, or it does not run".into()),
        })
    })
    .await?;
    one_series(ctx, prometheus, expected).await?;
    Ok(((), format!("{tally}; WVA wants {wanted}")))
}

/// Waits until Prometheus has one series of WVA's gauge, and, where that is known, until it says this number.
async fn one_series(ctx: &Ctx, prometheus: &Prometheus, expected: Option<u32>) -> anyhow::Result<()> {
    let gauge = gauge(ctx);
    // A new ServiceMonitor reaches Prometheus through a mounted Secret, which the kubelet refreshes every minute or two.
    wait_for("exactly one series of WVA's gauge", ctx.limit(300), Duration::from_secs(1), async || {
        let rows = prometheus.query(&ctx.cluster, &gauge).await?;
        Ok(match rows.as_slice() {
            [] => Poll::Not(format!("Prometheus has no {gauge}: is WVA's ServiceMonitor scraped?")),
            [one] if expected.is_none_or(|e| one.value == f64::from(e)) => Poll::Done(()),
            [one] => Poll::Not(format!("it says {} replicas", one.value)),
            // An HPA adds them up.
            many => Poll::Not(format!("{} series: an old one is not gone yet", many.len())),
        })
    })
    .await
}

/// Waits until the query gives more than nothing; `words` are what is waited for, and what is so until then.
async fn some(ctx: &Ctx, prometheus: &Prometheus, query: &str, limit: Duration, words: [&str; 2]) -> anyhow::Result<()> {
    wait_for(words[0], limit, Duration::from_secs(1), async || {
        Ok(match prometheus.value(&ctx.cluster, query).await? {
            Some(n) if n > 0.0 => Poll::Done(()),
            _ => Poll::Not(words[1].into()),
        })
    })
    .await
}

/// Does WVA 0.8 see whose the metrics are? It goes by a label that only bench's PodMonitor gives them.
///
/// # Errors
/// Exit 6 when nothing of this variant comes to Prometheus with it.
async fn attributed(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<()> {
    let variant = ctx.plan.deployment();
    let query = format!("count(vllm:num_requests_running{{namespace=\"{}\",llm_d_ai_variant=\"{variant}\"}})", ctx.namespace());
    let waited = some(ctx, prometheus, &query, ctx.limit(420), ["metrics with WVA's label", "no series has it"]);
    waited.await.map_err(|e| {
        let text = format!("no metric of the model servers has llm_d_ai_variant={variant}: WVA 0.8 would ignore them ({e:#})");
        Failure::new(Exit::Cluster, text).hint("bench's own PodMonitor gives it: --set monitoring.pod_monitor=always").into()
    })
}

/// Does WVA 0.8 itself take the pods' metrics for this variant's? Its gauge would not tell: where it sees none it repeats the
/// present number, for good. It counts by variant how fresh its inputs are; those that are nobody's have no name there.
///
/// # Errors
/// Exit 6 when it does not.
async fn seen_by_wva(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<()> {
    let variant = ctx.plan.deployment();
    let query = format!("sum(wva_metrics_freshness_status{{variant_name=\"{variant}\"}})");
    // It decides every 30 s, and is scraped then.
    let waited = some(ctx, prometheus, &query, ctx.limit(180), ["WVA to see the model servers", "it counts no metric as this variant's"]);
    waited.await.map_err(|e| {
        let text = format!("WVA takes no metric of the model servers for {variant}'s, and would never scale it ({e:#})");
        let hint = "its log names the pods that it skips. Is somebody's scrape of them in Prometheus too, without the label \
                    llm_d_ai_variant and with the same instance?";
        Failure::new(Exit::Cluster, text).hint(hint).into()
    })
}

/// What scales, alone on its Deployment and with metrics; `expected` is what WVA is to want.
pub async fn ensure_scaler(ctx: &Ctx, prometheus: &Prometheus, expected: Option<u32>) -> anyhow::Result<((), String)> {
    if ctx.plan.by_keda() { ensure_scaled(ctx, prometheus, expected).await } else { ensure_hpa(ctx).await }
}

/// The arm's ScaledObject and the HPA that KEDA makes from it.
async fn ensure_scaled(ctx: &Ctx, prometheus: &Prometheus, expected: Option<u32>) -> anyhow::Result<((), String)> {
    others::refuse_autoscalers(ctx).await?;
    let own = keda::name(&ctx.plan);
    delete_scaled(ctx, Some(&own)).await?;
    for h in hpas(ctx).await?.iter().filter(|h| others::scaled_object_of(h).is_none()) {
        let r = Ref::new("HorizontalPodAutoscaler", ctx.namespace(), text_at(h, "/metadata/name"));
        ctx.cluster.delete_and_wait(&r, ctx.limit(60)).await?;
    }
    let by_annotations = ctx.plan.arm == Arm::Wva && ctx.plan.scenario.wva.by_annotations();
    if by_annotations {
        attributed(ctx, prometheus).await?;
    }
    let tally = ctx.apply_all(manifests::scaler(&ctx.plan, &prometheus.url())?).await?;
    if by_annotations {
        // It speaks of a variant only once the ScaledObject is there.
        one_series(ctx, prometheus, expected).await?;
        seen_by_wva(ctx, prometheus).await?;
    }
    let hpa = manifests::hpa_name(&ctx.plan);
    let scaled = Ref::new("ScaledObject", ctx.namespace(), &own);
    active(ctx, hpa, async || {
        let o = ctx.cluster.get(&scaled).await?;
        let conditions = o.as_ref().and_then(|o| o.pointer("/status/conditions")).and_then(Value::as_array);
        let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready");
        Ok(match ready {
            Some(c) if c["status"] != "True" => format!("KEDA has not made it: {}", text_at(c, "/message")),
            _ => "KEDA has not made it yet".into(),
        })
    })
    .await?;
    Ok(((), format!("ScaledObject {own} {tally}; KEDA's HPA {hpa} is active")))
}

/// Waits until an HPA has numbers; `absent` says why it is not there.
async fn active(ctx: &Ctx, name: &str, absent: impl AsyncFn() -> anyhow::Result<String>) -> anyhow::Result<()> {
    let r = Ref::new("HorizontalPodAutoscaler", ctx.namespace(), name);
    wait_for(&format!("HPA {name} to be active"), ctx.limit(120), Duration::from_millis(500), async || {
        let Some(h) = ctx.cluster.get(&r).await? else { return Ok(Poll::Not(absent().await?)) };
        let conditions = h.pointer("/status/conditions").and_then(Value::as_array);
        let active = conditions.into_iter().flatten().find(|c| c["type"] == "ScalingActive");
        let metrics = h.pointer("/status/currentMetrics").and_then(Value::as_array).map_or(0, Vec::len);
        Ok(match active {
            Some(c) if c["status"] == "True" && metrics > 0 => Poll::Done(()),
            Some(c) => Poll::Not(format!("ScalingActive is {}: {}", c["status"], text_at(c, "/message"))),
            None => Poll::Not("its controller has not looked at it yet".into()),
        })
    })
    .await
}

/// The arm's HPA of bench's own.
async fn ensure_hpa(ctx: &Ctx) -> anyhow::Result<((), String)> {
    others::refuse_autoscalers(ctx).await?;
    delete_scaled(ctx, None).await?;
    let own = manifests::hpa_name(&ctx.plan);
    for h in hpas(ctx).await? {
        let name = text_at(&h, "/metadata/name");
        if name != own {
            ctx.cluster.delete_and_wait(&Ref::new("HorizontalPodAutoscaler", ctx.namespace(), name), ctx.limit(60)).await?;
        }
    }
    match ctx.plan.arm {
        Arm::Wva => drop(adapter::served(ctx, ctx.plan.scenario.wva.gauge(), &format!("variant_name={}", ctx.plan.deployment())).await?),
        Arm::Hpa => {
            for m in &ctx.plan.scenario.hpa.metrics {
                adapter::served(ctx, &m.name, &format!("namespace={}", ctx.namespace())).await?;
            }
        }
        Arm::Static(_) | Arm::None | Arm::Existing => return Ok(((), "no HPA".into())),
    }
    let tally = ctx.apply_all(manifests::hpa(&ctx.plan)?).await?;
    active(ctx, own, async || Ok("it is gone".into())).await?;
    Ok(((), format!("{own} {tally}, active")))
}

/// Brings the arm up from whatever is there: standup's last act, and swap's.
pub async fn ensure(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<()> {
    others::refuse(ctx).await?;
    let arm = ctx.plan.arm;
    if arm == Arm::Wva {
        ctx.step("wva", "Workload-Variant-Autoscaler", wva::ensure(ctx, prometheus)).await?;
        others::refuse(ctx).await?;
        // Where annotations of what scales say it, there is no variant without that.
        if !ctx.plan.scenario.wva.by_annotations() {
            ctx.step("variant", "VariantAutoscaling and its first decision", ensure_va(ctx, prometheus, None)).await?;
        }
    } else {
        ctx.step("no-wva", "nothing of WVA acts on this model", withdraw_wva(ctx, prometheus)).await?;
    }
    match arm {
        Arm::Wva | Arm::Hpa => {
            ctx.step("hpa", &format!("HPA {}", manifests::hpa_name(&ctx.plan)), ensure_scaler(ctx, prometheus, None)).await?;
        }
        Arm::Static(n) => {
            ctx.step("static", &format!("{}, no autoscaler", bench_analysis::count(n as usize, "replica")), async {
                delete_hpas(ctx).await?;
                super::model_server::scale(ctx, n).await?;
                let r = super::model_server::settle(ctx, Some(n)).await?;
                Ok(((), format!("{} ready", r.ready)))
            })
            .await?;
        }
        Arm::None => drop(delete_hpas(ctx).await?),
        Arm::Existing => {}
    }
    Ok(())
}

/// Puts the arm's objects back where a reset that was cut short took them away; waits for nothing.
pub async fn put_back(ctx: &Ctx) -> anyhow::Result<()> {
    match ctx.plan.arm {
        Arm::Wva | Arm::Hpa => {
            if ctx.plan.arm == Arm::Wva {
                ctx.apply_all(manifests::variant_autoscaling(&ctx.plan)?).await?;
            }
            // Only KEDA is told where Prometheus is.
            let url = if ctx.plan.by_keda() { Prometheus::discover(&ctx.cluster, &ctx.plan).await?.url() } else { String::new() };
            ctx.apply_all(manifests::scaler(&ctx.plan, &url)?).await?;
        }
        Arm::Static(n) => super::model_server::scale(ctx, n).await?,
        Arm::None | Arm::Existing => {}
    }
    Ok(())
}

/// WVA's HPA goes first, then the VariantAutoscaling; then the controller forgets its gauge by a restart.
async fn withdraw_wva(ctx: &Ctx, prometheus: &Prometheus) -> anyhow::Result<((), String)> {
    // Of the wva arm; that of the arm to come is another.
    let other = (ctx.plan.by_keda()).then(|| keda::name(&ctx.plan));
    let had_scaled = !delete_scaled(ctx, other.as_deref()).await?.is_empty();
    let hpa = Ref::new("HorizontalPodAutoscaler", ctx.namespace(), WVA_HPA);
    let had_hpa = match ctx.cluster.get(&hpa).await? {
        Some(h) if is_ours(&h, ctx.namespace()) => ctx.cluster.delete_and_wait(&hpa, ctx.limit(60)).await?,
        _ => false,
    };
    // The gauge of a variant that is gone: a kill came between the deletion and the restart.
    if !delete_va(ctx).await? && !had_hpa && !had_scaled && prometheus.query(&ctx.cluster, &gauge(ctx)).await?.is_empty() {
        return Ok(((), "there was nothing".into()));
    }
    let how = forget(ctx, prometheus).await?;
    let what = if had_scaled { "ScaledObject removed" } else { "VariantAutoscaling and its HPA removed" };
    Ok(((), format!("{what}, {how}")))
}
