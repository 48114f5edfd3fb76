#!/usr/bin/env bash
# Applies the approved plan, and writes all outputs. The exit code of the run becomes an output, so that the later steps
# run. The environment variables RECONCILER_* contain the options.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/../common.sh"

apply() {
  local code=0
  # The log appears while the run takes place, and the report after it.
  reconciler apply --report "$folder/report.json" 2>&1 > "$folder/report.txt" | tee "$folder/apply.log" || code=$?
  cat "$folder/report.txt"
  return "$code"
}

case "$GITHUB_EVENT_NAME" in
  pull_request*)
    echo "::error::the apply action does not run for pull requests"
    exit 64
    ;;
esac
if [ -z "$BRANCH" ] || [ "$GITHUB_REF" != "refs/heads/$BRANCH" ]; then
  echo "::error::the apply action only runs on the default branch; the input branch permits another one"
  exit 64
fi
# Without an approval, apply would apply any plan if RECONCILER_YES is set.
if [ -z "$RECONCILER_PLAN$RECONCILER_EXPECT_DIGEST" ]; then
  echo "::error::the apply action needs plan-file or expect-digest"
  exit 64
fi
write_kubeconfig
folder=$(mktemp -d "$RUNNER_TEMP/apply.XXXXXX")
code=0
without_workflow_commands apply || code=$?
{
  echo "exit-code=$code"
  echo "folder=$folder"
  [ ! -e "$folder/report.json" ] || echo "report-file=$folder/report.json"
} >> "$GITHUB_OUTPUT"
show_result "$folder/report.json" "$folder/apply.log"
