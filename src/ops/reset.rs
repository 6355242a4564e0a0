//! Puts the arm back to its start before every run, so that nothing of the last one is measured again.
//!
//! The order matters. An HPA keeps its history until a sync falls due while it is gone, and its first recommendation is
//! the replica count it finds. WVA's loops and gauges outlive a VariantAutoscaling; it decides by peaks of the last minute,
//! dead pods' included, and keeps a number that no HPA carries out: so its VariantAutoscaling is made anew only when that
//! minute holds nothing but the idle start.

use crate::failure::Failure;
use crate::metrics::Prometheus;
use crate::steps::{Ctx, arm, gateway, model_server, monitoring};
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_model::run::ResetStep;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Names that `--skip-reset` takes, in their order.
pub const STEPS: [&str; 9] = ["delete-hpa", "delete-variant", "replicas", "pods", "warmup", "drain", "window", "variant", "hpa"];

/// # Errors
/// Exit 2 for a start that the arm cannot have.
pub fn check(plan: &Plan) -> anyhow::Result<()> {
    let start = plan.scenario.reset.start_replicas;
    if plan.arm == Arm::Wva && start > 1 {
        // Two idle replicas make WVA want one at once, so the gauge would never say the start value.
        return Err(Failure::new(Exit::Usage, format!("the wva arm cannot start at {start} replicas: WVA shrinks an idle fleet to one"))
            .hint("--set reset.start_replicas=1")
            .into());
    }
    Ok(())
}

/// Runs all steps but the skipped ones; each is told and timed.
pub async fn reset(ctx: &Ctx, prometheus: &Prometheus, skip: &[String]) -> anyhow::Result<Vec<ResetStep>> {
    let mut r = Reset { ctx, skip, done: vec![] };
    if ctx.plan.arm == Arm::Existing {
        return r.existing().await;
    }
    let start = match ctx.plan.arm {
        Arm::Static(n) => n,
        _ => ctx.plan.scenario.reset.start_replicas,
    };
    let autoscaled = matches!(ctx.plan.arm, Arm::Wva | Arm::Hpa);
    let mut without_hpa_since = None;
    if autoscaled {
        r.step("delete-hpa", async {
            let gone = arm::delete_hpas(ctx).await?;
            without_hpa_since = Some(Instant::now());
            Ok(if gone.is_empty() { "there was none".into() } else { gone.join(", ") })
        })
        .await?;
    }
    if ctx.plan.arm == Arm::Wva {
        r.step("delete-variant", async { Ok(if arm::delete_va(ctx).await? { "deleted" } else { "there was none" }.into()) }).await?;
    }
    r.step("replicas", async {
        model_server::scale(ctx, start).await?;
        model_server::settle(ctx, Some(start)).await?;
        Ok(format!("{start}"))
    })
    .await?;
    r.step("pods", async {
        let n = model_server::replace_pods(ctx).await?;
        model_server::settle(ctx, Some(start)).await?;
        gateway::answers(ctx, ctx.limit(60)).await?;
        Ok(format!("{n} replaced"))
    })
    .await?;
    let mut warm_until = Instant::now();
    r.step("warmup", async {
        let said = warm_up(ctx).await?;
        warm_until = Instant::now();
        Ok(said)
    })
    .await?;
    r.step("drain", async {
        monitoring::drained(ctx, prometheus).await?;
        Ok("idle".into())
    })
    .await?;
    r.step("window", async {
        // What was measured before lies outside every window that decides, and the HPA's controller has looked in vain.
        // A sample may be one scrape old when the last request has ended.
        let s = &ctx.plan.scenario;
        let seconds = u64::from(s.reset.metric_window_s + s.monitoring.scrape_interval_s);
        let window = Duration::from_secs(seconds).saturating_sub(warm_until.elapsed());
        let sync = Duration::from_secs(u64::from(ctx.plan.scenario.reset.hpa_sync_period_s) + 1);
        let gone = without_hpa_since.map_or(Duration::ZERO, |t| sync.saturating_sub(t.elapsed()));
        let pause = window.max(gone);
        tokio::time::sleep(pause).await;
        Ok(format!("{:.0} s waited", pause.as_secs_f64()))
    })
    .await?;
    if ctx.plan.arm == Arm::Wva {
        r.step("variant", async {
            // It may have been left in place by --skip-reset.
            arm::delete_va(ctx).await?;
            let how = arm::forget(ctx, prometheus).await?;
            if ctx.plan.scenario.wva.by_annotations() {
                return Ok(format!("{how}; annotations of the ScaledObject are it"));
            }
            Ok(arm::ensure_va(ctx, prometheus, Some(start)).await?.1)
        })
        .await?;
    }
    if autoscaled {
        r.step("hpa", async { Ok(arm::ensure_scaler(ctx, prometheus, Some(start)).await?.1) }).await?;
    }
    Ok(r.done)
}

struct Reset<'a> {
    ctx: &'a Ctx,
    skip: &'a [String],
    done: Vec<ResetStep>,
}

impl Reset<'_> {
    /// Of a stack that is to stay as it is only the processes are warmed.
    async fn existing(mut self) -> anyhow::Result<Vec<ResetStep>> {
        for name in STEPS {
            if name == "warmup" {
                self.step(name, warm_up(self.ctx)).await?;
            } else {
                let detail = "an existing stack is left as it is".into();
                self.done.push(ResetStep { name: name.into(), seconds: 0.0, skipped: true, detail });
            }
        }
        Ok(self.done)
    }

    async fn step(&mut self, name: &str, act: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<()> {
        if self.skip.iter().any(|s| s == name) {
            self.ctx.report.emit(crate::report::Event::StepSkipped { step: format!("reset {name}"), why: "--skip-reset".into() });
            self.done.push(ResetStep { name: name.into(), seconds: 0.0, skipped: true, detail: "--skip-reset".into() });
            return Ok(());
        }
        let begun = Instant::now();
        let detail = self
            .ctx
            .step(&format!("reset {name}"), "", async {
                let said = act.await?;
                Ok((said.clone(), said))
            })
            .await?;
        self.done.push(ResetStep { name: name.into(), seconds: begun.elapsed().as_secs_f64(), skipped: false, detail });
        Ok(())
    }
}

/// Completions with prompts that the load never sends, so that processes are warm and no prompt of the load is cached.
async fn warm_up(ctx: &Ctx) -> anyhow::Result<String> {
    let w = &ctx.plan.scenario.reset.warmup;
    let Some(at) = gateway::endpoint(ctx) else { return Ok("not reached from here".into()) };
    let send = |i: u32| {
        let at = at.clone();
        let words: Vec<String> =
            (0..w.prompt_tokens).map(|k| format!("w{}", w.seed.wrapping_mul(31).wrapping_add(u64::from(i * 1009 + k)) % 997)).collect();
        let body = json!({
            "model": ctx.plan.scenario.model, "prompt": words.join(" "), "max_tokens": w.output_tokens, "ignore_eos": true,
        });
        async move { ctx.cluster.proxy_post(&at, "/v1/completions", "application/json", body.to_string()).await }
    };
    let results = futures::future::join_all((0..w.requests).map(send)).await;
    let failed = results.iter().filter(|r| r.is_err()).count();
    if let Some(Err(e)) = results.iter().find(|r| r.is_err()) {
        ctx.report.warn(format!("{failed} of {} warm-up requests failed: {e}", w.requests));
    }
    Ok(format!("{} requests", w.requests))
}
