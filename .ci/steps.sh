# shellcheck shell=bash
# Steps that end what hangs, and what is told of them in the end. To be sourced with the folder that keeps what they print,
# which is emptied, by a shell that stands in the repository's root.

out=$1
steps=$out/steps.jsonl
# The step that runs now, and how the last one ended, for who ends all of them.
current='' last=0
rm -rf "$out"
mkdir -p "$out"

# finish STATUS: to be called when the shell exits, with its status. Tells what came of every step, with the counts in the last line.
finish() {
  local status=$1
  trap - EXIT
  if [ -n "$current" ]; then
    ended "$status" "$current"
  elif [ "$status" -ne 0 ] && [ "$last" -eq 0 ]; then
    ended "$status" "$(describe 0 .ci/run 0 /dev/null '')"
  fi
  status=0
  node .ci/tell.mjs "$steps" || status=$?
  if [ "$status" -eq 0 ]; then exit 0; fi
  # Node itself may be missing.
  if [ "$status" -ne 2 ]; then printf '\n0 passed, 1 failed, 0 skipped\n'; fi
  exit 1
}

# step SECONDS NAME COMMAND…: one command that counts as one.
step() { run_step "$1" "$2" '' "${@:3}"; }

# counted SECONDS NAME REPORT COMMAND…: a command that says in a report what came of its parts.
counted() { run_step "$@"; }

# tests SECONDS NAME NPM-SCRIPT: tests by Vitest. A line for each file is enough where it passed.
tests() {
  local report=$out/${3//:/-}.jsonl
  FAIRLEAD_CI_REPORT=$report counted "$1" "$2" "$report" npm run --silent "$3" -- \
    --reporter=default --reporter="$PWD/.ci/reporter.ts" --slowTestThreshold=600000 --silent=passed-only
}

run_step() { # SECONDS NAME REPORT COMMAND…
  local limit=$1 name=$2 report=$3 status=0 to copying
  local output=$out/${name//[^A-Za-z0-9]/-}.txt
  shift 3
  printf '\n── %s\n' "$name"
  current=$(describe "$limit" "$name" "$SECONDS" "$output" "$report")
  exec {to}> >(exec tee "$output")
  copying=$!
  timeout --kill-after=10 "$limit" "$@" >&"$to" 2>&1 {to}>&- || status=$?
  exec {to}>&-
  # All of the output first; but who outlives his step may hold the pipe.
  timeout 10 tail --pid="$copying" --sleep-interval=0.1 -f /dev/null || true
  ended "$status" "$current"
  if [ "$status" -ne 0 ]; then printf '✗ %s (exit status %d)\n' "$name" "$status"; fi
  return "$status"
}

describe() { # LIMIT NAME STARTED OUTPUT REPORT
  local report=''
  if [ -n "$5" ]; then report=$(printf ', "report": "%s"' "$5"); fi
  printf '{"limit": %s, "step": "%s", "started": %d, "output": "%s"%s' "$1" "$2" "$3" "$4" "$report"
}

ended() { # STATUS DESCRIPTION
  printf '%s, "ended": %d, "status": %d}\n' "$2" "$SECONDS" "$1" >>"$steps"
  current='' last=$1
}
