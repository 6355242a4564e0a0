//! `docs/schemas/`: made from the types, and true of a stored run.
//!
//! `BENCH_UPDATE_SCHEMAS=1 cargo test --test cli schemas` writes them anew.

use crate::stored::run;
use crate::support::repo;
use serde_json::Value;

fn stored(name: &str) -> Value {
    let path = repo("docs/schemas").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// What is wrong with a value, in one line; empty when it is valid.
pub fn faults(schema: &str, value: &Value) -> Vec<String> {
    let validator = jsonschema::options().should_validate_formats(true).build(&stored(schema)).expect("a JSON Schema");
    validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect()
}

fn file(name: &str) -> String {
    std::fs::read_to_string(run().join(name)).expect("a file of the stored run")
}

#[test]
fn they_are_what_the_types_say() {
    let update = std::env::var_os("BENCH_UPDATE_SCHEMAS").is_some();
    for (name, schema) in bench_model::schema::all() {
        let path = repo("docs/schemas").join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
        if update {
            std::fs::create_dir_all(repo("docs/schemas")).expect("a directory");
            std::fs::write(&path, &text).expect("written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "docs/schemas/{name} is not what the types say; BENCH_UPDATE_SCHEMAS=1 cargo test --test cli schemas writes it anew"
        );
    }
    let known = bench_model::schema::all().len();
    assert_eq!(crate::support::files_below(&repo("docs/schemas")).len(), known, "a schema that nothing makes");
}

#[test]
fn a_stored_run_is_valid() {
    let json = |name| serde_json::from_str::<Value>(&file(name)).expect("JSON");
    assert_eq!(faults("run.schema.json", &json("run.json")), [""; 0]);
    assert_eq!(faults("summary.schema.json", &json("summary.json")), [""; 0]);
    let plan: Value = serde_yaml::from_str(&file("plan.yaml")).expect("YAML");
    assert_eq!(faults("plan.schema.json", &plan), [""; 0]);
    let events = file("events.jsonl");
    assert!(events.lines().count() > 100);
    for line in events.lines() {
        assert_eq!(faults("event-record.schema.json", &serde_json::from_str(line).expect("JSON")), [""; 0], "{line}");
    }
}

#[test]
fn what_is_wrong_is_seen() {
    let spoilt = |name: &str, schema: &str, pointer: &str, to: Value| {
        let mut v: Value = if name == "plan.yaml" {
            serde_yaml::from_str(&file(name)).expect("YAML")
        } else {
            serde_json::from_str(file(name).lines().collect::<Vec<_>>().join("\n").as_str()).expect("JSON")
        };
        *v.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} in {name}")) = to;
        assert_ne!(faults(schema, &v), [""; 0], "{name}: {pointer}");
    };
    spoilt("run.json", "run.schema.json", "/arm", "both".into());
    spoilt("run.json", "run.schema.json", "/state", "done".into());
    spoilt("run.json", "run.schema.json", "/times/created", "yesterday".into());
    spoilt("run.json", "run.schema.json", "/schema_version", Value::Null);
    spoilt("summary.json", "summary.schema.json", "/validity/verdict", "fine".into());
    spoilt("summary.json", "summary.schema.json", "/rates/0/requests", (-1).into());
    spoilt("plan.yaml", "plan.schema.json", "/scenario/gateway/kind", "nginx".into());
    spoilt("plan.yaml", "plan.schema.json", "/scenario/wva", Value::Null);
    let record = serde_json::json!({"t": "2026-11-24T03:12:05Z", "what": "seen"});
    assert_ne!(faults("event-record.schema.json", &record), [""; 0]);
}

/// What `bench predict` takes for granted.
#[test]
fn the_coefficients_are_valid() {
    let text = std::fs::read_to_string(repo("coefficients/default.yaml")).expect("a file");
    let mut v: Value = serde_yaml::from_str(&text).expect("YAML");
    assert_eq!(faults("coefficients.schema.json", &v), [""; 0]);
    v["engines"][0]["step_ms"]["bse"] = 1.into();
    assert_ne!(faults("coefficients.schema.json", &v), [""; 0]);
}

/// The scenario refuses unknown keys, and so does its schema.
#[test]
fn an_unknown_key_of_the_scenario_is_seen() {
    let mut plan: Value = serde_yaml::from_str(&file("plan.yaml")).expect("YAML");
    plan["scenario"]["scaling"]["max_replica"] = 3.into();
    let faults = faults("plan.schema.json", &plan);
    assert!(faults.iter().any(|f| f.contains("max_replica")), "{faults:?}");
}

/// A plan and the events that this version writes fit, too.
#[test]
fn a_plan_made_now_is_valid() {
    for args in [&["--wva", "-w", "ramp_small"][..], &["--static", "3"]] {
        let plan = crate::plan::planned(args)["plan"].clone();
        assert_eq!(faults("plan.schema.json", &plan), [""; 0]);
    }
}
