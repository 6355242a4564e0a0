//! From intent to plan, and what a plan would change on the cluster.

use super::lock;
use crate::cluster::{Cluster, Ref};
use crate::config::profile::{self, ProfileArgs};
use crate::config::scenario::{self, ScenarioArgs};
use crate::config::{Lookup, accelerator, llmd, manifests};
use crate::failure::Failure;
use crate::load::{feasible, render};
use bench_model::exit::Exit;
use bench_model::plan::{Arm, ClusterFacts, Plan};
use bench_model::scenario::{LoadMode, Method, Pinned, Provision, Scaler, Scenario, WvaLine};
use serde_json::Value;
use std::path::PathBuf;

/// What the user asks for, before anything is known of the cluster.
#[derive(Debug, Clone, Default)]
pub struct Intent {
    pub scenario: ScenarioArgs,
    pub profile: Option<ProfileArgs>,
    pub arm: Option<Arm>,
    pub mode: Option<LoadMode>,
    /// `-t`: refuse when the scenario deploys by another method.
    pub method: Option<Method>,
    /// `--locked`: the file whose digests pin the images.
    pub lock: Option<PathBuf>,
}

/// A plan for a stack that is to be stood up. Pure but for the files it reads.
pub fn resolve(lookup: &Lookup, intent: &Intent, facts: Option<ClusterFacts>) -> anyhow::Result<(Plan, Vec<String>)> {
    let loaded = scenario::load(lookup, &intent.scenario)?;
    let mut scenario = loaded.scenario;
    if let Some(m) = intent.method.filter(|m| *m != scenario.model_server.method) {
        return Err(Failure::new(
            Exit::Usage,
            format!("-t {m:?} does not fit scenario {}, which deploys by {:?}", scenario.name, scenario.model_server.method).to_lowercase(),
        )
        .hint("-c simulated deploys by simulator, -c inference-scheduling by modelservice")
        .into());
    }
    if scenario.existing.is_some() {
        return Err(Failure::new(Exit::Usage, "existing: what is there of a stack is found, not set")
            .hint("bench adopt -p NAMESPACE takes a stack that is there; bench run --endpoint URL loads one")
            .into());
    }
    let mut notes: Vec<String> = chosen_images(&scenario);
    notes.extend(loaded.notes);
    let mut warnings = loaded.warnings;
    if let Some(mode) = intent.mode {
        scenario.load.mode = mode;
    }
    let facts = with_accelerator(&mut scenario, facts, &mut notes)?;
    let mut plan = Plan::new(scenario, None, intent.arm.unwrap_or(Arm::Wva), facts, vec![]);
    if let Some(args) = &intent.profile {
        let with = with_profile(lookup, &plan, args)?;
        notes.extend(with.notes);
        warnings.extend(with.warnings);
        plan = with.plan;
    }
    if plan.scenario.namespace == "llmdbench" && plan.scenario.model == "Qwen/Qwen3-0.6B" {
        notes.push(format!("Deployment {} is the published name; it follows from namespace llmdbench", plan.deployment()));
    }
    plan.notes = notes;
    if let Some(file) = &intent.lock {
        let (pinned, said) = lock::pin(&plan, &lock::read(file)?, file)?;
        plan = pinned;
        warnings.extend(said);
    }
    warnings.dedup();
    Ok((plan, warnings))
}

/// Decides which GPU is meant, and what WVA is told of it.
fn with_accelerator(s: &mut Scenario, facts: Option<ClusterFacts>, notes: &mut Vec<String>) -> anyhow::Result<Option<ClusterFacts>> {
    let mut facts = facts;
    if let Some(f) = facts.as_mut().filter(|_| s.model_server.method.is_vllm()) {
        f.accelerator = accelerator::choose(&f.nodes, &s.model_server.accelerator)?;
    }
    let found = facts.as_ref().and_then(|f| f.accelerator.as_ref());
    if let Some(a) = found {
        notes.push(format!("model servers are bound to nodes with {}={}", a.label, a.product));
    }
    if s.wva.accelerator == "auto" {
        // As published, where no GPU can be seen.
        s.wva.accelerator = found.map_or_else(|| "H100".into(), |a| a.name.clone());
    }
    Ok(facts)
}

