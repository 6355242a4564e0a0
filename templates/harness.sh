#!/bin/sh
# Runs guidellm inside its container and keeps what it leaves; the keeper beside it holds the files until they are fetched.
# POSIX sh for bash, dash and busybox alike; any user, read-only root. Writable are only $RESULTS and /tmp.
#
#   /bench/cmd-K     one shell command per guidellm process, K = 0 … N-1
#   MODE             continuous (one process over all rates) | per-rate (one after the other, each with a directory of its own)
#   N, LIMIT_S       number of processes; seconds each may take before it counts as hung (exit code 124)
#   GATE_PORT        per-rate: process K+1 is started early and held back by gate.py until the load of K has ended.
#   MAX_SECONDS      length of one rate, by which the gate knows that end
#   AHEAD_S          how early the next process is started (default 90): longer than guidellm takes to get ready
#
# Leaves in $RESULTS: [rate-K/]stdout.log and stderr.log, exit-K, timeline.jsonl, rates.jsonl (a summary of each finished rate, in the
# container's log too: summary.py), and DONE (the overall exit code) at the very last.
set -u
RESULTS=${RESULTS:-/results} BENCH=${BENCH:-/bench} MODE=${MODE:-continuous} N=${N:-1} LIMIT_S=${LIMIT_S:-7200} AHEAD_S=${AHEAD_S:-90}
RUN=/tmp/harness
rm -rf "$RUN"
mkdir -p "$RUN" "$RESULTS" || exit 70
GATE=
[ "$MODE" = per-rate ] && [ "$N" -gt 1 ] && GATE=${GATE_PORT:-}

# A process group of its own for each guidellm, since it leaves workers behind when it is killed. Job control would need a terminal.
if command -v setsid >/dev/null 2>&1; then GROUP=setsid; else GROUP=own_group; fi
# shellcheck disable=SC2329
own_group() { exec python3 -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@"; }

# Seconds with milliseconds where date has them (coreutils, not busybox).
case $(date +%N) in *[!0-9]* | '') now() { date +%s; } ;; *) now() { t=$(date +%s.%N); echo "${t%??????}"; } ;; esac
event() { echo "{\"t\": $(now), \"event\": \"$1\", \"k\": $2${3:+, \"rc\": $3}}" >>"$RESULTS/timeline.jsonl"; }

# start K : runs command K in the background. Its exit code will be in $RUN/rc-K, its process group in $RUN/pid-K.
start() {
  dir=$RESULTS
  [ "$MODE" = per-rate ] && dir=$RESULTS/rate-$1
  mkdir -p "$dir"
  # What an earlier try said is not this one's.
  touch "$dir/stderr.log"
  wc -c <"$dir/stderr.log" >"$RUN/said-$1"
  rm -f "$RUN/err-$1"
  mkfifo "$RUN/err-$1"
  # stderr has guidellm's progress: into the file, and into the container's log.
  tee -a "$dir/stderr.log" <"$RUN/err-$1" >&2 &
  event process-started "$1"
  date +%s >"$RUN/since-$1"
  (
    # shellcheck disable=SC2016
    ($GROUP sh -c 'echo $$ >"$1"; cd "$2"; exec sh "$3"' sh "$RUN/pid-$1" "$dir" "$BENCH/cmd-$1") </dev/null >"$dir/stdout.log" 2>"$RUN/err-$1"
    echo $? >"$RUN/rc-$1.part"
    mv "$RUN/rc-$1.part" "$RUN/rc-$1"
  ) &
}

# group K SIGNAL : to everything that process K started and that still lives.
group() {
  read -r pid <"$RUN/pid-$1" 2>/dev/null && kill "-$2" "-$pid" 2>/dev/null
}

# tell K : a line about each finished rate of process K, beside the load. Its memory is bounded by itself, for guidellm's own bound is
# this container's: a summary must not cost the next rate.
tell() {
  dir=$RESULTS
  [ "$MODE" = per-rate ] && dir=$RESULTS/rate-$1
  if [ -s "$dir/benchmarks.json" ]; then
    (
      # shellcheck disable=SC3045
      ulimit -v "${SUMMARY_KB:-1000000}" 2>/dev/null
      python3 "$BENCH/summary.py" "$1" "$dir/benchmarks.json" "$RESULTS" || echo "harness: no summary of process $1" >&2
      : >"$RUN/told-$1"
    ) &
  else
    : >"$RUN/told-$1"
  fi
}

