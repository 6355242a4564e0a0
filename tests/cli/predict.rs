//! `bench predict`: refusals, the same bytes whatever the threads, and run directories that every other command reads.

use crate::schemas::faults;
use crate::support::{Place, bench, files_below, ran};
use serde_json::Value;
use std::path::PathBuf;

const USAGE: i32 = 2;

/// Two minutes at 2 and 5 req/s on one GPU.
const SHORT: [&str; 5] = ["predict", "--as-published", "--rates", "2,5", "--max-seconds=120"];

fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SHORT[..], more].concat()
}

/// The runs that a prediction kept: arm and directory.
fn kept(place: &Place) -> Vec<(String, PathBuf)> {
    let ls = place.run(&["results", "ls", "--output", "json"]).exits(0).json();
    ls.iter()
        .map(|r| (r["arm"].as_str().unwrap_or_default().to_string(), place.path(r["directory"].as_str().expect("a directory"))))
        .collect()
}

#[test]
fn it_asks_no_cluster_and_reads_no_kubeconfig() {
    let place = Place::new();
    let dead = place.dead_cluster();
    place.run(&short(&["--seeds=1", "--no-save", "-k", &dead])).exits(0);
    place.run(&short(&["--seeds=1", "--no-save", "-k", "no/such/file"])).exits(0);
    ran(place.command(&short(&["--seeds=1", "--no-save"])).env("KUBECONFIG", "no/such/file")).exits(0);
    assert!(!place.path("results").exists(), "--no-save writes nothing");
}

#[test]
fn what_cannot_be_predicted_is_2_and_says_what_to_do() {
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--rates", "0"], &["--rates 0: `rate`: 0 is no rate", "greater than 0"]),
        (
            &["-o", "data.output_tokens_max=9000"],
            &["a request can have 17192 tokens", "max-model-len is 16000", "-> lower", "--max-model-len"],
        ),
        (
            &["--set", "wva.accelerator=B200"],
            &[
                "no coefficients for Qwen/Qwen3-0.6B on GPU B200; known for it: H100",
                "-> ",
                "--print-coefficients",
                "gpu: [B200]",
                "-C ./my.yaml",
            ],
        ),
        (&["-m", "meta/Llama"], &["no coefficients for model meta/Llama; known: Qwen/Qwen3-0.6B", "-> ", "model: [meta/Llama]"]),
        (
            &["--hpa", "--set", "hpa.metrics[0].name=vllm:num_request_waiting"],
            &["hpa.metrics[0].name", "no metric vllm:num_request_waiting; did you mean vllm:num_requests_waiting?", "-> it has"],
        ),
        (&["--hpa", "--set", "hpa.metrics=[]"], &["--set hpa.metrics=[]: `hpa.metrics`: no metric", "do:"]),
        (&["-C", "defualt"], &["there is no file of coefficients `defualt`", "did you mean `default`?"]),
        (&["--static", "0"], &["arm static-0", "without a replica at the start", "-> "]),
        (&["--arms", "wva,foo"], &["unknown arm \"foo\": wva, hpa, static-N or none"]),
        (&["--arms", "wva", "--hpa"], &["cannot be used with"]),
        (&["--router", "magic"], &["invalid value 'magic'", "pinned", "round-robin"]),
        (&["--rates", "1e9"], &["more than can be simulated", "-> --rates and --max-seconds"]),
    ];
    for (args, says) in cases {
        let r = bench(&[&["predict", "--no-save", "--seeds=1"], args].concat()).exits(USAGE).says(says);
        assert_eq!(r.stdout, "", "{args:?}");
    }
    let json = bench(&["predict", "--output", "json", "--set", "wva.accelerator=B200"]).exits(USAGE).json();
    assert_eq!((&json[0]["event"], &json[0]["exit"]), (&"error".into(), &USAGE.into()));
}

