# shellcheck shell=bash
# Functions that the scripts of the actions share.

# Writes the kubeconfig in $KUBECONFIG_CONTENT to memory until the script ends. If it is empty, KUBECONFIG and
# ~/.kube/config are used as usual.
write_kubeconfig() {
  if [ -n "${KUBECONFIG_CONTENT:-}" ]; then
    KUBECONFIG=$(mktemp /dev/shm/kubeconfig.XXXXXX) # only this user can read it
    trap 'rm -f "$KUBECONFIG"' EXIT
    printf '%s\n' "$KUBECONFIG_CONTENT" > "$KUBECONFIG"
    export KUBECONFIG
  fi
  unset KUBECONFIG_CONTENT
}

# Runs a command. The runner executes no workflow commands from its output, which contains text from Git and from the
# cluster: the output cannot contain the random token that permits commands again.
without_workflow_commands() {
  local token code=0
  token=$(cat /proc/sys/kernel/random/uuid)
  echo "::stop-commands::$token"
  "$@" 2>&1 || code=$?
  printf '\n::%s::\n' "$token"
  return "$code"
}

# Writes the outputs and the summary of a step from a plan or a report, and from the log of the run.
# usage: show_result FILE LOG
show_result() {
  reconciler comment "$1" --log "$2" -o github-output >> "$GITHUB_OUTPUT"
  reconciler comment "$1" --log "$2" -o markdown >> "$GITHUB_STEP_SUMMARY"
}