# refused K : true when process K found no backend at its start, so before its first request, and may be started once more. guidellm
# asks once only, and one connection that was not accepted would cost the run. Three tries; another reason to end has one.
refused() {
  dir=$RESULTS
  [ "$MODE" = per-rate ] && dir=$RESULTS/rate-$1
  [ -e "$dir/benchmarks.json" ] || [ -e "$RUN/late-$1" ] && return 1
  read -r said <"$RUN/said-$1"
  tail -c "+$((said + 1))" "$dir/stderr.log" | grep -q "Backend validation request failed" || return 1
  echo >>"$RUN/tries-$1"
  [ "$(wc -l <"$RUN/tries-$1")" -lt 3 ]
}

# ended K : true once process K is over. Ends it when its time is up: politely, 5 s later for certain.
ended() {
  if [ ! -e "$RUN/rc-$1" ]; then
    read -r since <"$RUN/since-$1"
    age=$(($(date +%s) - since - LIMIT_S))
    # A process held back at the gate does not use up its own time.
    [ -n "$GATE" ] && [ "$1" -gt 0 ] && age=$((age - AHEAD_S))
    if [ $age -ge 5 ]; then group "$1" KILL; elif [ $age -ge 0 ]; then : >"$RUN/late-$1"; group "$1" TERM; fi
    return 1
  fi
  [ -e "$RESULTS/exit-$1" ] && return 0
  group "$1" KILL
  read -r rc <"$RUN/rc-$1"
  if [ "$rc" -ne 0 ] && refused "$1"; then
    echo "harness: process $1 could not reach the endpoint at its start (exit code $rc): once more in 5 s" >&2
    event process-refused "$1" "$rc"
    rm "$RUN/rc-$1"
    sleep 5 &
    wait $!
    start "$1"
    return 1
  fi
  [ -e "$RUN/late-$1" ] && rc=124
  echo "$rc" >"$RESULTS/exit-$1"
  event process-ended "$1" "$rc"
  tell "$1"
  [ "$rc" -ne 0 ] && [ "$total" -eq 0 ] && total=$rc
  return 0
}

# finish RC : everything is on disk before DONE says so.
finish() {
  [ -n "$gate_pid" ] && kill "$gate_pid" 2>/dev/null
  # Summaries are a convenience: not waited for when the pod has to go, nor for long.
  i=0 patience=60
  [ "$1" -eq 143 ] && patience=0
  while [ "$i" -lt "$N" ] && [ "$patience" -gt 0 ]; do
    if [ -e "$RUN/told-$i" ] || [ ! -e "$RESULTS/exit-$i" ]; then i=$((i + 1)); continue; fi
    sleep 1
    patience=$((patience - 1))
  done
  sync
  echo "$1" >"$RESULTS/DONE.part"
  mv "$RESULTS/DONE.part" "$RESULTS/DONE"
  sync
  exit "$1"
}

# shellcheck disable=SC2329
interrupted() {
  trap '' TERM INT
  # Twice politely, for the pod's grace period is short.
  for signal in TERM TERM KILL; do
    alive='' i=0
    while [ "$i" -lt "$N" ]; do
      if group "$i" "$signal"; then alive=1; fi
      i=$((i + 1))
    done
    [ -n "$alive" ] || break
    sleep 1
  done
  i=0
  while [ "$i" -lt "$N" ]; do
    if [ -e "$RUN/since-$i" ] && [ ! -e "$RESULTS/exit-$i" ]; then
      echo 143 >"$RESULTS/exit-$i"
      event process-ended "$i" 143
    fi
    i=$((i + 1))
  done
  finish 143
}

# due K : the process after K may be started.
due() {
  [ -e "$RUN/rc-$1" ] && return 0
  [ -n "$GATE" ] && [ -s "$RUN/end-$1" ] && read -r end <"$RUN/end-$1" && [ "$(date +%s)" -ge $((end - AHEAD_S)) ]
}

total=0 gate_pid='' k=0 oldest=0
trap interrupted TERM INT
if [ -n "$GATE" ]; then
  python3 "$BENCH/gate.py" "$GATE" "$MAX_SECONDS" "$RUN" "$RESULTS" &
  gate_pid=$!
fi
start 0
while [ $oldest -lt "$N" ]; do
  if ended $oldest; then oldest=$((oldest + 1)); [ $oldest -le $k ] && continue; fi
  if [ $k -lt $((N - 1)) ] && due $k; then k=$((k + 1)); start $k; fi
  # In the background, so that a signal is handled at once.
  sleep 1 &
  wait $!
done
finish "$total"