#[test]
fn the_help_shows_examples() {
    let r = bench(&["predict", "--help"]).exits(0);
    for piece in ["Examples:", "--as-published", "--print-coefficients", "[default: wva,hpa]", "chatbot_synthetic"] {
        assert!(r.stdout.contains(piece), "{piece}:\n{}", r.stdout);
    }
}

#[test]
fn the_forecast_as_it_is_shown() {
    let r = bench(&["predict", "--as-published", "--rates=2,5", "--max-seconds=900", "--seeds=3", "--no-save"]).exits(0);
    assert_eq!(r.stderr, "");
    assert!(r.stdout.lines().all(|l| l.chars().count() <= 80), "wider than 80 columns:\n{}", r.stdout);
    insta::assert_snapshot!(r.stdout);
}

#[test]
fn a_guess_and_arguments_that_are_not_known_are_told_first() {
    let r = bench(&short(&["--seeds=1", "--no-save", "--set", "wva.accelerator=L40S", "--set", "model_server.args[0]=--quantization"]));
    r.exits(0)
        .says(&["warning: coefficients qwen3-0.6b-l40s-eager are a guess", "warning: model server: predicted as without --quantization"]);
}

#[test]
fn threads_change_nothing_and_neither_does_taking_every_step() {
    let forecast = |more: &[&str]| {
        let args = [&["--no-save", "--seeds=3", "--output=json"], more].concat();
        bench(&short(&args)).exits(0).stdout
    };
    let one = forecast(&["--threads=1"]);
    assert!(one.starts_with("{\"event\":\"forecast\""), "{one}");
    assert_eq!(one, forecast(&["--threads=2"]));
    assert_eq!(one, forecast(&["--threads=7"]));
    assert_eq!(one, forecast(&["--exact"]));
    assert_ne!(one, forecast(&["--seed=2"]));
    assert_ne!(one, forecast(&["--router=epp"]));
    assert_ne!(one, forecast(&["--uncertain"]));
}

/// A file of the same name under the current directory wins, and so does one that is named.
#[test]
fn coefficients_can_be_copied_changed_and_named() {
    let place = Place::new();
    let args = short(&["--no-save", "--seeds=1", "--output=json"]);
    let text = place.run(&["predict", "--print-coefficients"]).exits(0).stdout;
    let plain = place.run(&args).exits(0).stdout;
    place.write("my.yaml", &text);
    let same = place.run(&[&args[..], &["-C", "./my.yaml"]].concat()).exits(0).stdout;
    assert_eq!(plain.replace("embedded:coefficients/default.yaml", "./my.yaml"), same);
    place.write("coefficients/default.yaml", &text.replace("base: 4.0,", "base: 8.0,"));
    let slower = place.run(&args).exits(0).json();
    let itl = |v: &Value| v.pointer("/forecast/arms/0/rates/0/itl_ms_mean/median").and_then(Value::as_f64).expect("a number");
    assert!(itl(&slower[0]) > itl(&serde_json::from_str(&plain).expect("JSON")) + 3.0);
    let list = place.run(&["plan", "--list"]).exits(0).stdout;
    assert!(list.contains("coefficients default                  ./coefficients/default.yaml"), "{list}");
    place.write("coefficients/default.yaml", &text.replace("max_num_seqs: 1024", "max_num_sqs: 1024"));
    place.run(&args).exits(USAGE);
    let shown = place.run(&["predict", "--no-save"]).exits(USAGE);
    shown.says(&["./coefficients/default.yaml:", "unknown key `max_num_sqs`", "did you mean `max_num_seqs`?"]);
}

