#!/bin/sh
# Keeps the container, and with it $RESULTS, until the results have been fetched: /results/ACK says so. It ends by itself
# DEADLINE_S after DONE appeared (the load has ended), and LIMIT_S after it started in any case: the harness may have been killed.
# It only waits, and never removes anything.
set -u
RESULTS=${RESULTS:-/results} DEADLINE_S=${DEADLINE_S:-3600} LIMIT_S=${LIMIT_S:-86400}
trap 'exit 0' TERM INT
began=$(date +%s) done=
while [ ! -e "$RESULTS/ACK" ]; do
  now=$(date +%s)
  [ -z "$done" ] && [ -e "$RESULTS/DONE" ] && done=$now
  [ -n "$done" ] && [ $((now - done)) -ge "$DEADLINE_S" ] && break
  [ $((now - began)) -ge "$LIMIT_S" ] && break
  # In the background, so that a signal is handled at once.
  sleep 1 &
  wait $!
done
exit 0
