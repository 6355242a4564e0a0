//! `deploy/`: what is written there fits this bench. No cluster.

use crate::support::{Place, files_below, repo};
use bench_model::exit::Exit;
use clap::Parser;
use serde_json::Value;

fn documents(file: &str) -> Vec<Value> {
    let path = repo("deploy").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_yaml::from_multiple(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn rules(doc: &Value) -> Vec<Value> {
    doc["rules"].as_array().expect("rules").clone()
}

/// Every pod of the files, with the backoff around it.
fn jobs() -> Vec<(String, Value)> {
    let spec = |d: &Value| match d["kind"].as_str() {
        Some("Job") => Some(d["spec"].clone()),
        Some("CronJob") => Some(d["spec"]["jobTemplate"]["spec"].clone()),
        _ => None,
    };
    ["ci-job.yaml", "cronjob.yaml"]
        .iter()
        .flat_map(|f| documents(f).iter().filter_map(spec).map(|s| ((*f).to_owned(), s)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn the_jobs_rights_are_those_of_a_user_and_no_more() {
    let rbac = |file: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(repo("docs/rbac").join(file)).expect("a file");
        rules(&serde_yaml::from_str::<Value>(&text).expect("YAML"))
    };
    let docs = documents("ci-job.yaml");
    let role = |namespace: &str| docs.iter().find(|d| d["kind"] == "Role" && d["metadata"]["namespace"] == namespace).expect("a Role");
    assert_eq!(rules(role("llmdbench")), rbac("stack-user.yaml"));
    assert_eq!(rules(role("monitoring")), rbac("monitoring-reader.yaml"));
    assert!(docs.iter().all(|d| d["kind"] != "ClusterRole" && d["kind"] != "ClusterRoleBinding"));
    let bound = docs.iter().filter(|d| d["kind"] == "RoleBinding");
    assert!(bound.clone().count() == 2 && bound.into_iter().all(|b| b["subjects"][0]["name"] == "llmd-bench-job"));
}

#[test]
fn every_command_of_deploy_is_one_of_benchs() {
    let mut found = 0;
    let mut parses = |args: &[Value], from: &str| {
        let words = args.iter().map(|a| a.as_str().expect("text").replace("$(params.experiment)", "nightly.yaml"));
        let words: Vec<String> = std::iter::once("bench".to_owned()).chain(words).collect();
        bench::cli::Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{from}: {e}"));
        found += 1;
    };
    for (file, spec) in jobs() {
        parses(spec["template"]["spec"]["containers"][0]["args"].as_array().expect("args"), &file);
    }
    let task = documents("tekton.yaml").into_iter().find(|d| d["kind"] == "Task").expect("a Task");
    parses(task["spec"]["steps"][0]["args"].as_array().expect("args"), "tekton.yaml");
    // Of a workflow, lines of shell.
    for job in documents("github-actions.yaml")[0]["jobs"].as_object().expect("jobs").values() {
        let runs = job["steps"].as_array().expect("steps").iter().filter_map(|s| s["run"].as_str());
        for run in runs.map(|r| r.strip_prefix("exec ").unwrap_or(r)).filter(|r| r.starts_with("bench ")) {
            let words = shlex::split(run).expect("words");
            parses(&words[1..].iter().map(|w| Value::from(w.as_str())).collect::<Vec<_>>(), "github-actions.yaml");
        }
    }
    assert_eq!(found, 6);
}

#[test]
fn the_experiment_of_the_job_can_be_made() {
    let docs = documents("ci-job.yaml");
    let config = docs.iter().find(|d| d["kind"] == "ConfigMap").expect("a ConfigMap");
    let place = Place::new();
    let text = config["data"]["nightly.yaml"].as_str().expect("the experiment");
    place.write("nightly.yaml", text);
    let r = place.run(&["experiment", "./nightly.yaml", "--dry-run", "--seeds=0", "--output=json"]).exits(0).json();
    assert_eq!((&r[0]["outlook"]["namespace"], r[0]["outlook"]["runs"].as_array().map(Vec::len)), (&"llmdbench".into(), Some(4)));
    // The recorder comes as the image that the Job runs.
    let (_, spec) = &jobs()[0];
    let image = spec["template"]["spec"]["containers"][0]["image"].as_str().expect("an image");
    assert!(text.contains(&format!("recording.agent_image={image}")), "{text}");
}

#[test]
fn a_pod_is_made_again_only_where_that_can_help() {
    for (file, spec) in jobs() {
        let rule = &spec["podFailurePolicy"]["rules"][0];
        assert_eq!((&rule["action"], &rule["onExitCodes"]["operator"]), (&"FailJob".into(), &"In".into()), "{file}");
        let mut final_: Vec<u8> = rule["onExitCodes"]["values"]
            .as_array()
            .expect("values")
            .iter()
            .map(|v| u8::try_from(v.as_u64().expect("a code")).expect("a code"))
            .collect();
        final_.extend([Exit::Done, Exit::TimedOut, Exit::Cluster, Exit::Interrupted].map(Exit::code));
        final_.sort_unstable();
        assert_eq!(final_, Exit::ALL.map(|(e, _, _)| e.code()), "{file}: each exit code is either final or worth another try");
        // A pod failure policy is only for pods that are not restarted in place.
        assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never", "{file}");
    }
}

#[test]
fn its_pods_are_as_the_restricted_profile_wants_them() {
    let jobs = jobs().into_iter().map(|(file, spec)| (file, spec["template"]["spec"].clone()));
    let reads = ("results-pod.yaml".to_owned(), documents("results-pod.yaml")[0]["spec"].clone());
    for (file, pod) in jobs.chain([reads]) {
        let results = pod["volumes"].as_array().expect("volumes").iter().find(|v| v["name"] == "results").expect("results");
        assert_eq!(results["persistentVolumeClaim"]["claimName"], "llmd-bench-results", "{file}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true, "{file}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{file}");
        let c = &pod["containers"][0]["securityContext"];
        assert_eq!((&c["allowPrivilegeEscalation"], &c["readOnlyRootFilesystem"]), (&false.into(), &true.into()), "{file}");
        assert_eq!(c["capabilities"]["drop"][0], "ALL", "{file}");
    }
    let image = std::fs::read_to_string(repo("deploy/Containerfile")).expect("a Containerfile");
    assert!(image.contains("USER 65532:65532") && image.contains("ENTRYPOINT [\"/bench\"]"), "{image}");
    assert!(files_below(&repo("deploy")).iter().any(|f| f.ends_with("build-image")));
}
