//! The state of a cluster: objects, what their controllers remember, files in pods, helm's releases, and the faults to come.

use bench::cluster::{KINDS, Kind};
use bench::config::manifests::labels::{BENCH, MANAGED_BY, STACK as OF};
use bench::ops::stop::Asked;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Kind, namespace (empty for cluster-scoped), name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub kind: &'static str,
    pub ns: String,
    pub name: String,
}

impl Id {
    pub fn new(kind: &'static str, ns: &str, name: &str) -> Self {
        let ns = if kind_of(kind).namespaced { ns } else { "" };
        Self { kind, ns: ns.into(), name: name.into() }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.ns, self.name)
    }
}

pub fn kind_of(name: &str) -> &'static Kind {
    bench::cluster::kind(name)
}

pub fn text<'a>(v: &'a Value, path: &str) -> &'a str {
    v.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

pub fn is_leaving(v: &Value) -> bool {
    v.pointer("/metadata/deletionTimestamp").is_some()
}

/// Another bench, on another machine.
pub const THIEF: &str = "bob@laptop pid 9";

/// What goes wrong at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies, and the call never reaches the server.
    CrashBefore,
    /// The process dies, the call has done its work.
    CrashAfter,
    /// The call has done its work, the connection breaks before its answer.
    LostAnswer,
    /// The call is answered; its user has pressed Ctrl-C meanwhile.
    CtrlC,
    /// The call is answered; meanwhile another bench has taken the lease over.
    Robbed,
}

#[derive(Debug, Clone)]
pub struct Release {
    pub namespace: String,
    pub status: String,
    pub chart: String,
    pub values: Value,
}

pub type Files = BTreeMap<String, Arc<Vec<u8>>>;

#[derive(Debug, Clone, Default)]
pub struct World {
    pub objects: BTreeMap<Id, Value>,
    /// uid → manager and operation → leaves that it owns.
    pub owners: BTreeMap<String, BTreeMap<String, BTreeSet<Vec<String>>>>,
    /// Pod's uid → what its ConfigMaps said when it started.
    pub loaded: BTreeMap<String, String>,
    /// uid → when it was made, in virtual seconds.
    pub born: BTreeMap<String, f64>,
    /// uid → when it will be gone.
    pub leaves: BTreeMap<String, f64>,
    /// Pod's uid → files of its volumes.
    pub files: BTreeMap<String, Files>,
    /// WVA's gauge: (controller's pod uid, namespace, variant) → replicas.
    pub gauges: BTreeMap<(String, String, String), u64>,
    /// WVA 0.8 takes the pods' metrics for nobody's, and repeats what there is.
    pub wva_is_blind: bool,
    pub releases: BTreeMap<String, Release>,
    /// Scenario of the stack, and assignments to its keys; empty is the simulated one.
    pub scenario: (&'static str, Vec<String>),
    /// Every load Job that was ever made.
    pub jobs: Vec<String>,
    /// Uids of Jobs whose pod was made.
    pub podded: BTreeSet<String>,
    /// Writes of clients that changed something, in order.
    pub writes: Vec<String>,
    /// Every call of a client, in order.
    pub calls: Vec<String>,
    /// Directory of the results, when moments are to be told apart.
    pub watched: Option<std::path::PathBuf>,
    /// Before each call: what had been written in the cluster and on this machine.
    pub moments: Vec<(usize, u64)>,
    pub faults: BTreeMap<usize, Fault>,
    /// Through which the living process is asked to stop.
    pub asked: Option<Asked>,
    /// What the Hub says to a download that it refuses.
    pub hub_refuses: Option<&'static str>,
    /// Faults that have happened.
    pub happened: Vec<String>,
    pub dirty: bool,
    pub due: f64,
    counter: u64,
    base: f64,
    started: Option<Instant>,
    dead: bool,
}

impl World {
    /// Virtual seconds since the world began; they go on over the deaths of processes.
    pub fn now(&self) -> f64 {
        self.base + self.started.map_or(0.0, |s| s.elapsed().as_secs_f64())
    }

