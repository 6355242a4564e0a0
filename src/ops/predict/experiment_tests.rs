use super::super::assumptions;
use super::*;
use crate::config::profile::ProfileArgs;
use crate::config::scenario::ScenarioArgs;
use crate::config::{Lookup, coefficients};
use crate::failure::classify;
use crate::ops::plan::{Intent, resolve};
use bench_model::exit::Exit;
use bench_model::plan::{ClusterFacts, NodeFact};
use bench_model::profile::Lengths;
use bench_model::scenario::Thresholds;
use bench_sim::client::{Line, schedule::Window};
use bench_sim::engine::{FixedParams, FrontEnd, StepTime, VllmParams};
use bench_sim::input::{Server, Stepping};
use bench_sim::time::{PS_PER_MS, PS_PER_US};

fn lookup() -> Lookup {
    Lookup { config_dir: None, current_dir: "/nowhere".into() }
}

fn coefficients() -> Coefficients {
    coefficients::load(&lookup(), "").expect("valid").coefficients
}

fn plan(arm: Arm, scenario: &str, profile: &str, set: &[&str]) -> Plan {
    let intent = Intent {
        scenario: ScenarioArgs { name: scenario.into(), set: set.iter().map(ToString::to_string).collect(), ..ScenarioArgs::default() },
        profile: Some(ProfileArgs { name: profile.into(), as_published: true, ..ProfileArgs::default() }),
        arm: Some(arm),
        ..Intent::default()
    };
    resolve(&lookup(), &intent, None).expect("a plan").0
}

/// The published plan, with the version of guidellm that it really had.
fn published(arm: Arm) -> Plan {
    let mut p = plan(arm, "", "", &[]);
    p.scenario.load.guidellm.version = "0.5.0".into();
    p
}

fn made(p: &Plan) -> Experiment {
    experiment(p, &coefficients(), &Options::default(), 1).expect("an experiment")
}

/// Message and hint of the refusal, with exit code 2.
fn refusal(p: &Plan) -> String {
    let e = experiment(p, &coefficients(), &Options::default(), 1).expect_err("refused");
    let (exit, hint) = classify(&e);
    assert_eq!(exit, Exit::Usage, "{e:#}");
    format!("{e:#}\n-> {}", hint.expect("a hint"))
}

#[test]
fn the_published_scenario_gives_the_published_experiment() {
    let e = made(&published(Arm::Hpa));
    let l = &e.load;
    assert_eq!((l.rates.as_slice(), l.seconds, l.seed), ([2.0, 3.0, 5.0, 6.0].as_slice(), 1200, 42));
    assert_eq!(l.prompt, Lengths { mean: 4096, stdev: Some(2048), min: Some(10), max: Some(8192) });
    assert_eq!(l.output, Lengths { mean: 1024, stdev: Some(512), min: Some(10), max: Some(2048) });
    assert_eq!((l.line, l.window, l.per_rate, l.distinct_prompts), (Line::V04, Window::Start, false, None));
    assert_eq!((l.workers, l.max_in_flight, l.silence), (10, 512, Some(60 * PS_PER_S)));
    assert_eq!([l.gap, l.lead, l.settle, l.tail_limit].map(|t| t / PS_PER_S), [2, 60, 120, 1800]);
    let Server::Vllm(v) = e.server else { panic!("{:?}", e.server) };
    assert_eq!(
        v,
        VllmParams {
            step: StepTime {
                base: 4 * PS_PER_MS,
                per_sequence: 100 * PS_PER_US,
                per_kv_token: 32_000,
                prefill_base: 1100 * PS_PER_US,
                per_prompt_token: 1_610_000,
                per_prompt_token_squared: 196,
            },
            front_end: FrontEnd { per_request: 15 * PS_PER_MS, per_prompt_token: 0, per_output_token: 80 * PS_PER_US },
            // 680,256 tokens: what the card's memory leaves at 0.95.
            kv_blocks: 10_629,
            block_size: 64,
            max_sequences: 1024,
            max_batched_tokens: 8192,
            max_model_len: 16_000,
        }
    );
    let r = &e.router;
    assert_eq!((&r.policy, r.keep_alive, r.refresh, r.latency), (&Policy::Random, Some(5 * PS_PER_S), 50 * PS_PER_MS, 60 * PS_PER_MS));
    let f = &e.fleet;
    assert_eq!((f.name.as_str(), f.start_replicas, f.start_spread), ("qwen-qwe-07df2612-en3-0-6b-decode", 1, 0.1));
    assert_eq!((f.start_median, f.readiness_period, f.actuation), (60 * PS_PER_S, 5 * PS_PER_S, PS_PER_S / 2));
    assert_eq!((f.drain, f.capacity), (None, None));
    let m = &e.monitoring;
    assert_eq!((m.scrape_interval, m.controller_scrape_interval, m.closed_ranges), (15 * PS_PER_S, 10 * PS_PER_S, false));
    let Autoscaler::Hpa(a) = &e.autoscaler else { panic!("{:?}", e.autoscaler) };
    assert_eq!((a.controller.sync, a.controller.new_tolerance_code, a.controller.tolerance), (15 * PS_PER_S, true, 0.1));
    let metrics: Vec<_> = a.metrics.iter().map(|m| (m.source, m.target_milli)).collect();
    assert_eq!(metrics, [(Source::Waiting, 3000), (Source::KvUsage, 600)]);
    assert_eq!((e.scaling.min_replicas, e.scaling.max_replicas, e.seed, e.stepping), (1, 10, 1, Stepping::Coalesced));
    let Autoscaler::Wva(a) = made(&published(Arm::Wva)).autoscaler else { panic!("no WVA") };
    assert_eq!((a.version, a.interval, a.accelerator.as_str(), a.cost.as_str()), (WvaVersion::V042, 60 * PS_PER_S, "H100", "10.0"));
    assert_eq!(
        a.thresholds,
        Thresholds { kv_cache_threshold: 0.8, queue_length_threshold: 5.0, kv_spare_trigger: 0.3, queue_spare_trigger: 3.0 }
    );
}

