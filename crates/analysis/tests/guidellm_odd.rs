//! What the genuine reports do not show: reports made by hand, one oddity each.

use bench_analysis::ingest::guidellm::{CLIENT_TIMEOUT, Load, read};
use bench_model::tables::Outcome;
use serde_json::{Value, json};

/// The least that a report holds: 10/s from 100 to 110, no requests.
fn report() -> Value {
    json!({"args": {}, "benchmarks": [{
        "config": {"strategy": {"type_": "constant", "rate": 10, "max_concurrency": 512}},
        "metrics": {"request_totals": {"successful": 0, "errored": 0, "incomplete": 0}},
        "requests": {"successful": [], "errored": [], "incomplete": null, "total": null},
        "start_time": 100.0, "end_time": 110.0, "duration": 10.0
    }]})
}

fn parse(r: &Value) -> Load {
    read(r.to_string().as_bytes()).unwrap()
}

#[test]
fn the_least_report_is_read() {
    let load = parse(&report());
    let w = &load.rates[0];
    assert_eq!((load.version.as_str(), load.requests.len(), w.rate), ("0.4", 0, 10.0));
    assert_eq!((w.start, w.end, w.planned_s, w.ended_by.as_str()), (100.0, 110.0, None, ""));
    assert_eq!((w.schedule_delay_avg_s, w.max_concurrency), (None, Some(512)));
}

#[test]
fn the_load_is_longer_than_the_measured_window() {
    let mut r = report();
    // Warm-up and cool-down trim the window; workers leave seconds after the load.
    r["benchmarks"][0]["scheduler_state"] = json!({
        "start_time": 97.0, "start_requests_time": 98.0, "end_queuing_time": 111.5, "end_processing_time": 112.0, "end_time": 117.0
    });
    let w = parse(&r).rates[0].clone();
    assert_eq!((w.start, w.end), (98.0, 112.0));
    // Older versions do not tell when the first request was sent.
    r["benchmarks"][0]["scheduler_state"]["start_requests_time"] = Value::Null;
    r["benchmarks"][0]["scheduler_state"]["end_processing_time"] = Value::Null;
    let w = parse(&r).rates[0].clone();
    assert_eq!((w.start, w.end), (97.0, 111.5));
}

#[test]
fn seconds_planned_are_found_wherever_they_stand() {
    let planned = |config: Value, state: Value| {
        let mut r = report();
        r["benchmarks"][0]["config"]["constraints"] = config;
        r["benchmarks"][0]["scheduler_state"] = json!({"scheduler_constraints": state});
        parse(&r).rates[0].planned_s
    };
    assert_eq!(planned(json!({"max_seconds": {"max_duration": 15, "current_index": 0}}), Value::Null), Some(15.0));
    assert_eq!(planned(json!({"max_duration": {"args": {"seconds": [8, 9]}, "current_index": 1}}), Value::Null), Some(9.0));
    assert_eq!(planned(json!({"max_duration": {"args": {"seconds": 7}}}), Value::Null), Some(7.0));
    let resolved = json!({"max_seconds": {"metadata": {"max_duration": 6}}});
    assert_eq!(planned(json!({"max_seconds": {"max_duration": 15}}), resolved), Some(6.0));
    assert_eq!(planned(json!({"max_duration": {"args": {"seconds": [8]}, "current_index": 5}}), json!({})), None);
}

#[test]
fn what_ended_a_rate_has_one_name_in_all_versions() {
    let ended = |keys: &[&str]| {
        let mut r = report();
        let map: serde_json::Map<String, Value> = keys.iter().map(|k| ((*k).to_owned(), json!({}))).collect();
        r["benchmarks"][0]["scheduler_state"] = json!({"end_queuing_constraints": map});
        parse(&r).rates[0].ended_by.clone()
    };
    assert_eq!(ended(&["max_seconds"]), "max_duration");
    assert_eq!(ended(&["requests_exhausted"]), "requests_exhausted");
    assert_eq!(ended(&["max_errors", "max_duration"]), "max_duration");
    assert_eq!(ended(&["max_errors", "max_error_rate"]), "max_error_rate+max_errors");
}

#[test]
fn a_failed_request_has_no_latency_and_an_empty_error_is_a_timeout() {
    let mut r = report();
    r["benchmarks"][0]["requests"]["errored"] = json!([
        {"info": {"error": "", "timings": {"targeted_start": 101.0, "request_start": 101.25, "request_end": null}},
         "request_start_time": 101.25, "request_end_time": 161.25, "request_latency": 0.0, "time_to_first_token_ms": 0.0, "inter_token_latency_ms": 0.0},
    ]);
    r["benchmarks"][0]["requests"]["incomplete"] = json!([
        {"info": {"error": "Request was cancelled", "timings": null}, "request_start_time": 109.0, "output_tokens": 3.0, "time_to_first_token_ms": 12.5},
        {},
    ]);
    let requests = parse(&r).requests;
    let failed = &requests[0];
    assert_eq!((failed.outcome, failed.due, failed.start, failed.end), (Outcome::Errored, Some(101.0), Some(101.25), Some(161.25)));
    assert_eq!((failed.latency_s, failed.ttft_ms, failed.itl_ms), (None, None, None));
    assert_eq!(failed.error.as_deref(), Some(CLIENT_TIMEOUT));
    let cut = &requests[1];
    assert_eq!((cut.outcome, cut.start, cut.ttft_ms, cut.output_tokens), (Outcome::Incomplete, Some(109.0), Some(12.5), Some(3)));
    assert_eq!(cut.error, None, "cut off is no failure");
    assert_eq!((requests[2].start, requests[2].end), (None, None));
}

#[test]
fn requests_come_in_order_of_time_whatever_became_of_them() {
    let mut r = report();
    let at = |t: f64| json!({"request_start_time": t});
    r["benchmarks"][0]["requests"] = json!({"successful": [at(103.0), at(101.0)], "errored": [at(102.0)], "incomplete": []});
    let starts: Vec<_> = parse(&r).requests.iter().filter_map(|q| q.start).collect();
    assert_eq!(starts, [101.0, 102.0, 103.0]);
}

#[test]
fn trimmed_counts_and_warnings_are_told() {
    let mut r = report();
    r["benchmarks"][0]["metrics"]["request_totals"]["successful"] = json!(25);
    r["benchmarks"][0]["requests"]["successful"] = json!(vec![json!({}); 40]);
    r["benchmarks"][0]["warnings"] = json!([{"code": "generation_delay_ttft", "message": "slow"}, {"code": "x"}, {}]);
    let load = parse(&r);
    assert_eq!(load.problems.len(), 1);
    assert!(load.problems[0].contains("counts 25 successful requests but lists 40"), "{:?}", load.problems);
    assert_eq!(load.rates[0].warnings, ["generation_delay_ttft: slow", "x", ""]);
}
