//! `bench plan`.

use super::shared::{ArmArgs, Global, LoadArgs, StackArgs, intent, tell_plan};
use crate::cluster::Cluster;
use crate::config::{coefficients, experiment, profile, scenario, secrets};
use crate::ops::{facts, lock, plan};
use crate::report::{Output, Reporter};
use anyhow::Context;
use bench_model::exit::Exit;
use bench_model::plan::{Arm, Plan};
use bench_model::scenario::GatewayKind;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Render what standup and run apply; nothing is changed
///
/// Needs no cluster, unless --diff is given. Left out is what depends on the cluster: a namespace that is there already,
/// a PodMonitor, an adapter, WVA's own release.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    arm: ArmArgs,
    #[command(flatten)]
    load: LoadArgs,
    /// Show what would change on the cluster, by server-side dry run
    #[arg(long)]
    diff: bool,
    /// Write each manifest into this directory instead of printing a summary
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the manifests
    #[arg(long)]
    manifests: bool,
    /// Take what is known of the cluster from a file (`facts` of a plan.yaml, in YAML or JSON) instead of asking one
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    facts: Option<PathBuf>,
    /// Ask the registries for the digests of all images and charts, and write them into a file that --locked reads
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = lock::FILE, value_hint = clap::ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["locked", "diff", "out", "manifests", "list"])]
    lock: Option<PathBuf>,
    /// List scenarios, profiles, coefficients and experiments that can be named
    #[arg(long)]
    list: bool,
}

const EXAMPLES: &str = "\
Examples:
  bench plan -w ramp_small -c simulated      # what would be stood up and run; asks no cluster
  bench plan -c simulated --hpa --manifests  # every object as YAML
  bench plan --hpa --out rendered            # a file for each, and plan.yaml
  bench plan --set scaling.max_replicas=4 --set wva.interval_s=30  # with keys changed
  bench plan -c simulated --diff             # what would change on the cluster
  bench plan --list                          # scenarios, profiles, coefficients, experiments";

