#!/usr/bin/env bash
# Plans once, and writes all outputs. The exit code of the plan becomes an output, so that the later steps run.
# The environment variables RECONCILER_* contain the options.
set -euo pipefail
source "${BASH_SOURCE[0]%/*}/../common.sh"

plan() {
  local code=0
  reconciler plan --detailed-exitcode --out "$folder/plan.json" \
    --output-file "github=$folder/annotations.txt" \
    --output-file "html=$folder/plan.html" \
    --output-file "sarif=$folder/plan.sarif" \
    > "$folder/plan.txt" 2> "$folder/plan.log" || code=$?
  cat "$folder/plan.log" "$folder/plan.txt"
  return "$code"
}

write_kubeconfig
folder=$(mktemp -d "$RUNNER_TEMP/plan.XXXXXX")
code=0
without_workflow_commands plan || code=$?
{
  echo "exit-code=$code"
  echo "folder=$folder"
  [ ! -e "$folder/plan.json" ] || echo "plan-file=$folder/plan.json"
  [ ! -e "$folder/plan.sarif" ] || echo "sarif-file=$folder/plan.sarif"
} >> "$GITHUB_OUTPUT"
[ ! -e "$folder/annotations.txt" ] || cat "$folder/annotations.txt"
show_result "$folder/plan.json" "$folder/plan.log"
