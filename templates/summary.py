"""One compact JSON line for each finished rate of a guidellm report:  summary.py K FILE RESULTS

It goes to the container's log, from where the recorder copies it into a pod on another node, and to RESULTS/rates.jsonl: what is
left when this node is lost. K is the position in the profile of the report's first rate. Reports of guidellm 0.4 to 0.8.
"""
import json
import os
import sys

K, FILE, RESULTS = int(sys.argv[1]), sys.argv[2], sys.argv[3]
MARK = "llmd-bench-rate "
os.nice(10)  # the next rate is being sent beside it; not every image has the program nice


def distribution(metrics, name):
    d = (metrics.get(name) or {}).get("successful") or {}
    if not d.get("count"):
        return None
    p = d.get("percentiles") or {}
    return {k: short(v) for k, v in [("mean", d.get("mean"))] + [(q, p.get(q)) for q in ("p50", "p90", "p99")]}


def short(v):
    return float(f"{v:.6g}") if isinstance(v, (int, float)) else None


def summary(k, b, version):
    m, state = b.get("metrics") or {}, b.get("scheduler_state") or {}
    strategy = ((b.get("config") or {}).get("strategy")) or {}
    start = state.get("start_requests_time") or state.get("start_time") or b.get("start_time")
    end = state.get("end_processing_time") or state.get("end_queuing_time") or b.get("end_time")
    totals = m.get("request_totals") or {}
    out = {"k": k, "rate": strategy.get("rate"), "guidellm": version}
    if start and end:
        out.update(start=round(start, 3), end=round(end, 3), duration_s=round(end - start, 3))
    for outcome in ("successful", "errored", "incomplete"):
        out[outcome] = totals.get(outcome)
    out["ttft_ms"] = distribution(m, "time_to_first_token_ms")
    out["itl_ms"] = distribution(m, "inter_token_latency_ms")
    out["e2e_s"] = distribution(m, "request_latency")
    tokens = (m.get("output_tokens_per_second") or {}).get("successful") or {}
    out["output_tokens_per_s"] = short(tokens.get("mean"))
    return out


with open(FILE) as f:
    report = json.load(f)
version = (report.get("metadata") or {}).get("guidellm_version") or "0.4"
lines = [json.dumps(summary(K + i, b, version), separators=(",", ":")) for i, b in enumerate(report["benchmarks"])]
with open(f"{RESULTS}/rates.jsonl", "a") as f:
    f.writelines(line + "\n" for line in lines)
for line in lines:
    print(MARK + line, file=sys.stderr, flush=True)