/// A plan with a load, what is to be known of it, and what in it will not do.
pub struct Loaded {
    pub plan: Plan,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

/// Adds a load to the plan of a stack.
pub fn with_profile(lookup: &Lookup, stack: &Plan, args: &ProfileArgs) -> anyhow::Result<Loaded> {
    let context = profile::Context {
        target: stack.target(),
        model: stack.scenario.model.clone(),
        tokenizer: stack.scenario.model.clone(),
        namespace: stack.scenario.namespace.clone(),
        max_model_len: scenario::max_model_len(&stack.scenario),
        env: crate::config::profile::environment(),
    };
    let loaded = profile::load(lookup, args, &context)?;
    let mut notes = loaded.notes;
    let request = render::Request {
        profile: &loaded.profile,
        guidellm: &stack.scenario.load.guidellm,
        mode: stack.scenario.load.mode,
        target: &stack.target(),
        model: &stack.scenario.model,
        tokenizer: "",
        profile_dir: "/bench",
        results_dir: "/results",
        gate: None,
    };
    notes.extend(render::render(&request)?.warnings);
    let warnings = feasible::warnings(&loaded.profile, request.guidellm, request.mode);
    let mut plan = Plan::new(stack.scenario.clone(), Some(loaded.profile), stack.arm, stack.facts.clone(), stack.notes.clone());
    // A profile may have been filled in from the environment.
    let notes: Vec<String> = notes.iter().map(|n| crate::config::secrets::redact_text(n)).collect();
    plan.notes.extend(notes.iter().cloned());
    Ok(Loaded { plan, notes, warnings })
}

/// Images whose version nobody published.
fn chosen_images(s: &Scenario) -> Vec<String> {
    let mut all = vec![("model server", &s.model_server.image), ("gateway", &s.gateway.image), ("guidellm", &s.load.guidellm.image)];
    if s.scheduler.enabled {
        all.push(("scheduler", &s.scheduler.image));
    }
    if s.model_server.method == Method::Modelservice && s.model_server.sidecar.enabled {
        all.push(("routing sidecar", &s.model_server.sidecar.image));
    }
    all.into_iter()
        .filter(|(_, i)| i.pinned == Pinned::Chosen)
        .map(|(what, i)| format!("{what} image {} was chosen: the published experiment does not name its version", i.name))
        .collect()
}

/// A chart that standing up installs, unless what it is for is there already.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Release {
    pub release: String,
    pub namespace: String,
    pub chart: String,
    pub version: String,
    /// When it is installed.
    pub when: &'static str,
    pub values: Value,
}

/// Charts, in the order in which they are installed. What only the cluster knows is named in angle brackets.
pub fn releases(plan: &Plan) -> Vec<Release> {
    let s = &plan.scenario;
    let mut out = vec![];
    let stack = &s.monitoring.stack;
    if !plan.on_openshift() && stack.mode != Provision::Existing {
        out.push(Release {
            release: stack.release.clone(),
            namespace: stack.namespace.clone(),
            chart: stack.chart.clone(),
            version: stack.chart_version.clone(),
            when: "there is no Prometheus",
            values: llmd::prometheus_values(plan),
        });
    }
    let c = &s.gateway.control_plane;
    if c.mode != Provision::Existing {
        out.extend(llmd::control_plane(plan).into_iter().map(|chart| Release {
            release: chart.release.into(),
            namespace: c.namespace.clone(),
            chart: format!("{} {}", c.charts, chart.chart),
            version: c.version.clone(),
            when: "there is no control plane of the gateway",
            values: chart.values,
        }));
    }
    if s.gateway.kind.can_schedule() && s.scheduler.enabled {
        out.push(Release {
            release: plan.pool(),
            namespace: plan.namespace().into(),
            chart: s.scheduler.chart.clone(),
            version: s.scheduler.chart_version.clone(),
            when: "always",
            values: llmd::scheduler_values(plan),
        });
    }
    let k = &s.keda;
    if plan.by_keda() && k.mode != Provision::Existing {
        out.push(Release {
            release: k.release.clone(),
            namespace: k.namespace.clone(),
            chart: format!("{} keda", k.charts),
            version: k.chart_version.clone(),
            when: "there is no KEDA",
            values: serde_json::json!({}),
        });
    }
    if plan.arm == Arm::Wva && s.wva.mode != Provision::Existing {
        out.push(Release {
            release: s.wva.release.clone(),
            namespace: s.wva.namespace.clone(),
            chart: s.wva.chart.clone(),
            version: s.wva.chart_version.clone(),
            when: "there is no WVA",
            values: manifests::wva_values(plan, &prometheus_url(plan), "<namespace of Prometheus>", "<certificate>"),
        });
    }
    out
}

/// Where Prometheus is, as far as that is known without a cluster.
fn prometheus_url(plan: &Plan) -> String {
    if plan.on_openshift() { crate::metrics::thanos().url() } else { "<Prometheus>".into() }
}

/// The same for KEDA, which goes about a certificate by the scheme.
fn address(plan: &Plan) -> String {
    let url = prometheus_url(plan);
    if url.starts_with('<') { format!("{}://{url}", plan.scenario.monitoring.prometheus.scheme) } else { url }
}

/// All objects that standing up this plan applies, but for charts ([`releases`]), CRDs, and rules added to somebody's adapter.
pub fn objects(plan: &Plan) -> anyhow::Result<Vec<Value>> {
    objects_with(plan, &address(plan))
}