/// The experiment that the simulator's own tests play.
#[path = "../../../crates/sim/tests/world/published.rs"]
mod by_hand;

/// What differs is named: the model's real KV cache for a round number, and the cluster's versions of today for those of then.
#[test]
fn it_is_the_experiment_made_by_hand() {
    for (name, arm) in [("hpa", Arm::Hpa), ("wva", Arm::Wva), ("static", Arm::Static(1))] {
        let mut theirs = by_hand::published(name, "pinned", 7);
        let mut ours = experiment(&published(arm), &coefficients(), &Options::default(), 7).unwrap();
        let (Server::Vllm(o), Server::Vllm(t)) = (&mut ours.server, &mut theirs.server) else { panic!("no vLLM") };
        assert_eq!((o.kv_blocks, t.kv_blocks), (10_629, 10_625));
        o.kv_blocks = t.kv_blocks;
        ours.monitoring.closed_ranges = theirs.monitoring.closed_ranges;
        ours.fleet.name.clone_from(&theirs.fleet.name);
        match (&mut ours.autoscaler, &mut theirs.autoscaler) {
            (Autoscaler::Hpa(o), Autoscaler::Hpa(t)) => {
                o.controller.new_tolerance_code = t.controller.new_tolerance_code;
                o.name.clone_from(&t.name);
                o.metrics.iter_mut().zip(&t.metrics).for_each(|(o, t)| o.name.clone_from(&t.name));
            }
            (Autoscaler::Wva(o), Autoscaler::Wva(t)) => {
                o.controller.new_tolerance_code = t.controller.new_tolerance_code;
                (o.model, o.namespace, o.hpa_name) = (t.model.clone(), t.namespace.clone(), t.hpa_name.clone());
            }
            _ => {}
        }
        assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    }
}

#[test]
fn the_simulated_scenario_is_what_its_arguments_say() {
    let p = plan(Arm::Wva, "simulated", "ramp_small", &[]);
    let e = made(&p);
    let Server::Fixed(f) = e.server else { panic!("{:?}", e.server) };
    let expected = FixedParams {
        ttft: 100 * PS_PER_MS,
        itl: 20 * PS_PER_MS,
        kv_blocks: 1024,
        block_size: 16,
        max_sequences: 32,
        max_model_len: 16_384,
    };
    assert_eq!(f, expected);
    assert_eq!(e.fleet.drain, Some(30 * PS_PER_S));
    assert_eq!((&e.router.policy, e.router.keep_alive, e.router.latency), (&Policy::least_loaded(), None, PS_PER_MS));
    // guidellm 0.8.1 with 2 workers, and the scenario's own limit of silence.
    assert_eq!((e.load.line, e.load.workers, e.load.max_in_flight, e.load.silence), (Line::V07, 2, 10_240, Some(60 * PS_PER_S)));
    assert_eq!(e.load.gap, from_seconds(5.9));
    let told = assumptions(&p, &coefficients(), &Options::default()).unwrap();
    assert_eq!((told.coefficients.as_str(), told.cautions.len()), ("llm-d-inference-sim", 0));
    assert_eq!(told.router, "least-loaded: the replica with the fewest requests in flight");
    let no_cache = plan(Arm::Wva, "simulated", "ramp_small", &["model_server.args=[--max-num-seqs=4, --max-model-len, '2048']"]);
    let Server::Fixed(f) = made(&no_cache).server else { panic!("not simulated") };
    assert_eq!((f.ttft, f.itl, f.max_sequences, f.kv_blocks), (0, 0, 4, 1 << 40));
}

