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

# GitHub's code scanning ignores baselineState: it would show a problem that only the base has as an alert.
without_absent_results() {
  python3 - "$1" << 'END'
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    log = json.load(file)
for run in log["runs"]:
    run["results"] = [each for each in run["results"] if each.get("baselineState") != "absent"]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(log, file)
END
}

write_kubeconfig
folder=$(mktemp -d "$RUNNER_TEMP/plan.XXXXXX")
code=0
without_workflow_commands plan || code=$?
if [ -n "${RECONCILER_BASE:-}" ] && [ -e "$folder/plan.sarif" ]; then
  without_absent_results "$folder/plan.sarif"
fi
{
  echo "exit-code=$code"
  echo "folder=$folder"
  [ ! -e "$folder/plan.json" ] || echo "plan-file=$folder/plan.json"
  [ ! -e "$folder/plan.sarif" ] || echo "sarif-file=$folder/plan.sarif"
} >> "$GITHUB_OUTPUT"
[ ! -e "$folder/annotations.txt" ] || cat "$folder/annotations.txt"
show_result "$folder/plan.json" "$folder/plan.log"