#[test]
fn each_arm_is_kept_as_a_run_that_can_be_reported() {
    let place = Place::new();
    place.run(&short(&["--seeds=2", "--arms", "wva,hpa,static-2", "--threads=1"])).exits(0);
    let runs = kept(&place);
    let mut arms: Vec<&str> = runs.iter().map(|(arm, _)| arm.as_str()).collect();
    arms.sort_unstable();
    assert_eq!(arms, ["hpa", "static-2", "wva"]);
    for (arm, dir) in &runs {
        let file = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{arm}: {name}: {e}"));
        let json = |name: &str| serde_json::from_str::<Value>(&file(name)).expect("JSON");
        assert_eq!(faults("run.schema.json", &json("run.json")), [""; 0]);
        assert_eq!(faults("tables.schema.json", &json("tables.json")), [""; 0]);
        assert_eq!(faults("forecast.schema.json", &json("forecast.json")), [""; 0]);
        assert_eq!(faults("summary.schema.json", &json("summary.json")), [""; 0]);
        assert_eq!((&json("run.json")["source"], &json("run.json")["state"]), (&"predicted".into(), &"complete".into()));
        assert!(json("forecast.json")["arms"].as_array().is_some_and(|a| a.iter().any(|a| a["run"] == json("run.json")["id"])));
        let report = place.run(&["report", &dir.display().to_string()]).exits(0);
        assert_eq!(report.stderr, "", "nothing that the report needs is missing");
        assert!(report.stdout.lines().next().is_some_and(|l| l.contains("PREDICTED") && l.contains(arm.as_str())), "{}", report.stdout);
        // What is read back is what was summarised.
        let again = place.run(&["report", "--output=json", &dir.display().to_string()]).exits(0).json();
        assert_eq!(again[0]["rates"], json("summary.json")["rates"], "{arm}");
        assert_eq!(again[0]["scaling"], json("summary.json")["scaling"], "{arm}");
        let sums = std::process::Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(dir).status();
        assert!(sums.is_ok_and(|s| s.success()), "{arm}: SHA256SUMS");
    }
}

#[test]
fn what_is_kept_does_not_depend_on_the_threads() {
    let content = |threads: &str| {
        let place = Place::new();
        place.run(&short(&["--seeds=2", threads])).exits(0);
        let mut all: Vec<(String, String, Vec<u8>)> = Vec::new();
        for (arm, dir) in kept(&place) {
            for f in files_below(&dir)
                .into_iter()
                .filter(|f| f.ends_with("tables.json") || f.ends_with("samples.om.txt") || f.ends_with("plan.yaml"))
            {
                let name = f.file_name().unwrap_or_default().to_string_lossy().into_owned();
                all.push((arm.clone(), name, std::fs::read(&f).expect("a file")));
            }
        }
        all.sort();
        all
    };
    let one = content("--threads=1");
    assert_eq!(one.len(), 6);
    assert!(one == content("--threads=2"));
}

#[test]
fn the_simulated_scenario_can_be_predicted() {
    let r = bench(&["predict", "-c", "simulated", "-w", "ramp_small", "--seeds=2", "--no-save", "--output=json"]).exits(0).json();
    let f = &r[0]["forecast"];
    // 100 ms to the first token and 20 ms between two, as its arguments say, and 1 ms of HAProxy.
    let ttft = f.pointer("/arms/0/rates/0/ttft_ms/p50/median").and_then(Value::as_f64).expect("a number");
    let itl = f.pointer("/arms/0/rates/0/itl_ms_mean/median").and_then(Value::as_f64).expect("a number");
    assert!((ttft - 101.0).abs() < 0.01 && (itl - 20.0).abs() < 0.01, "{ttft} {itl}");
}