    pub fn pass(&mut self, seconds: f64) {
        self.base += seconds;
    }

    pub fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub fn get(&self, kind: &'static str, ns: &str, name: &str) -> Option<&Value> {
        self.objects.get(&Id::new(kind, ns, name))
    }

    pub fn of_kind<'a>(&'a self, kind: &'static str) -> impl Iterator<Item = (&'a Id, &'a Value)> {
        self.objects.iter().filter(move |(id, _)| id.kind == kind)
    }

    /// Puts a new object there.
    pub fn insert(&mut self, id: Id, mut object: Value) -> Value {
        let uid = format!("uid-{}", self.next());
        let version = self.next().to_string();
        let k = kind_of(id.kind);
        object["kind"] = json!(k.kind);
        object["apiVersion"] = json!(k.api_version());
        let meta = &mut object["metadata"];
        meta["name"] = json!(id.name);
        if k.namespaced {
            meta["namespace"] = json!(id.ns);
        }
        meta["uid"] = json!(uid);
        meta["resourceVersion"] = json!(version);
        meta["generation"] = json!(1);
        meta["creationTimestamp"] = json!(chrono::Utc::now().to_rfc3339());
        if id.kind == "Deployment" && object.pointer("/spec/replicas").is_none() {
            object["spec"]["replicas"] = json!(1);
        }
        if id.kind == "Job" && id.name.starts_with("llmd-bench-load") {
            self.jobs.push(id.name.clone());
        }
        if id.kind == "Namespace" {
            object["status"] = json!({"phase": "Active"});
            let ca = Id::new("ConfigMap", &id.name, "kube-root-ca.crt");
            self.insert(ca, json!({"metadata": {}, "data": {"ca.crt": "x"}}));
        }
        self.born.insert(uid, self.now());
        self.objects.insert(id, object.clone());
        self.dirty = true;
        object
    }

    /// Replaces an object when it differs; `true` when it did.
    pub fn update(&mut self, id: &Id, mut object: Value) -> bool {
        let Some(old) = self.objects.get(id) else { return false };
        if *old == object {
            return false;
        }
        if old.get("spec") != object.get("spec") {
            let n = old.pointer("/metadata/generation").and_then(Value::as_u64).unwrap_or(0);
            object["metadata"]["generation"] = json!(n + 1);
        }
        object["metadata"]["resourceVersion"] = json!(self.next().to_string());
        self.objects.insert(id.clone(), object);
        self.dirty = true;
        true
    }

    /// Begins the end of an object: at once, or after its grace.
    pub fn delete(&mut self, id: &Id) {
        let Some(object) = self.objects.get(id).cloned() else { return };
        let held = object.pointer("/metadata/finalizers").and_then(Value::as_array).is_some_and(|f| !f.is_empty());
        self.dirty = true;
        if !held && !matches!(id.kind, "Pod" | "Namespace") {
            self.objects.remove(id);
            return;
        }
        if !is_leaving(&object) {
            let mut object = object;
            object["metadata"]["deletionTimestamp"] = json!(chrono::Utc::now().to_rfc3339());
            let uid = text(&object, "/metadata/uid").to_string();
            self.leaves.insert(uid, self.now() + 1.0);
            self.update(id, object);
        }
    }

    /// The lease is another bench's from now on, or shows another sign of its life.
    pub fn held_by(&mut self, holder: &str, moment: u64) {
        let id = Id::new("Lease", crate::setting::STACK, "llmd-bench");
        let renewed = format!("2026-01-01T00:00:00.{moment:06}Z");
        let spec = json!({"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": renewed, "renewTime": renewed});
        let labels = json!({MANAGED_BY: BENCH, OF: crate::setting::STACK});
        let Some(mut lease) = self.objects.get(&id).cloned() else {
            let meta = json!({"labels": labels, "annotations": {"llmd-bench/process": "elsewhere 9 9"}});
            self.insert(id, json!({"metadata": meta, "spec": spec}));
            return;
        };
        lease["metadata"]["annotations"]["llmd-bench/process"] = json!("elsewhere 9 9");
        lease["spec"] = spec;
        self.update(&id, lease);
    }

