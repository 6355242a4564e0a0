//! `bench compare` on a measured run and a spoilt copy of it.

use crate::stored;
use crate::support::{Place, files_below};
use std::path::Path;

/// The stored run, and a second one: the first with its record changed.
fn two(change: impl Fn(String) -> String) -> Place {
    let (place, dir) = stored::copy();
    let other = place.path("results/20261124T041159Z-ramp_small-hpa-beef");
    for from in files_below(&dir) {
        let to = other.join(from.strip_prefix(&dir).expect("below"));
        std::fs::create_dir_all(to.parent().expect("a parent")).expect("a directory");
        std::fs::copy(from, to).expect("copied");
    }
    let record = other.join("run.json");
    let text = std::fs::read_to_string(&record).expect("run.json");
    let text = text.replace("20261124T031159Z-ramp_small-wva-c97c", "20261124T041159Z-ramp_small-hpa-beef");
    std::fs::write(record, change(text)).expect("written");
    place
}

// As one of the changes that `two` takes.
#[allow(clippy::needless_pass_by_value)]
fn hpa(text: String) -> String {
    text.replace("\"arm\": \"wva\"", "\"arm\": \"hpa\"")
}

/// Without the breaks of lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn spoil(place: &Place, what: impl Fn(&Path)) {
    what(&place.path("results/20261124T041159Z-ramp_small-hpa-beef"));
}

#[test]
fn two_arms_side_by_side() {
    let place = two(hpa);
    let short = place.run(&["compare", "c97c", "beef", "--no-bounds"]).exits(0).stdout;
    assert!(short.lines().count() <= 40 && short.lines().all(|l| l.chars().count() <= 80), "{short}");
    assert!(short.contains("MEASURED") && short.contains("\nAnswer\n") && short.contains("Arms side by side"), "{short}");
    let r = place.run(&["compare", "c97c", "beef", "--no-bounds", "--gpu-hour", "2.5", "--full"]).exits(0);
    for piece in
        ["One run each", "not told apart: goodput", "paid replicas", "After each step of the load", "No bounds: they were not asked for"]
    {
        assert!(r.stdout.contains(piece), "{piece}:\n{}", r.stdout);
    }
    let r = place.run(&["compare", "c97c", "beef", "--no-bounds", "--format", "md", "--out", "c.md"]).exits(0);
    assert_eq!(r.stdout.trim(), "c.md");
    let text = std::fs::read_to_string(place.path("c.md")).expect("written");
    assert!(
        text.contains("| quantity") && text.starts_with("### Comparison of arms\n\n**MEASURED**") && text.contains("\n#### Answer\n"),
        "{text}"
    );
    assert_eq!(place.run(&["compare", "c97c", "beef", "--no-bounds", "--format", "html"]).exits(0).stdout.trim(), "compare.html");
    let page = std::fs::read_to_string(place.path("compare.html")).expect("written");
    assert!(page.contains("Comparison of arms") && page.contains("Ready replicas"));
    let json = place.run(&["compare", "c97c", "beef", "--no-bounds", "--output", "json"]).exits(0).json();
    assert_eq!((json.len(), json[0]["event"].as_str(), json[0]["kind"].as_str()), (1, Some("comparison"), Some("arms")));
    assert_eq!(json[0]["sides"][0]["runs"][0]["overall"]["due"], 722);
}

#[test]
fn one_record_under_two_names_is_no_repeat() {
    let place = two(|t| t);
    place.run(&["compare", "c97c", "beef", "--aa", "--no-bounds"]).exits(2).says(&["hold the same records"]);
}

/// The recorder's file was cut in the middle of the load: what came after was not seen, whatever run.json says.
#[test]
fn a_record_that_was_cut_is_not_carried_on() {
    let place = two(hpa);
    spoil(&place, |dir| {
        let file = dir.join("events.jsonl");
        let text = std::fs::read_to_string(&file).expect("events");
        let kept: Vec<&str> = text.lines().take(text.lines().count() / 3).collect();
        std::fs::write(&file, kept.join("\n") + "\n").expect("written");
    });
    place.run(&["compare", "c97c", "beef", "--no-bounds"]).exits(4).says(&["not a valid measurement", "ends"]);
    place.run(&["report", "beef", "--format", "md"]).exits(4);
}

#[test]
fn what_is_not_comparable_is_refused_with_both_values() {
    let place = two(|t| hpa(t).replace("\"model\": \"", "\"model\": \"other-"));
    place.run(&["compare", "c97c", "beef", "--no-bounds"]).exits(2).says(&["cannot be compared", "not the same model", "--force"]);
    let r = place.run(&["compare", "c97c", "beef", "--no-bounds", "--force"]).exits(0);
    let said = words(&r.stdout);
    assert!(said.contains("not comparable model") && said.contains("nothing below says which arm is better"), "{}", r.stdout);
    place.run(&["compare", "c97c", "c97c", "--no-bounds"]).exits(2).says(&["given twice"]);
}

#[test]
fn an_invalid_run_exits_with_its_own_code() {
    let place = two(hpa);
    spoil(&place, |dir| std::fs::remove_dir_all(dir.join("load")).expect("removed"));
    place.run(&["compare", "c97c", "beef", "--no-bounds"]).exits(4).says(&["not a valid measurement"]);
    place.run(&["compare", "c97c", "beef", "--no-bounds", "--force"]).exits(0);
}

#[test]
fn missing_series_are_told_and_the_rest_is_compared() {
    let place = two(hpa);
    spoil(&place, |dir| std::fs::remove_file(dir.join("events.jsonl")).expect("removed"));
    let r = place.run(&["compare", "c97c", "beef", "--no-bounds", "--force", "--full"]).exits(0).says(&["warning: ", "events.jsonl"]);
    assert!(words(&r.stdout).contains("what was paid is not known"), "{}", r.stdout);
}

#[test]
fn one_arm_takes_aa_and_several_do_not() {
    let place = two(|t| t);
    // Another run of it has other requests.
    spoil(&place, |dir| {
        let file = dir.join("load/benchmarks.json");
        let mut report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).expect("a report")).expect("JSON");
        *report.pointer_mut("/benchmarks/0/requests/successful/0/output_tokens").expect("a request") = 7.into();
        std::fs::write(&file, report.to_string()).expect("written");
    });
    place.run(&["compare", "c97c", "beef", "--no-bounds"]).exits(2).says(&["of one arm", "--aa"]);
    let r = place.run(&["compare", "c97c", "beef", "--no-bounds", "--aa"]).exits(0);
    assert!(r.stdout.contains("Noise floor") && r.stdout.contains("least shown"), "{}", r.stdout);
    two(hpa).run(&["compare", "c97c", "beef", "--no-bounds", "--aa"]).exits(2).says(&["of several"]);
}

#[test]
fn arguments_that_make_no_sense() {
    let place = two(hpa);
    for bad in [["--slo", "foo=1ms"], ["--gpu-hour", "-1"], ["--matter", "0%"], ["--format", "pdf"]] {
        place.run(&["compare", "c97c", "beef", bad[0], bad[1]]).exits(2);
    }
    place.run(&["compare", "c97c"]).exits(2);
    place.run(&["compare", "c97c", "nobody"]).exits(2).says(&["no run is called nobody"]);
}