#[test]
fn arms_without_an_autoscaler() {
    let mut p = published(Arm::Static(3));
    let e = made(&p);
    assert!(matches!(e.autoscaler, Autoscaler::Static));
    assert_eq!(e.fleet.start_replicas, 3);
    p.arm = Arm::None;
    assert_eq!(made(&p).fleet.start_replicas, 1);
}

#[test]
fn what_the_cluster_is_known_to_be_counts() {
    let mut p = published(Arm::Hpa);
    let node = |gpus| NodeFact { gpu_product: Some("NVIDIA-L40S".into()), gpus, ..NodeFact::default() };
    p.facts = Some(ClusterFacts { kubernetes: "v1.32.9".into(), openshift: false, nodes: vec![node(4), node(3)], accelerator: None });
    let e = made(&p);
    assert_eq!(e.fleet.capacity, Some(7));
    assert!(matches!(e.autoscaler, Autoscaler::Hpa(HpaArm { controller: HpaLoop { new_tolerance_code: false, .. }, .. })));
    // Only when the scenario's own name of the GPU says nothing.
    assert!(matches!(e.server, Server::Vllm(VllmParams { max_sequences: 1024, .. })));
    p.scenario.wva.accelerator = "my-gpu".into();
    assert!(matches!(made(&p).server, Server::Vllm(VllmParams { max_sequences: 256, .. })));
}

#[test]
fn arguments_of_vllm_change_what_they_name() {
    let mut p = published(Arm::Hpa);
    p.scenario.model_server.args =
        ["--max-num-seqs=64", "--max-num-batched-tokens", "4k", "--quantization", "fp8"].map(String::from).to_vec();
    let Server::Vllm(v) = made(&p).server else { panic!("no vLLM") };
    // Without --enforce-eager the coefficients are those with graphs; 0.90 of the memory in blocks of 16.
    assert_eq!((v.step.base, v.step.per_sequence, v.step.per_kv_token), (2200 * PS_PER_US, 12 * PS_PER_US, 57_000));
    assert_eq!((v.max_sequences, v.max_batched_tokens, v.kv_blocks, v.block_size, v.max_model_len), (64, 4000, 40_202, 16, 40_960));
    let told = assumptions(&p, &coefficients(), &Options::default()).unwrap();
    assert_eq!(told.coefficients, "qwen3-0.6b-h100-graphs");
    assert_eq!(told.cautions, ["model server: predicted as without --quantization, which the simulation does not know"]);
}

#[test]
fn a_router_can_be_named_and_pins_only_what_is_kept() {
    let mut p = published(Arm::Hpa);
    let router = |p: &Plan, name| experiment(p, &coefficients(), &Options { router: name, ..Options::default() }, 1).unwrap().router;
    let epp = Policy::Epp(Epp::new(Weights::CHART));
    assert_eq!((router(&p, Some(Picker::Epp)).policy, router(&p, Some(Picker::Epp)).keep_alive), (epp.clone(), None));
    assert_eq!((router(&p, Some(Picker::PinnedEpp)).policy, router(&p, Some(Picker::PinnedEpp)).keep_alive), (epp, Some(5 * PS_PER_S)));
    assert_eq!(router(&p, Some(Picker::RoundRobin)).policy, Policy::round_robin());
    p.scenario.load.guidellm.version = "0.8.1".into();
    assert_eq!(router(&p, None).keep_alive, None);
    let told = assumptions(&p, &coefficients(), &Options::default()).unwrap();
    assert_eq!(told.router, "pinned: by chance, each request anew; guidellm 0.8.1 keeps no connection, so nothing stays anywhere");
    assert_eq!(made(&p).load.gap, from_seconds(7.5));
    p.scenario.load.mode = LoadMode::PerRate;
    assert_eq!((made(&p).load.gap, made(&p).load.per_rate), (35 * PS_PER_S, true));
}

#[test]
fn coefficients_are_drawn_from_their_valley_the_same_in_every_arm() {
    let options = Options { draw_coefficients: true, ..Options::default() };
    let step = |arm, seed| {
        let Server::Vllm(v) = experiment(&published(arm), &coefficients(), &options, seed).unwrap().server else { panic!("no vLLM") };
        (v.step.base, v.step.per_kv_token, v.front_end.per_request)
    };
    let drawn: Vec<_> = (1..=40).map(|seed| step(Arm::Hpa, seed)).collect();
    assert!((1..=40).all(|seed| step(Arm::Wva, seed) == drawn[seed as usize - 1]));
    let sets: std::collections::BTreeSet<_> = drawn.iter().map(|d| (d.0, d.1)).collect();
    assert_eq!(
        sets.into_iter().collect::<Vec<_>>(),
        [(2200 * PS_PER_US, 57_000), (3200 * PS_PER_US, 35_600), (3200 * PS_PER_US, 56_000), (4000 * PS_PER_US, 32_000)]
    );
    assert!(drawn.iter().all(|d| (15 * PS_PER_MS..=35 * PS_PER_MS).contains(&d.2)));
}