    /// Notes a client's write.
    pub fn wrote(&mut self, what: String) {
        self.writes.push(what);
    }
}

/// Why a call has no answer.
pub enum Silence<T> {
    /// The process is dead; what would have been the answer may have been half written.
    Dead(Option<T>),
    Lost(T),
}

/// The cluster as a client reaches it.
#[derive(Clone)]
pub struct Server(Arc<(Mutex<World>, Notify)>);

impl Server {
    pub fn new(world: World) -> Self {
        Self(Arc::new((Mutex::new(world), Notify::new())))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.0.lock().expect("a test panicked with the world in its hands")
    }

    /// A process begins, in a runtime of its own.
    pub fn begin(&self) {
        let mut w = self.world();
        w.started = Some(Instant::now());
        w.dead = false;
    }

    /// It is over; its user needs some seconds to see it. A dead one's lease names a process that nobody can look up.
    pub fn end(&self) {
        let mut w = self.world();
        w.base = w.now() + 20.0;
        w.started = None;
        if w.dead {
            for (id, lease) in &mut w.objects {
                if id.kind == "Lease" {
                    lease["metadata"]["annotations"]["llmd-bench/process"] = json!("elsewhere 1 1");
                }
            }
        }
    }

    /// Nothing is answered any more, though the process lives.
    pub fn fall_silent(&self) {
        self.world().dead = true;
    }

    pub async fn death(&self) {
        self.0.1.notified().await;
    }

    /// One call of a client, with the fault that waits for it.
    pub fn perform<T>(&self, what: &str, act: impl FnOnce(&mut World) -> T) -> Result<T, Silence<T>> {
        let mut w = self.world();
        if w.dead {
            return Err(Silence::Dead(None));
        }
        if let Some(dir) = &w.watched {
            let moment = (w.writes.len(), crate::normal::sizes(dir));
            w.moments.push(moment);
        }
        w.calls.push(what.into());
        let n = w.calls.len();
        let fault = w.faults.get(&n).copied();
        if let Some(f) = fault {
            w.happened.push(format!("{f:?} at call {n}: {what}"));
        }
        w.tick();
        if fault == Some(Fault::CrashBefore) {
            w.dead = true;
            self.0.1.notify_one();
            return Err(Silence::Dead(None));
        }
        let answer = act(&mut w);
        match fault {
            Some(Fault::CrashAfter) => {
                w.dead = true;
                self.0.1.notify_one();
                Err(Silence::Dead(Some(answer)))
            }
            Some(Fault::LostAnswer) => Err(Silence::Lost(answer)),
            Some(Fault::CtrlC) => {
                w.asked.as_ref().expect("a living process").send_replace(Some("Ctrl-C"));
                Ok(answer)
            }
            Some(Fault::Robbed) => {
                w.held_by(THIEF, 1);
                Ok(answer)
            }
            _ => Ok(answer),
        }
    }
}

impl World {
    pub fn openshift(&self) -> bool {
        self.get("Namespace", "", "openshift-monitoring").is_some()
    }

    /// Is a kind served? Those of CRDs are once their CRD is there.
    pub fn serves(&self, k: &Kind) -> bool {
        let by_crd = [
            "llmd.ai",
            "keda.sh",
            "gateway.networking.k8s.io",
            "inference.networking.k8s.io",
            "gateway.kgateway.dev",
            "monitoring.coreos.com",
        ];
        !by_crd.contains(&k.group) || self.get("CustomResourceDefinition", "", &format!("{}.{}", k.plural, k.group)).is_some()
    }
}

/// By group, version and plural, as paths name it.
pub fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|k| k.group == group && k.version == version && k.plural == plural)
}
