//! A results directory and a cluster, and the operations of a user who does not give up.

use crate::normal;
use crate::setting::STACK;
use crate::world::{Fault, Server, World};
use bench::cluster::Cluster;
use bench::config::Lookup;
use bench::config::profile::ProfileArgs;
use bench::config::scenario::ScenarioArgs;
use bench::failure::Failure;
use bench::ops::existing::{Hints, adopt, endpoint};
use bench::ops::run::Until;
use bench::ops::{self, Session, stop};
use bench::report::{Event, Output, Reporter};
use bench_model::intent::Operation;
use bench_model::plan::{Arm, Plan};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// An operation of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Standup(Arm),
    Adopt,
    /// A load of somebody's Service, in a namespace without a stack.
    Endpoint,
    Run,
    Swap(Arm),
    Teardown,
}

pub struct Lab {
    pub server: Server,
    pub dir: tempfile::TempDir,
    /// What the last process told.
    told: Mutex<Vec<Event>>,
}

/// How a process ended.
pub enum End {
    Done,
    Failed(String),
    Killed,
}

/// Memory, where there is some: waiting for a disk is not what is tested.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory can be made")
}

fn copy(from: &Path, to: &Path) {
    for (name, bytes) in normal::files(from) {
        let path = to.join(name);
        std::fs::create_dir_all(path.parent().expect("it is below")).expect("directories can be made");
        std::fs::write(path, bytes).expect("files can be written");
    }
}

pub fn scenario(of: (&str, Vec<String>)) -> ScenarioArgs {
    let mut set = vec!["recording.settle_s=1".to_string(), "wva.mode=auto".into()];
    // Without a small program to stream the recorder comes as an image.
    if std::env::var_os("BENCH_AGENT_BINARY").is_none() {
        set.push("recording.agent_image=bench:1".into());
    }
    set.extend(of.1);
    let name = if of.0.is_empty() { "simulated" } else { of.0 };
    ScenarioArgs { name: name.into(), set, namespace: Some(STACK.into()), ..ScenarioArgs::default() }
}

pub async fn plan(session: &Session, scenario: ScenarioArgs, arm: Arm) -> anyhow::Result<Plan> {
    let facts = ops::facts::gather(&session.cluster).await?;
    let intent = ops::plan::Intent { scenario, arm: Some(arm), ..ops::plan::Intent::default() };
    Ok(ops::plan::resolve(&Lookup::default(), &intent, Some(facts))?.0)
}

/// The plan of a run on a stack.
pub fn load_of(stack: &Plan) -> anyhow::Result<Plan> {
    let args = ProfileArgs { name: "sanity_random".into(), max_seconds: Some(8), ..ProfileArgs::default() };
    Ok(ops::plan::with_profile(&Lookup::default(), stack, &args)?.plan)
}

/// What `bench standup`, `run`, `swap-to-…` and `teardown` do with their arguments, and `resume` where something was begun.
pub async fn command(session: &Session, scenario: ScenarioArgs, op: Op) -> anyhow::Result<()> {
    let stack = async || bench::steps::record::find(&session.cluster, Some(STACK)).await;
    match op {
        Op::Standup(arm) => ops::standup::standup(session, plan(session, scenario, arm).await?).await.map(drop),
        Op::Adopt => {
            let hints = Hints { namespace: STACK.into(), ..Hints::default() };
            let args = ScenarioArgs { namespace: None, ..scenario };
            let (_, plan) = adopt::look(session, &Lookup::default(), &args, &hints).await?;
            adopt::adopt(session, plan).await.map(drop)
        }
        Op::Swap(arm) => ops::swap::swap(session, stack().await?, arm).await.map(drop),
        Op::Teardown => {
            // Whoever is told that there is no stack any more lets the orphans be collected.
            if session.cluster.get(&bench::steps::record::at(STACK)).await?.is_none() {
                let older_than = std::time::Duration::ZERO;
                let options = ops::gc::Options { namespace: Some(STACK.into()), dry_run: false, older_than, volumes: false };
                return ops::gc::gc(session, &options).await.map(drop);
            }
            ops::teardown::teardown(session, stack().await?, false).await.map(drop)
        }
        Op::Run | Op::Endpoint => {
            let begun = ops::drive::open_intents(&session.results)?.0.iter().any(|i| i.operation == Operation::Run);
            if begun || ops::results::unfinished(&session.results, None)?.is_some() {
                return ops::resume::resume(session, None, Some(STACK), false).await.map(drop);
            }
            let stack = if op == Op::Endpoint {
                let hints = Hints { namespace: STACK.into(), endpoint: Some("http://chat:8000/v1".into()), ..Hints::default() };
                endpoint::plan(session, &Lookup::default(), &ScenarioArgs { namespace: None, ..scenario }, &hints).await?
            } else {
                stack().await?
            };
            ops::run::run(session, load_of(&stack)?, &[], Until::Home).await.map(drop)
        }
    }
}