#[test]
fn the_chart_names_the_version_of_wva() {
    let mut p = published(Arm::Wva);
    let mut of = |text: &str| {
        p.scenario.wva.chart_version = text.into();
        let e = experiment(&p, &coefficients(), &Options::default(), 1).ok()?;
        let Autoscaler::Wva(a) = &e.autoscaler else { panic!("no WVA") };
        Some((a.version, a.period() / PS_PER_S, super::super::assumptions::of_autoscaler(&e.autoscaler).is_some()))
    };
    for text in ["0.4.2", "v0.4.2", "0.4.0"] {
        assert_eq!(of(text), Some((WvaVersion::V042, 60, false)), "{text}");
    }
    for text in ["0.5.0", "v0.5.1", "0.5.12"] {
        assert_eq!(of(text), Some((WvaVersion::V05, 30, true)), "{text}");
    }
    assert_eq!(["0.3.9", "0.6.0", "1.4.2", "0.50.1", "0.5", "latest", ""].map(of), [None; 7]);
    // The other arm does not ask.
    let mut p = published(Arm::Hpa);
    p.scenario.wva.chart_version = "latest".into();
    assert!(matches!(made(&p).autoscaler, Autoscaler::Hpa(_)));
}

#[test]
fn refusals_say_what_where_and_what_to_do() {
    let with = |change: &dyn Fn(&mut Scenario)| {
        let mut p = published(Arm::Hpa);
        change(&mut p.scenario);
        refusal(&p)
    };
    let args = |text: &'static str| move |s: &mut Scenario| s.model_server.args.extend(text.split(' ').map(String::from));
    let cases: Vec<(String, Vec<&str>)> = vec![
        (
            with(&|s| s.wva.accelerator = "B200".into()),
            vec![
                "no coefficients for Qwen/Qwen3-0.6B on GPU B200; known for it: H100, H200, A100, L40S",
                "wva.accelerator",
                "gpu: [B200]",
                "-C ./my.yaml",
            ],
        ),
        (with(&|s| s.model = "a/b".into()), vec!["no coefficients for model a/b; known: Qwen/Qwen3-0.6B", "model: [a/b]", "-C ./my.yaml"]),
        (with(&args("--tensor-parallel-size=2")), vec!["eager: true and tensor_parallel: 2", "qwen3-0.6b-h100-eager"]),
        (with(&args("--max-model-len lots")), vec!["model_server.args[13]: --max-model-len is followed by \"lots\"", "--set"]),
        (
            with(&args("--gpu-memory-utilization 95")),
            vec!["a number between 0 and 1", "--set 'model_server.args[13]=--gpu-memory-utilization=VALUE'"],
        ),
        (with(&args("--gpu-memory-utilization 0.02")), vec!["no memory is left for a KV cache: 79.2 GiB", "raise"]),
        (
            with(&|s| s.hpa.metrics[0].name = "vllm:num_request_waiting".into()),
            vec![
                "hpa.metrics[0].name: the simulation has no metric vllm:num_request_waiting; did you mean vllm:num_requests_waiting?",
                "-> it has",
            ],
        ),
        (with(&|s| s.hpa.metrics[1].average_value = "60%".into()), vec!["hpa.metrics[1].average_value: \"60%\" is no quantity"]),
        (with(&|s| s.load.guidellm.version = "0.6.1".into()), vec!["load.guidellm.version", "0.6.1", "0.8.1"]),
        (
            with(&|s| {
                s.gateway.kind = GatewayKind::Haproxy;
                s.gateway.balance = "source".into();
            }),
            vec!["gateway.balance", "\"source\"", "leastconn", "--router round-robin"],
        ),
    ];
    for (said, pieces) in cases {
        for piece in pieces {
            assert!(said.contains(piece), "{piece:?} is not said in: {said}");
        }
    }
    let mut p = published(Arm::Wva);
    p.scenario.wva.chart_version = "0.9.0".into();
    assert!(refusal(&p).contains("wva.chart_version: how WVA 0.9.0 decides is not known; known: 0.4.*, 0.5.*\n-> "));
    p.profile = None;
    assert!(refusal(&p).contains("-w PROFILE"));
    let mut p = plan(Arm::Wva, "simulated", "ramp_small", &[]);
    p.scenario.model_server.image.name = "other/server:1".into();
    assert!(refusal(&p).contains("other/server:1; known: llm-d-inference-sim\n-> bench predict --print-coefficients"));
}
