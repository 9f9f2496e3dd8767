#!/bin/sh
# run.sh FUZZER CORPUS: FUZZ_RUNS executions, or FUZZ_SECONDS (5). New inputs are not kept; one that
# fails is written to the current folder, and shown as Base64 if it is small.
set -eu
UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:suppressions=$(dirname "$0")/../ubsan.supp"
export UBSAN_OPTIONS
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
limit="-max_total_time=${FUZZ_SECONDS:-5}"
[ -z "${FUZZ_RUNS:-}" ] || limit="-runs=$FUZZ_RUNS"
# Exits with 1: libFuzzer's own 77 says "skipped" to meson.
"$1" "$limit" -max_len=1024 -entropic=0 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 \
  -error_exitcode=1 -timeout_exitcode=1 "$found" "$2"