#[test]
fn a_sweep_plays_every_combination_and_marks_what_nothing_beats() {
    let args = short(&["--no-save", "--seeds=2", "--sweep", "arm.hpa.target.kv=0.5..0.9/3", "--sweep", "stabilization=0,60"]);
    let sweep = |more: &[&str]| bench(&[&args[..], more].concat()).exits(0).stdout;
    let json: Value = serde_json::from_str(&sweep(&["--output=json", "--threads=1"])).expect("JSON");
    assert_eq!(faults("sweep.schema.json", &json["sweep"]), [""; 0]);
    let points = json["sweep"]["points"].as_array().expect("points");
    // Each arm over its own keys: the target of KV usage is the HPA's alone.
    assert_eq!(points.iter().filter(|p| p["arm"] == "wva").count(), 2);
    let hpa = points.iter().filter(|p| p["arm"] == "hpa");
    let values: Vec<String> = hpa.map(|p| format!("{} {} {}", p["arm"], p["values"][0][1], p["values"][1][1])).collect();
    let quoted = |kv: &str, window: &str| format!("\"hpa\" \"{kv}\" \"{window}\"");
    let expected: Vec<String> = ["0.5", "0.7", "0.9"].iter().flat_map(|kv| ["0", "60"].map(|w| quoted(kv, w))).collect();
    assert_eq!(values, expected);
    let arms = json["sweep"]["judgement"]["arms"].as_array().expect("arms");
    assert!(arms.len() == points.len() && arms.iter().any(|a| a["dominated"] == false));
    assert_eq!(sweep(&["--output=json", "--threads=2"]), sweep(&["--output=json", "--threads=1"]));
    let table = sweep(&[]);
    for piece in ["8 points with 2 seeds each", "PREDICTED", "\nAnswer\n"] {
        assert!(table.contains(piece), "{piece}:\n{table}");
    }
    // Arms without a key of their own among these are played once, to hold the others against.
    let fixed = bench(&["predict", "--no-save", "--seeds=1", "--sweep=arm.static=1..3/3", "--output=json"]).exits(0).json();
    let arms: Vec<&str> = fixed[0]["sweep"]["points"].as_array().expect("points").iter().filter_map(|p| p["arm"].as_str()).collect();
    assert_eq!(arms, ["wva", "hpa", "static-1", "static-2", "static-3"]);
}

#[test]
fn a_sweep_that_cannot_be_played_says_why() {
    let cases: [(&[&str], &[&str]); 8] = [
        (
            &["--sweep", "stabilization=0,60", "--sweep", "stabilization.up=30"],
            &["both set scaling.scale_up.stabilization_window_s", "-> "],
        ),
        (&["--sweep", "stabilization"], &["has no `=`", "KEY=FROM..TO/COUNT"]),
        (&["--sweep", "stabilization=0..60"], &["says not how many values"]),
        (&["--sweep", "arm.hpa.target.gpu=1,2"], &["the HPA has no metric gpu", "-> it has vllm:num_requests_waiting"]),
        (&["--sweep", "stabilisation=0,60"], &["stabilisation"]),
        (&["--sweep", "arm.static=two"], &["no number of replicas"]),
        (&["--sweep", "stabilization=0..1e6/9999", "--sweep", "max_replicas=1..9999/9999"], &["over 100000 points"]),
        (&["--sweep", "stabilization=0", "--slo", "speed=5"], &["there are ttft, itl and e2e"]),
    ];
    for (args, says) in cases {
        bench(&[&["predict", "--no-save", "--seeds=1"], args].concat()).exits(USAGE).says(says);
    }
}

#[test]
fn where_nothing_can_be_kept_is_said_before_anything_is_played() {
    let place = Place::new();
    place.write("afile", "");
    let r = place.run(&short(&["--results=afile"])).exits(USAGE).says(&["runs cannot be kept in afile", "--no-save"]);
    assert_eq!(r.stdout, "");
}

#[test]
fn runs_are_listed_with_their_source() {
    let place = Place::new();
    place.run(&short(&["--seeds=1", "--hpa"])).exits(0);
    let r = place.run(&["results", "ls"]).exits(0);
    assert!(r.stdout.contains("STATE") && r.stdout.contains("  predicted  ") && r.stdout.contains("PAID S"), "{}", r.stdout);
}

#[test]
fn a_full_disk_is_no_success() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let place = Place::new();
    let status = place.command(&short(&["--seeds=1", "--no-save"])).stdout(full).stderr(std::process::Stdio::null()).status();
    assert_eq!(status.expect("a status").code(), Some(USAGE));
}