/// The same, with the Prometheus that KEDA asks.
fn objects_with(plan: &Plan, prometheus: &str) -> anyhow::Result<Vec<Value>> {
    buildable(plan)?;
    let mut out: Vec<Value> = llmd::claim(plan).into_iter().collect();
    out.extend(manifests::stack(plan)?);
    if plan.arm == Arm::Wva {
        out.extend(manifests::variant_autoscaling(plan)?);
    }
    out.extend(manifests::scaler(plan, prometheus)?);
    if plan.profile.is_some() {
        out.extend(crate::load::job::harness(plan, "RUN", "llmd-bench-load-run")?.objects);
    }
    Ok(out)
}

/// # Errors
/// Exit 2 for fixed replicas that the stack has no room for, and for a WVA whose objects bench does not know.
pub fn buildable(plan: &Plan) -> anyhow::Result<()> {
    if plan.arm == Arm::Wva {
        known_wva(plan)?;
    }
    let most = manifests::max_servers(plan) - 2;
    if let Arm::Static(n) = plan.arm
        && !(1..=most).contains(&n)
    {
        return Err(Failure::new(Exit::Usage, format!("{n} fixed replicas: between 1 and {most} are possible"))
            .hint("--set scaling.max_replicas=N raises the upper end")
            .into());
    }
    Ok(())
}

/// # Errors
/// Exit 2 for a WVA that this plan could install and nothing would follow.
fn known_wva(plan: &Plan) -> anyhow::Result<()> {
    let w = &plan.scenario.wva;
    let refuse = |text: String, hint: &str| Err(Failure::new(Exit::Usage, text).hint(hint).into());
    match w.line() {
        None => refuse(
            format!("wva.chart_version: bench does not know the objects of WVA {}; it knows the lines 0.4 and 0.8", w.chart_version),
            "--set wva.chart_version=0.4.2, or scenario optimized-baseline, which has 0.8.0; a forecast takes 0.5 too: bench predict",
        ),
        Some(WvaLine::V08) if plan.scenario.scaling.by == Scaler::Hpa => refuse(
            "scaling.by: bench has WVA 0.8 carried out by KEDA only".into(),
            "--set scaling.by=keda, as in scenario optimized-baseline",
        ),
        Some(WvaLine::V08) if plan.is_adopted() => refuse(
            "WVA 0.8 needs its label on the pods, and an adopted stack's pods stay as they are".into(),
            "--set wva.chart_version=0.4.2 with its chart, or stand up a stack of bench's own",
        ),
        Some(_) => Ok(()),
    }
}

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Change {
    pub object: String,
    /// `create`, `change`, `same`, `error`.
    pub action: String,
    /// Dotted path: before → after.
    pub fields: Vec<String>,
}

/// What applying the plan would change, by server-side dry run.
pub async fn diff(cluster: &Cluster, plan: &Plan) -> anyhow::Result<Vec<Change>> {
    // What KEDA is to ask is found as at standup; where nothing is to be found yet, it stays a word in brackets.
    let prometheus = match plan.by_keda() {
        true => crate::metrics::Prometheus::discover(cluster, plan).await.ok().map(|p| p.url()),
        false => None,
    };
    let mut out = vec![];
    for object in objects_with(plan, &prometheus.unwrap_or_else(|| address(plan)))? {
        let r = Ref::of(&object)?;
        let before = cluster.get(&r).await?;
        let mut change = Change { object: r.to_string(), action: "create".into(), fields: vec![] };
        match (before, cluster.apply_dry_run(&object).await) {
            (Some(before), _) if !crate::steps::is_ours(&before, plan.namespace()) => {
                change.action = "error".into();
                change.fields.push("exists but is not bench's: it lacks the labels".into());
            }
            (Some(before), Ok(after)) => {
                compare("", &before, &after, &mut change.fields);
                change.action = if change.fields.is_empty() { "same" } else { "change" }.into();
            }
            (None, Ok(_)) => {}
            // Without its namespace nothing can be tried; that it would be created is all there is to say.
            (None, Err(e)) if e.is_not_found() => {}
            (_, Err(e)) => {
                change.action = "error".into();
                change.fields.push(e.to_string());
            }
        }
        out.push(change);
    }
    Ok(out)
}

/// Differing leaves, without what the server counts or stamps.
fn compare(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    const STAMPS: [&str; 6] = [
        "/metadata/managedFields",
        "/metadata/resourceVersion",
        "/metadata/generation",
        "/metadata/creationTimestamp",
        "/metadata/uid",
        "/status",
    ];
    if a == b || STAMPS.contains(&path) {
        return;
    }
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
            keys.sort();
            keys.dedup();
            for k in keys {
                compare(&format!("{path}/{k}"), x.get(k).unwrap_or(&Value::Null), y.get(k).unwrap_or(&Value::Null), out);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (p, q)) in x.iter().zip(y).enumerate() {
                compare(&format!("{path}/{i}"), p, q, out);
            }
        }
        _ => out.push(format!("{}: {a} -> {b}", path.trim_start_matches('/').replace('/', "."))),
    }
}
