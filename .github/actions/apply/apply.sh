#!/usr/bin/env bash
# Applies the approved plan, and writes all outputs. The exit code of the run becomes an output, so that the later steps
# run. The environment variables RECONCILER_* contain the options.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/../common.sh"

# The runner interrupts only this script, so the script asks the program to stop: it then completes its report and releases
# the leases. The log appears while the program runs, and the report after it.
apply() {
  local code=0 program log
  reconciler apply --report "$folder/report.json" > "$folder/report.txt" 2> "$folder/apply.log" &
  program=$!
  trap 'kill -TERM "$program"' INT TERM
  tail --pid="$program" --lines=+1 --follow "$folder/apply.log" &
  log=$!
  while kill -0 "$program" 2> /dev/null; do wait "$program" || true; done
  wait "$program" || code=$?
  trap - INT TERM
  wait "$log"
  cat "$folder/report.txt"
  return "$code"
}

case "$GITHUB_EVENT_NAME" in
  pull_request*)
    echo "::error::the apply action cannot run in a pull request workflow; run it after the merge"
    exit 64
    ;;
esac
if [ -z "$BRANCH" ]; then
  echo "::error::the event does not contain the default branch; set the input branch to a branch name"
  exit 64
fi
if [ "$GITHUB_REF" != "refs/heads/$BRANCH" ]; then
  echo "::error::the apply action is not allowed to run on this branch; to allow it, set the input branch"
  exit 64
fi
# Without an approval, apply would apply any plan if RECONCILER_YES is set.
if [ -z "$RECONCILER_PLAN$RECONCILER_EXPECT_DIGEST" ]; then
  echo "::error::the apply action needs an approved plan; set the input plan-file or expect-digest"
  exit 64
fi
write_kubeconfig
folder=$(mktemp -d "$RUNNER_TEMP/apply.XXXXXX")
touch "$folder/apply.log"
code=0
without_workflow_commands apply || code=$?
{
  echo "exit-code=$code"
  echo "folder=$folder"
  [ ! -e "$folder/report.json" ] || echo "report-file=$folder/report.json"
} >> "$GITHUB_OUTPUT"
show_result "$folder/report.json" "$folder/apply.log"