pub async fn run(g: &Global, a: Args) -> anyhow::Result<Exit> {
    let lookup = g.lookup();
    let report = g.reporter();
    if a.list {
        let all = [
            ("scenario", scenario::known(&lookup)),
            ("profile", profile::known(&lookup)),
            ("coefficients", coefficients::known(&lookup)),
            ("experiment", experiment::known(&lookup)),
        ];
        for (what, known) in all {
            for k in known {
                match g.output {
                    Output::Json => outln!("{}", json!({"event": "file", "kind": what, "name": k.name, "source": k.source})),
                    Output::Human => outln!("{what:<12} {:<24} {}", k.name, k.source),
                }
            }
        }
        return Ok(Exit::Done);
    }
    let cluster = if a.diff { Some(Cluster::connect(g.kubeconfig.as_deref(), g.context.as_deref()).await?) } else { None };
    let facts = match &cluster {
        Some(c) => Some(facts::gather(c).await?),
        None => a.facts.as_deref().map(facts::read).transpose()?,
    };
    let (plan, warnings) = plan::resolve(&lookup, &intent(&a.stack, &a.arm, Some(&a.load)), facts)?;
    tell_plan(&report, &plan.notes, &warnings);
    if let Some(file) = &a.lock {
        return write_lock(g, &report, &plan, file).await;
    }
    if let Some(c) = &cluster {
        return diff(g, c, &plan).await;
    }
    let mut objects = plan::objects(&plan)?;
    objects.iter_mut().for_each(secrets::redact);
    let mut releases = plan::releases(&plan);
    releases.iter_mut().for_each(|r| secrets::redact(&mut r.values));
    if g.output == Output::Json {
        outln!("{}", json!({"event": "plan", "plan": plan, "objects": objects, "releases": releases}));
        return Ok(Exit::Done);
    }
    if let Some(dir) = &a.out {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        for o in &objects {
            let r = crate::cluster::Ref::of(o)?;
            let path = dir.join(format!("{}-{}.yaml", r.kind.kind.to_lowercase(), r.name));
            std::fs::write(&path, serde_yaml::to_string(o)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        for r in &releases {
            let path = dir.join(format!("values-{}.yaml", r.release));
            std::fs::write(&path, values(r)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        std::fs::write(dir.join("plan.yaml"), serde_yaml::to_string(&plan)?)?;
        outln!("{} manifests and plan.yaml in {}", objects.len(), dir.display());
        return Ok(Exit::Done);
    }
    if a.manifests {
        for o in &objects {
            outln!("---\n{}", serde_yaml::to_string(o)?.trim_end());
        }
        for r in &releases {
            // Comments, so that all of it together is still what kubectl reads.
            let lines: Vec<String> = values(r)?.trim_end().lines().map(|l| format!("# {l}").replace("# #", "#")).collect();
            outln!("---\n{}", lines.join("\n"));
        }
        return Ok(Exit::Done);
    }
    out!("{}", text(&plan, &objects, &releases)?);
    Ok(Exit::Done)
}

async fn write_lock(g: &Global, report: &Reporter, plan: &Plan, file: &Path) -> anyhow::Result<Exit> {
    let lock = lock::make(plan, &lock::Registries::new(Duration::from_secs(20))?).await;
    lock::write(&lock, file)?;
    let open = lock.open();
    if open > 0 {
        let all = lock.images.len() + lock.charts.len();
        report.warn(format!("{open} of {all} images and charts have no digest; {} says of each why", file.display()));
    }
    match g.output {
        Output::Json => outln!("{}", json!({"event": "lock", "file": file, "lock": lock})),
        Output::Human => outln!("{} images and {} charts in {}", lock.images.len(), lock.charts.len(), file.display()),
    }
    Ok(Exit::Done)
}

/// Values of a chart as a file, with what it is for.
fn values(r: &plan::Release) -> anyhow::Result<String> {
    let head =
        format!("# helm upgrade --install {} {} --version {} -n {}\n# Installed: {}\n", r.release, r.chart, r.version, r.namespace, r.when);
    Ok(head + &serde_yaml::to_string(&r.values)?)
}

fn text(plan: &Plan, objects: &[serde_json::Value], releases: &[plan::Release]) -> anyhow::Result<String> {
    use std::fmt::Write;
    let s = &plan.scenario;
    let mut o = String::new();
    writeln!(o, "scenario    {}  (namespace {}, model {})", s.name, s.namespace, s.model)?;
    writeln!(o, "            {}", s.description.trim())?;
    match plan.arm {
        Arm::Static(n) => writeln!(o, "arm         {}  {}, no autoscaler", plan.arm, bench_analysis::count(n as usize, "replica"))?,
        Arm::None | Arm::Existing => writeln!(o, "arm         {}", plan.arm)?,
        Arm::Wva | Arm::Hpa => autoscaling(&mut o, plan)?,
    }
    match &plan.profile {
        None => writeln!(o, "load        none (-w PROFILE)")?,
        Some(p) => {
            let rates: Vec<String> = p.rates.iter().map(ToString::to_string).collect();
            writeln!(
                o,
                "load        {}: {} req/s, {} s each ({} min in all), {:?}, guidellm {}, seed {}",
                p.name,
                rates.join(", "),
                p.max_seconds,
                p.total_seconds().div_ceil(60),
                s.load.mode,
                s.load.guidellm.version,
                p.effective_seed
            )?;
        }
    }
    writeln!(o, "deployment  {}", plan.deployment())?;
    writeln!(o, "endpoint    {}", plan.target())?;
    let h = &plan.hashes;
    writeln!(o, "hashes      plan {} = stack {} / arm {} / load {}", h.plan, h.stack, h.arm, h.load)?;
    for object in objects {
        writeln!(o, "  {}", crate::cluster::Ref::of(object)?)?;
    }
    if s.gateway.kind.is_gateway_api() {
        writeln!(
            o,
            "  CRDs of the Gateway API {} and of its inference extension {}, where missing",
            s.gateway.api.version, s.gateway.inference_api.version
        )?;
    }
    if s.gateway.kind == GatewayKind::Epponly {
        writeln!(o, "  CRDs of the Gateway API's inference extension {}, where missing", s.gateway.inference_api.version)?;
    }
    for r in releases {
        writeln!(o, "  helm release {}/{}: {} {}; {}", r.namespace, r.release, r.chart, r.version, r.when)?;
    }
    if !objects.is_empty() {
        writeln!(o, "{} objects; --manifests prints them, --out DIR writes them, --diff compares with the cluster", objects.len())?;
    }
    Ok(o)
}

fn autoscaling(o: &mut String, plan: &Plan) -> std::fmt::Result {
    use std::fmt::Write;
    let s = &plan.scenario;
    writeln!(o, "arm         {}  {} to {} replicas", plan.arm, s.scaling.min_replicas, s.scaling.max_replicas)?;
    for (name, b) in [("up", &s.scaling.scale_up), ("down", &s.scaling.scale_down)] {
        let policies: Vec<String> = b.policies.iter().map(|p| format!("{:?} {} per {} s", p.kind, p.value, p.period_s)).collect();
        let (all, window) = (policies.join(", "), b.stabilization_window_s);
        writeln!(o, "  scale {name:<5} {all}, stabilization window {window} s, select {:?}", b.select_policy)?;
    }
    if plan.by_keda() {
        writeln!(o, "  KEDA        makes the HPA from a ScaledObject, and asks Prometheus itself")?;
    }
    if plan.arm == Arm::Hpa {
        let targets: Vec<String> = s.hpa.metrics.iter().map(|m| format!("{} {}", m.name, m.average_value)).collect();
        return writeln!(o, "  HPA         {}: average {}", s.hpa.name, targets.join(", "));
    }
    let t = &s.wva.thresholds;
    let version = if s.wva.by_annotations() { s.wva.chart_version.as_str() } else { "" };
    writeln!(
        o,
        "  WVA {:<7} every {} s; saturated at KV {} or {} waiting; up below spare KV {} or spare queue {}",
        version,
        wva_every_s(s),
        t.kv_cache_threshold,
        t.queue_length_threshold,
        t.kv_spare_trigger,
        t.queue_spare_trigger
    )
}

/// Seconds between two decisions of WVA: 0.8 reads the interval and does not go by it.
pub(super) fn wva_every_s(s: &bench_model::scenario::Scenario) -> u32 {
    if s.wva.by_annotations() { 30 } else { s.wva.interval_s }
}

async fn diff(g: &Global, cluster: &Cluster, p: &Plan) -> anyhow::Result<Exit> {
    let changes = plan::diff(cluster, p).await?;
    let mut failed = false;
    for c in &changes {
        failed |= c.action == "error";
        if g.output == Output::Json {
            outln!("{}", json!({"event": "change", "object": c.object, "action": c.action, "fields": c.fields}));
            continue;
        }
        outln!("{:<7} {}", c.action, c.object);
        for f in &c.fields {
            outln!("          {f}");
        }
    }
    Ok(if failed { Exit::Cluster } else { Exit::Done })
}