impl Lab {
    pub fn new(world: World) -> Self {
        Self { server: Server::new(world), dir: scratch(), told: Mutex::default() }
    }

    /// The same cluster from another machine, which knows nothing of it.
    pub fn elsewhere(&self) -> Self {
        Self::new(self.server.world().clone())
    }

    /// A lab in the same state, in which something else may happen.
    pub fn fork(&self) -> Self {
        let other = Self::new(self.server.world().clone());
        copy(self.dir.path(), other.dir.path());
        other
    }

    /// One process: it does this, or dies of it.
    pub fn process(&self, op: Op) -> End {
        let scenario = scenario(self.server.world().scenario.clone());
        self.process_of(async |session| command(session, scenario.clone(), op).await)
    }

    /// One process that does whatever it is given, on a stack as large as a program's first thread has.
    pub fn process_of(&self, act: impl AsyncFnOnce(&Session) -> anyhow::Result<()> + Send) -> End {
        std::thread::scope(|s| {
            let thread = std::thread::Builder::new().stack_size(8 << 20).spawn_scoped(s, || self.on_this_thread(act));
            thread.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The same of something that ends by itself; with how it failed.
    pub fn failure_of(&self, act: impl AsyncFnOnce(&Session) -> anyhow::Result<()> + Send) -> Option<Failure> {
        let mut failure = None;
        let end = self.process_of(async |session| {
            let done = act(session).await;
            failure = done.err().map(Failure::of);
            Ok(())
        });
        assert!(matches!(end, End::Done), "nobody killed it");
        failure
    }

    pub fn failure(&self, op: Op) -> Option<Failure> {
        let scenario = scenario(self.server.world().scenario.clone());
        self.failure_of(async |session| command(session, scenario.clone(), op).await)
    }

    /// Warnings of the last process.
    pub fn warnings(&self) -> Vec<String> {
        let told = self.told.lock().expect("nobody panics with it");
        told.iter().filter_map(|e| if let Event::Warning { text } = e { Some(text.clone()) } else { None }).collect()
    }

    fn on_this_thread(&self, act: impl AsyncFnOnce(&Session) -> anyhow::Result<()>) -> End {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        let end = runtime.block_on(async {
            self.server.begin();
            let client = kube::Client::new(self.server.clone(), "default");
            let session = Session {
                cluster: Cluster::with_client(client, Arc::new(self.server.clone())),
                report: if std::env::var_os("FAKE_TALK").is_some() { Reporter::new(Output::Human) } else { Reporter::keeping() },
                results: self.dir.path().into(),
                patience: None,
            };
            let asked = tokio::sync::watch::channel(None).0;
            self.server.world().asked = Some(asked.clone());
            let end = tokio::select! {
                biased;
                () = self.server.death() => End::Killed,
                done = stop::apart(asked, act(&session)) => match done {
                    Ok(()) => End::Done,
                    Err(e) => End::Failed(format!("{e:#}")),
                },
            };
            *self.told.lock().expect("nobody panics with it") = session.report.told();
            end
        });
        let _inside = runtime.enter();
        self.server.end();
        drop(_inside);
        end
    }

    /// Does it again until it is done. What fails although nothing went wrong will not get better.
    pub fn until_done(&self, op: Op) -> Result<(), String> {
        let mut told = vec![];
        for _ in 0..8 {
            let before = self.server.world().happened.len();
            match self.process(op) {
                End::Done => return Ok(()),
                End::Killed => told.push("killed".to_string()),
                End::Failed(e) => told.push(e),
            }
            if self.server.world().happened.len() == before {
                return Err(format!("{op:?} does not come to its end: {}", told.join(" | ")));
            }
        }
        Err(format!("{op:?} was done eight times: {}", told.join(" | ")))
    }

    /// Counts calls from now on, and lets these fail.
    pub fn arrange(&self, faults: BTreeMap<usize, Fault>) {
        let mut w = self.server.world();
        w.calls.clear();
        w.writes.clear();
        w.happened.clear();
        w.faults = faults;
    }

    /// Objects and result files as they can be compared.
    pub fn normal(&self) -> normal::Normal {
        let runs = normal::runs(self.dir.path());
        // How far something that leaves by itself has come depends on when one looks: it is given its time.
        let mut world = self.server.world().clone();
        world.rest();
        let mut out = normal::cluster(&world, &runs);
        out.extend(normal::results(self.dir.path(), &runs));
        out
    }

    /// Does it once more, and gives what that changed.
    pub fn second_pass(&self, op: Op) -> Result<Vec<String>, String> {
        self.arrange(BTreeMap::new());
        match self.process(op) {
            End::Done => {}
            End::Failed(e) => return Err(format!("the second pass failed: {e}")),
            End::Killed => return Err("nobody killed it".into()),
        }
        Ok(self.server.world().writes.iter().filter(|w| !w.contains("Lease ")).cloned().collect())
    }
}
