"""Holds guidellm process K+1 back until the load of process K has ended:  gate.py PORT MAX_SECONDS RUN RESULTS

guidellm's main process and then each of its workers ask once for the backend's health; process K is told to ask for
http://127.0.0.1:PORT/gate/K. The first request, the main process's, is answered at once, so that it goes on to start its
workers. These wait for gate K with all imports behind them. Gate 0 is always open. Gate K+1 opens MAX_SECONDS after the last
worker of K got through, when K stops sending, or as soon as K is over (RUN/rc-K): guidellm itself says too late that a rate ended.
RUN/end-K tells the harness the planned end of K, some time before which it starts process K+1.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MAX_SECONDS, RUN, RESULTS = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
GUARD_S = 0.5  # so that the last request of K comes before the first of K+1
lock, seen, passed = threading.Lock(), set(), {}


def is_open(k):
    end = passed[k - 1] + MAX_SECONDS + GUARD_S if k - 1 in passed else float("inf")
    return k == 0 or time.time() >= end or os.path.exists(f"{RUN}/rc-{k - 1}")


def let_through(k):
    with lock:
        if k not in passed:
            with open(f"{RESULTS}/timeline.jsonl", "a") as f:
                f.write(json.dumps({"t": round(time.time(), 3), "event": "gate-opened", "k": k}) + "\n")
        passed[k] = time.time()
        with open(f"{RUN}/end-{k}.part", "w") as f:
            f.write(f"{int(passed[k] + MAX_SECONDS)}\n")
        os.rename(f"{RUN}/end-{k}.part", f"{RUN}/end-{k}")


class Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        k = int(self.path.rsplit("/", 1)[1])
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with lock:
            worker = k in seen
            seen.add(k)
        while worker and not is_open(k):
            self.wfile.write(b"1\r\n.\r\n")  # keeps the client's read timeout from striking
            time.sleep(0.05)
        if worker:
            let_through(k)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Gate).serve_forever()
