"""Holds guidellm process K+1 back until the load of process K has ended.

    gate.py PORT MAX_SECONDS RUN RESULTS

guidellm's main process and then each of its workers ask for the backend's health once. Process K is told to ask for
http://127.0.0.1:PORT/gate/K. Its first request, the main process's, is answered at once, so that it gets as far as its workers; these
wait for gate K, all imports and the tokenizer already behind them. Gate 0 is always open. Gate K+1 opens MAX_SECONDS after the
last worker of process K got through, that is when K stops sending, or when K has ended (RUN/rc-K).
RUN/end-K holds the planned end of K for the harness, which starts process K+1 some time before.
"""
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MAX_SECONDS, RUN, RESULTS = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
GUARD_S = 0.5  # the last request of K before the first of K+1
lock, seen, passed, opened = threading.Lock(), set(), {}, set()


def is_open(k):
    if k == 0:
        return True
    planned = passed[k - 1] + MAX_SECONDS + GUARD_S if k - 1 in passed else float("inf")
    return time.time() >= planned or os.path.exists(f"{RUN}/rc-{k - 1}")


class Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        k = int(self.path.rsplit("/", 1)[1])
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with lock:
            first = k not in seen
            seen.add(k)
        n = 0
        while not first and not is_open(k):
            if n % 20 == 0:  # a byte now and then, so that no read timeout strikes
                self.wfile.write(b"1\r\n.\r\n")
            n += 1
            time.sleep(0.05)
        if not first:
            self.let_through(k)
        self.wfile.write(b"0\r\n\r\n")

    def let_through(self, k):
        with lock:
            passed[k] = time.time()
            with open(f"{RUN}/end-{k}.part", "w") as f:
                f.write(f"{int(passed[k] + MAX_SECONDS)}\n")
            os.rename(f"{RUN}/end-{k}.part", f"{RUN}/end-{k}")
            if k not in opened:
                opened.add(k)
                with open(f"{RESULTS}/timeline.jsonl", "a") as f:
                    f.write(json.dumps({"t": round(passed[k], 3), "event": "gate-opened", "k": k}) + "\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Gate).serve_forever()
